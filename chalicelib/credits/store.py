"""The credits table: one balance item and one counter per key and account, and the moves, which never change.

Lanes, payments and usage by day are in the same table and have stores of their own.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, LocalSecondaryIndex
from pynamodb.models import Model

from chalicelib.aws.tables import bind, get, read_items
from chalicelib.credits.books import Kept
from chalicelib.credits.caps import Cap, Usage, Window
from chalicelib.credits.lanes import Lanes, Spender, partition, partitions, place_of
from chalicelib.credits.ledger import (
    Account,
    Balance,
    Bucket,
    BucketKind,
    Entry,
    Laned,
    Move,
    MoveKind,
    Part,
    next_expiry,
)
from chalicelib.kernel.clock import epoch_millis, from_epoch
from chalicelib.kernel.transaction import Transaction, Write, stale

BALANCE = "balance"
#: What the `due` index calls balances with a bucket that ends.
EXPIRY = "expiry"


class ByTime(LocalSecondaryIndex[Any]):
    """Moves of an account in the order they were made; as consistent as the table itself."""

    class Meta:
        index_name = "by-time"
        projection = AllProjection()

    account_id = UnicodeAttribute(hash_key=True)
    entry_id = UnicodeAttribute(range_key=True)


class BalanceRow(Model):
    account_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True, default=BALANCE)
    version = NumberAttribute(default=0)
    held = NumberAttribute(default=0)
    debt = NumberAttribute(default=0)
    buckets = JSONAttribute(default=list)
    laned = JSONAttribute(null=True)
    low_at = NumberAttribute(null=True)
    low = NumberAttribute(default=0)
    spread = NumberAttribute(default=0)
    due = UnicodeAttribute(null=True)
    due_at = NumberAttribute(null=True)


class SpenderRow(Model):
    account_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    version = NumberAttribute(default=0)
    open = NumberAttribute(default=0)
    day = UnicodeAttribute(default="")
    in_day = NumberAttribute(default=0)
    in_month = NumberAttribute(default=0)
    in_lifetime = NumberAttribute(default=0)
    cap = JSONAttribute(null=True)
    cap_at = NumberAttribute(null=True)
    ended = NumberAttribute(default=0)
    lanes = JSONAttribute(null=True)


class MoveRow(Model):
    account_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    entry_id = UnicodeAttribute()
    at = NumberAttribute()
    kind = UnicodeAttribute()
    cause = UnicodeAttribute()
    lines = JSONAttribute()
    parts = JSONAttribute(default=list)
    spender = UnicodeAttribute(default="")
    day = UnicodeAttribute(default="")
    lane = UnicodeAttribute(default="")
    reason = UnicodeAttribute(default="")
    request_id = UnicodeAttribute(default="")
    by_time = ByTime()


class Snapshot:
    """What one consistent read found: the balance, the counter of one key, and the moves asked for."""

    def __init__(self, account_id: str, rows: dict[str, Any]) -> None:
        self.account_id = account_id
        self._rows = rows

    @property
    def balance(self) -> Balance:
        row = self._rows.get(BALANCE)
        if row is None:
            return Balance()
        return Balance(
            tuple(_bucket(b) for b in row.buckets),
            int(row.held),
            int(row.debt),
            tuple(Laned(*laned) for laned in row.laned or ()),
            int(row.low_at) if row.low_at is not None else None,
            bool(row.low),
            bool(row.spread),
        )

    @property
    def version(self) -> int:
        row = self._rows.get(BALANCE)
        return int(row.version) if row else 0

    def spender(self, spender: str) -> Spender:
        row = self._rows.get(_spender_item(spender))
        if row is None:
            return Spender()
        counted = Usage(int(row.open), row.day, int(row.in_day), int(row.in_month), int(row.in_lifetime))
        cap = Cap(row.cap[0], Window(row.cap[1])) if row.cap else None
        lanes = Lanes(row.lanes[0], row.lanes[1], _bucket(row.lanes[2]), row.lanes[3]) if row.lanes else None
        return Spender(counted, cap, bool(row.ended), lanes, int(row.version))

    def move(self, key: str) -> Kept | None:
        row = self._rows.get(_move_item(key))
        return Kept(_move(row), row.day) if row else None


class CreditsStore:
    """Reads are consistent; writes are added to the caller's transaction, planned from a Snapshot."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._balances = bind(BalanceRow, table)
        self._spenders = bind(SpenderRow, table)
        self._moves = bind(MoveRow, table)

    def snapshot(
        self,
        account_id: str,
        *,
        spender: str = "",
        moves: tuple[str, ...] = (),
        placed: bool = False,
        balance: bool = True,
    ) -> Snapshot:
        """One BatchGetItem, or one GetItem when only the balance is asked for. `placed`: the moves are in a place."""
        wanted: dict[tuple[str, str], Any] = {(account_id, BALANCE): self._balances} if balance else {}
        if spender:
            wanted[account_id, _spender_item(spender)] = self._spenders
        for key in moves:
            at = _place(account_id, key.partition("#")[2]) if placed else account_id
            wanted[at, _move_item(key)] = self._moves
        if list(wanted) == [(account_id, BALANCE)]:
            row = get(self._balances, account_id, BALANCE)
            return Snapshot(account_id, {BALANCE: row} if row else {})
        keys = [{"account_id": at, "item": item} for at, item in wanted]
        found = read_items(self._table, keys, lambda raw: wanted[raw["account_id"]["S"], raw["item"]["S"]])
        return Snapshot(account_id, {row.item: row for row in found})

    def open(self, tx: Transaction, account_id: str) -> None:
        """The empty balance of a new account."""
        row = self._balances(account_id, BALANCE)
        tx.add(Write("put", row, stale, BalanceRow.account_id.does_not_exist()))

    def set_balance(self, tx: Transaction, before: Snapshot, after: Balance) -> None:
        kept = bool(after.held or after.laned)  # what is held or in lanes may have to go back to any bucket
        buckets = tuple(bucket for bucket in after.buckets if bucket.assets or kept)
        ends = next_expiry(after)
        row = self._balances(
            before.account_id,
            BALANCE,
            version=before.version + 1,
            held=after.held,
            debt=after.debt,
            buckets=[_plain(bucket) for bucket in buckets],
            laned=[[one.spender, one.epoch, one.count, one.bucket_id] for one in after.laned] or None,
            low_at=after.low_at,
            low=int(after.low),
            spread=int(after.spread),
            due=EXPIRY if ends else None,
            due_at=epoch_millis(ends) if ends else None,
        )
        unchanged = BalanceRow.version == before.version
        if before.version == 0:
            unchanged = BalanceRow.account_id.does_not_exist() | unchanged
        tx.add(Write("put", row, stale, unchanged))

    def add_move(
        self,
        tx: Transaction,
        account_id: str,
        move: Move,
        *,
        entry_id: str,
        at: datetime,
        refusal: Callable[[Any], Exception],
        **details: Any,
    ) -> None:
        """`details` are spender, day, lane and request_id, where there are any; with `lane`, it goes to its place."""
        row = self._moves(
            _place(account_id, move.cause) if details.get("lane") else account_id,
            _move_item(move.key),
            entry_id=entry_id,
            at=epoch_millis(at),
            kind=move.kind.value,
            cause=move.cause,
            lines=[[account.value, amount] for account, amount in move.lines],
            parts=[[part.bucket_id, part.assets] for part in move.parts],
            reason=move.reason,
            **details,
        )
        tx.add(Write("put", row, refusal, MoveRow.account_id.does_not_exist()))

    def set_spender(self, tx: Transaction, account_id: str, spender: str, before: Spender, after: Spender) -> None:
        """Counter and lanes; cap and end are left as they are."""
        row = self._spenders(account_id, _spender_item(spender))
        usage, lanes = after.usage, after.lanes
        actions = [
            SpenderRow.open.set(usage.open),
            SpenderRow.day.set(usage.day),
            SpenderRow.in_day.set(usage.in_day),
            SpenderRow.in_month.set(usage.in_month),
            SpenderRow.in_lifetime.set(usage.in_lifetime),
            SpenderRow.version.set(before.version + 1),
        ]
        if lanes:
            actions.append(SpenderRow.lanes.set([lanes.epoch, lanes.count, _plain(lanes.bucket), lanes.day]))
        elif before.lanes:
            actions.append(SpenderRow.lanes.remove())
        unchanged: Any = SpenderRow.version == before.version
        if before.version == 0:
            unchanged = SpenderRow.version.does_not_exist()
        tx.add(Write("update", row, stale, unchanged, tuple(actions)))

    def set_key(
        self, tx: Transaction, account_id: str, spender: str, *, cap: Cap | None, ended: bool, at: datetime
    ) -> None:
        """The key's cap, since when, and whether it may still spend; counters are left as they are."""
        row = self._spenders(account_id, _spender_item(spender))
        actions = [SpenderRow.ended.set(int(ended)), SpenderRow.version.add(1), SpenderRow.cap_at.set(epoch_millis(at))]
        actions.append(SpenderRow.cap.set([cap.assets, cap.window.value]) if cap else SpenderRow.cap.remove())
        tx.add(Write("update", row, stale, None, tuple(actions)))

    def moves(self, account_id: str, *, before: str | None, limit: int, spread: bool) -> list[Any]:
        """Rows of moves, newest first, older than the entry `before`; of all places if the account is `spread`."""
        condition = ByTime.entry_id < before if before else None
        found: list[Any] = []
        for at in partitions(account_id, spread=spread):
            found += self._moves.by_time.query(
                at, condition, scan_index_forward=False, limit=limit, consistent_read=True
            )
        return sorted(found, key=lambda row: str(row.entry_id), reverse=True)[:limit]


def entry_of(row: Any) -> Entry:
    """The move as its account sees it."""
    return Entry(row.entry_id, from_epoch(int(row.at) / 1000), _move(row), row.spender or "", row.request_id or "")


def _place(account_id: str, generation_id: str) -> str:
    return partition(account_id, place_of(generation_id))


def _spender_item(spender: str) -> str:
    return f"usage#{spender}"


def _move_item(key: str) -> str:
    return f"move#{key}"


def _plain(bucket: Bucket) -> list[Any]:
    ends = int(bucket.expires_at.timestamp()) if bucket.expires_at else None
    return [bucket.id, bucket.kind.value, bucket.assets, ends]


def _bucket(plain: list[Any]) -> Bucket:
    return Bucket(plain[0], BucketKind(plain[1]), plain[2], from_epoch(plain[3]) if plain[3] else None)


def _move(row: Any) -> Move:
    return Move(
        row.item.removeprefix("move#"),
        MoveKind(row.kind),
        row.cause,
        tuple((Account(account), amount) for account, amount in row.lines),
        tuple(Part(bucket_id, amount) for bucket_id, amount in row.parts or []),
        row.reason or "",
    )
