"""What was sent to a webhook endpoint, over HTTP."""

import re

from chalicelib.edge.http import Call, Door
from chalicelib.edge.paging import after_place, page
from chalicelib.kernel.clock import rfc3339
from chalicelib.kernel.errors import Conflict
from chalicelib.kernel.principal import Scope
from chalicelib.kernel.shapes import Page, PageQuery, View
from chalicelib.webhooks.delivery import Delivery, place
from chalicelib.wiring import services

door = Door("webhooks")

#: A delivery's place in the list: when its event was made, and the event's id.
PLACE = re.compile(r"[0-9]{13}#evt_[0-9A-HJKMNP-TV-Z]{26}")


class AttemptView(View):
    """`status` is what was answered; `error` is why nothing was."""

    at: str
    status: int | None
    error: str | None
    milliseconds: int


class DeliveryView(View):
    """One event to one endpoint. `next_attempt_at` is null when it is not tried any more."""

    event_id: str
    object: str = "delivery"
    type: str
    status: str
    attempts: list[AttemptView]
    next_attempt_at: str | None
    created_at: str


class DeliveryPage(Page[DeliveryView]):
    pass


@door.route(
    "GET",
    "/v1/webhook-endpoints/{endpoint_id}/deliveries",
    summary="What was sent to a webhook endpoint",
    scope=Scope.WEBHOOKS,
    query=PageQuery,
    answer=DeliveryPage,
)
def list_webhook_deliveries(call: Call[None, PageQuery]) -> Page[DeliveryView]:
    """Newest event first; kept for seven days."""
    limit, before = call.query.limit, after_place(PLACE, call.query.after)
    found = services().webhook_endpoints.deliveries(
        call.principal.account_id, call.path["endpoint_id"], before=before, limit=limit + 1
    )
    return page([_delivery(known) for known in found], [place(known) for known in found], limit)


@door.route(
    "POST",
    "/v1/webhook-endpoints/{endpoint_id}/deliveries/{event_id}/replay",
    summary="Send an event again",
    scope=Scope.WEBHOOKS,
    status=202,
    answer=DeliveryView,
    problems=(Conflict,),
)
def replay_webhook_delivery(call: Call[None, None]) -> DeliveryView:
    """The same event with the same `webhook-id`, signed anew, whether it was taken before or not."""
    replayed = services().webhook_endpoints.replay(
        call.principal.account_id, call.path["endpoint_id"], call.path["event_id"]
    )
    return _delivery(replayed)


def _delivery(known: Delivery) -> DeliveryView:
    attempts = [
        AttemptView(at=rfc3339(made.at), status=made.status, error=made.error, milliseconds=made.milliseconds)
        for made in known.log
    ]
    return DeliveryView(
        event_id=known.event_id,
        type=known.type,
        status=known.status,
        attempts=attempts,
        next_attempt_at=rfc3339(known.next_at) if known.next_at else None,
        created_at=rfc3339(known.at),
    )
