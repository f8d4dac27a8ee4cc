"""`generation.admission.store` in memory, with its conditions, and the use cases over it without chance."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.generation.admission.circuit import MAX_FAILURES, Circuit, State
from chalicelib.generation.admission.service import Admission
from chalicelib.generation.admission.slots import Gate
from chalicelib.kernel.clock import epoch_millis
from tests.support.fakes import ManualClock

CLAIM = timedelta(seconds=120)


class FakeAdmissionStore:
    """`calls` names what was called, in order."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.gates: dict[str, Gate] = {}
        self.calls: list[str] = []

    def glance(self, provider: str) -> Gate:
        self.calls.append("glance")
        return self._gate(provider)

    def read(self, provider: str) -> Gate:
        self.calls.append("read")
        return self._gate(provider)

    def begin(self, provider: str) -> None:
        with self.lock:
            self.calls.append("begin")
            gate = self._gate(provider)
            if gate.slots is None:
                self.gates[provider] = replace(gate, slots={})

    def take(self, provider: str, generation_id: str, *, limit: int, until_millis: int) -> Gate | None:
        with self.lock:
            self.calls.append("take")
            gate = self._gate(provider)
            if gate.circuit.openings or not _room(gate, generation_id, limit):
                return gate
            self._set(provider, gate, {**(gate.slots or {}), generation_id: until_millis})
            return None

    def purge(self, provider: str, over: Iterable[str], now_millis: int) -> None:
        with self.lock:
            self.calls.append("purge")
            gate, freed = self._gate(provider), set(over)
            slots = dict(gate.slots or {})
            if all(held in slots and slots[held] <= now_millis for held in freed):
                self._set(provider, gate, {held: until for held, until in slots.items() if held not in freed})

    def probe(
        self, provider: str, generation_id: str, before: Circuit, after: Circuit, *, limit: int, until_millis: int
    ) -> Gate | None:
        with self.lock:
            self.calls.append("probe")
            gate = self._gate(provider)
            if gate.circuit.turn != before.turn or (limit and not _room(gate, generation_id, limit)):
                return gate
            slots = {**(gate.slots or {}), generation_id: until_millis} if limit else gate.slots
            self._set(provider, replace(gate, circuit=after), slots)
            return None

    def leave_calm(self, provider: str, generation_id: str) -> Gate | None:
        with self.lock:
            self.calls.append("leave_calm")
            gate = self._gate(provider)
            if gate.circuit.openings or gate.circuit.failures or not gate.holds(generation_id):
                return gate
            self._set(provider, gate, _without(gate, generation_id))
            return None

    def leave(self, provider: str, generation_id: str) -> None:
        with self.lock:
            self.calls.append("leave")
            gate = self._gate(provider)
            if gate.holds(generation_id):
                self._set(provider, gate, _without(gate, generation_id))

    def tell(self, provider: str, before: Circuit, after: Circuit, *, leaver: str | None = None) -> Gate | None:
        with self.lock:
            self.calls.append("tell")
            gate = self._gate(provider)
            if gate.circuit.turn != before.turn:
                return gate
            slots = gate.slots if leaver is None else _without(gate, leaver)
            self._set(provider, replace(gate, circuit=after), slots)
            return None

    def extend(self, provider: str, generation_id: str, until_millis: int) -> Gate:
        with self.lock:
            self.calls.append("extend")
            gate = self._gate(provider)
            held_until = gate.held_until(generation_id)
            if held_until is not None and held_until < until_millis:
                self._set(provider, gate, {**(gate.slots or {}), generation_id: until_millis})
            return self._gate(provider)

    def _gate(self, provider: str) -> Gate:
        return self.gates.get(provider, Gate())

    def _set(self, provider: str, gate: Gate, slots: Mapping[str, int] | None) -> None:
        self.gates[provider] = replace(gate, slots=slots)


def _room(gate: Gate, generation_id: str, limit: int) -> bool:
    return gate.slots is not None and (gate.holds(generation_id) or len(gate.slots) < limit)


def _without(gate: Gate, generation_id: str) -> dict[str, int]:
    return {held: until for held, until in (gate.slots or {}).items() if held != generation_id}


class Cloud:
    """One provider, and the use cases over such a store without chance: `drawn` is what each draw gives, `below` of
    what."""

    def __init__(self, store: Any, name: str = "cloud") -> None:
        self.store, self.name, self.clock = store, name, ManualClock()
        self.drawn = 0
        self.below: list[int] = []
        self.admission = Admission(store, self.clock, draw=self._draw)

    def _draw(self, below: int) -> int:
        self.below.append(below)
        return self.drawn

    def enter(self, name: str, limit: int = 2, claim: timedelta = CLAIM) -> int | None:
        return self.admission.enter(self.name, name, limit=limit, until=self.clock.now() + claim)

    def leave(self, name: str, worked: bool | None = True) -> None:
        self.admission.leave(self.name, name, worked=worked)

    def extend(self, name: str, by: timedelta = CLAIM) -> None:
        self.admission.extend(self.name, name, self.clock.now() + by)

    def fail(self, times: int = MAX_FAILURES, prefix: str = "bad") -> None:
        """So many generations fail in a row."""
        for number in range(times):
            self.leave(f"gen_{prefix}_{number}", worked=False)

    @property
    def is_open(self) -> bool:
        return self.admission.is_open(self.name)

    @property
    def gate(self) -> Gate:
        return self.store.read(self.name)

    @property
    def state(self) -> State:
        return self.gate.circuit.state(epoch_millis(self.clock.now()))

    @property
    def live(self) -> set[str]:
        """Who holds a slot now."""
        now = epoch_millis(self.clock.now())
        return {held for held, until in (self.gate.slots or {}).items() if until > now}
