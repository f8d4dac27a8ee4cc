"""`fotogenic adjust` and `fotogenic refund`: money that an operator moves by hand, each with a reason."""

import re
from typing import Any

from chalicelib.aws import session
from chalicelib.aws.entropy import token_bytes
from chalicelib.billing.order import PAID
from chalicelib.kernel.errors import Conflict, NotFound, Validation
from chalicelib.kernel.ids import is_id, new_id
from infra.fotogenic.reading import Reading

TICKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
TICKET_RULE = "the ticket is up to 64 letters, digits, dots, dashes and underscores"
MAX_REASON = 300


def adjust(services: Any, account_id: str, assets: int, *, ticket: str, reason: str) -> bool:
    """Gives or takes assets, once for each ticket; says if it was done now.

    Raises Validation, NotFound for an account without books, InsufficientAssets when more is to be taken than there is.
    """
    if not TICKET.fullmatch(ticket):
        raise Validation(TICKET_RULE, param="ticket")
    if not reason.strip() or len(reason) > MAX_REASON or not reason.isprintable():
        raise Validation(f"the reason is one line of at most {MAX_REASON} characters", param="reason")
    if not assets:
        raise Validation("an adjustment is not zero", param="assets")
    settings = services.settings
    if not is_id("acct", account_id) or not Reading(settings).get(
        settings.credits_table, account_id=account_id, item="balance"
    ):
        raise NotFound("There is no such account.")
    made: bool = services.credits.adjust(
        account_id,
        assets,
        key=ticket,
        reason=f"{operator()}: {reason.strip()}",
        request_id=new_id("req", services.clock.now(), token_bytes),
    )
    return made


def refund(services: Any, account_id: str, order_id: str, amount: int | None, *, ticket: str) -> dict[str, Any]:
    """Gives back what an order's payment brought, or `amount` of it, once for each ticket; Stripe's refund.

    The assets go when Stripe's event says so, or with the next sweep. Raises Validation, NotFound, Conflict for one
    that no money was paid for, BillingRefused for more than is left, BillingUnavailable (repeat it).
    """
    if not TICKET.fullmatch(ticket):
        raise Validation(TICKET_RULE, param="ticket")
    order = services.orders.get(account_id, order_id)
    payment_id = order.payment_id or ""
    if order.status not in PAID or not payment_id.startswith("pi_"):
        raise Conflict(f"The order is {order.status}; no money can be given back.")
    listed = {"payment_intent": payment_id, "limit": 100}
    for made in services.stripe.call(lambda stripe: list(stripe.v1.refunds.list(listed).auto_paging_iter())):
        # Stripe forgets an idempotency key after a day; the refund itself remembers its ticket.
        if (made.to_dict().get("metadata") or {}).get("ticket") == ticket:
            return _told(made)
    given: dict[str, Any] = {"payment_intent": payment_id, "metadata": {"ticket": ticket, "order_id": order_id}}
    if amount is not None:
        given["amount"] = amount
    options = {"idempotency_key": f"refund:{order_id}:{ticket}"}
    return _told(services.stripe.call(lambda stripe: stripe.v1.refunds.create(given, options)))


def _told(made: Any) -> dict[str, Any]:
    return {name: made.to_dict()[name] for name in ("id", "status", "amount", "currency")}


def operator() -> str:
    """Who AWS says is calling: the last part of the identity's ARN."""
    arn: str = session.client("sts").get_caller_identity()["Arn"]
    return arn.rpartition(":")[2]
