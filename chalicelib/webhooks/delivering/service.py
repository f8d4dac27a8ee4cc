"""Use cases of delivering: an event becomes one delivery for each endpoint, and each is tried on its own.

Whatever dies in between leaves a row that is due, which the schedule finds; whatever comes twice finds nothing to do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from chalicelib.kernel.clock import Clock
from chalicelib.outbound.request import Forbidden, NotSent, OutboundError, Reply, ReplyTooLarge, Request, Send
from chalicelib.signing.keys import SigningKey
from chalicelib.webhooks import delivery as rules
from chalicelib.webhooks import endpoint as endpoints
from chalicelib.webhooks.delivery import JITTER, MAX_TRIES, Attempt, Delivery, Status, asked_wait, next_try
from chalicelib.webhooks.endpoint import TOUCH, Because, Endpoint, Subscription
from chalicelib.webhooks.event import Event
from chalicelib.webhooks.signing import signed_headers

TIMEOUT_SECONDS = 10.0
MAX_ANSWER_BYTES = 64 * 1024
#: Things of each kind that one look of the schedule queues again.
BATCH = 500
#: An event that waits to be spread is looked at again after so long.
LOOK_AGAIN = timedelta(minutes=2)
TRIES = 5
USER_AGENT = "Fotogenic-Webhooks/1.0"


class Events(Protocol):
    """What delivering needs of `webhooks.outbox.store`."""

    def get(self, account_id: str, event_id: str) -> Event | None: ...
    def end(self, event: Event) -> None: ...
    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]: ...
    def postpone(self, account_id: str, event_id: str, now: datetime, until: datetime) -> bool: ...


class Deliveries(Protocol):
    """What delivering needs of `webhooks.delivering.store`."""

    def add(self, made: Delivery, now: datetime) -> bool: ...
    def get(self, account_id: str, endpoint_id: str, event_id: str, at: datetime) -> Delivery | None: ...
    def save(self, before: Delivery, after: Delivery, now: datetime) -> Delivery | None: ...
    def due(self, now: datetime, limit: int) -> list[tuple[str, str, str, datetime]]: ...
    def postpone(self, account_id: str, endpoint_id: str, event_id: str, at: datetime, now: datetime) -> bool: ...


class Endpoints(Protocol):
    """What delivering needs of `webhooks.store`."""

    def get(self, account_id: str, endpoint_id: str) -> Endpoint | None: ...
    def subscriptions(self, account_id: str) -> list[Subscription]: ...
    def save(self, before: Endpoint, after: Endpoint) -> Endpoint | None: ...
    def touch(self, endpoint: Endpoint, now: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Around:
    """What delivering needs of the world.

    `queue(account_id, event_id, endpoint_id, delay_seconds)` hints a worker, about the event where no endpoint is
    named; `jitter(ceiling)` draws from 0 to it; `token()` is like no other; `tell_now` is that of `outbox.service`;
    `notify(account_id, notice, ref)` has a mail sent; `changed(account_id)` forgets what is known of its endpoints.
    """

    send: Send
    keys: Callable[[], list[SigningKey]]
    queue: Callable[[str, str, str | None, int], None]
    jitter: Callable[[float], float]
    token: Callable[[], str]
    tell_now: Callable[..., None]
    notify: Callable[[str, str, str], None]
    changed: Callable[[str], None]


class Delivering:
    """What workers and the schedule do."""

    def __init__(
        self, events: Events, deliveries: Deliveries, endpoints: Endpoints, clock: Clock, around: Around
    ) -> None:
        self._events = events
        self._deliveries = deliveries
        self._endpoints = endpoints
        self._clock = clock
        self._around = around

    def spread(self, account_id: str, event_id: str) -> str:
        """Gives each endpoint that wants the event a delivery of its own, so that none waits for another."""
        event = self._events.get(account_id, event_id)
        if event is None:
            return "forgotten"
        now = self._clock.now()
        for endpoint_id in self._receivers(event):
            made = Delivery(
                account_id=account_id, endpoint_id=endpoint_id, event_id=event_id, type=event.type, at=event.created_at
            )
            self._deliveries.add(made, now)
            self._around.queue(account_id, event_id, endpoint_id, 0)
        self._events.end(event)
        return "spread"

    def deliver(self, account_id: str, event_id: str, endpoint_id: str) -> str:
        """Makes one attempt, if one is to be made now, and says what came of it."""
        event = self._events.get(account_id, event_id)
        known = self._deliveries.get(account_id, endpoint_id, event_id, event.created_at) if event else None
        if event is None or known is None:
            return "forgotten"
        now = self._clock.now()
        if known.status is not Status.PENDING:
            return "done_before"
        if not known.is_due(now):
            return "early"
        endpoint = self._endpoints.get(account_id, endpoint_id)
        if endpoint is None or not endpoint.enabled:
            return self._close(known, endpoint)
        if known.tries >= MAX_TRIES:  # whoever made the last one died of it
            return self._give_up(known, endpoint, None)
        # Signed before it is claimed: an attempt that cannot be signed is not one.
        signed = signed_headers(event.id, now, event.body, endpoint.valid_secrets(now), self._around.keys())
        claimed = self._deliveries.save(known, rules.claimed(known, self._around.token(), now), now)
        if claimed is None:
            return "lost"
        return self._settle(claimed, endpoint, *self._attempt(endpoint, event, signed, now))

    def overdue(self) -> list[tuple[Any, ...]]:
        """What was stored, and whose message was lost, failed, or was to come so late that none was sent."""
        now = self._clock.now()
        return [*self._events.due(now, BATCH), *self._deliveries.due(now, BATCH)]

    def queue_again(self, account_id: str, *place: Any) -> str:
        """`place`: the rest of what `overdue` found."""
        now = self._clock.now()
        if len(place) == 1:
            (event_id,) = place
            endpoint_id, still = None, self._events.postpone(account_id, event_id, now, now + LOOK_AGAIN)
        else:
            endpoint_id, event_id, at = place
            still = self._deliveries.postpone(account_id, endpoint_id, event_id, at, now)
        if not still:
            return "done_before"
        self._around.queue(account_id, event_id, endpoint_id, 0)
        return "queued"

    def _receivers(self, event: Event) -> list[str]:
        if event.only is not None:
            return [event.only]
        return [each.endpoint_id for each in self._endpoints.subscriptions(event.account_id) if each.wants(event.type)]

    def _attempt(
        self, endpoint: Endpoint, event: Event, signed: dict[str, str], now: datetime
    ) -> tuple[Attempt, int | None]:
        """The attempt, and the seconds that the receiver asks to wait."""
        request = Request(
            method="POST",
            url=endpoint.url,
            headers={"Content-Type": "application/json", "User-Agent": USER_AGENT, **signed},
            body=event.body.encode(),
            timeout_seconds=TIMEOUT_SECONDS,
            max_answer_bytes=MAX_ANSWER_BYTES,
        )
        reply: Reply | None = None
        error: str | None = None
        try:
            reply = self._around.send(request)
        except OutboundError as failure:
            error = _name(failure)
        ended = self._clock.now()
        milliseconds = max(0, int((ended - now).total_seconds() * 1000))
        if reply is None:
            return Attempt(now, None, error, milliseconds), None
        asked = asked_wait(reply.status, reply.headers.get("retry-after"), ended)
        return Attempt(now, reply.status, None, milliseconds), asked

    def _settle(self, claimed: Delivery, endpoint: Endpoint, attempt: Attempt, asked_seconds: int | None) -> str:
        now = self._clock.now()
        if attempt.succeeded:
            if endpoint.last_success_at is None or now - endpoint.last_success_at >= TOUCH:
                self._endpoints.touch(endpoint, now)
            return self._record(claimed, rules.succeeded(claimed, attempt), "succeeded")
        if attempt.gone:
            self._disable(endpoint, Because.GONE)
            return self._record(claimed, rules.failed(claimed, attempt), "gone")
        extra = self._around.jitter(JITTER)
        next_at = next_try(claimed, now, extra=extra, asked_seconds=asked_seconds)
        if next_at is None:
            return self._give_up(claimed, endpoint, attempt)
        recorded = self._record(claimed, rules.waiting(claimed, attempt, next_at), "waiting")
        if recorded == "waiting" and next_at - now <= rules.MESSAGE_WAIT:
            delay_seconds = -int(-(next_at - now).total_seconds() // 1)
            self._around.queue(claimed.account_id, claimed.event_id, claimed.endpoint_id, delay_seconds)
        return recorded

    def _record(self, before: Delivery, after: Delivery, outcome: str) -> str:
        return outcome if self._deliveries.save(before, after, self._clock.now()) is not None else "lost"

    def _give_up(self, known: Delivery, endpoint: Endpoint, attempt: Attempt | None) -> str:
        """It was the last attempt. An endpoint that takes nothing at all any more is disabled."""
        if endpoint.is_silent(self._clock.now()):
            self._disable(endpoint, Because.FAILING)
        return self._record(known, rules.failed(known, attempt), "given_up")

    def _close(self, known: Delivery, endpoint: Endpoint | None) -> str:
        """There is nobody to deliver to any more."""
        if endpoint is not None and not endpoint.told:  # whoever disabled it died before saying so
            self._say(endpoint)
        attempt = Attempt(self._clock.now(), error="endpoint_disabled")
        return self._record(known, rules.failed(known, attempt), "closed")

    def _disable(self, endpoint: Endpoint, because: Because) -> None:
        """Nothing if it was disabled, enabled anew or deleted meanwhile."""
        known: Endpoint | None = endpoint
        for _ in range(TRIES):
            if known is None or not known.enabled or known.enabled_at != endpoint.enabled_at:
                return
            saved = self._endpoints.save(known, endpoints.disabled(known, because, self._clock.now()))
            if saved is not None:
                self._say(saved)
                return
            known = self._endpoints.get(endpoint.account_id, endpoint.id)

    def _say(self, disabled: Endpoint) -> None:
        """Tells the account's other endpoints and its owner."""
        account_id, why = disabled.account_id, str(disabled.because)
        self._around.changed(account_id)
        data = {"id": disabled.id, "object": "webhook_endpoint", "status": "disabled", "reason": why}
        key = f"webhook_endpoint.disabled:{disabled.id}:{disabled.version}"
        self._around.tell_now(account_id, "webhook_endpoint.disabled", data, key=key)
        self._around.notify(account_id, "webhook_endpoint_disabled", disabled.id)
        self._endpoints.save(disabled, endpoints.owner_told(disabled))


def _name(failure: OutboundError) -> str:
    """What the log calls it."""
    if isinstance(failure, Forbidden):
        return "address_not_allowed"
    if isinstance(failure, NotSent):
        return "no_connection"
    return "answer_too_large" if isinstance(failure, ReplyTooLarge) else "no_answer"
