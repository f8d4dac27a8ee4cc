"""The webhooks table: events, due until each endpoint that wants one has its delivery."""

from datetime import datetime, timedelta
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.aws.tables import ConditionFailed, Due, bind, get, update
from chalicelib.kernel.clock import epoch_millis, epoch_seconds, from_epoch
from chalicelib.kernel.transaction import Transaction, Write, stale
from chalicelib.webhooks.event import KEPT, Event

EVENT = "event#"
DUE = "event"
#: A hint is not missed before so long.
GRACE = timedelta(seconds=60)


class EventRow(Model):
    account_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    type = UnicodeAttribute()
    body = UnicodeAttribute()
    only = UnicodeAttribute(null=True)
    created_at = NumberAttribute()
    spread = BooleanAttribute(null=True)
    ttl = NumberAttribute()
    due = UnicodeAttribute(null=True)
    due_at = NumberAttribute(null=True)
    by_due = Due()


class EventStore:
    """Reads are consistent but those of the `due` index, whose findings are read again by key."""

    def __init__(self, table: str) -> None:
        self._rows = bind(EventRow, table)

    def add(self, tx: Transaction, event: Event) -> None:
        """Never refused: an event that is there already stays as it was first told."""
        row = self._rows(event.account_id, EVENT + event.id)
        tx.add(Write("update", row, stale, None, _first(event)))

    def add_now(self, event: Event) -> Event:
        """The same without a transaction; the event as it is stored."""
        return _event(update(self._rows, event.account_id, EVENT + event.id, actions=_first(event)))

    def get(self, account_id: str, event_id: str) -> Event | None:
        row = get(self._rows, account_id, EVENT + event_id)
        return _event(row) if row else None

    def end(self, event: Event) -> None:
        """Each endpoint that wants it has its delivery; it is not due any more."""
        actions: list[Any] = [EventRow.spread.set(True), EventRow.due.remove(), EventRow.due_at.remove()]
        self._change(event.account_id, event.id, actions, EventRow.item.exists())

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """(account id, event id) of what waits for too long."""
        found = self._rows.by_due.query(DUE, Due.due_at <= epoch_millis(now), limit=limit)
        return [(row.account_id, row.item.removeprefix(EVENT)) for row in found]

    def postpone(self, account_id: str, event_id: str, now: datetime, until: datetime) -> bool:
        """Whether it is still due, and then it is again at `until`."""
        still = EventRow.due_at <= epoch_millis(now)
        return self._change(account_id, event_id, [EventRow.due_at.set(epoch_millis(until))], still)

    def _change(self, account_id: str, event_id: str, actions: list[Any], condition: Any) -> bool:
        try:
            update(self._rows, account_id, EVENT + event_id, actions=actions, condition=condition)
        except ConditionFailed:
            return False  # its time was over, or somebody dealt with it meanwhile
        return True


def _first(event: Event) -> tuple[Any, ...]:
    """Sets what is not set yet. One that was spread before becomes due once more, which finds nothing to do."""
    values: list[tuple[Any, Any]] = [
        (EventRow.type, event.type),
        (EventRow.body, event.body),
        (EventRow.created_at, epoch_millis(event.created_at)),
        (EventRow.ttl, epoch_seconds(event.created_at + KEPT)),
        (EventRow.due, DUE),
        (EventRow.due_at, epoch_millis(event.created_at + GRACE)),
    ]
    if event.only is not None:
        values.append((EventRow.only, event.only))
    return tuple(attribute.set(attribute | value) for attribute, value in values)


def _event(row: Any) -> Event:
    return Event(
        id=row.item.removeprefix(EVENT),
        account_id=row.account_id,
        type=row.type,
        created_at=from_epoch(int(row.created_at) / 1000),
        body=row.body,
        only=row.only,
        spread=bool(row.spread),
    )
