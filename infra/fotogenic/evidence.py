"""What stands behind a grant that was paid for: our own order, or what Stripe itself says."""

from collections.abc import Callable, Iterable
from typing import Any

from chalicelib.billing.order import PAID, How, mismatch, plan_bucket, status_of
from chalicelib.billing.problems import NoSuchObject
from infra.fotogenic.checks.payments import Paid
from infra.fotogenic.reading import Reading

Behind = Callable[[str, Iterable[str]], dict[str, Paid | None]]


def of_orders(reading: Reading) -> Behind:
    """By the billing table: a top-up's order that was paid, a plan that was ordered. Asks nobody else."""
    table = reading.settings.billing_table

    def order_of(payment_id: str) -> Paid | None:
        link = reading.get(table, pk=f"payment#{payment_id}", sk="payment")
        if link is None:
            return None
        order = reading.get(table, pk=link["account_id"], sk=link["order_id"])
        if order is None or order["status"] not in PAID or order.get("payment_id") != payment_id:
            return None
        return Paid(link["account_id"], int(order["assets"]))

    def plan_of(account_id: str) -> Paid | None:
        """A plan's invoice is at Stripe only; here it is seen that the account has had a plan at all."""
        return Paid(account_id, None) if reading.get(table, pk=account_id, sk="plan") is not None else None

    def behind(account_id: str, payment_ids: Iterable[str]) -> dict[str, Paid | None]:
        return {id_: plan_of(account_id) if id_.startswith("in_") else order_of(id_) for id_ in payment_ids}

    return behind


def of_stripe(services: Any) -> Behind:
    """By Stripe's objects, each held against our order. Raises BillingNotConfigured, BillingUnavailable."""
    from chalicelib.billing.settling.gateway import ReadingGateway
    from chalicelib.billing.store import BillingStore

    stripe, store = ReadingGateway(services.stripe.call), BillingStore(services.settings.billing_table)

    def top_up(payment_id: str) -> Paid | None:
        is_payment = payment_id.startswith("pi_")
        payment = stripe.payment(payment_id) if is_payment else None
        session = stripe.session_of(payment_id) if is_payment else stripe.session(payment_id)
        known: Any = payment or session
        order = store.order(known.account_id, known.order_id) if known.account_id and known.order_id else None
        if order is None or status_of(order, session, payment) not in PAID:
            return None
        wrong = mismatch(order, None if order.how is How.SAVED_CARD else session, payment)
        return None if wrong else Paid(order.account_id, order.assets)

    def plan(invoice_id: str) -> Paid | None:
        invoice = stripe.invoice(invoice_id)
        owner = store.account_of(invoice.customer_id or "")
        if not invoice.paid or owner is None:
            return None
        parts = {line.price_id for line in invoice.lines if line.proration}
        bucket = plan_bucket(invoice, {price: stripe.unit_amount(price, invoice.currency) for price in parts})
        return Paid(owner, bucket.assets if bucket is not None else 0)

    def ask(id_: str) -> Paid | None:
        try:
            return plan(id_) if id_.startswith("in_") else top_up(id_)
        except (NoSuchObject, LookupError):
            return None

    return lambda _, payment_ids: {id_: ask(id_) for id_ in payment_ids}
