"""Use cases of endpoints: their owner makes, changes, tries and reads them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.kernel.clock import Clock
from chalicelib.kernel.errors import Conflict, NotFound, Unavailable, Validation
from chalicelib.kernel.ids import Entropy, is_id, new_id
from chalicelib.kernel.transaction import Transact, Transaction
from chalicelib.outbound.request import Forbidden
from chalicelib.webhooks import delivery, endpoint
from chalicelib.webhooks.delivery import Delivery
from chalicelib.webhooks.endpoint import Because, Endpoint, Secret
from chalicelib.webhooks.event import Event, EventType
from chalicelib.webhooks.signing import mint

TRIES = 5


class Store(Protocol):
    """What the use cases need of `webhooks.store`."""

    def add(self, tx: Transaction, endpoint: Endpoint) -> None: ...
    def remove(self, tx: Transaction, endpoint: Endpoint) -> None: ...
    def get(self, account_id: str, endpoint_id: str) -> Endpoint | None: ...
    def all(self, account_id: str) -> list[Endpoint]: ...
    def save(self, before: Endpoint, after: Endpoint) -> Endpoint | None: ...


class Events(Protocol):
    """What the use cases need of `webhooks.outbox.store`."""

    def get(self, account_id: str, event_id: str) -> Event | None: ...


class Deliveries(Protocol):
    """What the use cases need of `webhooks.delivering.store`."""

    def get(self, account_id: str, endpoint_id: str, event_id: str, at: datetime) -> Delivery | None: ...
    def save(self, before: Delivery, after: Delivery, now: datetime) -> Delivery | None: ...
    def newest(
        self, account_id: str, endpoint_id: str, now: datetime, *, before: str | None, limit: int
    ) -> list[Delivery]: ...


class Outbox(Protocol):
    """What the use cases need of `webhooks.outbox.service`."""

    def test(self, account_id: str, endpoint_id: str) -> Event: ...
    def forget(self, account_id: str) -> None: ...


class Endpoints:
    """`check(url)` raises outbound.Forbidden for a URL that will never be called; `queue(account_id, event_id,
    endpoint_id)` hints a worker."""

    def __init__(
        self,
        store: Store,
        events: Events,
        deliveries: Deliveries,
        outbox: Outbox,
        transact: Transact,
        clock: Clock,
        entropy: Entropy,
        *,
        check: Callable[[str], object],
        queue: Callable[[str, str, str], None],
    ) -> None:
        self._store = store
        self._events = events
        self._deliveries = deliveries
        self._outbox = outbox
        self._transact = transact
        self._clock = clock
        self._entropy = entropy
        self._check = check
        self._queue = queue

    def create(self, account_id: str, url: str, events: frozenset[EventType] | None, description: str) -> Endpoint:
        """Enabled, with one secret. Raises Validation for the URL, Conflict at MAX_ENDPOINTS."""
        self._require_callable(url)
        now = self._clock.now()
        made = Endpoint(
            id=new_id("whe", now, self._entropy),
            account_id=account_id,
            url=url,
            events=events,
            description=description,
            secrets=(Secret(mint(self._entropy)),),
            created_at=now,
            enabled_at=now,
        )
        self._transact(lambda tx: self._store.add(tx, made))
        self._outbox.forget(account_id)
        return made

    def get(self, account_id: str, endpoint_id: str) -> Endpoint:
        """Raises NotFound, for another account's too."""
        known = self._store.get(account_id, endpoint_id) if is_id("whe", endpoint_id) else None
        if known is None:
            raise NotFound
        return known

    def all(self, account_id: str) -> list[Endpoint]:
        """Newest first."""
        return self._store.all(account_id)

    def change(
        self,
        account_id: str,
        endpoint_id: str,
        *,
        url: str | None = None,
        description: str | None = None,
        events: frozenset[EventType] | None = None,
        set_events: bool = False,
        enabled: bool | None = None,
    ) -> Endpoint:
        """What is None stays as it is; `events` counts if `set_events`. Raises NotFound, Validation for the URL."""
        if url is not None:
            self._require_callable(url)

        def changed(known: Endpoint) -> Endpoint:
            now = self._clock.now()
            after = replace(
                known,
                url=known.url if url is None else url,
                description=known.description if description is None else description,
                events=events if set_events else known.events,
            )
            if enabled is None or enabled is known.enabled:
                return after
            return endpoint.enabled(after, now) if enabled else endpoint.disabled(after, Because.OWNER, now)

        return self._change(account_id, endpoint_id, changed)

    def rotate(self, account_id: str, endpoint_id: str, overlap: timedelta) -> Endpoint:
        """With a new secret, the first of its `secrets`. Raises NotFound, or Conflict if two would stay beside it."""
        secret = mint(self._entropy)
        return self._change(
            account_id, endpoint_id, lambda known: endpoint.rotated(known, secret, overlap, self._clock.now())
        )

    def delete(self, account_id: str, endpoint_id: str) -> Endpoint:
        """Nothing is sent to it any more; the endpoint as it was. Raises NotFound."""
        known = self.get(account_id, endpoint_id)
        self._transact(lambda tx: self._store.remove(tx, known))
        self._outbox.forget(account_id)
        return known

    def test(self, account_id: str, endpoint_id: str) -> Event:
        """Sends an event that says nothing. Raises NotFound, or Conflict while the endpoint is disabled."""
        self._require_enabled(account_id, endpoint_id)
        return self._outbox.test(account_id, endpoint_id)

    def deliveries(self, account_id: str, endpoint_id: str, *, before: str | None, limit: int) -> list[Delivery]:
        """Newest event first. Raises NotFound."""
        self.get(account_id, endpoint_id)
        return self._deliveries.newest(account_id, endpoint_id, self._clock.now(), before=before, limit=limit)

    def replay(self, account_id: str, endpoint_id: str, event_id: str) -> Delivery:
        """Has it tried again now, under the same id. Raises NotFound, or Conflict while the endpoint is disabled."""
        self._require_enabled(account_id, endpoint_id)
        event = self._events.get(account_id, event_id) if is_id("evt", event_id) else None
        if event is None:
            raise NotFound
        for _ in range(TRIES):
            known = self._deliveries.get(account_id, endpoint_id, event_id, event.created_at)
            if known is None:
                raise NotFound
            now = self._clock.now()
            again = self._deliveries.save(known, delivery.replayed(known, now), now)
            if again is not None:
                self._queue(account_id, event_id, endpoint_id)
                return again
        raise Unavailable().with_headers(retry_after="1")

    def describe(self, account_id: str, endpoint_id: str) -> dict[str, str] | None:
        """The facts of the mail about a disabled endpoint; None if it is not so any more."""
        known = self._store.get(account_id, endpoint_id)
        if known is None or known.because in (None, Because.OWNER):
            return None
        return {"endpoint": known.id, "because": str(known.because)}

    def _change(self, account_id: str, endpoint_id: str, change: Callable[[Endpoint], Endpoint]) -> Endpoint:
        for _ in range(TRIES):
            known = self.get(account_id, endpoint_id)
            saved = self._store.save(known, change(known))
            if saved is not None:
                self._outbox.forget(account_id)
                return saved
        raise Unavailable().with_headers(retry_after="1")

    def _require_enabled(self, account_id: str, endpoint_id: str) -> None:
        if not self.get(account_id, endpoint_id).enabled:
            raise Conflict('The endpoint is disabled: enable it first (PATCH with {"enabled": true}).')

    def _require_callable(self, url: str) -> None:
        try:
            self._check(url)
        except Forbidden as refused:
            raise Validation(f"url: {refused}", param="url") from None
