"""Use cases of Stripe's events: store once, look later."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from chalicelib.billing.event import Event, Subject, read_event
from chalicelib.billing.ports import EventStore
from chalicelib.billing.problems import NoSuchObject, SignatureRefused
from chalicelib.kernel.clock import Clock

#: Events that one look of the schedule queues again.
MAX_OVERDUE = 100


class Sender(Protocol):
    """What is known of the sender: `billing.gateway.Connection`."""

    def verified(self, body: bytes, header: str) -> dict[str, Any]: ...
    def livemode(self) -> bool: ...


class Events:
    """`look(subject, object id, cause)` settles what an event is about; `queue(event_id)` hints a worker."""

    def __init__(
        self,
        store: EventStore,
        sender: Sender,
        clock: Clock,
        *,
        look: Callable[[Subject, str, str], str],
        queue: Callable[[str], None],
    ) -> None:
        self._store = store
        self._sender = sender
        self._clock = clock
        self._look = look
        self._queue = queue

    def receive(self, body: bytes, signature: str) -> str:
        """Stores the event, durably and once, and hints a worker; its id. Raises SignatureRefused."""
        event = read_event(self._sender.verified(body, signature))
        if event is None:
            raise SignatureRefused
        self.take(event)
        return event.id

    def take(self, event: Event) -> bool:
        """Stores an event that is known to be Stripe's. False if it was dealt with before."""
        stored = self._store.add_event(event, self._clock.now() + event.patience())
        if stored.outcome is not None:
            return False
        self._queue(event.id)
        return True

    def process(self, event_id: str) -> str:
        """Deals with a stored event, and says what came of it; the same event again is nothing.

        Raises what stands in the way for now: the event stays due.
        """
        event = self._store.event(event_id)
        if event is None:
            return "forgotten"
        if event.outcome is not None:
            return "done_before"
        outcome = self._outcome(event)
        self._store.finish_event(event_id, outcome)
        return outcome

    def overdue(self) -> list[tuple[str]]:
        """Events that were stored, and whose message was lost or failed too often."""
        return [(event_id,) for event_id in self._store.due_events(self._clock.now(), MAX_OVERDUE)]

    def queue_again(self, event_id: str) -> str:
        event = self._store.event(event_id)
        if event is None or event.outcome is not None:
            return "done_before"
        again = replace(event, looks=event.looks + 1)
        self._store.postpone_event(event, self._clock.now() + again.patience())
        self._queue(event_id)
        return "queued"

    def _outcome(self, event: Event) -> str:
        if event.livemode is not self._sender.livemode():
            return "other_mode"
        if event.subject is None:
            return "ignored"
        try:
            return str(self._look(event.subject, event.object_id, event.id))
        except NoSuchObject:
            # Deleted since, or of an account that is not ours: there is nothing that could be settled.
            return "no_such_object"
