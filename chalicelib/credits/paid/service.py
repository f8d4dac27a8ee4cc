"""Use cases of what was paid for: the ledger is made to agree with what the payment's provider says now."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from chalicelib.credits.books import AlreadyDone, Books
from chalicelib.credits.laning.service import Laning
from chalicelib.credits.ledger import Bucket
from chalicelib.credits.payments import Payment, PaymentMoved, agree
from chalicelib.kernel.clock import Clock
from chalicelib.kernel.transaction import Transact, Transaction


class Store(Protocol):
    """What the use cases need of `credits.paid.store`."""

    def payment(self, account_id: str, payment_id: str) -> Payment: ...
    def set_payment(
        self, tx: Transaction, account_id: str, before: Payment, after: Payment, refusal: Callable[[Any], Exception]
    ) -> None: ...


class Paid:
    """Grants, refunds and disputes."""

    def __init__(self, books: Books, laning: Laning, store: Store, transact: Transact, clock: Clock) -> None:
        self._books = books
        self._laning = laning
        self._store = store
        self._transact = transact
        self._clock = clock

    def payment(self, account_id: str, payment_id: str) -> Payment:
        """What it brought so far. Read it before its provider is asked; `version` 0 means nothing yet."""
        return self._store.payment(account_id, payment_id)

    def reconcile(
        self, account_id: str, seen: Payment, *, bucket: Bucket | None, taken: int, cause: str, request_id: str
    ) -> Payment:
        """Granted once, `taken` of it taken back in all: what the provider said after `seen` was read.

        `cause` is the event or sweep that had it looked at, noted as the reason. Raises PaymentMoved if it was changed
        since: read and ask again. Nothing is written when it agrees already.
        """

        def build(tx: Transaction) -> Payment:
            current = self._store.payment(account_id, seen.id)
            if current.version != seen.version:
                raise PaymentMoved(seen.id)
            before, now = self._books.store.snapshot(account_id), self._clock.now()
            balance, expiries = self._books.opened(before, now)
            ended = sum(part.assets for move in expiries for part in move.parts if part.bucket_id == seen.id)
            known = replace(current, expired=current.expired + ended)
            after, agreed, moves = agree(balance, known, bucket, taken, now, reason=cause)
            if not moves:
                return current
            # Lanes hold a part of what may have to be taken, and a debt must find nothing left to spend.
            self._laning.gather(account_id, balance)
            moves = (*expiries, *moves)
            self._books.change(tx, before, after, moves, now, payment=seen.id, request_id=request_id)
            self._store.set_payment(tx, account_id, current, agreed, lambda _: PaymentMoved(seen.id))
            return agreed

        try:
            return self._transact(build)
        except AlreadyDone as error:
            raise PaymentMoved(seen.id) from error
