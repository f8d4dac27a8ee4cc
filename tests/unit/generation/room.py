"""The generation room over memory: the real ledger, uploads that are always there, and an engine that obeys."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.credits.ledger import Account, Bucket, BucketKind
from chalicelib.generation.ending.service import Ending
from chalicelib.generation.handing.service import Handing
from chalicelib.generation.ordering.order import Order
from chalicelib.generation.ordering.service import Ordering
from chalicelib.generation.ordering.store import KeyTaken
from chalicelib.generation.running.service import Outcome, Running
from chalicelib.generation.service import Generations
from chalicelib.generation.submitting.service import Submitting
from chalicelib.generation.telling.service import Telling
from chalicelib.kernel.errors import Gone
from chalicelib.kernel.principal import ALL_SCOPES, Principal
from chalicelib.outbound.request import Reply
from tests.support.fake_clouds import FakeCloud
from tests.support.fake_credits import FakeCreditsStore
from tests.support.fake_generations import LOST, MODEL, FakeEngine, FakeGenerationStore, NothingThere
from tests.support.fake_ledgers import credits_over
from tests.support.fakes import ManualClock, Memory, entropy
from tests.support.faults import Crash

ACCOUNT = "acct_1"
CALLER = Principal(ACCOUNT, ALL_SCOPES, key_id="key_1")
ORDER = Order(model=MODEL.id, operation="stylize", parameters={"style": 3}, upload_id="upl_1")


class Photos:
    """Uploads as generations see them. `gone` are those that were deleted, `why` is what is said of them."""

    def __init__(self):
        self.gone, self.why = set(), Gone

    def require_ready(self, tx, account_id, upload_id, param, max_pixels):
        if upload_id in self.gone:
            raise Gone

    def photo(self, account_id, upload_id):
        if upload_id in self.gone:
            raise self.why
        return b"photo " + upload_id.encode()


class Doors:
    """Lets everybody in, unless `shut` says how long to wait; notes who came and left."""

    def __init__(self):
        self.shut = {}
        self.inside = set()
        self.words = []

    def enter(self, provider, generation_id, *, limit, until):
        if provider in self.shut:
            return self.shut[provider]
        self.inside.add((provider, generation_id))
        return None

    def is_open(self, provider):
        return provider in self.shut

    def extend(self, provider, generation_id, until):
        self.inside.add((provider, generation_id))

    def leave(self, provider, generation_id, *, worked):
        self.inside.discard((provider, generation_id))
        self.words.append((provider, worked))


class Outbox:
    """Events by their keys, in the order in which they were told."""

    def __init__(self):
        self.told = {}

    def tell(self, tx, account_id, event_type, data, *, key):
        tx.after(lambda: self.told.setdefault(key, (event_type, data)))

    def tell_now(self, account_id, event_type, data, *, key):
        self.told.setdefault(key, (event_type, data))


class Room:
    def __init__(self, assets=100):
        self.memory = Memory()
        self.clock = ManualClock()
        self.store = FakeGenerationStore(self.memory)
        self.books = FakeCreditsStore(self.memory)
        self.ledger = credits_over(self.books, self.clock)
        self.ledger.grant(ACCOUNT, Bucket("bonus", BucketKind.BONUS, assets), cause="bonus", request_id="r")
        self.photos = Photos()
        self.engine = FakeEngine()
        self.doors = Doors()
        self.outbox = Outbox()
        self.queued: list[tuple[str, int]] = []
        self.slept: list[float] = []
        self.puts = []
        self.answers_put = lambda _: Reply(status=200, headers={}, body=b"")
        self.wire()

    def wire(self):
        """The services over all that."""
        transact, tell = self.memory.transact, Telling(self.outbox)
        ending = Ending(self.store, self.ledger, transact, tell=tell, lost=LOST)
        self.ordering = Ordering(
            self.store,
            self.store,
            self.ledger,
            self.photos,
            self.engine,
            transact,
            self.clock,
            entropy(6),
            keyed_hash=lambda purpose, value: hashlib.sha256(f"{purpose}:{value}".encode()).hexdigest(),
            queue=self.queue,
            tell=tell,
            retention_hours=lambda _: 48,
            key_taken=KeyTaken,
        )
        self.generations = Generations(
            self.store,
            self.store,
            ending,
            self.engine,
            self.clock,
            tell=tell,
            queue=self.queue,
            sleep=self.sleep,
            missing=NothingThere,
        )
        submitting = Submitting(
            self.store,
            self.photos,
            self.engine,
            self.doors,
            self.clock,
            callback_url=lambda made: f"https://here.example.com/{made.id}",
            claim=timedelta(seconds=120),
        )
        self.running = Running(
            self.store,
            self.store,
            submitting,
            Handing(self.store, self.send),
            ending,
            self.clock,
            tell=tell,
            queue=self.queue,
            retention_hours=lambda _: 48,
            claim=timedelta(seconds=120),
        )

    def queue(self, made, delay_seconds):
        self.queued.append((made.id, delay_seconds))

    def send(self, request):
        self.puts.append(request)
        return self.answers_put(request)

    def cloud(self, name="cloud", **named):
        """A hosted provider that the catalog knows from now on."""
        self.engine.clouds[name] = FakeCloud(name, **named)
        return self.engine.clouds[name]

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.clock.forward(seconds=seconds)

    def order(self, key="k1", order=ORDER, caller=CALLER, **changes):
        return self.ordering.order(caller, replace(order, **changes), key, "req_1")

    def made(self, n=1, **changes):
        return self.order(f"key-{len(self.store.rows)}", n=n, **changes).generation_id

    def run(self, generation_id, **named):
        return self.running.run(ACCOUNT, generation_id, **named)

    def run_until_done(self, generation_id, looks=80):
        """As its messages and the rescue bring it again; the outcomes."""
        outcomes: list[Outcome] = []
        while self.row(generation_id).finished_at is None:
            assert len(outcomes) < looks, "it does not come to an end"
            outcomes.append(self.run(generation_id))
            self.clock.forward(seconds=max(1, self.queued[-1][1]))
            if outcomes[-1] is Outcome.NOTHING_TO_DO:
                self.rescue()
        return outcomes

    def rescue(self):
        """What one tick of the schedule comes to, by generation."""
        return {place[1]: self.running.look_after(*place) for place in self.running.overdue()}

    def row(self, generation_id):
        return self.store.rows[ACCOUNT, generation_id]

    @property
    def balance(self):
        """(available, held)"""
        now = self.ledger.balance(ACCOUNT)
        return now.available(self.clock.now()), now.held

    def posted(self, generation_id):
        """What the ledger says was used for it, or None while its hold is open."""
        entry = self.books.written.get((ACCOUNT, f"settle#{generation_id}"))
        return dict(entry[0].move.lines).get(Account.USAGE, 0) if entry else None

    def objects_of(self, generation_id):
        return sorted(key for key in self.store.objects if generation_id in key)


def raising(error):
    """A function that takes anything and raises that."""

    def does(*_, **__):
        raise error

    return does


def die_at_commit(room, made):
    """One attempt that writes its results and dies before it can publish them."""

    def die():
        room.memory.before_commit = lambda: None
        raise Crash

    does, room.engine.does = room.engine.does, lambda _: None
    room.memory.before_commit = die
    with pytest.raises(Crash):
        room.run(made)
    room.engine.does = does
