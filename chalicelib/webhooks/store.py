"""The webhooks table: endpoints. Where they are and their secrets are sealed with the account's data key."""

import json
from datetime import datetime
from typing import Any

from pynamodb.attributes import BinaryAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.aws.sealing import KeyDestroyed, Sealer
from chalicelib.aws.tables import ConditionFailed, bind, get, update
from chalicelib.kernel.clock import epoch_millis, from_epoch
from chalicelib.kernel.errors import Conflict, NotFound
from chalicelib.kernel.transaction import Transaction, Write
from chalicelib.webhooks.endpoint import MAX_ENDPOINTS, Because, Endpoint, Secret, Subscription
from chalicelib.webhooks.event import EventType

ENDPOINT = "endpoint#"
COUNT = "endpoints"


class EndpointRow(Model):
    account_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    url = BinaryAttribute(legacy_encoding=False)
    secrets = BinaryAttribute(legacy_encoding=False)
    events = JSONAttribute(null=True)
    description = UnicodeAttribute(default="")
    because = UnicodeAttribute(null=True)
    told = NumberAttribute(default=1)
    created_at = NumberAttribute()
    enabled_at = NumberAttribute()
    disabled_at = NumberAttribute(null=True)
    last_success_at = NumberAttribute(null=True)
    version = NumberAttribute()


class CountRow(Model):
    """How many endpoints the account has."""

    account_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True, default=COUNT)
    endpoints = NumberAttribute(default=0)


class EndpointStore:
    """All reads are consistent."""

    def __init__(self, table: str, sealer: Sealer) -> None:
        self._sealer = sealer
        self._rows = bind(EndpointRow, table)
        self._counts = bind(CountRow, table)

    def add(self, tx: Transaction, endpoint: Endpoint) -> None:
        """Refused as Conflict at MAX_ENDPOINTS."""
        row = self._rows(
            endpoint.account_id,
            ENDPOINT + endpoint.id,
            url=self._seal(endpoint, "url", endpoint.url),
            secrets=self._seal(endpoint, "secrets", _plain(endpoint.secrets)),
            events=_names(endpoint),
            description=endpoint.description,
            created_at=epoch_millis(endpoint.created_at),
            enabled_at=epoch_millis(endpoint.enabled_at),
            version=1,
        )
        count = self._counts(endpoint.account_id, COUNT)
        room = CountRow.endpoints.does_not_exist() | (CountRow.endpoints < MAX_ENDPOINTS)
        tx.add(Write("put", row, lambda _: Conflict("That id is taken."), EndpointRow.item.does_not_exist()))
        tx.add(Write("update", count, _full, room, (CountRow.endpoints.add(1),)))

    def remove(self, tx: Transaction, endpoint: Endpoint) -> None:
        """Refused as NotFound if it is gone."""
        row, count = self._rows(endpoint.account_id, ENDPOINT + endpoint.id), self._counts(endpoint.account_id, COUNT)
        tx.add(Write("delete", row, lambda _: NotFound(), EndpointRow.item.exists()))
        tx.add(Write("update", count, lambda _: NotFound(), None, (CountRow.endpoints.add(-1),)))

    def get(self, account_id: str, endpoint_id: str) -> Endpoint | None:
        """None also for an account whose data key was destroyed: it has nowhere to be told any more."""
        row = get(self._rows, account_id, ENDPOINT + endpoint_id)
        try:
            return self._read(row) if row else None
        except KeyDestroyed:
            return None

    def all(self, account_id: str) -> list[Endpoint]:
        """Newest first."""
        found = self._query(account_id)
        return [self._read(row) for row in sorted(found, key=lambda row: row.item, reverse=True)]

    def subscriptions(self, account_id: str) -> list[Subscription]:
        """Who wants what, without opening any seal."""
        rows = [row for row in self._query(account_id) if row.because is None]
        return [Subscription(row.item.removeprefix(ENDPOINT), _types(row.events)) for row in rows]

    def save(self, before: Endpoint, after: Endpoint) -> Endpoint | None:
        """Replaces `before`; None if somebody else has meanwhile, or it is gone."""
        sealed = self._seal(after, "url", after.url)
        actions: list[Any] = [
            EndpointRow.url.set(sealed),
            EndpointRow.secrets.set(self._seal(after, "secrets", _plain(after.secrets))),
            _set(EndpointRow.events, _names(after)),
            EndpointRow.description.set(after.description),
            _set(EndpointRow.because, after.because.value if after.because else None),
            EndpointRow.told.set(int(after.told)),
            EndpointRow.enabled_at.set(epoch_millis(after.enabled_at)),
            _set(EndpointRow.disabled_at, epoch_millis(after.disabled_at) if after.disabled_at else None),
            EndpointRow.version.set(before.version + 1),
        ]
        same = EndpointRow.version == before.version
        try:
            row = update(self._rows, before.account_id, ENDPOINT + before.id, actions=actions, condition=same)
        except ConditionFailed as refused:
            # A retry of the SDK after a lost answer meets its own first try: no seal is ever made twice.
            if refused.row is None or refused.row.url != sealed:
                return None
            row = refused.row
        return self._read(row)

    def touch(self, endpoint: Endpoint, now: datetime) -> None:
        """It took something."""
        actions = [EndpointRow.last_success_at.set(epoch_millis(now))]
        try:
            condition = EndpointRow.item.exists()
            update(self._rows, endpoint.account_id, ENDPOINT + endpoint.id, actions=actions, condition=condition)
        except ConditionFailed:
            return  # it was deleted meanwhile

    def _query(self, account_id: str) -> list[Any]:
        begins = EndpointRow.item.startswith(ENDPOINT)
        return list(self._rows.query(account_id, begins, consistent_read=True, limit=MAX_ENDPOINTS))

    def _seal(self, endpoint: Endpoint, name: str, text: str) -> bytes:
        return self._sealer.seal(endpoint.account_id, _place(endpoint.account_id, endpoint.id, name), text)

    def _read(self, row: Any) -> Endpoint:
        account_id, id_ = row.account_id, row.item.removeprefix(ENDPOINT)
        secrets = self._sealer.open(account_id, _place(account_id, id_, "secrets"), row.secrets)
        return Endpoint(
            id=id_,
            account_id=account_id,
            url=self._sealer.open(account_id, _place(account_id, id_, "url"), row.url),
            events=_types(row.events),
            description=row.description,
            secrets=tuple(Secret(text, _moment(ends_at)) for text, ends_at in json.loads(secrets)),
            created_at=from_epoch(int(row.created_at) / 1000),
            enabled_at=from_epoch(int(row.enabled_at) / 1000),
            because=Because(row.because) if row.because else None,
            disabled_at=_moment(row.disabled_at),
            told=bool(row.told),
            last_success_at=_moment(row.last_success_at),
            version=int(row.version),
        )


def _place(account_id: str, endpoint_id: str, name: str) -> str:
    return f"webhooks/{account_id}/{endpoint_id}/{name}"


def _full(_: Any) -> Exception:
    return Conflict(f"An account has at most {MAX_ENDPOINTS} endpoints; delete one first.")


def _plain(secrets: tuple[Secret, ...]) -> str:
    return json.dumps([[known.text, epoch_millis(known.ends_at) if known.ends_at else None] for known in secrets])


def _names(endpoint: Endpoint) -> list[str] | None:
    return sorted(endpoint.events) if endpoint.events is not None else None


def _types(names: list[str] | None) -> frozenset[EventType] | None:
    """A type that this code does not know is one that newer code tells of."""
    known = {member.value for member in EventType}
    return frozenset(EventType(name) for name in names if name in known) if names is not None else None


def _set(attribute: Any, value: Any) -> Any:
    return attribute.remove() if value is None else attribute.set(value)


def _moment(millis: Any) -> datetime | None:
    return from_epoch(int(millis) / 1000) if millis is not None else None
