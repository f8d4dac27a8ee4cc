"""What was charged on a day, to whom, for which model: pure."""

from dataclasses import dataclass, replace
from datetime import date, timedelta

from chalicelib.kernel.errors import Validation

MAX_DAYS = 366
DEFAULT_DAYS = 30


@dataclass(frozen=True, slots=True)
class Used:
    """`day` is a UTC day, `spender` a key's id or `session`; `assets` were charged for so many generations."""

    day: str
    spender: str
    model: str
    assets: int
    generations: int

    @property
    def place(self) -> str:
        """Where it stands in its list."""
        return f"{self.day}#{self.spender}#{self.model}"

    def plus(self, other: "Used") -> "Used":
        return replace(self, assets=self.assets + other.assets, generations=self.generations + other.generations)


def days(first: date | None, last: date | None, today: date) -> tuple[str, str]:
    """The days asked for: the last 30 if none are named. Raises Validation for none or too many."""
    end = last or max(today, first or today)
    start = first or end - timedelta(days=DEFAULT_DAYS - 1)
    if not 0 <= (end - start).days < MAX_DAYS:
        raise Validation(f"from: is to be at most {MAX_DAYS - 1} days before `to`, and not after it", param="from")
    return start.isoformat(), end.isoformat()
