"""Lanes in the credits table: each is changed by arithmetic under a condition, never by compare-and-set."""

from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.aws.tables import ConditionFailed, bind, read_items, update
from chalicelib.credits.lanes import Lane, Lanes, partition
from chalicelib.kernel.transaction import Transaction, Write, stale

#: As many as one BatchGetItem takes.
MAX_KEYS = 100


class LaneRow(Model):
    account_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    epoch = NumberAttribute()
    assets = NumberAttribute()
    held = NumberAttribute(default=0)
    slots = NumberAttribute()
    closing = NumberAttribute(default=0)


class LaneStore:
    """`index` numbers a spender's lanes from 0."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._lanes = bind(LaneRow, table)

    def read(self, account_id: str, spenders: dict[str, tuple[int, int]]) -> dict[str, dict[int, Lane]]:
        """By spender, of whom (epoch, count) is given: those of the lanes that exist in that epoch, by index."""
        wanted = {
            _key(account_id, name, index): (name, index)
            for name, (_, count) in spenders.items()
            for index in range(count)
        }
        keys = [{"account_id": at, "item": item} for at, item in wanted]
        found: dict[str, dict[int, Lane]] = {name: {} for name in spenders}
        for at in range(0, len(keys), MAX_KEYS):
            for row in read_items(self._table, keys[at : at + MAX_KEYS], lambda _: self._lanes):
                name, index = wanted[row.account_id, row.item]
                if int(row.epoch) == spenders[name][0]:
                    lane = Lane(int(row.assets), int(row.slots), int(row.held), bool(row.closing))
                    found[name][index] = lane
        return found

    def open(self, tx: Transaction, account_id: str, spender: str, lanes: Lanes, each: Lane) -> None:
        for index in range(lanes.count):
            row = self._lanes(
                *_key(account_id, spender, index), epoch=lanes.epoch, assets=each.assets, slots=each.slots
            )
            tx.add(Write("put", row, stale, LaneRow.account_id.does_not_exist()))

    def shut(self, account_id: str, spender: str, lanes: Lanes, index: int) -> None:
        """From here on the lane refuses everything but its removal."""
        try:
            update(
                self._lanes,
                *_key(account_id, spender, index),
                actions=[LaneRow.closing.set(1)],
                condition=LaneRow.epoch == lanes.epoch,
            )
        except ConditionFailed:
            return  # somebody else has closed them meanwhile

    def remove(self, tx: Transaction, account_id: str, spender: str, lanes: Lanes) -> None:
        """All of them; only once each is shut."""
        shut = (LaneRow.epoch == lanes.epoch) & (LaneRow.closing == 1)
        for index in range(lanes.count):
            tx.add(Write("delete", self._lanes(*_key(account_id, spender, index)), stale, shut))

    def hold(self, tx: Transaction, account_id: str, spender: str, lanes: Lanes, index: int, needed: int) -> None:
        """The commit raises StaleRead if the lane is shut, gone, or cannot pay."""
        pays = (LaneRow.assets >= needed) & (LaneRow.slots >= 1)
        actions = (LaneRow.assets.add(-needed), LaneRow.held.add(needed), LaneRow.slots.add(-1))
        self._change(tx, account_id, spender, lanes, index, pays, actions)

    def settle(
        self, tx: Transaction, account_id: str, spender: str, lanes: Lanes, index: int, amount: int, back: int
    ) -> None:
        """The commit raises StaleRead if the lane is shut or gone."""
        actions = (LaneRow.assets.add(back), LaneRow.held.add(-amount), LaneRow.slots.add(1))
        self._change(tx, account_id, spender, lanes, index, LaneRow.held >= amount, actions)

    def _change(
        self,
        tx: Transaction,
        account_id: str,
        spender: str,
        lanes: Lanes,
        index: int,
        condition: Any,
        actions: tuple[Any, ...],
    ) -> None:
        mine = (LaneRow.epoch == lanes.epoch) & (LaneRow.closing == 0)
        tx.add(Write("update", self._lanes(*_key(account_id, spender, index)), stale, mine & condition, actions))


def _key(account_id: str, spender: str, index: int) -> tuple[str, str]:
    """Each lane is in a place of its own, where it shares no partition with another."""
    return partition(account_id, index), f"lane#{spender}"
