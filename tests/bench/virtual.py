"""Virtual time for the real services: many callers as threads of which one runs at a time, and a model of DynamoDB.

The model. A partition key has 1,000 units of write and 3,000 of read a second, with a tenth of a second to spare; an
entry is in the index too, and pays twice. A transaction pays two units an item, also when it is refused; it has its
items for LOCK_SECONDS, and whoever comes meanwhile gets a conflict. What is read is at most 4 KB an item, what is
written at most 1 KB. These are DynamoDB's published limits and rules, and times of a warm client in the same region. No
line of the ledger is modelled: its services run as they are, with the attempts and waits of `aws.tables`.
"""

import heapq
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib.aws.tables import COMMIT_ATTEMPTS, FIRST_WAIT_SECONDS, STALE_ATTEMPTS
from chalicelib.kernel.transaction import Contended, Result, StaleRead, Transaction
from tests.support.fake_credits import Item
from tests.support.fakes import NOON, Memory

LOCK_SECONDS = 0.005
COMMIT_SECONDS = 0.009
REFUSED_SECONDS = 0.004
READ_SECONDS = 0.004
WRITE_UNITS, READ_UNITS, SPARE_SECONDS = 1000.0, 3000.0, 0.1


class Timeline:
    """Callers are threads; exactly one of them runs, until it sleeps. Time goes to whoever wakes first."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._asleep: list[tuple[float, int, threading.Semaphore]] = []
        self._count = 0
        self._done = threading.Semaphore(0)
        self._running = 0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    def start(self, act: Callable[[], None], at: float) -> None:
        """`act` begins at that second."""
        turn = self._enter(at)
        self._running += 1

        def run() -> None:
            turn.acquire()
            try:
                act()
            finally:
                self._running -= 1
                self._next()

        threading.Thread(target=run, daemon=True).start()

    def sleep(self, seconds: float) -> None:
        turn = self._enter(self.seconds + seconds)
        self._next()
        turn.acquire()

    def run(self) -> None:
        """Until every caller is done."""
        self._next()
        self._done.acquire()

    def _enter(self, at: float) -> threading.Semaphore:
        turn = threading.Semaphore(0)
        self._count += 1
        heapq.heappush(self._asleep, (at, self._count, turn))
        return turn

    def _next(self) -> None:
        if self._asleep:
            self.seconds, _, turn = heapq.heappop(self._asleep)
            turn.release()
        elif not self._running:
            self._done.release()


@dataclass
class Meter:
    """What one partition key has left to give."""

    rate: float
    left: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        self.left = self.rate * SPARE_SECONDS

    def take(self, now: float, units: float) -> bool:
        self.left = min(self.rate * SPARE_SECONDS, self.left + (now - self.at) * self.rate)
        self.at = now
        if self.left < units:
            return False
        self.left -= units
        return True


class Table(Memory):
    """`Memory` with the times, limits and conflicts of the model. `counts` says what happened how often."""

    def __init__(self, timeline: Timeline, seed: int) -> None:
        super().__init__()
        self.timeline = timeline
        self.chance = random.Random(seed)
        self.counts: dict[str, int] = dict.fromkeys(("read", "commit", "conflict", "throttle", "stale"), 0)
        self._locked: dict[Item, float] = {}
        self._writes: dict[str, Meter] = {}
        self._reads: dict[str, Meter] = {}
        self.reads = self._read

    def transact(self, build: Callable[[Transaction], Result]) -> Result:
        """As `aws.tables.transact`: the same attempts, the same waits."""
        stale = busy = 0
        while stale < STALE_ATTEMPTS and busy < COMMIT_ATTEMPTS:
            tx = Transaction(stale + busy)
            try:
                result = build(tx)
                if self._offer(tx) == "commit":
                    self.timeline.sleep(COMMIT_SECONDS)
                    return result
                busy += 1
            except StaleRead:
                self.counts["stale"] += 1
                stale += 1
            wait = self.chance.random() * FIRST_WAIT_SECONDS * 2 ** min(stale + busy - 1, 5)
            self.timeline.sleep(REFUSED_SECONDS + wait)
        raise Contended("stale or busy")

    def _offer(self, tx: Transaction) -> str:
        now, items = self.timeline.seconds, [item for write in tx.writes for item in write.actions]
        outcome = "commit"
        needed: dict[str, float] = {}
        for item in items:
            needed[item.partition] = needed.get(item.partition, 0.0) + (4.0 if _indexed(item) else 2.0)
        if not all(self._meter(self._writes, at, WRITE_UNITS).take(now, units) for at, units in needed.items()):
            outcome = "throttle"
        elif any(self._locked.get(item, 0.0) > now for item in items):
            outcome = "conflict"
        self.counts[outcome] += 1
        if outcome == "commit":
            self._commit(tx)
            self.touched.clear()
            self.commits.clear()
            self._locked.update(dict.fromkeys(items, now + LOCK_SECONDS))
        return outcome

    def _read(self, *items: Any) -> None:
        for _ in range(COMMIT_ATTEMPTS):
            self.timeline.sleep(READ_SECONDS)
            units: dict[str, float] = {}
            for item in items:
                units[item.partition] = units.get(item.partition, 0.0) + 1.0
            now = self.timeline.seconds
            if all(self._meter(self._reads, at, READ_UNITS).take(now, count) for at, count in units.items()):
                self.counts["read"] += 1
                return
            self.counts["throttle"] += 1
            self.timeline.sleep(self.chance.random() * FIRST_WAIT_SECONDS)
        raise Contended("reads")

    def _meter(self, meters: dict[str, Meter], at: str, rate: float) -> Meter:
        if at not in meters:
            meters[at] = Meter(rate)
        return meters[at]


def _indexed(item: Item) -> bool:
    """Entries of the ledger are in the index by time too; checks, balances, counters and lanes are not."""
    return item.name.startswith(("hold#", "settle#", "grant#", "expire#"))
