"""Admission in the generations table: one item a provider, with nothing of any account.

Slots are changed by conditions that DynamoDB checks, never by compare-and-set, so holders do not disturb each other.
The circuit, which seldom changes, is replaced only as it was read.
"""

from collections.abc import Iterable
from typing import Any

from pynamodb.attributes import JSONAttribute, MapAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import size
from pynamodb.models import Model

from chalicelib.aws.tables import ConditionFailed, bind, get, update
from chalicelib.generation.admission.circuit import Circuit
from chalicelib.generation.admission.slots import Gate

ITEM = "admission"


class AdmissionRow(Model):
    account_id = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True, default=ITEM)
    slots: Any = MapAttribute(null=True)
    failures = JSONAttribute(null=True)
    openings = NumberAttribute(null=True)
    open_until = NumberAttribute(null=True)
    probe = UnicodeAttribute(null=True)
    probe_until = NumberAttribute(null=True)
    turn = NumberAttribute(null=True)


class AdmissionStore:
    """Each method is one call. Where one answers with a Gate or None, None says that it is done, and the gate is what
    stood in the way."""

    def __init__(self, table: str) -> None:
        self._rows = bind(AdmissionRow, table)

    def glance(self, provider: str) -> Gate:
        """What was true a second ago, at half the price of `read`."""
        try:
            return _gate(self._rows.get(_key(provider), ITEM, consistent_read=False))
        except self._rows.DoesNotExist:
            return Gate()

    def read(self, provider: str) -> Gate:
        return _gate(get(self._rows, _key(provider), ITEM))

    def begin(self, provider: str) -> None:
        """A provider that nobody has come to has no place for slots."""
        self._step(provider, [AdmissionRow.slots.set({})], AdmissionRow.slots.does_not_exist())

    def take(self, provider: str, generation_id: str, *, limit: int, until_millis: int) -> Gate | None:
        """Takes a slot, or keeps the generation's own until that time, while the circuit is closed."""
        slot = AdmissionRow.slots[generation_id]
        closed = AdmissionRow.openings.does_not_exist()
        return self._step(provider, [slot.set(until_millis)], closed & _room(generation_id, limit))

    def purge(self, provider: str, over: Iterable[str], now_millis: int) -> None:
        """Frees the slots, if the time of each has passed still."""
        condition: Any = AdmissionRow.slots.exists()
        actions = []
        for generation_id in over:
            slot = AdmissionRow.slots[generation_id]
            condition &= slot <= now_millis
            actions.append(slot.remove())
        self._step(provider, actions, condition)

    def probe(
        self, provider: str, generation_id: str, before: Circuit, after: Circuit, *, limit: int, until_millis: int
    ) -> Gate | None:
        """Sets the circuit, and takes a slot with it if there is a limit."""
        actions, condition = _circuit_actions(after), _as_read(before)
        if limit:
            actions.append(AdmissionRow.slots[generation_id].set(until_millis))
            condition &= _room(generation_id, limit)
        return self._step(provider, actions, condition)

    def leave_calm(self, provider: str, generation_id: str) -> Gate | None:
        """Gives the slot back, where there is one and the circuit has nothing to be told."""
        calm = AdmissionRow.openings.does_not_exist() & AdmissionRow.failures.does_not_exist()
        return self._drop(provider, generation_id, calm)

    def leave(self, provider: str, generation_id: str) -> None:
        """Gives the slot back, if there is one."""
        self._drop(provider, generation_id)

    def tell(self, provider: str, before: Circuit, after: Circuit, *, leaver: str | None = None) -> Gate | None:
        """Sets the circuit, and gives back the slot that the leaver holds."""
        actions, condition = _circuit_actions(after), _as_read(before)
        if leaver is not None:
            actions.append(AdmissionRow.slots[leaver].remove())
        return self._step(provider, actions, condition)

    def extend(self, provider: str, generation_id: str, until_millis: int) -> Gate:
        """Keeps a slot that is held until then, never shorter than it was; answers with what is true afterwards."""
        slot = AdmissionRow.slots[generation_id]
        try:
            row = update(
                self._rows, _key(provider), ITEM, actions=[slot.set(until_millis)], condition=slot < until_millis
            )
        except ConditionFailed as refused:
            return _gate(refused.row)
        return _gate(row)

    def _drop(self, provider: str, generation_id: str, more: Any = None) -> Gate | None:
        slot = AdmissionRow.slots[generation_id]
        return self._step(provider, [slot.remove()], slot.exists() if more is None else slot.exists() & more)

    def _step(self, provider: str, actions: list[Any], condition: Any) -> Gate | None:
        try:
            update(self._rows, _key(provider), ITEM, actions=actions, condition=condition)
        except ConditionFailed as refused:
            return _gate(refused.row)
        return None


def _key(provider: str) -> str:
    return f"provider#{provider}"


def _room(generation_id: str, limit: int) -> Any:
    return AdmissionRow.slots[generation_id].exists() | (size(AdmissionRow.slots) < limit)


def _as_read(before: Circuit) -> Any:
    return AdmissionRow.turn == before.turn if before.turn else AdmissionRow.turn.does_not_exist()


def _circuit_actions(circuit: Circuit) -> list[Any]:
    """What is empty has no attribute, so that a closed circuit without failures is one that lacks them."""
    values: tuple[tuple[Any, Any], ...] = (
        (AdmissionRow.failures, [list(failure) for failure in circuit.failures]),
        (AdmissionRow.openings, circuit.openings),
        (AdmissionRow.open_until, circuit.open_until_millis),
        (AdmissionRow.probe, circuit.probe),
        (AdmissionRow.probe_until, circuit.probe_until_millis),
    )
    return [
        *(name.set(value) if value else name.remove() for name, value in values),
        AdmissionRow.turn.set(circuit.turn),
    ]


def _gate(row: Any | None) -> Gate:
    if row is None:
        return Gate()
    circuit = Circuit(
        failures=tuple((str(held), int(at)) for held, at in row.failures or ()),
        openings=int(row.openings or 0),
        open_until_millis=int(row.open_until or 0),
        probe=row.probe or "",
        probe_until_millis=int(row.probe_until or 0),
        turn=int(row.turn or 0),
    )
    slots = None if row.slots is None else {held: int(until) for held, until in row.slots.as_dict().items()}
    return Gate(slots, circuit)
