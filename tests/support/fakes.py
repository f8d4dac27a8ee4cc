"""Hand-written stand-ins for what services get through their constructors: memory instead of AWS, a clock that obeys.

A fake keeps the contract of what it stands for, conditions included: two workers that race over one row lose here as
they would there.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.credits.caps import Cap, Usage
from chalicelib.credits.ledger import Balance, Entry, Move
from chalicelib.credits.service import Credits
from chalicelib.kernel.transaction import Contended, Result, StaleRead, Transaction, Write, stale

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
STALE_TRIES = 24


class ManualClock:
    """Stands still until it is told to move."""

    def __init__(self, start: datetime = NOON) -> None:
        self.time = start

    def now(self) -> datetime:
        return self.time

    def forward(self, **by: float) -> None:
        """`forward(minutes=10)`; a negative amount sets it back."""
        self.time += timedelta(**by)


def entropy(seed: int = 0) -> Callable[[int], bytes]:
    """Bytes that look random and are the same in every run."""
    return random.Random(seed).randbytes


class Memory:
    """One lock and one list of what was written, shared by all fake stores of a test."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.commits: list[list[str]] = []
        #: Called before each commit, while others may still write: where a test has a race happen.
        self.before_commit: Callable[[], None] = lambda: None

    def transact(self, build: Callable[[Transaction], Result]) -> Result:
        """`kernel.transaction.Transact` over writes whose `model` applies them and whose `condition` is a function."""
        for _ in range(STALE_TRIES):
            tx = Transaction()
            result = build(tx)
            self.before_commit()
            try:
                self._commit(tx)
            except StaleRead:
                continue
            return result
        raise Contended("stale")

    def _commit(self, tx: Transaction) -> None:
        with self.lock:
            for write in tx.writes:
                holds, row = write.condition()
                if not holds:
                    raise write.refusal(row)
            for write in tx.writes:
                write.model()
            self.commits.append([write.kind for write in tx.writes])


def write(apply: Callable[[], Any], condition: Callable[[], tuple[bool, Any]], refusal: Any = stale) -> Write:
    """A write that `Memory.transact` understands: condition() gives (whether it holds, the row as it stands)."""
    return Write("put", apply, refusal, condition)


@dataclass
class FakeSnapshot:
    account_id: str
    balance: Balance
    version: int
    usages: dict[str, Any]
    moves: dict[str, tuple[Move, str]]

    def usage_row(self, spender: str) -> Any | None:
        return self.usages.get(spender)

    def move(self, key: str) -> tuple[Move, str] | None:
        return self.moves.get(key)


@dataclass(frozen=True)
class UsageRow:
    usage: Usage = field(default_factory=Usage)
    cap: Cap | None = None
    ended: bool = False
    version: int = 0


class FakeCreditsStore:
    """`credits.store` in memory."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.balances: dict[str, tuple[int, Balance]] = {}
        self.usages: dict[tuple[str, str], UsageRow] = {}
        self.written: dict[tuple[str, str], tuple[Entry, str]] = {}

    def snapshot(self, account_id: str, *, spender: str = "", moves: tuple[str, ...] = ()) -> FakeSnapshot:
        with self.memory.lock:
            version, balance = self.balances.get(account_id, (0, Balance()))
            usages = {spender: self.usages[account_id, spender]} if (account_id, spender) in self.usages else {}
            found = {key: self.written[account_id, key] for key in moves if (account_id, key) in self.written}
        return FakeSnapshot(account_id, balance, version, usages, {k: (e.move, w) for k, (e, w) in found.items()})

    def open(self, tx: Transaction, account_id: str) -> None:
        tx.add(write(lambda: self._set(account_id, 0, Balance()), lambda: (account_id not in self.balances, None)))

    def set_balance(self, tx: Transaction, before: FakeSnapshot, after: Balance) -> None:
        account_id, version = before.account_id, before.version
        same = lambda: (self.balances.get(account_id, (0, None))[0] == version, None)  # noqa: E731
        tx.add(write(lambda: self._set(account_id, version + 1, after), same))

    def add_move(self, tx: Transaction, account_id: str, move: Move, **details: Any) -> None:
        entry = Entry(
            details["entry_id"], details["at"], move, details.get("spender", ""), details.get("request_id", "")
        )
        place = (account_id, move.key)
        record = (entry, details.get("window", ""))
        new = lambda: (place not in self.written, None)  # noqa: E731
        tx.add(write(lambda: self.written.__setitem__(place, record), new, details["refusal"]))

    def set_usage(self, tx: Transaction, account_id: str, spender: str, before: UsageRow | None, after: Usage) -> None:
        place = (account_id, spender)
        row = replace(before or UsageRow(), usage=after, version=(before.version if before else 0) + 1)
        same = lambda: (self.usages.get(place) == before, None)  # noqa: E731
        tx.add(write(lambda: self.usages.__setitem__(place, row), same))

    def set_key(self, tx: Transaction, account_id: str, spender: str, *, cap: Cap | None, ended: bool) -> None:
        place = (account_id, spender)

        def apply() -> None:
            old = self.usages.get(place, UsageRow())
            self.usages[place] = replace(old, cap=cap, ended=ended, version=old.version + 1)

        tx.add(write(apply, lambda: (True, None)))

    def moves(self, account_id: str, *, before: str | None, limit: int) -> list[Entry]:
        found = [entry for (owner, _), (entry, _) in self.written.items() if owner == account_id]
        older = [entry for entry in found if before is None or entry.id < before]
        return sorted(older, key=lambda entry: entry.id, reverse=True)[:limit]

    def _set(self, account_id: str, version: int, balance: Balance) -> None:
        self.balances[account_id] = (version, balance)


def usage_of(row: UsageRow | None) -> tuple[Usage, Cap | None, bool]:
    return (row.usage, row.cap, row.ended) if row else (Usage(), None, False)


def credits_over(store: FakeCreditsStore, clock: ManualClock, *, max_open: int = 20) -> Credits:
    """The real ledger service over memory."""
    return Credits(
        store, store.memory.transact, clock, entropy(1), usage_of=usage_of, entry_of=lambda e: e, max_open=max_open
    )
