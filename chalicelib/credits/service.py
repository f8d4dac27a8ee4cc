"""Use cases of the ledger. Each adds its writes to the caller's transaction: money moves with what it is for."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

from chalicelib.credits import caps, ledger
from chalicelib.credits.caps import Cap, Usage
from chalicelib.credits.ledger import Balance, Bucket, BucketKind, Entry, Move
from chalicelib.kernel.clock import Clock
from chalicelib.kernel.errors import Unauthorized
from chalicelib.kernel.ids import Entropy, new_id
from chalicelib.kernel.transaction import Transact, Transaction


class AlreadyDone(Exception):
    """The move was written before; nothing is written again."""


class NoHold(Exception):
    """There is no hold for that generation."""


class Store(Protocol):
    """What the use cases need of `credits.store`."""

    def snapshot(self, account_id: str, *, spender: str = "", moves: tuple[str, ...] = ()) -> Any: ...
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
        spender: str = "",
        window: str = "",
        request_id: str = "",
    ) -> None: ...
    def set_usage(self, tx: Transaction, account_id: str, spender: str, before: Any, after: Usage) -> None: ...
    def set_key(self, tx: Transaction, account_id: str, spender: str, *, cap: Cap | None, ended: bool) -> None: ...
    def moves(self, account_id: str, *, before: str | None, limit: int) -> list[Any]: ...


class Credits:
    """The ledger of a deployment. `usage_of` and `entry_of` read the store's rows."""

    def __init__(
        self,
        store: Store,
        transact: Transact,
        clock: Clock,
        entropy: Entropy,
        *,
        usage_of: Callable[[Any], tuple[Usage, Cap | None, bool]],
        entry_of: Callable[[Any], Entry],
        max_open: int,
    ) -> None:
        self._store = store
        self._transact = transact
        self._clock = clock
        self._entropy = entropy
        self._usage_of = usage_of
        self._entry_of = entry_of
        self._max_open = max_open

    def balance(self, account_id: str) -> Balance:
        """Strongly consistent."""
        balance: Balance = self._store.snapshot(account_id).balance
        return balance

    def entries(self, account_id: str, *, before: str | None, limit: int) -> list[Entry]:
        """Newest first, older than the entry `before`."""
        return [self._entry_of(row) for row in self._store.moves(account_id, before=before, limit=limit)]

    def open_account(self, tx: Transaction, account_id: str, *, bonus: int, request_id: str) -> None:
        """The balance of a new account, with its bonus if there is one."""
        if not bonus:
            self._store.open(tx, account_id)
            return
        bucket = Bucket("signup", BucketKind.BONUS, bonus)
        self._grant(tx, self._store.snapshot(account_id), account_id, bucket, cause="signup", request_id=request_id)

    def grant(self, account_id: str, bucket: Bucket, *, cause: str, request_id: str) -> bool:
        """Adds the bucket once, however often it is called with the same `bucket.id`; says if it did so now."""

        def build(tx: Transaction) -> None:
            self._grant(tx, self._store.snapshot(account_id), account_id, bucket, cause=cause, request_id=request_id)

        try:
            self._transact(build)
        except AlreadyDone:
            return False
        return True

    def hold(self, tx: Transaction, account_id: str, generation_id: str, assets: int, **who: str) -> None:
        """Adds the hold and the key's count. `who` is `spender` and `request_id`.

        Raises InsufficientAssets, KeyCapReached, ConcurrencyLimited; the commit raises Unauthorized if the key has
        been revoked meanwhile.
        """
        now, spender = self._clock.now(), who["spender"]
        before = self._store.snapshot(account_id, spender=spender)
        usage_row = before.usage_row(spender)
        usage, cap, ended = self._usage_of(usage_row)
        if ended:
            raise Unauthorized("This key has been revoked.")
        counted = caps.take(usage, cap, assets, max_open=self._max_open, now=now)
        after, move = ledger.hold(before.balance, generation_id, assets, now)
        self._store.set_balance(tx, before, after)
        self._store.set_usage(tx, account_id, spender, usage_row, counted)
        self._write(tx, account_id, move, now, window=counted.window, **who)

    def settle(self, tx: Transaction, account_id: str, generation_id: str, posted: int, **who: str) -> None:
        """Adds the resolution of the hold: `posted` is charged, the rest goes back. `who` as for the hold.

        Raises NoHold; AlreadyDone if the hold was resolved before (also from the commit).
        """
        now, spender = self._clock.now(), who["spender"]
        hold_key, settle_key = ledger.hold_key(generation_id), ledger.settle_key(generation_id)
        before = self._store.snapshot(account_id, spender=spender, moves=(hold_key, settle_key))
        held = before.move(hold_key)
        if held is None:
            raise NoHold(generation_id)
        if before.move(settle_key) is not None:
            raise AlreadyDone(settle_key)
        hold_move, window = held
        usage_row = before.usage_row(spender)
        unused = sum(part.assets for part in hold_move.parts) - posted
        counted = caps.give_back(self._usage_of(usage_row)[0], window, unused)
        after, move = ledger.settle(before.balance, hold_move, posted, now)
        self._store.set_balance(tx, before, after)
        self._store.set_usage(tx, account_id, spender, usage_row, counted)
        self._write(tx, account_id, move, now, window=window, **who)

    def register_key(self, tx: Transaction, account_id: str, key_id: str, cap: Cap | None) -> None:
        """Lets a key spend, up to its cap."""
        self._store.set_key(tx, account_id, key_id, cap=cap, ended=False)

    def end_key(self, tx: Transaction, account_id: str, key_id: str, cap: Cap | None) -> None:
        """From the commit on no hold is taken for the key."""
        self._store.set_key(tx, account_id, key_id, cap=cap, ended=True)

    def _grant(
        self, tx: Transaction, before: Any, account_id: str, bucket: Bucket, *, cause: str, request_id: str
    ) -> None:
        after, move = ledger.grant(before.balance, bucket, key=bucket.id, cause=cause)
        self._store.set_balance(tx, before, after)
        self._write(tx, account_id, move, self._clock.now(), request_id=request_id)

    def _write(self, tx: Transaction, account_id: str, move: Move, now: datetime, **details: str) -> None:
        self._store.add_move(
            tx,
            account_id,
            move,
            entry_id=new_id("ent", now, self._entropy),
            at=now,
            refusal=lambda _: AlreadyDone(move.key),
            **details,
        )
