"""The event door of webhooks."""

from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from chalice.app import Blueprint, Rate

from chalicelib.edge import observe
from chalicelib.edge.tasks import each, either, ids, sqs_batch
from chalicelib.wiring import services

blueprint = Blueprint(__name__)


@sqs_batch("webhook.message")
def _handle(record: SQSRecord) -> None:
    kind, _ = either(record, "endpoint_id", "event_id")
    if kind == "event_id":
        account_id, event_id = ids(record, "account_id", "event_id")
        outcome = services().webhook_deliveries.spread(account_id, event_id)
        observe.event("webhook.event", event_id=event_id, reason=outcome)
    else:
        account_id, event_id, endpoint_id = ids(record, "account_id", "event_id", "endpoint_id")
        outcome = services().webhook_deliveries.deliver(account_id, event_id, endpoint_id)
        observe.event("webhook.delivery", event_id=event_id, endpoint_id=endpoint_id, reason=outcome)


@blueprint.on_sqs_message(queue="WebhookQueue", batch_size=1, name="deliver_webhooks")
def deliver_webhooks(event: Any) -> Any:
    """Gives each endpoint its delivery of an event, and makes one attempt of one delivery."""
    return _handle(event, event.context)


@blueprint.schedule(Rate(1, unit=Rate.MINUTES), name="webhook_sweep")
def webhook_sweep(_: Any) -> dict[str, int]:
    """Queues what has waited long enough, and what was stored and never queued."""
    deliveries = services().webhook_deliveries
    return each("webhook.swept", deliveries.overdue(), deliveries.queue_again)
