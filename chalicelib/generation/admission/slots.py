"""A provider's slots, each held by one generation until a time, beside its circuit: what one item says. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chalicelib.generation.admission.circuit import Circuit

#: A slot takes some 50 bytes, so that many stay far below DynamoDB's 400 KB an item.
MAX_SLOTS = 1000
#: Slots that one write frees: an expression may have 300 operators and 4 KB.
MAX_PURGE = 50


@dataclass(frozen=True, slots=True)
class Gate:
    """`slots` are generation ids → epoch milliseconds until when; None if nobody has ever come to this provider."""

    slots: Mapping[str, int] | None = None
    circuit: Circuit = field(default_factory=Circuit)

    def holds(self, generation_id: str) -> bool:
        return self.held_until(generation_id) is not None

    def held_until(self, generation_id: str) -> int | None:
        return (self.slots or {}).get(generation_id)

    def has_room(self, generation_id: str, limit: int) -> bool:
        """Whether it holds a slot, or one more may be taken before any whose time has passed is freed."""
        return limit == 0 or self.holds(generation_id) or len(self.slots or {}) < limit

    def over(self, now_millis: int) -> list[str]:
        """Generations whose time has passed, at most MAX_PURGE, the longest ago first."""
        ended = sorted((until, held) for held, until in (self.slots or {}).items() if until <= now_millis)
        return [held for _, held in ended[:MAX_PURGE]]
