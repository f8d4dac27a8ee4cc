"""How many holds a second one account takes, by the model of `tests.bench.virtual`: the real ledger in virtual time."""

import random
import statistics
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from chalicelib.credits.caps import KeyCapReached
from chalicelib.credits.ledger import Account, Bucket, BucketKind
from chalicelib.kernel.errors import InsufficientAssets
from chalicelib.kernel.transaction import Contended
from tests.bench.table import Row, emit
from tests.bench.virtual import COMMIT_SECONDS, READ_SECONDS, Table, Timeline
from tests.support.fake_credits import FakeCreditsStore
from tests.support.fake_ledgers import Ledgers
from tests.support.fakes import entropy

ACCOUNT = "acct_1"
SETTLING = 2.0
#: A bare read and a bare TransactWriteItems.
FLOOR = (READ_SECONDS + COMMIT_SECONDS) * 1000
threading.stack_size(256 * 1024)


@dataclass
class Outcome:
    """What came of a run. `false` are refusals though there was enough all the while; `overspent` is never above 0."""

    offered: int = 0
    accepted: int = 0
    gave_up: int = 0
    refused: int = 0
    false: int = 0
    overspent: int = 0
    stranded: int = 0
    seconds: float = 0.0
    holds: list[float] = field(default_factory=list)
    posts: list[float] = field(default_factory=list)
    late: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        """Once the first SETTLING seconds are over, in which lanes are opened."""
        return self.late / (self.seconds - SETTLING)


@dataclass(frozen=True)
class Load:
    """Holds that come by chance, `rate` a second for `seconds`, of 1 to 8 assets, by so many keys; posted after `work`
    seconds, or never."""

    rate: float
    seconds: float
    assets: int
    keys: int = 1
    work: float | None = None
    lanes: bool = True
    seed: int = 1


def simulate(load: Load) -> Outcome:
    """Runs the load against the real services."""
    timeline, chance = Timeline(), random.Random(load.seed)
    table = Table(timeline, load.seed)
    books = Ledgers(
        FakeCreditsStore(table), timeline, max_open=100_000, chance=entropy(load.seed), draw=chance.randrange
    )
    if not load.lanes:
        books.laning.open = lambda *_: False  # type: ignore[method-assign]
    outcome = Outcome()
    timeline.start(lambda: _grant(books, load.assets), 0.0)
    timeline.run()
    start = at = timeline.seconds + 1.0
    number = 0
    while (at := at + chance.expovariate(load.rate)) < start + load.seconds:
        number += 1
        name, spender = f"gen_{number}", f"key_{number % load.keys}"
        order = Order(books, table, outcome, name, chance.randint(1, 8), spender, load.work, at - start)
        timeline.start(order.run, at)
    outcome.offered = number
    timeline.run()
    outcome.seconds, outcome.counts = load.seconds, dict(table.counts)
    _audit(books, table, load, outcome)
    return outcome


def _grant(books: Ledgers, assets: int) -> None:
    books.credits.grant(ACCOUNT, Bucket("bonus", BucketKind.BONUS, assets), cause="bonus", request_id="r")


@dataclass
class Order:
    """One caller: holds, works, posts."""

    books: Ledgers
    table: Table
    outcome: Outcome
    name: str
    assets: int
    spender: str
    work: float | None
    at: float

    def run(self) -> None:
        timeline: Timeline = self.table.timeline
        who: dict[str, Any] = {"spender": self.spender, "request_id": "r"}
        began, least = timeline.seconds, self._available()
        try:
            lane = self.table.transact(lambda tx: self.books.credits.hold(tx, ACCOUNT, self.name, self.assets, **who))
        except (InsufficientAssets, KeyCapReached):
            self.outcome.refused += 1
            # Holds only take, so what is there now was there all the while.
            self.outcome.false += min(least, self._available()) >= self.assets
            return
        except Contended:
            self.outcome.gave_up += 1
            return
        self.outcome.accepted += 1
        self.outcome.late += self.at >= SETTLING
        self.outcome.holds.append(timeline.seconds - began)
        if self.work is None:
            return
        timeline.sleep(self.work)
        began = timeline.seconds
        settle = lambda tx: self.books.credits.settle(  # noqa: E731
            tx, ACCOUNT, self.name, self.assets, lane=lane, model="a/b", **who
        )
        while True:
            try:
                self.table.transact(settle)
            except Contended:
                continue  # the queue brings it again
            break
        self.outcome.posts.append(timeline.seconds - began)

    def _available(self) -> int:
        store = self.books.store
        inside = sum(lane.assets for _, lane in store.lanes.values())
        return sum(bucket.assets for bucket in store.balances[ACCOUNT][1].buckets) + inside


def _audit(books: Ledgers, table: Table, load: Load, outcome: Outcome) -> None:
    totals: Counter[Account] = Counter()
    for entry, _ in books.store.written.values():
        totals.update(dict(entry.move.lines))
    store = books.store
    lanes = [lane for _, lane in store.lanes.values()]
    _, balance = store.balances[ACCOUNT]
    left = sum(bucket.assets for bucket in balance.buckets) + sum(lane.assets for lane in lanes)
    held = balance.held + sum(lane.held for lane in lanes)
    assert (totals[Account.AVAILABLE], totals[Account.HELD]) == (left, held), "the entries and the items differ"
    assert sum(totals.values()) == 0
    outcome.overspent = max(0, totals[Account.HELD] + totals[Account.USAGE] - load.assets) + max(0, -left)
    outcome.stranded = sum(lane.assets for lane in lanes)


def milliseconds(times: list[float], share: float) -> float:
    return sorted(times)[int(share * (len(times) - 1))] * 1000 if times else 0.0


def main() -> None:
    """One balance item, lanes of one key, lanes of twenty keys; holds alone, and with their posts; down to nothing."""
    rows, done = list[Row](), Outcome()
    plenty = 10_000_000
    one = simulate(Load(150, 6, plenty, lanes=False))
    for name, load in (
        ("holds a second: one key", Load(1000, 8, plenty)),
        ("holds a second: twenty keys", Load(1000, 8, plenty, keys=20)),
        ("holds a second, each posted: one key", Load(800, 6, plenty, work=0.5)),
    ):
        done = simulate(load)
        assert done.overspent == done.false == 0
        rows.append(Row(name, done.per_second, one.per_second, "/s", "one balance item, in transactions", told(done)))
    rows.append(Row("milliseconds of a hold in a lane", milliseconds(done.holds, 0.5), FLOOR, "ms", "read, commit"))
    rows.append(_drained())
    emit(rows)


def told(done: Outcome) -> str:
    """What the run consisted of."""
    posts = f"; post {milliseconds(done.posts, 0.5):.0f} ms at the median" if done.posts else ""
    return (
        f"accepted {done.accepted} of {done.offered}, told to come again {done.gave_up} while lanes opened; "
        f"hold {milliseconds(done.holds, 0.5):.0f} ms at the median, {milliseconds(done.holds, 0.99):.0f} ms at 99 %"
        f"{posts}; overspent {done.overspent}, refused falsely {done.false}; {done.counts}"
    )


def _drained() -> Row:
    """Twice as much is asked for as there is, at 500 a second: whatever can be paid is, and nothing else."""
    assets = 5000
    runs = [simulate(Load(500, 2 * assets / 4.5 / 500, assets, keys=4, seed=seed)) for seed in range(3)]
    assert sum(run.overspent + run.false for run in runs) == 0
    paid = statistics.mean(run.accepted for run in runs)
    refused = statistics.mean(run.refused for run in runs)
    left = max(run.stranded for run in runs)
    detail = (
        f"{paid:.0f} paid, {refused:.0f} refused on average; overspent 0, refused falsely 0, in lanes at the end {left}"
    )
    name = "calls per hold while 5,000 assets run out"
    calls = [(run.counts["read"] + run.counts["commit"]) / max(1, run.offered) for run in runs]
    return Row(name, statistics.mean(calls), 2, "calls", "read the balance, commit", detail)


if __name__ == "__main__":
    main()
