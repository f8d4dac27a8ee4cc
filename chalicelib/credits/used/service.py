"""Use cases of usage."""

from datetime import date
from typing import Protocol

from chalicelib.credits.books import Books
from chalicelib.credits.used.usage import Used, days
from chalicelib.kernel.clock import Clock


class Store(Protocol):
    """What the use cases need of `credits.used.store`."""

    def used(
        self, account_id: str, first: str, last: str, after: str | None, limit: int, *, spread: bool
    ) -> list[Used]: ...


class Usages:
    """What was charged, as the account sees it."""

    def __init__(self, books: Books, store: Store, clock: Clock) -> None:
        self._books = books
        self._store = store
        self._clock = clock

    def between(
        self, account_id: str, first: date | None, last: date | None, *, after: str | None, limit: int
    ) -> list[Used]:
        """Of those days (the last 30 if none are named), oldest first, after the place `after`. Raises Validation."""
        spread = self._books.store.snapshot(account_id).balance.spread
        return self._store.used(account_id, *days(first, last, self._clock.now().date()), after, limit, spread=spread)
