"""Fakes of the webhooks room's stores and of what is around it. See `tests.support.fakes` for what they stand on."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.kernel.errors import Conflict, NotFound
from chalicelib.kernel.transaction import Transaction
from chalicelib.outbound.request import Reply, Request
from chalicelib.signing.keys import Purpose, SigningKey, derive
from chalicelib.webhooks.delivering.service import Around, Delivering
from chalicelib.webhooks.delivering.store import GRACE
from chalicelib.webhooks.delivery import MESSAGE_WAIT, Delivery, Status, place
from chalicelib.webhooks.endpoint import MAX_ENDPOINTS, Endpoint, Subscription
from chalicelib.webhooks.event import KEPT, Event
from chalicelib.webhooks.outbox.service import Webhooks
from chalicelib.webhooks.service import Endpoints
from tests.support.fakes import ManualClock, Memory, entropy, write

SECRET = "not a secret, only long enough for one"
ACCOUNT = "acct_1"
URL = "https://hooks.example/in"


class FakeEndpointStore:
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Endpoint] = {}
        self.reads = 0

    def add(self, tx: Transaction, endpoint: Endpoint) -> None:
        def apply() -> None:
            self.rows[endpoint.account_id, endpoint.id] = replace(endpoint, version=1)

        full = lambda _: Conflict("full")  # noqa: E731
        tx.add(write(apply, lambda: (len(self.all(endpoint.account_id)) < MAX_ENDPOINTS, None), full))

    def remove(self, tx: Transaction, endpoint: Endpoint) -> None:
        key = (endpoint.account_id, endpoint.id)
        tx.add(write(lambda: self.rows.pop(key), lambda: (key in self.rows, None), lambda _: NotFound()))

    def get(self, account_id: str, endpoint_id: str) -> Endpoint | None:
        return self.rows.get((account_id, endpoint_id))

    def all(self, account_id: str) -> list[Endpoint]:
        return sorted((e for (owner, _), e in self.rows.items() if owner == account_id), key=lambda e: e.id)[::-1]

    def subscriptions(self, account_id: str) -> list[Subscription]:
        self.reads += 1
        return [Subscription(each.id, each.events) for each in self.all(account_id) if each.enabled]

    def save(self, before: Endpoint, after: Endpoint) -> Endpoint | None:
        known = self.rows.get((before.account_id, before.id))
        if known is None or known.version != before.version:
            return None
        kept = replace(after, version=before.version + 1, last_success_at=known.last_success_at)
        self.rows[before.account_id, before.id] = kept
        return kept

    def touch(self, endpoint: Endpoint, now: datetime) -> None:
        key = (endpoint.account_id, endpoint.id)
        if key in self.rows:
            self.rows[key] = replace(self.rows[key], last_success_at=now)


class FakeEventStore:
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], Event] = {}
        self.due_at: dict[tuple[str, str], datetime] = {}

    def add(self, tx: Transaction, event: Event) -> None:
        tx.add(write(lambda: self.add_now(event), lambda: (True, None)))

    def add_now(self, event: Event) -> Event:
        key = (event.account_id, event.id)
        self.due_at.setdefault(key, event.created_at + timedelta(seconds=60))
        return self.rows.setdefault(key, event)

    def get(self, account_id: str, event_id: str) -> Event | None:
        return self.rows.get((account_id, event_id))

    def end(self, event: Event) -> None:
        self.due_at.pop((event.account_id, event.id), None)

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        return [key for key, at in self.due_at.items() if at <= now][:limit]

    def postpone(self, account_id: str, event_id: str, now: datetime, until: datetime) -> bool:
        if self.due_at.get((account_id, event_id), until) > now:
            return False
        self.due_at[account_id, event_id] = until
        return True


class FakeDeliveryStore:
    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, str], Delivery] = {}
        self.due_at: dict[tuple[str, str, str], datetime] = {}

    def add(self, made: Delivery, now: datetime) -> bool:
        if self._key(made) in self.rows:
            return False
        self._put(made, now)
        return True

    def get(self, account_id: str, endpoint_id: str, event_id: str, at: datetime) -> Delivery | None:
        return self.rows.get((account_id, endpoint_id, event_id))

    def save(self, before: Delivery, after: Delivery, now: datetime) -> Delivery | None:
        if self.rows[self._key(before)].version != before.version:
            return None
        stored = replace(after, version=before.version + 1)
        self._put(stored, now)
        return stored

    def newest(
        self, account_id: str, endpoint_id: str, now: datetime, *, before: str | None, limit: int
    ) -> list[Delivery]:
        own = [row for row in self.rows.values() if (row.account_id, row.endpoint_id) == (account_id, endpoint_id)]
        kept = [row for row in own if row.at >= now - KEPT and (before is None or place(row) < before)]
        return sorted(kept, key=place, reverse=True)[:limit]

    def due(self, now: datetime, limit: int) -> list[tuple[str, str, str, datetime]]:
        return [(*key, self.rows[key].at) for key, at in self.due_at.items() if at <= now][:limit]

    def postpone(self, account_id: str, endpoint_id: str, event_id: str, at: datetime, now: datetime) -> bool:
        key = (account_id, endpoint_id, event_id)
        if self.due_at.get(key, now + GRACE) > now:
            return False
        self.due_at[key] = now + GRACE
        return True

    def _put(self, made: Delivery, now: datetime) -> None:
        key = self._key(made)
        self.rows[key] = made
        self.due_at.pop(key, None)
        if made.status is Status.PENDING:
            due_at = max(made.next_at or now, made.claimed_until or now)
            self.due_at[key] = due_at + (GRACE if due_at - now <= MESSAGE_WAIT else timedelta(0))

    def _key(self, made: Delivery) -> tuple[str, str, str]:
        return made.account_id, made.endpoint_id, made.event_id


@dataclass
class Mailbox:
    """Everything that left the room: messages with the time from which they are seen, and mails."""

    clock: ManualClock
    messages: list[tuple[datetime, tuple[str, ...]]] = field(default_factory=list)
    mails: list[tuple[str, str, str]] = field(default_factory=list)

    def queue(self, account_id: str, event_id: str, endpoint_id: str | None = None, delay_seconds: int = 0) -> None:
        ids = (account_id, event_id, *([endpoint_id] if endpoint_id else []))
        self.messages.append((self.clock.now() + timedelta(seconds=delay_seconds), ids))

    def notify(self, account_id: str, notice: str, ref: str) -> None:
        self.mails.append((account_id, notice, ref))

    def take(self) -> list[tuple[str, ...]]:
        """The messages that can be seen now."""
        seen = [ids for at, ids in self.messages if at <= self.clock.now()]
        self.messages = [message for message in self.messages if message[0] > self.clock.now()]
        return seen


class Receivers:
    """What is at the other end: a status or an error by URL, for each request in turn; the last one stays."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Any]] = {}
        self.requests: list[Request] = []
        self.meanwhile: Callable[[Request], None] = lambda _: None

    def will(self, *answers: Any, url: str = URL) -> None:
        self.answers[url] = list(answers)

    def __call__(self, request: Request) -> Reply:
        self.requests.append(request)
        self.meanwhile(request)
        answers = self.answers.get(request.url, [200])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer if isinstance(answer, Reply) else Reply(status=answer, headers={}, body=b"")


class Room:
    """The whole room on memory."""

    def __init__(self, extra: float = 0.0) -> None:
        self.clock = ManualClock()
        self.memory = Memory()
        self.endpoint_store = FakeEndpointStore()
        self.event_store = FakeEventStore()
        self.delivery_store = FakeDeliveryStore()
        self.mailbox = Mailbox(self.clock)
        self.receivers = Receivers()
        self.extra = extra
        self.keys: Callable[[], list[SigningKey]] = lambda: [derive(SECRET, Purpose.WEBHOOKS)]
        draw = entropy(7)
        self.outbox = Webhooks(
            self.event_store,
            self.clock,
            draw,
            subscriptions=self.endpoint_store.subscriptions,
            queue=self.mailbox.queue,
        )
        self.endpoints = Endpoints(
            self.endpoint_store,
            self.event_store,
            self.delivery_store,
            self.outbox,
            self.memory.transact,
            self.clock,
            draw,
            check=lambda _: None,
            queue=self.mailbox.queue,
        )
        around = Around(
            send=self.receivers,
            keys=self._keys,
            queue=self.mailbox.queue,
            jitter=lambda ceiling: self.extra * ceiling,
            token=lambda: draw(8).hex(),
            tell_now=self.outbox.tell_now,
            notify=self.mailbox.notify,
            changed=self.outbox.forget,
        )
        self.delivering = Delivering(self.event_store, self.delivery_store, self.endpoint_store, self.clock, around)

    def _keys(self) -> list[SigningKey]:
        return self.keys()

    def endpoint(self, url: str = URL, **members: Any) -> Endpoint:
        given: dict[str, Any] = {"events": None, "description": ""}
        return self.endpoints.create(ACCOUNT, url, **given | members)

    def tell(self, key: str = "generation.succeeded:gen_1", event_type: str = "generation.succeeded") -> None:
        self.outbox.tell_now(ACCOUNT, event_type, {"id": "gen_1", "seq": 3}, key=key)

    def work(self) -> list[str]:
        """Handles messages until none is there to be seen; what came of each."""
        outcomes = []
        while messages := self.mailbox.take():
            for ids in messages:
                act = self.delivering.spread if len(ids) == 2 else self.delivering.deliver
                outcomes.append(act(*ids))
        return outcomes

    def sweep(self) -> list[str]:
        return [self.delivering.queue_again(*found) for found in self.delivering.overdue()]

    def pass_time(self, **by: float) -> list[str]:
        """Minutes pass, each with a tick of the schedule and the work that there is; what came of it."""
        outcomes: list[str] = []
        until = self.clock.now() + timedelta(**by)
        while self.clock.now() < until:
            self.clock.forward(minutes=1)
            self.sweep()
            outcomes += self.work()
        return outcomes

    def delivery(self, endpoint: Endpoint) -> Delivery:
        (found,) = self.delivery_store.newest(ACCOUNT, endpoint.id, self.clock.now(), before=None, limit=9)
        return found

    def now(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint as it is stored."""
        return self.endpoint_store.rows[ACCOUNT, endpoint.id]
