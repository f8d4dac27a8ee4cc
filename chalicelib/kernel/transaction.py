"""A transaction is a list of writes that commit together or not at all, each with the refusal it means when it fails.

Rooms add their own writes to the same transaction; none of them sees another's tables. `aws.tables.commit` sends it
as one `TransactWriteItems` (at most 100 items and 4 MB; ours have fewer than 12, and 34 where lanes open or close).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

Kind = Literal["check", "delete", "put", "update"]
MAX_WRITES = 100

#: Given the item as it stood when the condition failed (None if there was none), says which refusal that is.
Refusal = Callable[[Any | None], Exception]


@dataclass(frozen=True, slots=True)
class Write:
    """One conditional write. `model` is the store's row, `actions` and `condition` are in the store's own terms."""

    kind: Kind
    model: Any
    refusal: Refusal
    condition: Any = None
    actions: tuple[Any, ...] = ()


@dataclass(slots=True)
class Transaction:
    """Collects writes; whoever opened it commits it. `attempt` counts the builds before this one, which went stale."""

    attempt: int = 0
    writes: list[Write] = field(default_factory=list)
    then: list[Callable[[], None]] = field(default_factory=list)

    def add(self, write: Write) -> None:
        """Raises ValueError past MAX_WRITES."""
        if len(self.writes) >= MAX_WRITES:
            raise ValueError(f"a transaction takes at most {MAX_WRITES} writes")
        self.writes.append(write)

    def after(self, hint: Callable[[], None]) -> None:
        """What to do once it is committed. It may be lost, so it is only ever a hint of something written."""
        self.then.append(hint)


class Contended(Exception):
    """Another transaction held one of the items each time; nothing was written. Safe to try again."""


class StaleRead(Exception):
    """Something read before the transaction has changed since; nothing was written. Read again, then try again.

    A build may raise it too, to be called again.
    """


Result = TypeVar("Result")


class Transact(Protocol):
    """Builds a transaction from fresh reads, commits it, and does both again when a read had gone stale.

    Raises the refusals of the writes, whatever `build` raises, or Contended after a bounded number of tries.
    """

    def __call__(self, build: Callable[[Transaction], Result]) -> Result: ...


def stale(_: Any) -> Exception:
    """The refusal of a write that was planned from a read."""
    return StaleRead("read again")
