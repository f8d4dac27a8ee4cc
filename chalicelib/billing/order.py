"""What somebody set out to buy, and what became of it: pure."""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from urllib.parse import urlsplit

from chalicelib.billing.catalog import Kind, Offer, by_product, pack_ends
from chalicelib.billing.readings import Invoice, Payment, Session
from chalicelib.credits.ledger import Bucket, BucketKind

#: How long a repetition of the same request gets the same order.
REMEMBERED = timedelta(hours=24)
#: A checkout page can be paid for so long (Stripe's own limit); a payment by bank may take this much longer.
PAGE_LIFE = timedelta(hours=24)
SLOWEST_PAYMENT = timedelta(days=30)
#: An order that is still open is looked after this long after the last look.
LOOK_AGAIN = timedelta(days=1)
MAX_URL = 2000
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class How(StrEnum):
    """How an order is paid."""

    CHECKOUT = "checkout"  # a pack, on Stripe's page
    PLAN = "plan"  # a plan, on Stripe's page
    SAVED_CARD = "saved_card"  # a pack, with the payment method that the customer saved


class Status(StrEnum):
    OPEN = "open"
    PAID = "paid"
    EXPIRED = "expired"
    FAILED = "failed"
    REFUNDED = "refunded"
    PARTIALLY_REFUNDED = "partially_refunded"
    DISPUTED = "disputed"


#: Orders in these states have brought what they promise, whatever became of it later.
PAID = frozenset({Status.PAID, Status.REFUNDED, Status.PARTIALLY_REFUNDED, Status.DISPUTED})


@dataclass(frozen=True, slots=True)
class Order:
    """`id` is `top_…` for a pack, `sub_…` for a plan. `amount` is the price before promotion codes and taxes added."""

    id: str
    account_id: str
    how: How
    offer: str
    assets: int
    amount: int
    currency: str
    created_at: datetime
    customer_id: str
    price_id: str
    success_url: str = ""
    cancel_url: str = ""
    save_card: bool = False
    request_id: str = ""
    status: Status = Status.OPEN
    attempt: int = 1
    session_id: str | None = None
    checkout_url: str | None = None
    payment_id: str | None = None
    receipt_url: str | None = None
    invoice_url: str | None = None
    version: int = 1

    @property
    def idempotency_key(self) -> str:
        """Under which it is sent to Stripe: the same for every repetition of an attempt."""
        return f"order:{self.id}:{self.attempt}"

    def as_made(self) -> "Order":
        """As it was answered first."""
        return replace(self, status=Status.OPEN, receipt_url=None, invoice_url=None)

    def waits_until(self, now: datetime) -> datetime | None:
        """When to look after it next; None once nothing more is to come by itself."""
        over = now > self.created_at + PAGE_LIFE + SLOWEST_PAYMENT
        return None if self.status is not Status.OPEN or over else now + LOOK_AGAIN


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asked to buy. Two wishes are the same request if they are equal."""

    how: How
    offer: str
    currency: str
    success_url: str
    cancel_url: str
    save_card: bool = False

    def fingerprint(self) -> str:
        told = [self.how, self.offer, self.currency, self.success_url, self.cancel_url, self.save_card]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    @property
    def kind(self) -> Kind:
        return Kind.PLAN if self.how is How.PLAN else Kind.PACK


def is_web_address(url: str) -> bool:
    """Whether a browser may be sent there after a payment: https, or plain http on this machine."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    secure = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    clean = url.isascii() and url.isprintable() and " " not in url and len(url) <= MAX_URL
    return secure and bool(host) and port != 0 and clean and parts.username is None and parts.password is None


def mismatch(order: Order, session: Session | None, payment: Payment | None) -> str | None:
    """What Stripe's objects say otherwise than the order; None if they agree.

    Before promotion codes and taxes the checkout's sum is the order's amount; after them it is what was paid.
    """
    if session is not None:
        facts: list[tuple[str, object, object]] = [
            ("mode", session.mode, "payment"),
            ("account", session.account_id, order.account_id),
            ("order", session.order_id, order.id),
            ("customer", session.customer_id, order.customer_id),
            ("currency", session.currency, order.currency),
            ("amount", session.subtotal, order.amount),
        ]
    elif order.how is How.SAVED_CARD:
        facts = []
    else:
        return "session"
    if payment is not None:
        facts += [
            ("payment account", payment.account_id, order.account_id),
            ("payment order", payment.order_id, order.id),
            ("payment customer", payment.customer_id, order.customer_id),
            ("payment currency", payment.currency, order.currency),
            ("payment amount", payment.amount, session.total if session is not None else order.amount),
        ]
    return next((name for name, found, expected in facts if found != expected), None)


def status_of(order: Order, session: Session | None, payment: Payment | None) -> Status:
    """What became of the order, by what Stripe says now."""
    if payment is not None and payment.paid:
        if payment.disputed:
            return Status.DISPUTED
        if payment.refunded >= payment.amount:
            return Status.REFUNDED
        return Status.PARTIALLY_REFUNDED if payment.refunded else Status.PAID
    if session is not None and session.cost_nothing:
        return Status.PAID
    if session is not None and session.status == "expired":
        return Status.EXPIRED
    saved = order.how is How.SAVED_CARD
    done = saved or (session is not None and session.status == "complete")
    # On Stripe's page `requires_action` may be a voucher that waits to be paid; with a saved card nobody can act.
    over = {"requires_payment_method", "canceled"} | ({"requires_action"} if saved else set())
    return Status.FAILED if done and payment is not None and payment.status in over else Status.OPEN


def taken(granted: int, *, amount: int, gone: int) -> int:
    """How many of the granted assets `gone` of the `amount` takes back: its share, rounded down; all of it, all."""
    if gone <= 0 or amount <= 0:
        return 0
    return granted if gone >= amount else granted * gone // amount


def pack_bucket(order: Order, payment_id: str, paid_at: datetime) -> Bucket:
    return Bucket(payment_id, BucketKind.TOP_UP, order.assets, pack_ends(paid_at))


def plan_bucket(invoice: Invoice, unit_amounts: dict[str, int]) -> Bucket | None:
    """What a paid invoice of a plan brings: all of each period it pays for, and the paid part of a part. None: nothing.

    Assets follow the money: a proration brings (or takes from the rest) the share of the plan's assets that its amount
    is of the price. `unit_amounts`: price id → what it costs for a month. Raises LookupError for a line that is no
    offer of ours.
    """
    share = Fraction(0)
    for line in invoice.lines:
        offer = by_product(line.product_id)
        if offer is None or offer.kind is not Kind.PLAN:
            raise LookupError(line.product_id)
        if line.proration:
            share += Fraction(offer.assets * line.amount, unit_amounts[line.price_id] or 1)
        else:
            share += offer.assets * line.quantity
    assets = share.numerator // share.denominator
    if assets <= 0:
        return None
    return Bucket(invoice.id, BucketKind.PLAN, assets, max(line.ends_at for line in invoice.lines))


def is_upgrade(old: Offer | None, new: Offer) -> bool:
    """Whether a change of plan takes effect, and is paid, at once."""
    return old is None or new.assets > old.assets
