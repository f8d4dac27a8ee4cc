"""Which generation a repetition of a request stands for: pure.

The unmodified client sends no key of its own: it repeats a request with `x-stainless-retry-count` 1, then 2, and
nothing else changed. So the last generation of the same request, by the same API key, is kept for LIFE.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

LIFE = timedelta(minutes=10)
#: Clocks of different machines differ a little. Where it matters, the benefit goes to the one who pays.
SLACK = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Pointer:
    """`by_retry`: it was made by a repetition, because the first request had not committed yet."""

    generation_id: str
    made_at: datetime
    by_retry: bool

    def alive(self, now: datetime) -> bool:
        return now < self.made_at + LIFE

    def is_mine(self, arrived_at: datetime) -> bool:
        """Whether it stands for a first request that arrived then: a repetition of that was faster."""
        return self.by_retry and self.made_at >= arrived_at - SLACK
