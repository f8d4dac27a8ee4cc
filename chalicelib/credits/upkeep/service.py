"""Use cases of the schedule: write off what buckets held past their end, have owners told that little is left."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from chalicelib.credits import ledger
from chalicelib.credits.books import NOTICE_PATIENCE, Books
from chalicelib.credits.laning.service import Laning
from chalicelib.kernel.clock import Clock
from chalicelib.kernel.transaction import Transact, Transaction

BATCH = 200


class Store(Protocol):
    """What the use cases need of `credits.upkeep.store`."""

    def claim_notice(self, account_id: str, now: datetime, until: datetime) -> bool: ...
    def drop_notice(self, account_id: str) -> None: ...
    def due(self, kind: str, now: datetime, limit: int) -> list[str]: ...


class Upkeep:
    """`tell_low(account_id)` has an owner told, who may have been told before."""

    def __init__(
        self,
        books: Books,
        laning: Laning,
        store: Store,
        transact: Transact,
        clock: Clock,
        *,
        tell_low: Callable[[str], None],
    ) -> None:
        self._books = books
        self._laning = laning
        self._store = store
        self._transact = transact
        self._clock = clock
        self._tell_low = tell_low

    def due(self) -> list[tuple[str, str]]:
        """(what, account id) of everything that should be looked after now."""
        now = self._clock.now()
        return [(kind, account) for kind in ("expiry", "notice") for account in self._store.due(kind, now, BATCH)]

    def look_after(self, what: str, account_id: str) -> str:
        """Says what came of it."""
        if what == "expiry":
            return "expired" if self.expire(account_id) else "nothing_to_do"
        now = self._clock.now()
        if not self._store.claim_notice(account_id, now, now + NOTICE_PATIENCE):
            return "nothing_to_do"
        self._tell_low(account_id)
        return "told_again"

    def expire(self, account_id: str) -> bool:
        """Writes off what the account's buckets held past their end; says if there was any."""

        def build(tx: Transaction) -> bool:
            before, now = self._books.store.snapshot(account_id), self._clock.now()
            if not any(not bucket.alive(now) for bucket in before.balance.buckets):
                return False
            self._laning.gather(account_id, before.balance)
            balance, moves = self._books.opened(before, now)
            self._books.change(tx, before, balance, moves, now)
            return bool(moves)

        return self._transact(build)

    def told_low(self, account_id: str) -> None:
        """The owner has been told: nobody needs to look again."""
        self._store.drop_notice(account_id)

    def set_low_balance(self, account_id: str, below: int | None) -> None:
        """From now on the owner is told once whenever less than that is available; None: never."""

        def build(tx: Transaction) -> None:
            before, now = self._books.store.snapshot(account_id), self._clock.now()
            self._laning.gather(account_id, before.balance)
            changed = ledger.marked(replace(before.balance, low_at=below), now)
            # Said of what is low already: its owner has just seen it.
            self._books.store.set_balance(tx, before, changed)

        self._transact(build)
