"""Events of generations, thin: ids and states, no prompt and no address of anything."""

from collections.abc import Iterable
from typing import Any

from chalicelib.generation.generation import Asset, AssetStatus, Generation, Status
from chalicelib.generation.ports import Outbox
from chalicelib.kernel.transaction import Transaction

#: Events of one generation may arrive in any order; a receiver keeps the highest `seq`.
SEQ = {Status.QUEUED: 1, Status.RUNNING: 2}
SEQ_OF_AN_END = 3


class Telling:
    """Each state is told once, however often it is said: the event's id comes from generation and state."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def generation(self, tx: Transaction, made: Generation) -> None:
        """Adds the events of its present state to the transaction that brings it there."""
        self._outbox.tell(tx, made.account_id, f"generation.{made.status}", _data(made), key=_key(made))
        for asset in made.assets:
            if asset.status is AssetStatus.BLOCKED:
                data = {"id": asset.id, "object": "asset", "generation_id": made.id, "status": asset.status.value}
                self._outbox.tell(tx, made.account_id, "asset.blocked", data, key=f"asset.blocked:{asset.id}")

    def running(self, made: Generation) -> None:
        """Says that a worker has it."""
        self._outbox.tell_now(made.account_id, f"generation.{made.status}", _data(made), key=_key(made))

    def deleted(self, made: Generation, assets: Iterable[Asset]) -> None:
        """Says that these results are gone, those that were there."""
        for asset in assets:
            if asset.status is AssetStatus.SUCCEEDED:
                data = {"id": asset.id, "object": "asset", "generation_id": made.id, "status": "deleted"}
                self._outbox.tell_now(made.account_id, "asset.deleted", data, key=f"asset.deleted:{asset.id}")


def _key(made: Generation) -> str:
    return f"generation.{made.status}:{made.id}"


def _data(made: Generation) -> dict[str, Any]:
    return {
        "id": made.id,
        "object": "generation",
        "status": made.status.value,
        "model": made.model,
        "operation": made.operation,
        "charged": made.charged,
        "assets": [{"id": asset.id, "status": asset.status.value} for asset in made.assets],
        "error": made.failure.code if made.failure else None,
        "seq": SEQ.get(made.status, SEQ_OF_AN_END),
    }
