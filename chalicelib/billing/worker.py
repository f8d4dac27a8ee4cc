"""The event door of billing."""

from typing import Any

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from chalice.app import Blueprint, Rate

from chalicelib.edge import observe
from chalicelib.edge.tasks import each, either, sqs_batch
from chalicelib.wiring import services

blueprint = Blueprint(__name__)


@sqs_batch("billing.message")
def _handle(record: SQSRecord) -> None:
    kind, thing = either(record, "event_id", "balance_low")
    if kind == "event_id":
        observe.event("billing.event", event_id=thing, reason=services().stripe_events.process(thing))
    else:
        observe.event("billing.balance_low", account_id=thing, reason=str(services().auto_top_ups.low(thing)))


@blueprint.on_sqs_message(queue="BillingQueue", batch_size=1, name="billing_events")
def billing_events(event: Any) -> Any:
    """Deals with stored events of the payment provider, and with balances that run low."""
    return _handle(event, event.context)


@blueprint.schedule(Rate(5, unit=Rate.MINUTES), name="billing_sweep")
def billing_sweep(_: Any) -> dict[str, int]:
    """Finds what no event brought, and what no message was left for."""
    events, sweep, auto_top_ups = services().stripe_events, services().billing_sweep, services().auto_top_ups
    counts = each("billing.event_queued", events.overdue(), events.queue_again)
    each("billing.order_looked_at", sweep.open_orders(), sweep.look_at_order)
    each("billing.auto_top_up", auto_top_ups.due(), auto_top_ups.look)
    window = sweep.window()
    if window is None:
        return counts
    missed = each("billing.missed", sweep.missing(window), sweep.settle)
    if not missed.get("crashed"):
        # Else the next tick looks at the same window again.
        sweep.finish(window)
    return counts | missed
