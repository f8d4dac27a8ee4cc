"""The webhooks table: deliveries, under their endpoint and in the order of their events."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.aws.tables import ConditionFailed, Due, bind, get, update
from chalicelib.kernel.clock import epoch_millis, epoch_seconds, from_epoch
from chalicelib.webhooks.delivery import MESSAGE_WAIT, Attempt, Delivery, Status, place_of
from chalicelib.webhooks.event import KEPT

DUE = "delivery"
#: A message that should have come is not missed before so long.
GRACE = timedelta(seconds=120)


class DeliveryRow(Model):
    account_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    type = UnicodeAttribute()
    status = UnicodeAttribute()
    tries = NumberAttribute(default=0)
    log = JSONAttribute()
    next_at = NumberAttribute(null=True)
    claim = UnicodeAttribute(null=True)
    claimed_until = NumberAttribute(null=True)
    version = NumberAttribute(default=0)
    ttl = NumberAttribute()
    due = UnicodeAttribute(null=True)
    due_at = NumberAttribute(null=True)
    by_due = Due()


class DeliveryStore:
    """Reads are consistent but those of the `due` index, whose findings are read again by key."""

    def __init__(self, table: str) -> None:
        self._rows = bind(DeliveryRow, table)

    def add(self, made: Delivery, now: datetime) -> bool:
        """False if it is there already, and then it stays as it is."""
        try:
            self._update(made, [DeliveryRow.type.set(made.type), *_state(made, now)], DeliveryRow.item.does_not_exist())
        except ConditionFailed:
            return False
        return True

    def get(self, account_id: str, endpoint_id: str, event_id: str, at: datetime) -> Delivery | None:
        row = get(self._rows, account_id, _item(endpoint_id, event_id, at))
        return _delivery(row) if row else None

    def save(self, before: Delivery, after: Delivery, now: datetime) -> Delivery | None:
        """`after` as it is stored; None if somebody else has changed it meanwhile."""
        stored = replace(after, version=before.version + 1)
        same: Any = DeliveryRow.version == before.version
        try:
            self._update(before, _state(stored, now), same)
        except ConditionFailed as refused:
            # A retry of the SDK after a lost answer meets its own first try; a claim's token is like no other.
            return stored if refused.row is not None and _stamp(_delivery(refused.row)) == _stamp(stored) else None
        return stored

    def newest(
        self, account_id: str, endpoint_id: str, now: datetime, *, before: str | None, limit: int
    ) -> list[Delivery]:
        """Those of an endpoint, newest event first, after the place `before` of the page before."""
        begins = f"delivery#{endpoint_id}#"
        oldest = begins + f"{epoch_millis(now - KEPT):013d}"
        latest = begins + (before or ":")  # `:` sorts after every digit
        condition = DeliveryRow.item.between(oldest, latest)
        found = self._rows.query(
            account_id, condition, consistent_read=True, scan_index_forward=False, limit=limit + (before is not None)
        )
        return [_delivery(row) for row in found if row.item != latest][:limit]

    def due(self, now: datetime, limit: int) -> list[tuple[str, str, str, datetime]]:
        """(account id, endpoint id, event id, when the event was made) of what is to be tried."""
        found = self._rows.by_due.query(DUE, Due.due_at <= epoch_millis(now), limit=limit)
        return [(row.account_id, *_parts(row.item)) for row in found]

    def postpone(self, account_id: str, endpoint_id: str, event_id: str, at: datetime, now: datetime) -> bool:
        """Whether it is still due, and then it is again after GRACE."""
        still = DeliveryRow.due_at <= epoch_millis(now)
        actions = [DeliveryRow.due_at.set(epoch_millis(now + GRACE))]
        try:
            update(self._rows, account_id, _item(endpoint_id, event_id, at), actions=actions, condition=still)
        except ConditionFailed:
            return False
        return True

    def _update(self, known: Delivery, actions: list[Any], condition: Any) -> None:
        item = _item(known.endpoint_id, known.event_id, known.at)
        update(self._rows, known.account_id, item, actions=actions, condition=condition)


def _item(endpoint_id: str, event_id: str, at: datetime) -> str:
    return f"delivery#{endpoint_id}#{place_of(event_id, at)}"


def _parts(item: str) -> tuple[str, str, datetime]:
    _, endpoint_id, millis, event_id = item.split("#")
    return endpoint_id, event_id, from_epoch(int(millis) / 1000)


def _state(made: Delivery, now: datetime) -> list[Any]:
    """Everything that changes. What is pending is due: at once after a long wait, for which there is no message, and
    GRACE after the message of a short one should have come."""
    pending = made.status is Status.PENDING
    due_at = max(made.next_at or now, made.claimed_until or now)
    due_at += GRACE if due_at - now <= MESSAGE_WAIT else timedelta(0)
    return [
        DeliveryRow.status.set(made.status.value),
        DeliveryRow.tries.set(made.tries),
        DeliveryRow.log.set([_plain(attempt) for attempt in made.log]),
        _set(DeliveryRow.next_at, _millis(made.next_at)),
        _set(DeliveryRow.claim, made.claim),
        _set(DeliveryRow.claimed_until, _millis(made.claimed_until)),
        DeliveryRow.version.set(made.version),
        DeliveryRow.ttl.set(epoch_seconds(made.at + KEPT)),
        _set(DeliveryRow.due, DUE if pending else None),
        _set(DeliveryRow.due_at, epoch_millis(due_at) if pending else None),
    ]


def _plain(attempt: Attempt) -> list[Any]:
    return [epoch_millis(attempt.at), attempt.status, attempt.error, attempt.milliseconds]


def _delivery(row: Any) -> Delivery:
    endpoint_id, event_id, at = _parts(row.item)
    log = tuple(Attempt(from_epoch(millis / 1000), *rest) for millis, *rest in row.log)
    return Delivery(
        account_id=row.account_id,
        endpoint_id=endpoint_id,
        event_id=event_id,
        type=row.type,
        at=at,
        status=Status(row.status),
        tries=int(row.tries),
        log=log,
        next_at=_moment(row.next_at),
        claim=row.claim,
        claimed_until=_moment(row.claimed_until),
        version=int(row.version),
    )


def _stamp(known: Delivery) -> tuple[object, ...]:
    return known.version, known.claim, known.status, known.tries


def _set(attribute: Any, value: Any) -> Any:
    return attribute.remove() if value is None else attribute.set(value)


def _millis(moment: datetime | None) -> int | None:
    return epoch_millis(moment) if moment is not None else None


def _moment(millis: Any) -> datetime | None:
    return from_epoch(int(millis) / 1000) if millis is not None else None
