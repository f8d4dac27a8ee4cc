"""The event door of the ledger."""

from typing import Any

from chalice.app import Blueprint, Rate

from chalicelib.edge.tasks import each
from chalicelib.wiring import services

blueprint = Blueprint(__name__)


@blueprint.schedule(Rate(5, unit=Rate.MINUTES), name="ledger_upkeep")
def ledger_upkeep(_: Any) -> dict[str, int]:
    """Writes off what buckets held past their end, and repeats lost words to owners who have little left."""
    upkeep = services().upkeep
    return each("ledger.upkeep", upkeep.due(), upkeep.look_after)
