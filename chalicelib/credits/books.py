"""How a move is written: with the balance it changes, what ended unspent, and the word to an owner who has little left.

Pure: the store is given, and everything is added to the caller's transaction.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from chalicelib.credits import ledger, payments
from chalicelib.credits.caps import Cap
from chalicelib.credits.lanes import Spender
from chalicelib.credits.ledger import Balance, Move, MoveKind, Part
from chalicelib.kernel.ids import Entropy, new_id
from chalicelib.kernel.transaction import Transaction

#: Whoever has little left is told at once; if that got lost, the schedule looks after so long.
NOTICE_PATIENCE = timedelta(minutes=5)


class AlreadyDone(Exception):
    """The move was written before; nothing is written again."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A move as it was written: on which day of its spender's counter."""

    move: Move
    day: str


class Snapshot(Protocol):
    """What one consistent read of the store found."""

    @property
    def account_id(self) -> str: ...
    @property
    def balance(self) -> Balance: ...
    @property
    def version(self) -> int: ...
    def spender(self, spender: str) -> Spender: ...
    def move(self, key: str) -> Kept | None: ...


class Store(Protocol):
    """What the use cases need of `credits.store`."""

    def snapshot(
        self,
        account_id: str,
        *,
        spender: str = "",
        moves: tuple[str, ...] = (),
        placed: bool = False,
        balance: bool = True,
    ) -> Any: ...
    def open(self, tx: Transaction, account_id: str) -> None: ...
    def set_balance(self, tx: Transaction, before: Any, after: Balance) -> None: ...
    def add_move(
        self,
        tx: Transaction,
        account_id: str,
        move: Move,
        *,
        entry_id: str,
        at: datetime,
        refusal: Callable[[Any], Exception],
        **details: str,
    ) -> None: ...
    def set_spender(self, tx: Transaction, account_id: str, spender: str, before: Spender, after: Spender) -> None: ...
    def set_key(
        self, tx: Transaction, account_id: str, spender: str, *, cap: Cap | None, ended: bool, at: datetime
    ) -> None: ...
    def moves(self, account_id: str, *, before: str | None, limit: int, spread: bool) -> list[Any]: ...


class Notes(Protocol):
    """What is noted beside a move, of `credits.upkeep.store`."""

    def add_expired(self, tx: Transaction, account_id: str, payment_id: str, assets: int) -> None: ...
    def add_notice(self, tx: Transaction, account_id: str, due_at: datetime) -> None: ...


class Books:
    """Writes moves into a transaction. `tell_low(account_id)` has an owner told that little is left."""

    def __init__(self, store: Store, notes: Notes, entropy: Entropy, *, tell_low: Callable[[str], None]) -> None:
        self.store = store
        self._notes = notes
        self._entropy = entropy
        self._tell_low = tell_low

    def opened(self, before: Snapshot, now: datetime) -> tuple[Balance, tuple[Move, ...]]:
        """The balance to plan with: what its buckets held past their end is written off, by these moves."""
        return ledger.expire(before.balance, now, turn=before.version)

    def change(
        self,
        tx: Transaction,
        before: Snapshot,
        after: Balance,
        moves: Iterable[Move],
        now: datetime,
        *,
        expired: tuple[Part, ...] = (),
        payment: str = "",
        request_id: str = "",
    ) -> None:
        """Adds the balance as it will be, and moves that belong to no spender. `expired` is what came back too late;
        `payment` is one that the caller writes itself."""
        marked = ledger.marked(after, now)
        self.store.set_balance(tx, before, marked)
        for move in moves:
            self.write(tx, before.account_id, move, now, request_id=request_id)
            if move.kind is MoveKind.EXPIRE:
                expired += move.parts
        ended: dict[str, int] = {}
        for part in expired:
            if payments.is_payment(part.bucket_id) and part.bucket_id != payment:
                ended[part.bucket_id] = ended.get(part.bucket_id, 0) + part.assets
        for payment_id, assets in ended.items():
            self._notes.add_expired(tx, before.account_id, payment_id, assets)
        if marked.low and not before.balance.low:
            self._notes.add_notice(tx, before.account_id, now + NOTICE_PATIENCE)
            tx.after(lambda: self._tell_low(before.account_id))

    def write(self, tx: Transaction, account_id: str, move: Move, now: datetime, **details: str) -> None:
        """Adds one entry; the commit raises AlreadyDone if its key was written before."""
        self.store.add_move(
            tx,
            account_id,
            move,
            entry_id=new_id("ent", now, self._entropy),
            at=now,
            refusal=lambda _: AlreadyDone(move.key),
            **{name: value for name, value in details.items() if value},
        )
