"""The ledger's lanes in memory, and its real services over memory. See `tests.support.fakes` for what they stand on."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from chalicelib.credits.books import Books
from chalicelib.credits.lanes import Lane, Lanes, partition
from chalicelib.credits.laning.service import Laning
from chalicelib.credits.paid.service import Paid
from chalicelib.credits.service import Credits
from chalicelib.credits.upkeep.service import Upkeep
from chalicelib.credits.used.service import Usages
from chalicelib.kernel.ids import Entropy
from chalicelib.kernel.transaction import Transaction, stale
from tests.support.fake_credits import FakeCreditsStore, Item
from tests.support.fakes import ManualClock, entropy, write


def _lane_item(place: tuple[str, str, int]) -> Item:
    account_id, spender, index = place
    return Item(partition(account_id, index), f"lane#{spender}")


class FakeLaneStore:
    """`credits.laning.store` over the same memory."""

    def __init__(self, store: FakeCreditsStore) -> None:
        self._all = store
        self._lanes = store.lanes

    def read(self, account_id: str, spenders: dict[str, tuple[int, int]]) -> dict[str, dict[int, Lane]]:
        wanted = [(name, index) for name, (_, count) in spenders.items() for index in range(count)]
        self._all.memory.reads(*(_lane_item((account_id, name, index)) for name, index in wanted))
        found: dict[str, dict[int, Lane]] = {name: {} for name in spenders}
        with self._all.memory.lock:
            for name, (epoch, count) in spenders.items():
                for index in range(count):
                    at, lane = self._lanes.get((account_id, name, index), (0, Lane(0, 0)))
                    if at == epoch:
                        found[name][index] = lane
        return found

    def open(self, tx: Transaction, account_id: str, spender: str, lanes: Lanes, each: Lane) -> None:
        for index in range(lanes.count):
            self._put(tx, (account_id, spender, index), (lanes.epoch, each))

    def _put(self, tx: Transaction, place: tuple[str, str, int], made: tuple[int, Lane]) -> None:
        free = lambda: (place not in self._lanes, None)  # noqa: E731
        tx.add(write(lambda: self._lanes.__setitem__(place, made), free, item=_lane_item(place)))

    def shut(self, account_id: str, spender: str, lanes: Lanes, index: int) -> None:
        place = (account_id, spender, index)
        self._all.memory.reads(_lane_item(place))
        with self._all.memory.lock:
            at, lane = self._lanes.get(place, (0, Lane(0, 0)))
            if at == lanes.epoch:
                self._lanes[place] = (at, replace(lane, closing=True))

    def remove(self, tx: Transaction, account_id: str, spender: str, lanes: Lanes) -> None:
        for index in range(lanes.count):
            self._drop(tx, (account_id, spender, index), lanes.epoch)

    def _drop(self, tx: Transaction, place: tuple[str, str, int], epoch: int) -> None:
        def shut() -> tuple[bool, None]:
            at, lane = self._lanes.get(place, (0, Lane(0, 0)))
            return at == epoch and lane.closing, None

        tx.add(write(lambda: self._lanes.pop(place), shut, item=_lane_item(place)))

    def hold(self, tx: Transaction, account_id: str, spender: str, lanes: Lanes, index: int, needed: int) -> None:
        self._change(tx, (account_id, spender, index), lanes, needed, -needed, needed, -1)

    def settle(
        self, tx: Transaction, account_id: str, spender: str, lanes: Lanes, index: int, amount: int, back: int
    ) -> None:
        self._change(tx, (account_id, spender, index), lanes, 0, back, -amount, 1)

    def _change(
        self, tx: Transaction, place: tuple[str, str, int], lanes: Lanes, floor: int, assets: int, held: int, slots: int
    ) -> None:
        def able() -> tuple[bool, None]:
            at, lane = self._lanes.get(place, (0, Lane(0, 0)))
            enough = lane.assets >= floor and lane.slots + slots >= 0 and lane.held + held >= 0
            return at == lanes.epoch and not lane.closing and enough, None

        def apply() -> None:
            at, lane = self._lanes[place]
            changed = replace(lane, assets=lane.assets + assets, held=lane.held + held, slots=lane.slots + slots)
            self._lanes[place] = (at, changed)

        tx.add(write(apply, able, stale, item=_lane_item(place)))


class Ledgers:
    """The real services of the credits room over memory. `low` are the accounts whose owners were told."""

    def __init__(
        self,
        store: FakeCreditsStore,
        clock: Any,
        *,
        max_open: int = 20,
        chance: Entropy | None = None,
        draw: Callable[[int], int] | None = None,
    ) -> None:
        self.store, self.low = store, list[str]()
        transact = store.memory.transact
        drawn = chance or entropy(1)
        number = draw or (lambda below: int.from_bytes(drawn(4), "big") % below)
        self.books = Books(store, store, drawn, tell_low=self.low.append)
        self.laning = Laning(self.books, FakeLaneStore(store), transact, clock, draw=number, max_open=max_open)
        self.credits = Credits(
            self.books,
            self.laning,
            store,
            transact,
            clock,
            entry_of=lambda entry: entry,
            max_open=max_open,
        )
        self.paid = Paid(self.books, self.laning, store, transact, clock)
        self.upkeep = Upkeep(self.books, self.laning, store, transact, clock, tell_low=self.low.append)
        self.usages = Usages(self.books, store, clock)


def credits_over(store: FakeCreditsStore, clock: ManualClock, *, max_open: int = 20) -> Credits:
    """The real ledger service over memory."""
    return Ledgers(store, clock, max_open=max_open).credits
