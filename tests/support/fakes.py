"""Hand-written stand-ins for what services get through their constructors: memory instead of AWS, a clock that obeys.

A fake keeps the contract of what it stands for, conditions included: two workers that race over one row lose here as
they would there.
"""

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

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
        self.touched: list[set[Any]] = []
        #: Called before each commit, while others may still write: where a test has a race happen.
        self.before_commit: Callable[[], None] = lambda: None
        #: Called before each read and each single write with the items it is of, for what counts or delays them.
        self.reads: Callable[..., None] = lambda *_: None

    def transact(self, build: Callable[[Transaction], Result]) -> Result:
        """`kernel.transaction.Transact` over writes whose `model` applies them and whose `condition` is a function."""
        for attempt in range(STALE_TRIES):
            tx = Transaction(attempt)
            try:
                result = build(tx)
                self.before_commit()
                self._commit(tx)
            except StaleRead:
                continue
            for hint in tx.then:
                hint()
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
            self.touched.append({item for write in tx.writes for item in write.actions})


def write(
    apply: Callable[[], Any], condition: Callable[[], tuple[bool, Any]], refusal: Any = stale, item: object = None
) -> Write:
    """A write that `Memory.transact` understands: condition() gives (whether it holds, the row as it stands).

    `item` names what it touches, where that matters.
    """
    return Write("put", apply, refusal, condition, (item,))
