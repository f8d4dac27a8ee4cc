"""The generation room over memory: the real ledger, uploads that are always there, and an engine that obeys."""

import hashlib
from dataclasses import replace

import pytest

from chalicelib.credits.ledger import Account, Bucket, BucketKind
from chalicelib.generation.generation import Order
from chalicelib.generation.running.service import Running
from chalicelib.generation.service import Generations
from chalicelib.generation.store import KeyTaken
from chalicelib.kernel.errors import Gone
from chalicelib.kernel.principal import ALL_SCOPES, Principal
from tests.support.fake_credits import FakeCreditsStore
from tests.support.fake_generations import LOST, MODEL, FakeEngine, FakeGenerationStore
from tests.support.fake_ledgers import credits_over
from tests.support.fakes import ManualClock, Memory, entropy
from tests.support.faults import Crash

ACCOUNT = "acct_1"
CALLER = Principal(ACCOUNT, ALL_SCOPES, key_id="key_1")
ORDER = Order(model=MODEL.id, operation="stylize", parameters={"style": 3}, upload_id="upl_1")


class Photos:
    """Uploads as generations see them. `gone` are those that were deleted."""

    def __init__(self):
        self.gone = set()

    def require_ready(self, tx, account_id, upload_id, param, max_pixels):
        if upload_id in self.gone:
            raise Gone

    def photo(self, account_id, upload_id):
        if upload_id in self.gone:
            raise Gone
        return b"photo " + upload_id.encode()


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
        self.queued: list[tuple[str, ...]] = []
        self.slept: list[float] = []
        self.generations = Generations(
            self.store,
            self.ledger,
            self.photos,
            self.engine,
            self.memory.transact,
            self.clock,
            entropy(6),
            keyed_hash=lambda purpose, value: hashlib.sha256(f"{purpose}:{value}".encode()).hexdigest(),
            queue=lambda *ids: self.queued.append(ids),
            sleep=self.sleep,
            key_taken=KeyTaken,
        )
        self.running = Running(
            self.store,
            self.ledger,
            self.photos,
            self.engine,
            self.memory.transact,
            self.clock,
            queue=lambda *ids: self.queued.append(ids),
            retention_hours=lambda _: 48,
            claim_seconds=120,
            lost=LOST,
        )

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.clock.forward(seconds=seconds)

    def order(self, key="k1", order=ORDER, caller=CALLER, **changes):
        return self.generations.order(caller, replace(order, **changes), key, "req_1")

    def made(self, n=1):
        return self.order(f"key-{len(self.store.rows)}", n=n).generation_id

    def run(self, generation_id):
        return self.running.run(ACCOUNT, generation_id)

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
