"""Use cases of lanes: open them under contention, close them when they run dry, see through them. See `credits.lanes`.

Every way in which assets cross between the balance and lanes is one transaction. Lanes are closed in two steps, so that
no stream of holds can keep a closer waiting: each is shut by a plain write, after which its content is still; then all
of it goes back at once. Whoever meets lanes that are shut closes them.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from chalicelib.credits import lanes as rules
from chalicelib.credits.books import Books
from chalicelib.credits.lanes import Lane, Lanes
from chalicelib.credits.ledger import Balance
from chalicelib.kernel.clock import Clock
from chalicelib.kernel.transaction import Contended, StaleRead, Transact, Transaction

READS = 8
MAX_SEEN = 1000


class LaneStore(Protocol):
    """What these use cases need of `credits.laning.store`."""

    def read(self, account_id: str, spenders: dict[str, tuple[int, int]]) -> dict[str, dict[int, Lane]]: ...
    def open(self, tx: Transaction, account_id: str, spender: str, lanes: Lanes, each: Lane) -> None: ...
    def shut(self, account_id: str, spender: str, lanes: Lanes, index: int) -> None: ...
    def remove(self, tx: Transaction, account_id: str, spender: str, lanes: Lanes) -> None: ...
    def hold(self, tx: Transaction, account_id: str, spender: str, lanes: Lanes, index: int, needed: int) -> None: ...
    def settle(
        self, tx: Transaction, account_id: str, spender: str, lanes: Lanes, index: int, amount: int, back: int
    ) -> None: ...


class NoLanes(Exception):
    """There is not enough to open lanes with, or somebody else has changed what they would be opened from."""


class Laning:
    """`draw(n)` is a number below n, by chance. `max_open` is how many generations a spender may have open."""

    def __init__(
        self,
        books: Books,
        store: LaneStore,
        transact: Transact,
        clock: Clock,
        *,
        draw: Callable[[int], int],
        max_open: int,
    ) -> None:
        self.store = store
        self._books = books
        self._transact = transact
        self._clock = clock
        self._draw = draw
        self._max_open = max_open
        self._seen: set[tuple[str, str]] = set()

    def expected(self, account_id: str, spender: str) -> bool:
        """Whether the spender had lanes when this process last looked: a hint, which saves reading the balance."""
        return (account_id, spender) in self._seen

    def noticed(self, account_id: str, spender: str, lanes: Lanes | None) -> None:
        """What this process has just seen."""
        if lanes is None:
            self._seen.discard((account_id, spender))
        elif len(self._seen) < MAX_SEEN:
            self._seen.add((account_id, spender))

    def open(self, account_id: str, spender: str, needed: int) -> bool:
        """Gives the spender lanes for holds like this one; False if there is not enough, or it was not quick enough."""

        def build(tx: Transaction) -> None:
            now = self._clock.now()
            before = self._books.store.snapshot(account_id, spender=spender)
            known = before.spender(spender)
            balance, moves = self._books.opened(before, now)
            opened = rules.open_lanes(balance, known, spender, needed, max_open=self._max_open, now=now)
            if opened is None or tx.attempt:
                raise NoLanes
            after, laned, each = opened
            self._books.change(tx, before, after, moves, now)
            self._books.store.set_spender(tx, account_id, spender, known, laned)
            if laned.lanes:
                self.store.open(tx, account_id, spender, laned.lanes, each)

        try:
            self._transact(build)
        except (NoLanes, Contended):
            return False
        return True

    def pick(self, account_id: str, spender: str, lanes: Lanes, needed: int, attempt: int) -> int | None:
        """A lane to try, or None if none can pay: at first any, without a look; afterwards one that was seen to pay."""
        if not lanes.usable(self._clock.now()):
            return None
        if not attempt:
            return self._draw(lanes.count)
        found = self._read(account_id, spender, lanes)
        able = [index for index, lane in found.items() if lane.pays(needed)]
        return able[self._draw(len(able))] if able else None

    def is_open(self, account_id: str, spender: str, lanes: Lanes, index: int) -> bool:
        """Whether that lane takes anything."""
        lane = self._read(account_id, spender, lanes).get(index)
        return lane is not None and not lane.closing

    def close(self, account_id: str, spender: str) -> None:
        """Afterwards the spender has no lanes, and what they held is in the balance."""
        self._transact(lambda tx: self._close(tx, account_id, spender))

    def gather(self, account_id: str, balance: Balance) -> None:
        """For a plan that needs all there is in the balance: closes the lanes of everybody who had some when it was
        read, and raises StaleRead, so that it is read again. Nothing happens where there were none."""
        for laned in balance.laned:
            self.close(account_id, laned.spender)
        if balance.laned:
            raise StaleRead("what lanes held is back")

    def whole(self, account_id: str) -> Balance:
        """The balance with what lanes hold. Each item is read consistently; that none moved between the balance and the
        lanes meanwhile is seen by reading the balance again. Raises Contended."""
        balance: Balance = self._books.store.snapshot(account_id).balance
        for _ in range(READS):
            if not balance.laned:
                return balance
            wanted = {laned.spender: (laned.epoch, laned.count) for laned in balance.laned}
            found = self.store.read(account_id, wanted)
            again: Balance = self._books.store.snapshot(account_id).balance
            if again.laned == balance.laned and all(len(found[name]) == count for name, (_, count) in wanted.items()):
                return rules.whole(again, {name: list(lanes.values()) for name, lanes in found.items()})
            balance = again
        raise Contended(f"lanes changed {READS} times while they were read")

    def _close(self, tx: Transaction, account_id: str, spender: str) -> None:
        before = self._books.store.snapshot(account_id, spender=spender)
        known = before.spender(spender)
        if known.lanes is None:
            return
        found = self._read(account_id, spender, known.lanes)
        for index in range(known.lanes.count):
            if index in found and not found[index].closing:
                self.store.shut(account_id, spender, known.lanes, index)
        content = self._read(account_id, spender, known.lanes)
        if len(content) < known.lanes.count or not all(lane.closing for lane in content.values()):
            raise StaleRead(f"the lanes of {spender}")
        now: datetime = self._clock.now()
        balance, closed = rules.close(before.balance, known, spender, list(content.values()))
        self._books.change(tx, before, balance, (), now)
        self._books.store.set_spender(tx, account_id, spender, known, closed)
        self.store.remove(tx, account_id, spender, known.lanes)

    def _read(self, account_id: str, spender: str, lanes: Lanes) -> dict[int, Lane]:
        return self.store.read(account_id, {spender: (lanes.epoch, lanes.count)})[spender]
