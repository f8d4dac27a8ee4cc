"""The event door of generations."""

from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from chalice.app import Blueprint, Rate

from chalicelib.aws import dispatch
from chalicelib.edge import observe
from chalicelib.edge.tasks import sqs_batch
from chalicelib.wiring import services

blueprint = Blueprint(__name__)


@sqs_batch("generation.run")
def _run(record: SQSRecord) -> None:
    ids = dispatch.read(record.body, "account_id", "generation_id")
    outcome = services().running.run(ids["account_id"], ids["generation_id"])
    observe.event("generation.outcome", generation_id=ids["generation_id"], reason=outcome.value)


def generate(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Runs queued generations. A function of its own image, because the engines do not fit the zip."""
    return _run(event, context)


@blueprint.schedule(Rate(1, unit=Rate.MINUTES), name="rescue")
def rescue(event: Any) -> dict[str, int]:
    """Finds generations that were committed and never queued, and claims that died."""
    counts = services().running.rescue()
    for outcome, count in counts.items():
        observe.event("generation.rescued", reason=outcome.value, count=count)
    return {outcome.value: count for outcome, count in counts.items()}
