"""What Stripe's objects say, as far as it matters here: pure.

Each is read from the object as Stripe has it now, never from an event's copy of it. Amounts are in the currency's
smallest unit. Shapes: https://docs.stripe.com/api, version of the pinned package.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.kernel.clock import from_epoch

Json = dict[str, Any]

#: A refund in one of these states may yet fail; until then its money counts as gone.
REFUNDED = frozenset({"succeeded", "pending", "requires_action"})
#: Disputes in these states hold the money; `warning_…` are inquiries, which hold none.
DISPUTED = frozenset({"needs_response", "under_review", "lost"})
#: Subscriptions in these states are over, or never began.
ENDED = frozenset({"canceled", "incomplete_expired"})


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment intent with its refunds and disputes. `refunded`, `disputed`: how much is gone for which reason."""

    id: str
    status: str
    amount: int
    currency: str
    customer_id: str | None
    account_id: str
    order_id: str
    created_at: datetime
    paid_at: datetime | None = None
    refunded: int = 0
    disputed: int = 0
    receipt_url: str | None = None

    @property
    def paid(self) -> bool:
        return self.status == "succeeded"


@dataclass(frozen=True, slots=True)
class Session:
    """A Checkout Session. `subtotal` is before promotion codes and taxes, `total` after."""

    id: str
    mode: str
    status: str
    payment_status: str
    payment_id: str | None
    customer_id: str | None
    account_id: str
    order_id: str
    currency: str
    subtotal: int
    total: int
    url: str | None
    created_at: datetime
    invoice_url: str | None = None

    @property
    def cost_nothing(self) -> bool:
        """Completed, and a promotion code left nothing to pay."""
        free = self.payment_status == "no_payment_required" and self.total == 0 and self.payment_id is None
        return self.mode == "payment" and self.status == "complete" and free


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a plan's invoice. `proration`: a credit or a charge for a part of the period."""

    product_id: str
    price_id: str
    quantity: int
    amount: int
    proration: bool
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice with what was refunded and disputed of its payments."""

    id: str
    status: str
    customer_id: str | None
    subscription_id: str | None
    currency: str
    amount_due: int
    amount_paid: int
    lines: tuple[Line, ...]
    created_at: datetime
    number: str | None = None
    url: str | None = None
    attempts: int = 0
    since: datetime | None = None
    next_attempt_at: datetime | None = None
    payment_ids: tuple[str, ...] = ()
    refunded: int = 0
    disputed: int = 0

    @property
    def paid(self) -> bool:
        return self.status == "paid"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A customer's plan. `unpaid` is its newest invoice, if that was tried and is still open."""

    id: str
    status: str
    customer_id: str
    item_id: str
    product_id: str
    price_id: str
    currency: str
    period_ends_at: datetime
    cancel_at_period_end: bool
    created_at: datetime
    latest_invoice_id: str | None = None
    unpaid: Invoice | None = None

    @property
    def alive(self) -> bool:
        return self.status not in ENDED


@dataclass(frozen=True, slots=True)
class Price:
    id: str
    lookup_key: str | None
    product_id: str
    active: bool
    interval: str | None
    amounts: dict[str, int]
    tax_included: dict[str, bool]


def payment(intent: Json, refunds: Iterable[Json] = (), disputes: Iterable[Json] = ()) -> Payment:
    """`intent` with `latest_charge` expanded, else without its receipt and the time it was paid."""
    charge = intent["latest_charge"] if isinstance(intent.get("latest_charge"), dict) else {}
    labels = intent.get("metadata") or {}
    return Payment(
        id=intent["id"],
        status=intent["status"],
        amount=intent["amount"],
        currency=intent["currency"],
        customer_id=_id(intent.get("customer")),
        account_id=labels.get("account_id", ""),
        order_id=labels.get("order_id", ""),
        created_at=from_epoch(intent["created"]),
        paid_at=from_epoch(charge["created"]) if charge.get("paid") else None,
        refunded=sum(each["amount"] for each in refunds if each["status"] in REFUNDED),
        disputed=sum(each["amount"] for each in disputes if each["status"] in DISPUTED),
        receipt_url=charge.get("receipt_url"),
    )


def session(given: Json) -> Session:
    """With `invoice` expanded, its page is known too."""
    invoiced = given.get("invoice")
    labels = given.get("metadata") or {}
    return Session(
        id=given["id"],
        mode=given["mode"],
        status=given["status"],
        payment_status=given["payment_status"],
        payment_id=_id(given.get("payment_intent")),
        customer_id=_id(given.get("customer")),
        account_id=given.get("client_reference_id") or "",
        order_id=labels.get("order_id", ""),
        currency=given["currency"],
        subtotal=given["amount_subtotal"],
        total=given["amount_total"],
        url=given.get("url"),
        created_at=from_epoch(given["created"]),
        invoice_url=invoiced.get("hosted_invoice_url") if isinstance(invoiced, dict) else None,
    )


def invoice(given: Json, refunded: int = 0, disputed: int = 0) -> Invoice:
    """With `payments` expanded, the payment intents that paid it are known too."""
    about = (given.get("parent") or {}).get("subscription_details") or {}
    payments = (given.get("payments") or {}).get("data", [])
    found = [_id((each.get("payment") or {}).get("payment_intent")) for each in payments if each["status"] == "paid"]
    return Invoice(
        id=given["id"],
        status=given["status"] or "draft",
        customer_id=_id(given.get("customer")),
        subscription_id=_id(about.get("subscription")),
        currency=given["currency"],
        amount_due=given["amount_due"],
        amount_paid=given["amount_paid"],
        lines=tuple(_line(each) for each in given["lines"]["data"]),
        created_at=from_epoch(given["created"]),
        number=given.get("number"),
        url=given.get("hosted_invoice_url"),
        attempts=given.get("attempt_count") or 0,
        since=_moment((given.get("status_transitions") or {}).get("finalized_at")),
        next_attempt_at=_moment(given.get("next_payment_attempt")),
        payment_ids=tuple(each for each in found if each),
        refunded=refunded,
        disputed=disputed,
    )


def _line(given: Json) -> Line:
    parent = given.get("parent") or {}
    details = parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
    price = (given.get("pricing") or {}).get("price_details") or {}
    return Line(
        product_id=_id(price.get("product")) or "",
        price_id=_id(price.get("price")) or "",
        quantity=given["quantity"] if given.get("quantity") is not None else 1,
        amount=given["amount"],
        proration=bool(details.get("proration")),
        ends_at=from_epoch(given["period"]["end"]),
    )


def subscription(given: Json) -> Subscription:
    """With `latest_invoice` expanded, it says whether the newest invoice waits for its money."""
    item = given["items"]["data"][0]
    latest = given.get("latest_invoice")
    newest = invoice(latest) if isinstance(latest, dict) else None
    waits = newest is not None and newest.status in ("open", "uncollectible") and newest.attempts > 0
    return Subscription(
        id=given["id"],
        status=given["status"],
        customer_id=_id(given["customer"]) or "",
        item_id=item["id"],
        product_id=_id(item["price"]["product"]) or "",
        price_id=item["price"]["id"],
        currency=given["currency"],
        period_ends_at=from_epoch(item["current_period_end"]),
        cancel_at_period_end=bool(given["cancel_at_period_end"]),
        created_at=from_epoch(given["created"]),
        latest_invoice_id=_id(latest),
        unpaid=newest if waits else None,
    )


def price(given: Json) -> Price:
    """With `currency_options` expanded."""
    options = given.get("currency_options") or {given["currency"]: given}
    return Price(
        id=given["id"],
        lookup_key=given.get("lookup_key"),
        product_id=_id(given["product"]) or "",
        active=bool(given["active"]),
        interval=(given.get("recurring") or {}).get("interval"),
        amounts={name: each["unit_amount"] for name, each in options.items() if each.get("unit_amount") is not None},
        tax_included={name: each.get("tax_behavior") == "inclusive" for name, each in options.items()},
    )


def current(found: Iterable[Subscription]) -> Subscription | None:
    """The subscription that counts, of all that a customer ever had: the newest that is alive, else the newest."""
    return max(found, key=lambda each: (each.alive, each.created_at, each.id), default=None)


def _id(reference: Any) -> str | None:
    """The id of an object that is named or expanded."""
    return reference.get("id") if isinstance(reference, dict) else reference


def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else from_epoch(seconds)
