"""Use cases of telling: other rooms say what happened, and an event is kept for whoever wants to know.

This is all that they need of webhooks, and all that they may know.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from chalicelib.kernel.clock import Clock
from chalicelib.kernel.ids import Entropy, new_id
from chalicelib.kernel.transaction import Transaction
from chalicelib.webhooks.endpoint import Subscription
from chalicelib.webhooks.event import TEST_EVENT, Event, event_id, new_event

#: An endpoint of another process's making is told of what happens from so much later at the latest.
CACHE = timedelta(seconds=10)
CACHED_ACCOUNTS = 1000


class Store(Protocol):
    """What telling needs of `webhooks.outbox.store`."""

    def add(self, tx: Transaction, event: Event) -> None: ...
    def add_now(self, event: Event) -> Event: ...


class Webhooks:
    """`subscriptions(account_id)` are the account's enabled endpoints; `queue(account_id, event_id)` hints a worker."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        entropy: Entropy,
        *,
        subscriptions: Callable[[str], list[Subscription]],
        queue: Callable[[str, str], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._entropy = entropy
        self._subscriptions = subscriptions
        self._queue = queue
        self._cache: OrderedDict[str, tuple[datetime, list[Subscription]]] = OrderedDict()

    def tell(self, tx: Transaction, account_id: str, event_type: str, data: Mapping[str, Any], *, key: str) -> None:
        """Adds an event to the caller's transaction, if anybody wants it; it is never what a transaction fails by.

        `data` are thin: ids, states, `seq` where a receiver has to order them. `key` names what happened
        (`generation.succeeded:gen_…`): said twice, it is one event with one id, as it was said first. Raises ValueError
        for an unknown type.
        """
        if self._wanted(account_id, event_type):
            event = self._made(account_id, event_type, data, key)
            self._store.add(tx, event)
            tx.after(lambda: self._queue(account_id, event.id))

    def tell_now(self, account_id: str, event_type: str, data: Mapping[str, Any], *, key: str) -> None:
        """The same at once, for what happens in no transaction."""
        if self._wanted(account_id, event_type):
            event = self._store.add_now(self._made(account_id, event_type, data, key))
            self._queue(account_id, event.id)

    def test(self, account_id: str, endpoint_id: str) -> Event:
        """A new event for one endpoint, which is sent to it whatever it wants."""
        now = self._clock.now()
        id_ = new_id("evt", now, self._entropy)
        data = {"id": endpoint_id, "object": "webhook_endpoint"}
        event = self._store.add_now(new_event(account_id, id_, TEST_EVENT, data, now, only=endpoint_id))
        self._queue(account_id, event.id)
        return event

    def forget(self, account_id: str) -> None:
        """The account's endpoints have changed, in this process."""
        self._cache.pop(account_id, None)

    def _made(self, account_id: str, event_type: str, data: Mapping[str, Any], key: str) -> Event:
        return new_event(account_id, event_id(account_id, key), event_type, data, self._clock.now())

    def _wanted(self, account_id: str, event_type: str) -> bool:
        now = self._clock.now()
        cached = self._cache.get(account_id)
        if cached is None or now - cached[0] > CACHE:
            cached = (now, self._subscriptions(account_id))
            self._cache[account_id] = cached
            self._cache.move_to_end(account_id)
            while len(self._cache) > CACHED_ACCOUNTS:
                self._cache.popitem(last=False)
        return any(each.wants(event_type) for each in cached[1])
