"""The billing table: events, notices that were given, and how far the sweep has looked."""

from datetime import datetime
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.aws.tables import ConditionFailed, Due, bind, get, update
from chalicelib.billing.event import REMEMBERED, Event
from chalicelib.kernel.clock import epoch_millis, epoch_seconds, from_epoch

EVENT = "event"


class EventRow(Model):
    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default=EVENT)
    type = UnicodeAttribute()
    object_id = UnicodeAttribute()
    livemode = BooleanAttribute()
    created_at = NumberAttribute()
    outcome = UnicodeAttribute(null=True)
    looks = NumberAttribute(default=0)
    ttl = NumberAttribute()
    due = UnicodeAttribute(null=True)
    due_at = NumberAttribute(null=True)
    by_due = Due()


class NoticeRow(Model):
    """That a notice about one thing was given, or is about to be."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    given_at = NumberAttribute(null=True)


class CursorRow(Model):
    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="cursor")
    looked_until = NumberAttribute()


class EventStore:
    """All reads are consistent but those of the `due` index, whose findings are read again by key."""

    def __init__(self, table: str) -> None:
        self._events = bind(EventRow, table)
        self._notices = bind(NoticeRow, table)
        self._cursors = bind(CursorRow, table)

    def add_event(self, event: Event, due_at: datetime) -> Event:
        """Stores the event once; the answer is the event as stored, with its outcome if it was dealt with before."""
        fresh = [
            EventRow.type.set(event.type),
            EventRow.object_id.set(event.object_id),
            EventRow.livemode.set(event.livemode),
            EventRow.created_at.set(epoch_millis(event.created_at)),
            EventRow.looks.set(0),
            EventRow.ttl.set(epoch_seconds(due_at + REMEMBERED)),
            EventRow.due.set(EVENT),
            EventRow.due_at.set(epoch_millis(due_at)),
        ]
        stored: Any
        try:
            new = EventRow.pk.does_not_exist()
            stored = update(self._events, f"event#{event.id}", EVENT, actions=fresh, condition=new)
        except ConditionFailed as known:
            stored = known.row
        return _event(stored)

    def event(self, event_id: str) -> Event | None:
        row = get(self._events, f"event#{event_id}", EVENT)
        return _event(row) if row else None

    def finish_event(self, event_id: str, outcome: str) -> None:
        """Says what was done about it; it is not due any more."""
        self._set_event(event_id, [EventRow.outcome.set(outcome), EventRow.due.remove(), EventRow.due_at.remove()])

    def postpone_event(self, event: Event, due_at: datetime) -> None:
        waits = EventRow.outcome.does_not_exist()
        self._set_event(event.id, [EventRow.looks.add(1), EventRow.due_at.set(epoch_millis(due_at))], waits)

    def due_events(self, now: datetime, limit: int) -> list[str]:
        found = self._events.by_due.query(EVENT, Due.due_at <= epoch_millis(now), limit=limit)
        return [row.pk.removeprefix("event#") for row in found]

    def begin_notice(self, account_id: str, kind: str, ref: str) -> bool:
        """Whether the notice is still to be given; whoever gives it says so afterwards."""
        row = get(self._notices, account_id, f"notice#{kind}#{ref}")
        return row is None or row.given_at is None

    def end_notice(self, account_id: str, kind: str, ref: str, now: datetime) -> None:
        self._notices(account_id, f"notice#{kind}#{ref}", given_at=epoch_millis(now)).save()

    def looked_until(self) -> datetime | None:
        """Up to when the sweep has looked."""
        row = get(self._cursors, "sweep", "cursor")
        return from_epoch(int(row.looked_until) / 1000) if row else None

    def set_looked_until(self, before: datetime | None, after: datetime) -> bool:
        """False if another sweep moved it meanwhile."""
        same = CursorRow.looked_until == epoch_millis(before) if before else CursorRow.pk.does_not_exist()
        try:
            update(
                self._cursors,
                "sweep",
                "cursor",
                actions=[CursorRow.looked_until.set(epoch_millis(after))],
                condition=same,
            )
        except ConditionFailed:
            return False
        return True

    def _set_event(self, event_id: str, actions: list[Any], more: Any = None) -> None:
        condition = EventRow.pk.exists() if more is None else EventRow.pk.exists() & more
        try:
            update(self._events, f"event#{event_id}", EVENT, actions=actions, condition=condition)
        except ConditionFailed:
            return  # its time was over, or somebody dealt with it meanwhile


def _event(row: Any) -> Event:
    return Event(
        id=row.pk.removeprefix("event#"),
        type=row.type,
        object_id=row.object_id,
        livemode=bool(row.livemode),
        created_at=from_epoch(int(row.created_at) / 1000),
        outcome=row.outcome,
        looks=int(row.looks),
    )
