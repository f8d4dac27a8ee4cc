"""The event door of generations."""

from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from chalice.app import Blueprint, Rate

from chalicelib.edge import observe
from chalicelib.edge.tasks import each, ids, sqs_batch
from chalicelib.wiring import services

blueprint = Blueprint(__name__)


@sqs_batch("generation.run")
def _run(record: SQSRecord) -> None:
    account_id, generation_id, state = ids(record, "account_id", "generation_id", "state")
    outcome = services().running.run(account_id, generation_id, waiting=state == "waiting")
    observe.event("generation.outcome", generation_id=generation_id, reason=outcome.value)


def generate(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Runs queued generations of our own engines. A function of its own image, because they do not fit the zip."""
    return _run(event, context)


@blueprint.on_sqs_message(queue="ProviderQueue", batch_size=1, name="provider_jobs")
def provider_jobs(event: Any) -> Any:
    """Submits generations to hosted providers, and asks what has become of them."""
    return _run(event, event.context)


@blueprint.schedule(Rate(1, unit=Rate.MINUTES), name="rescue")
def rescue(_: Any) -> dict[str, int]:
    """Finds generations that were committed and never queued, and claims that died."""
    running = services().running
    return each("generation.rescued", running.overdue(), running.look_after)
