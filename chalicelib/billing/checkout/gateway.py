"""Stripe: what customers set off: checkouts, plans, charges of a saved card, the customer portal."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from chalicelib.billing import readings
from chalicelib.billing.order import How, Order
from chalicelib.billing.readings import Invoice, Payment, Price, Session, Subscription
from chalicelib.kernel.clock import Clock, epoch_seconds

Call = Callable[[Callable[[Any], Any]], Any]

#: Prices change when an operator syncs the catalog: a look-up is good for so long.
PRICE_CACHE = timedelta(minutes=5)
#: How far an object's time at Stripe may lie before our own.
SKEW_SECONDS = 300
PAGE = 100


class CheckoutGateway:
    """`call` is `Connection.call`, whose errors all methods raise."""

    def __init__(self, call: Call, clock: Clock) -> None:
        self._call = call
        self._clock = clock
        self._prices: dict[str, tuple[datetime, Price]] = {}

    def customer_of(self, account_id: str, email: str) -> str | None:
        """The customer that was made for the account before, if there is one."""
        found = self._call(lambda stripe: stripe.v1.customers.list({"email": email, "limit": PAGE}))
        labels = [(each.id, each.to_dict().get("metadata") or {}) for each in found.data]
        return next((str(customer) for customer, label in labels if label.get("account_id") == account_id), None)

    def make_customer(self, account_id: str, email: str, key: str) -> str:
        given = {"email": email, "metadata": {"account_id": account_id}}
        made = self._call(lambda stripe: stripe.v1.customers.create(given, {"idempotency_key": key}))
        return str(made.id)

    def price(self, lookup_key: str) -> Price | None:
        """The price in force, as it was at most PRICE_CACHE ago; None if the catalog was never synced."""
        now = self._clock.now()
        cached = self._prices.get(lookup_key)
        if cached is not None and now - cached[0] <= PRICE_CACHE:
            return cached[1]
        given = {"lookup_keys": [lookup_key], "active": True, "expand": ["data.currency_options"]}
        found = self._call(lambda stripe: stripe.v1.prices.list(given))
        if not found.data:
            return None
        price = readings.price(found.data[0].to_dict(for_json=True))
        self._prices[lookup_key] = (now, price)
        return price

    def open_checkout(self, order: Order) -> Session:
        """The same session however often it is called with the same attempt of the order, for a day."""
        given = _checkout(order)
        options = {"idempotency_key": order.idempotency_key}
        made = self._call(lambda stripe: stripe.v1.checkout.sessions.create(given, options))
        return readings.session(made.to_dict(for_json=True))

    def find_checkout(self, order: Order) -> Session | None:
        """The session that was made for the order, when its answer was lost."""
        given = {"customer": order.customer_id, "created": _since(order), "limit": PAGE}
        found = self._call(lambda stripe: list(stripe.v1.checkout.sessions.list(given).auto_paging_iter()))
        sessions = [readings.session(each.to_dict(for_json=True)) for each in found]
        return next((each for each in sessions if each.order_id == order.id), None)

    def expire_checkout(self, session_id: str) -> Session:
        """Ends a session that nobody has paid; one that is over already is answered as it is."""
        found = self._call(lambda stripe: stripe.v1.checkout.sessions.retrieve(session_id))
        if found.status == "open":
            found = self._call(lambda stripe: stripe.v1.checkout.sessions.expire(session_id))
        return readings.session(found.to_dict(for_json=True))

    def charge(self, order: Order, card_id: str) -> Payment:
        """Charges the customer's saved card while nobody is there. Raises PaymentRefused, and leaves nothing to pay."""
        given = {
            "amount": order.amount,
            "currency": order.currency,
            "customer": order.customer_id,
            "payment_method": card_id,
            "confirm": True,
            "off_session": True,
            "metadata": _labels(order),
            "expand": ["latest_charge"],
        }
        options = {"idempotency_key": order.idempotency_key}
        made = self._call(lambda stripe: stripe.v1.payment_intents.create(given, options))
        return readings.payment(made.to_dict(for_json=True))

    def find_charge(self, order: Order) -> Payment | None:
        """The payment that was made for the order, when its answer was lost."""
        given = {"customer": order.customer_id, "created": _since(order), "limit": PAGE}
        found = self._call(lambda stripe: list(stripe.v1.payment_intents.list(given).auto_paging_iter()))
        payments = [readings.payment(each.to_dict(for_json=True)) for each in found]
        return next((each for each in payments if each.order_id == order.id), None)

    def saved_card(self, customer_id: str) -> str | None:
        """The customer's default payment method, else the one that was saved last."""
        customer = self._call(lambda stripe: stripe.v1.customers.retrieve(customer_id)).to_dict()
        chosen = (customer.get("invoice_settings") or {}).get("default_payment_method")
        if chosen:
            return str(chosen)
        found = self._call(lambda stripe: stripe.v1.payment_methods.list({"customer": customer_id, "limit": 1}))
        return str(found.data[0].id) if found.data else None

    def change_plan(self, plan: Subscription, price_id: str, *, at_once: bool) -> Subscription:
        """`at_once`: the rest of the period is charged now, else nothing changes. If not: from the next period on."""
        given = {
            "items": [{"id": plan.item_id, "price": price_id, "quantity": 1}],
            "proration_behavior": "always_invoice" if at_once else "none",
            "cancel_at_period_end": False,
            "expand": ["latest_invoice"],
        }
        if at_once:
            given["payment_behavior"] = "error_if_incomplete"
        # With the newest invoice in it, going there and back and there again is not taken for a repetition.
        key = f"plan:{plan.id}:{plan.price_id}:{price_id}:{plan.latest_invoice_id}"
        options = {"idempotency_key": key}
        changed = self._call(lambda stripe: stripe.v1.subscriptions.update(plan.id, given, options))
        return readings.subscription(changed.to_dict(for_json=True))

    def set_ending(self, subscription_id: str, *, ends: bool) -> Subscription:
        """Whether the plan ends with its period."""
        given = {"cancel_at_period_end": ends, "expand": ["latest_invoice"]}
        changed = self._call(lambda stripe: stripe.v1.subscriptions.update(subscription_id, given))
        return readings.subscription(changed.to_dict(for_json=True))

    def portal(self, customer_id: str, return_url: str) -> str:
        """A link to Stripe's own pages for the customer, good for minutes."""
        given = {"customer": customer_id, "return_url": return_url}
        return str(self._call(lambda stripe: stripe.v1.billing_portal.sessions.create(given)).url)

    def invoices(self, customer_id: str, *, after: str | None, limit: int) -> list[Invoice]:
        """Newest first, older than the invoice `after`; drafts are left out."""
        given: dict[str, Any] = {"customer": customer_id, "limit": limit}
        if after is not None:
            given["starting_after"] = after
        found = self._call(lambda stripe: stripe.v1.invoices.list(given))
        return [readings.invoice(each.to_dict(for_json=True)) for each in found.data]


def _checkout(order: Order) -> dict[str, Any]:
    """The parameters of the order's Checkout Session."""
    labels = _labels(order)
    given: dict[str, Any] = {
        "mode": "subscription" if order.how is How.PLAN else "payment",
        "customer": order.customer_id,
        # Automatic tax needs to know where the customer is; the page asks, and the customer keeps the answer.
        "customer_update": {"address": "auto", "name": "auto"},
        "client_reference_id": order.account_id,
        "currency": order.currency,
        "line_items": [{"price": order.price_id, "quantity": 1}],
        "allow_promotion_codes": True,
        "automatic_tax": {"enabled": True},
        "metadata": labels,
        "success_url": order.success_url,
        "cancel_url": order.cancel_url,
    }
    if order.how is How.PLAN:
        return given | {"subscription_data": {"metadata": labels}}
    intent: dict[str, Any] = {"metadata": labels}
    if order.save_card:
        intent["setup_future_usage"] = "off_session"
    return given | {"payment_intent_data": intent, "invoice_creation": {"enabled": True}}


def _labels(order: Order) -> dict[str, str]:
    return {"account_id": order.account_id, "order_id": order.id}


def _since(order: Order) -> dict[str, int]:
    return {"gte": epoch_seconds(order.created_at) - SKEW_SECONDS}
