"""Which generation a repetition of a request stands for: pure.

The unmodified client sends no key of its own: it repeats a request with `x-stainless-retry-count` 1, then 2, and
nothing else changed. So the last generation of the same request, by the same API key, is kept for LIFE.
"""

from dataclasses import dataclass
from datetime import timedelta

#: The official client waits 10 minutes for an answer before it repeats, and repeats twice.
LIFE = timedelta(minutes=30)
#: An Idempotency-Key of the client's own is remembered this long.
KEYED_LIFE = timedelta(hours=24)
#: Clocks of different machines differ a little. Where it matters, the benefit goes to the one who pays.
SLACK = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request is remembered: `id` for so long, and the `fingerprint` of its content. Both are keyed hashes."""

    id: str
    fingerprint: str
    life: timedelta


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a place points to, and the content that it was made for."""

    generation_id: str
    fingerprint: str
