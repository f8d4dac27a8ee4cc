"""Use cases of the ledger. Each adds its writes to the caller's transaction: money moves with what it is for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from chalicelib.credits import caps, lanes, ledger
from chalicelib.credits.adjustments import adjust
from chalicelib.credits.books import AlreadyDone, Books, Kept, Snapshot
from chalicelib.credits.caps import Cap
from chalicelib.credits.lanes import CONTENDED, NO_LANE, Lanes, Spender
from chalicelib.credits.laning.service import Laning
from chalicelib.credits.ledger import Balance, Bucket, BucketKind, Entry, Move
from chalicelib.kernel.clock import Clock
from chalicelib.kernel.errors import InsufficientAssets, Unauthorized
from chalicelib.kernel.transaction import StaleRead, Transact, Transaction

__all__ = ["AlreadyDone", "Credits", "NoHold"]


class NoHold(Exception):
    """There is no hold for that generation."""


class Uses(Protocol):
    """What these use cases need of `credits.used.store`."""

    def count(
        self, tx: Transaction, account_id: str, *, day: str, spender: str, model: str, place: int | None, assets: int
    ) -> None: ...


class Credits:
    """The ledger of a deployment."""

    def __init__(
        self,
        books: Books,
        laning: Laning,
        uses: Uses,
        transact: Transact,
        clock: Clock,
        *,
        entry_of: Callable[[Any], Entry],
        max_open: int,
    ) -> None:
        self._books = books
        self._store = books.store
        self._laning = laning
        self._uses = uses
        self._transact = transact
        self._clock = clock
        self._entry_of = entry_of
        self._max_open = max_open

    def balance(self, account_id: str) -> Balance:
        """Strongly consistent, with what lanes hold."""
        return self._laning.whole(account_id)

    def entries(self, account_id: str, *, before: str | None, limit: int) -> list[Entry]:
        """Newest first, older than the entry `before`."""
        spread = self._store.snapshot(account_id).balance.spread
        rows = self._store.moves(account_id, before=before, limit=limit, spread=spread)
        return [self._entry_of(row) for row in rows]

    def open_account(self, tx: Transaction, account_id: str, *, bonus: int, request_id: str) -> None:
        """The balance of a new account, with its bonus if there is one."""
        if not bonus:
            self._store.open(tx, account_id)
            return
        before, now = self._store.snapshot(account_id), self._clock.now()
        after, move = ledger.grant(before.balance, Bucket("signup", BucketKind.BONUS, bonus), now, cause="signup")
        self._books.change(tx, before, after, (move,), now, request_id=request_id)

    def grant(self, account_id: str, bucket: Bucket, *, cause: str, request_id: str) -> bool:
        """Adds a bonus once, however often it is called with the same `bucket.id`; says if it did so now.

        What was paid for comes through `Paid`. Raises ValueError for it.
        """
        if bucket.kind is not BucketKind.BONUS:
            raise ValueError("what was paid for is granted with its payment")
        return self._move(
            account_id,
            f"grant#{bucket.id}",
            lambda balance, now: ledger.grant(balance, bucket, now, cause=cause),
            request_id=request_id,
        )

    def adjust(self, account_id: str, assets: int, *, key: str, reason: str, request_id: str) -> bool:
        """An operator's correction, once for each `key`; says if it was made now. Raises as `adjustments.adjust`."""
        return self._move(
            account_id,
            f"adjust#{key}",
            lambda balance, now: adjust(balance, assets, now, key=key, reason=reason),
            request_id=request_id,
        )

    def hold(
        self, tx: Transaction, account_id: str, generation_id: str, assets: int, *, spender: str, request_id: str
    ) -> str:
        """Adds the hold and the key's count. Returns its lane, to be kept and given to `settle`; empty if in none.

        Raises InsufficientAssets, KeyCapReached, ConcurrencyLimited; Unauthorized if the key was revoked, also
        meanwhile; StaleRead when it has to be built again.
        """
        now = self._clock.now()
        before, known = self._look(account_id, generation_id, spender)
        if known.ended:
            raise Unauthorized("This key has been revoked.")
        who = {"spender": spender, "request_id": request_id}
        if known.lanes is not None:
            index = self._laning.pick(account_id, spender, known.lanes, assets, tx.attempt)
            if index is None:
                self._laning.close(account_id, spender)
                raise StaleRead("the lanes could not pay")
            self._laning.store.hold(tx, account_id, spender, known.lanes, index, assets)
            move, lane = lanes.hold(known.lanes, generation_id, assets), _lane(known.lanes, index)
            self._books.write(tx, account_id, move, now, day=known.lanes.day, lane=lane, **who)
            return lane
        if tx.attempt >= CONTENDED and self._laning.open(account_id, spender, assets):
            raise StaleRead("there are lanes now")
        return self._hold_outside(tx, before, known, generation_id, assets, now, who)

    def settle(
        self,
        tx: Transaction,
        account_id: str,
        generation_id: str,
        posted: int,
        *,
        spender: str,
        request_id: str,
        lane: str = "",
        model: str = "",
        lapsed: bool = False,
    ) -> None:
        """Adds the resolution of the hold: `posted` is charged, the rest goes back. `lapsed`: nobody took it in time.
        `lane` is what `hold` returned.

        Raises NoHold; AlreadyDone if the hold was resolved before (also from the commit); StaleRead.
        """
        now = self._clock.now()
        hold_key, settle_key = ledger.hold_key(generation_id), ledger.settle_key(generation_id)
        moves, inside = (hold_key, settle_key), lane not in ("", NO_LANE)
        before = self._store.snapshot(account_id, spender=spender, moves=moves, placed=bool(lane), balance=not inside)
        held: Kept | None = before.move(hold_key)
        if held is None:
            raise NoHold(generation_id)
        if before.move(settle_key) is not None:
            raise AlreadyDone(settle_key)
        known: Spender = before.spender(spender)
        index = _index(known.lanes, lane)
        place = lanes.place_of(generation_id) if lane else None
        if posted:
            self._uses.count(
                tx, account_id, day=f"{now:%Y-%m-%d}", spender=spender, model=model, place=place, assets=posted
            )
        who = {"spender": spender, "request_id": request_id}
        if known.lanes is not None and index is not None:
            if not known.lanes.bucket.alive(now) or (
                tx.attempt and not self._laning.is_open(account_id, spender, known.lanes, index)
            ):
                self._laning.close(account_id, spender)
                raise StaleRead("the lanes were closed")
            move, back = lanes.settle(held.move, posted, lapsed=lapsed)
            amount = sum(part.assets for part in held.move.parts)
            self._laning.store.settle(tx, account_id, spender, known.lanes, index, amount, back)
            self._books.write(tx, account_id, move, now, day=held.day, lane=lane, **who)
            return
        if inside:  # it was closed since, and what it held is in the balance
            before = self._store.snapshot(account_id, spender=spender)
            known = before.spender(spender)
        balance, expiries = self._books.opened(before, now)
        after, move, expired = ledger.settle(balance, held.move, posted, now, lapsed=lapsed)
        unused = sum(part.assets for part in held.move.parts) - posted
        counted = replace(known, usage=caps.give_back(known.usage, held.day, unused))
        self._books.change(tx, before, after, expiries, now, expired=expired, request_id=request_id)
        self._store.set_spender(tx, account_id, spender, known, counted)
        self._books.write(tx, account_id, move, now, day=held.day, lane=lane, **who)

    def register_key(self, tx: Transaction, account_id: str, key_id: str, cap: Cap | None) -> None:
        """Lets a key spend, up to its cap. For a key that spends already, call `rein_in` after the commit."""
        self._store.set_key(tx, account_id, key_id, cap=cap, ended=False, at=self._clock.now())

    def end_key(self, tx: Transaction, account_id: str, key_id: str, cap: Cap | None) -> None:
        """From the commit and `rein_in` on no hold is taken for the key."""
        self._store.set_key(tx, account_id, key_id, cap=cap, ended=True, at=self._clock.now())

    def rein_in(self, account_id: str, key_id: str) -> None:
        """What was decided of a key holds for its lanes too: they are closed, and opened under the new rule if ever."""
        self._laning.close(account_id, key_id)

    def _hold_outside(
        self,
        tx: Transaction,
        before: Snapshot,
        known: Spender,
        generation_id: str,
        assets: int,
        now: datetime,
        who: dict[str, str],
    ) -> str:
        """A hold that the balance itself pays. It refuses only when no lanes are open, so that no refusal is false."""
        account_id = before.account_id
        counted = caps.take(known.usage, known.cap, assets, max_open=self._max_open, now=now)
        balance, expiries = self._books.opened(before, now)
        try:
            after, move = ledger.hold(balance, generation_id, assets, now)
        except InsufficientAssets:
            self._laning.gather(account_id, balance)
            raise
        if ledger.overtakes(balance, move):
            self._laning.gather(account_id, balance)
        lane = NO_LANE if balance.spread else ""
        self._books.change(tx, before, after, expiries, now, request_id=who["request_id"])
        self._store.set_spender(tx, account_id, who["spender"], known, replace(known, usage=counted))
        self._books.write(tx, account_id, move, now, day=counted.day, lane=lane, **who)
        return lane

    def _look(self, account_id: str, generation_id: str, spender: str) -> tuple[Snapshot, Spender]:
        """What a hold is planned from. The balance is not read for a spender that seems to have lanes.

        Raises AlreadyDone for a generation that was held outside before its account had lanes; one that was held since
        is refused by the commit.
        """
        key, expected = ledger.hold_key(generation_id), self._laning.expected(account_id, spender)
        before: Snapshot = self._store.snapshot(
            account_id, spender=spender, moves=(key,) if expected else (), balance=not expected
        )
        known = before.spender(spender)
        self._laning.noticed(account_id, spender, known.lanes)
        if expected and known.lanes is None:
            return self._look(account_id, generation_id, spender)
        if not expected and before.balance.spread:
            held: Kept | None = self._store.snapshot(account_id, moves=(key,), balance=False).move(key)
        else:
            held = before.move(key)
        if held is not None:
            raise AlreadyDone(key)
        return before, known

    def _move(
        self, account_id: str, key: str, plan: Callable[[Balance, datetime], tuple[Balance, Move]], *, request_id: str
    ) -> bool:
        """One move of the balance itself, once; False if it was made before, whatever could be made now.

        Lanes are closed before, so that the plan sees all there is.
        """

        def build(tx: Transaction) -> None:
            before, now = self._store.snapshot(account_id, moves=(key,)), self._clock.now()
            if before.move(key) is not None:
                raise AlreadyDone(key)
            self._laning.gather(account_id, before.balance)
            balance, expiries = self._books.opened(before, now)
            after, move = plan(balance, now)
            self._books.change(tx, before, after, (*expiries, move), now, request_id=request_id)

        try:
            self._transact(build)
        except AlreadyDone:
            return False
        return True


def _lane(of: Lanes, index: int) -> str:
    return f"{of.epoch}#{index}"


def _index(of: Lanes | None, lane: str) -> int | None:
    """The lane a hold was taken in, if the lanes of that time are still there."""
    epoch, _, index = lane.partition("#")
    return int(index) if of is not None and index and int(epoch) == of.epoch else None
