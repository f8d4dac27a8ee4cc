"""What was charged, by day, spender and model, in the credits table. Written with each charge, so it cannot differ."""

from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.aws.tables import bind
from chalicelib.credits.lanes import partition, partitions
from chalicelib.credits.used.usage import Used
from chalicelib.kernel.transaction import Transaction, Write, stale


class UsedRow(Model):
    account_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    assets = NumberAttribute(default=0)
    generations = NumberAttribute(default=0)


class UsedStore:
    """What was held in a lane is counted in its place, so that counting conflicts no more than charging does."""

    def __init__(self, table: str) -> None:
        self._rows = bind(UsedRow, table)

    def count(
        self, tx: Transaction, account_id: str, *, day: str, spender: str, model: str, place: int | None, assets: int
    ) -> None:
        """Adds one generation that was charged so many assets. `place`: that of its entries, if it is a lane's."""
        row = self._rows(partition(account_id, place), f"used#{day}#{spender}#{model}")
        actions: tuple[Any, ...] = (UsedRow.assets.add(assets), UsedRow.generations.add(1))
        tx.add(Write("update", row, stale, None, actions))

    def used(
        self, account_id: str, first: str, last: str, after: str | None, limit: int, *, spread: bool
    ) -> list[Used]:
        """By day (of `first` to `last`, both included), spender and model, in that order: up to `limit`, after the
        place `after`; of all places if the account is `spread`."""
        start = f"used#{after}\0" if after else f"used#{first}"
        found: dict[str, Used] = {}
        for at in partitions(account_id, spread=spread):
            rows = self._rows.query(
                at, UsedRow.item.between(start, f"used#{last}~"), consistent_read=True, limit=limit, page_size=limit
            )
            for row in rows:
                _, day, spender, model = row.item.split("#")
                more = Used(day, spender, model, int(row.assets), int(row.generations))
                found[more.place] = found[more.place].plus(more) if more.place in found else more
        return [found[place] for place in sorted(found)[:limit]]
