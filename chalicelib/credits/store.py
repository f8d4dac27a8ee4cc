"""The credits table: one balance item and one counter per key and account, and the moves, which never change."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, LocalSecondaryIndex
from pynamodb.models import Model

from chalicelib.aws.tables import bind, get, read_items
from chalicelib.credits.caps import Cap, Usage, Window
from chalicelib.credits.ledger import Account, Balance, Bucket, BucketKind, Entry, Move, MoveKind, Part
from chalicelib.kernel.clock import from_epoch
from chalicelib.kernel.transaction import Transaction, Write, stale

BALANCE = "balance"


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


class KeyUsageRow(Model):
    account_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    version = NumberAttribute(default=0)
    open = NumberAttribute(default=0)
    window = UnicodeAttribute(default="")
    spent = NumberAttribute(default=0)
    cap = JSONAttribute(null=True)
    ended = NumberAttribute(default=0)


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
    window = UnicodeAttribute(default="")
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
        return Balance(tuple(_bucket(b) for b in row.buckets), int(row.held), int(row.debt))

    @property
    def version(self) -> int:
        row = self._rows.get(BALANCE)
        return int(row.version) if row else 0

    def usage_row(self, spender: str) -> Any | None:
        return self._rows.get(_usage_item(spender))

    def move(self, key: str) -> tuple[Move, str] | None:
        """The move, and the name of the cap's window it was counted in."""
        row = self._rows.get(_move_item(key))
        return (_move(row), str(row.window)) if row else None


class CreditsStore:
    """Reads are consistent; writes are added to the caller's transaction, planned from a Snapshot."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._balances = bind(BalanceRow, table)
        self._usages = bind(KeyUsageRow, table)
        self._moves = bind(MoveRow, table)

    def snapshot(self, account_id: str, *, spender: str = "", moves: tuple[str, ...] = ()) -> Snapshot:
        """One BatchGetItem, or one GetItem when only the balance is asked for."""
        wanted: dict[str, Any] = {BALANCE: self._balances}
        if spender:
            wanted[_usage_item(spender)] = self._usages
        wanted |= {_move_item(key): self._moves for key in moves}
        if len(wanted) == 1:
            row = get(self._balances, account_id, BALANCE)
            return Snapshot(account_id, {BALANCE: row} if row else {})
        keys = [{"account_id": account_id, "item": item} for item in wanted]
        found = read_items(self._table, keys, lambda raw: wanted[raw["item"]["S"]])
        return Snapshot(account_id, {row.item: row for row in found})

    def open(self, tx: Transaction, account_id: str) -> None:
        """The empty balance of a new account."""
        row = self._balances(account_id, BALANCE)
        tx.add(Write("put", row, stale, BalanceRow.account_id.does_not_exist()))

    def set_balance(self, tx: Transaction, before: Snapshot, after: Balance) -> None:
        row = self._balances(
            before.account_id,
            BALANCE,
            version=before.version + 1,
            held=after.held,
            debt=after.debt,
            buckets=[_plain(bucket) for bucket in after.buckets if bucket.assets or bucket.id in _kept(after)],
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
        spender: str = "",
        window: str = "",
        request_id: str = "",
    ) -> None:
        row = self._moves(
            account_id,
            _move_item(move.key),
            entry_id=entry_id,
            at=int(at.timestamp() * 1000),
            kind=move.kind.value,
            cause=move.cause,
            lines=[[account.value, amount] for account, amount in move.lines],
            parts=[[part.bucket_id, part.assets] for part in move.parts],
            spender=spender,
            window=window,
            request_id=request_id,
        )
        tx.add(Write("put", row, refusal, MoveRow.account_id.does_not_exist()))

    def set_usage(self, tx: Transaction, account_id: str, spender: str, before: Any | None, after: Usage) -> None:
        row = self._usages(account_id, _usage_item(spender))
        actions = (
            KeyUsageRow.open.set(after.open),
            KeyUsageRow.window.set(after.window),
            KeyUsageRow.spent.set(after.spent),
            KeyUsageRow.version.set((int(before.version) if before else 0) + 1),
        )
        unchanged = KeyUsageRow.version == int(before.version) if before else KeyUsageRow.version.does_not_exist()
        tx.add(Write("update", row, stale, unchanged, actions))

    def set_key(self, tx: Transaction, account_id: str, spender: str, *, cap: Cap | None, ended: bool) -> None:
        """The key's cap, and whether it may still spend; counters are left as they are."""
        row = self._usages(account_id, _usage_item(spender))
        actions = [KeyUsageRow.ended.set(int(ended)), KeyUsageRow.version.add(1)]
        actions.append(KeyUsageRow.cap.set([cap.assets, cap.window.value]) if cap else KeyUsageRow.cap.remove())
        tx.add(Write("update", row, stale, None, tuple(actions)))

    def moves(self, account_id: str, *, before: str | None, limit: int) -> list[Any]:
        """Rows of moves, newest first, older than the entry `before`."""
        condition = ByTime.entry_id < before if before else None
        found = self._moves.by_time.query(
            account_id, condition, scan_index_forward=False, limit=limit, consistent_read=True
        )
        return list(found)


def entry_of(row: Any) -> Entry:
    """The move as its account sees it."""
    return Entry(row.entry_id, from_epoch(int(row.at) / 1000), _move(row), row.spender or "", row.request_id or "")


def usage_of(row: Any | None) -> tuple[Usage, Cap | None, bool]:
    """The counter, the cap, and whether the key has ended. No row: nothing used, no cap, not ended."""
    if row is None:
        return Usage(), None, False
    cap = Cap(row.cap[0], Window(row.cap[1])) if row.cap else None
    return Usage(int(row.open or 0), row.window or "", int(row.spent or 0)), cap, bool(row.ended)


def _kept(after: Balance) -> set[str]:
    """Buckets that stay listed when empty: while anything is held, it may have to go back to any of them."""
    return {bucket.id for bucket in after.buckets} if after.held else set()


def _usage_item(spender: str) -> str:
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
    )
