"""Use cases of a worker that is about to submit to a hosted provider, or has: may it now, and how did it go."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from chalicelib.generation.admission.circuit import Circuit, State
from chalicelib.generation.admission.slots import MAX_SLOTS, Gate
from chalicelib.kernel.clock import Clock, epoch_millis

#: Writes that may meet another's before a worker is sent away; each time one of them has got on.
TRIES = 8
#: When to come back if there is no slot, or too much of a crowd to tell.
FULL_MILLIS = 5_000
CROWD_MILLIS = 1_000


class Store(Protocol):
    """What the use cases need of `generation.admission.store`."""

    def glance(self, provider: str) -> Gate: ...
    def read(self, provider: str) -> Gate: ...
    def begin(self, provider: str) -> None: ...
    def take(self, provider: str, generation_id: str, *, limit: int, until_millis: int) -> Gate | None: ...
    def purge(self, provider: str, over: Iterable[str], now_millis: int) -> None: ...
    def probe(
        self, provider: str, generation_id: str, before: Circuit, after: Circuit, *, limit: int, until_millis: int
    ) -> Gate | None: ...
    def leave_calm(self, provider: str, generation_id: str) -> Gate | None: ...
    def leave(self, provider: str, generation_id: str) -> None: ...
    def tell(self, provider: str, before: Circuit, after: Circuit, *, leaver: str | None = None) -> Gate | None: ...
    def extend(self, provider: str, generation_id: str, until_millis: int) -> Gate: ...


class Admission:
    """`draw(n)` is a number below n, each equally likely: workers that were sent away must not come back together."""

    def __init__(self, store: Store, clock: Clock, *, draw: Callable[[int], int]) -> None:
        self._store = store
        self._clock = clock
        self._draw = draw

    def enter(self, provider: str, generation_id: str, *, limit: int, until: datetime) -> int | None:
        """None: come in; the slot is held until `leave`, or until that time if the worker dies. Else: come back in so
        many seconds, as there is no slot free or the circuit is open.

        `limit` is how many may be in at once, 0 for as many as come. The same generation again keeps its one slot.
        Raises ValueError for a limit above MAX_SLOTS.
        """
        if not 0 <= limit <= MAX_SLOTS:
            raise ValueError(f"{provider}: a limit is 0 to {MAX_SLOTS}, not {limit}")
        until_millis = epoch_millis(until)
        take = {"limit": limit, "until_millis": until_millis}
        first = self._store.take(provider, generation_id, **take) if limit else self._store.glance(provider)
        gate = _in_the_way(first, generation_id, until_millis)
        for _ in range(TRIES):
            if gate is None:
                return None
            now_millis = epoch_millis(self._clock.now())
            shut_millis = gate.circuit.shut_to(generation_id, now_millis)
            if shut_millis:
                return self._later(shut_millis)
            if not gate.has_room(generation_id, limit):
                over = gate.over(now_millis)
                if not over:
                    return self._later(FULL_MILLIS)
                self._store.purge(provider, over, now_millis)
            again = self._come_in(provider, generation_id, gate, now_millis, **take)
            gate = _in_the_way(again, generation_id, until_millis)
        return None if gate is None else self._later(CROWD_MILLIS)

    def is_open(self, provider: str) -> bool:
        """Whether the provider is being spared, as of a second ago."""
        state = self._store.glance(provider).circuit.state(epoch_millis(self._clock.now()))
        return state in (State.OPEN, State.PROBING)

    def leave(self, provider: str, generation_id: str, *, worked: bool | None) -> None:
        """Gives the slot back. `worked` False counts against the provider, True clears what was counted, None says
        nothing of it. Idempotent; also for a generation that never entered."""
        gate = self._store.read(provider) if worked is False else self._store.leave_calm(provider, generation_id)
        for _ in range(TRIES):
            if gate is None:
                return
            after = gate.circuit.told(generation_id, worked, epoch_millis(self._clock.now()))
            holds = gate.holds(generation_id)
            if after == gate.circuit:
                if holds:
                    self._store.leave(provider, generation_id)
                return
            gate = self._store.tell(provider, gate.circuit, after, leaver=generation_id if holds else None)
        # Others have told of the provider meanwhile; a slot is not theirs to give back.
        self._store.leave(provider, generation_id)

    def extend(self, provider: str, generation_id: str, until: datetime) -> None:
        """The provider accepted the job: its slot is kept until then, never shorter than before, and that it was
        accepted is told as something that worked. A slot that was lost since is not taken again."""
        gate: Gate | None = self._store.extend(provider, generation_id, epoch_millis(until))
        for _ in range(TRIES):
            if gate is None:
                return
            after = gate.circuit.told(generation_id, True, epoch_millis(self._clock.now()))
            if after == gate.circuit:
                return
            gate = self._store.tell(provider, gate.circuit, after)

    def _come_in(
        self, provider: str, generation_id: str, gate: Gate, now_millis: int, *, limit: int, until_millis: int
    ) -> Gate | None:
        """None if it is in; else what stood in the way."""
        if limit and gate.slots is None:
            self._store.begin(provider)
        take = {"limit": limit, "until_millis": until_millis}
        if gate.circuit.state(now_millis) is not State.CLOSED:
            after = gate.circuit.probed_by(generation_id, until_millis)
            return self._store.probe(provider, generation_id, gate.circuit, after, **take)
        return self._store.take(provider, generation_id, **take) if limit else None

    def _later(self, millis: int) -> int:
        """Whole seconds, at least 1, and up to half as many again by chance."""
        seconds = max(1, -(-millis // 1000))
        return seconds + self._draw(2 + seconds // 2)


def _in_the_way(gate: Gate | None, generation_id: str, until_millis: int) -> Gate | None:
    """None also where only its own slot until this very time stood there: the first answer to the write was lost."""
    return None if gate is None or gate.held_until(generation_id) == until_millis else gate
