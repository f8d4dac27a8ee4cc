"""Where Stripe says what happened, over HTTP."""

from chalicelib.billing.problems import BillingNotConfigured, SignatureRefused
from chalicelib.edge.http import Call, Door
from chalicelib.edge.identity import Access
from chalicelib.kernel.shapes import View
from chalicelib.wiring import services

door = Door("billing")


class ReceivedView(View):
    received: bool


@door.route(
    "POST",
    "/v1/stripe/events",
    summary="An event of the payment provider",
    access=Access.PUBLIC,
    answer=ReceivedView,
    raw=True,
    problems=(BillingNotConfigured, SignatureRefused),
)
def receive_event(call: Call[None, None]) -> ReceivedView:
    """Signed by the payment provider, over the bytes of the body. 200 once it is stored; the same event again too."""
    services().stripe_events.receive(call.raw_body, call.headers.get("stripe-signature", ""))
    return ReceivedView(received=True)
