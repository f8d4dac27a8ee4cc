"""Invoices: drafted, finalized, paid or not. https://docs.stripe.com/invoicing/overview"""

from dataclasses import dataclass
from decimal import Decimal

from infra.local.stripe import customers, payments
from infra.local.stripe.account import Account
from infra.local.stripe.errors import Object, StripeError, declined, refused
from infra.local.stripe.listing import page
from infra.local.stripe.pricing import Priced, priced
from infra.local.stripe.rendering import a_list, public

DAY_SECONDS = 24 * 3600
#: Days after the first failure at which a renewal is tried again, and what becomes of the subscription in the end.
DUNNING = {"retry_days": [3, 5, 7], "then": "cancel"}


@dataclass(frozen=True)
class Billed:
    """What one line is for. `amount`: its subtotal; `parent`: where it comes from, as Stripe names it."""

    amount: int
    price: Object
    quantity: int
    period: tuple[int, int]
    description: str
    tax_included: bool
    parent: Object


def tax_percent(account: Account, *, automatic: bool) -> Decimal:
    """The one rate of this stand-in, for whoever turned automatic tax on."""
    return Decimal(str(account.store.setting("tax_percent", 0))) if automatic else Decimal(0)


def draft(
    account: Account,
    customer_id: str,
    currency: str,
    billed: list[Billed],
    reason: str,
    *,
    automatic_tax: bool,
    discount: Object | None = None,
    subscription: Object | None = None,
) -> Object:
    """A draft invoice with its sums."""
    clock = account.clock_of(customer_id)
    customer = account.get("customer", customer_id)
    invoice = account.make("invoice", clock, customer=customer_id, currency=currency, billing_reason=reason)
    for name in ("address", "email", "name", "phone"):
        invoice[f"customer_{name}"] = customer.get(name)
    if subscription is not None:
        about = {"metadata": subscription["metadata"], "subscription": subscription["id"]}
        invoice["parent"] = {"quote_details": None, "subscription_details": about, "type": "subscription_details"}
    invoice["period_start"], invoice["period_end"] = billed[0].period if subscription is None else _past(subscription)
    coupon = None if discount is None else account.get("coupon", discount["source"]["coupon"])
    rate = tax_percent(account, automatic=automatic_tax)
    sums = priced([line.amount for line in billed], [line.tax_included for line in billed], coupon, rate)
    lines = [_line(account, invoice, line, sum_, discount) for line, sum_ in zip(billed, sums, strict=True)]
    invoice["lines"] = a_list(f"/v1/invoices/{invoice['id']}/lines", lines)
    invoice["discounts"] = [] if discount is None else [discount["id"]]
    if automatic_tax:
        invoice["automatic_tax"] |= {"enabled": True, "status": "complete", "provider": "stripe"}
        invoice["automatic_tax"]["liability"] = {"type": "self"}
    _total(invoice, sums, customer["balance"])
    account.save(invoice)
    account.event("invoice.created", invoice)
    return invoice


def _past(subscription: Object) -> tuple[int, int]:
    """An invoice's own period is the one before: what was used. Its lines say what is paid in advance."""
    return subscription["_invoiced_from"], subscription["items"]["data"][0]["current_period_start"]


def _line(account: Account, invoice: Object, billed: Billed, sums: Priced, discount: Object | None) -> Object:
    line = account.make("line_item", amount=billed.amount, subtotal=billed.amount, currency=invoice["currency"])
    line |= {"invoice": invoice["id"], "quantity": billed.quantity, "description": billed.description}
    line["period"] = {"start": billed.period[0], "end": billed.period[1]}
    line["parent"] = billed.parent
    line["subscription"] = (invoice["parent"] or {}).get("subscription_details", {}).get("subscription")
    details = {"price": billed.price["id"], "product": billed.price["product"]}
    each = str(billed.amount // billed.quantity)
    line["pricing"] = {"price_details": details, "type": "price_details", "unit_amount_decimal": each}
    if sums.discount and discount is not None:
        line["discount_amounts"] = [{"amount": sums.discount, "discount": discount["id"]}]
    if sums.tax:
        line["taxes"] = [_tax(sums)]
    return public(line)


def _tax(sums: Priced) -> Object:
    return {
        "amount": sums.tax,
        "tax_behavior": "inclusive" if sums.tax_included else "exclusive",
        "tax_rate_details": None,
        "taxability_reason": "standard_rated",
        "taxable_amount": sums.total - sums.tax,
        "type": "tax_rate_details",
    }


def _total(invoice: Object, sums: list[Priced], balance: int) -> None:
    tax = sum(each.tax for each in sums)
    inside = sum(each.tax for each in sums if each.tax_included)
    total = sum(each.total for each in sums)
    invoice |= {"subtotal": sum(each.subtotal for each in sums), "total": total, "total_excluding_tax": total - tax}
    invoice["subtotal_excluding_tax"] = invoice["subtotal"] - inside
    invoice["total_taxes"] = [_tax(each) for each in sums if each.tax]
    off = sum(each.discount for each in sums)
    if off:
        invoice["total_discount_amounts"] = [{"amount": off, "discount": invoice["discounts"][0]}]
    due = max(0, total + balance)
    invoice |= {"starting_balance": balance, "amount_due": due, "amount_remaining": due}


def finalize(account: Account, invoice: Object) -> Object:
    """A draft becomes open, with a payment intent for what is due, or paid when nothing is."""
    before = dict(invoice)
    now = account.now(invoice["_clock"])
    customer = account.get("customer", invoice["customer"])
    number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    balance = invoice["total"] + customer["balance"]
    invoice |= {"starting_balance": customer["balance"], "ending_balance": min(0, balance), "number": number}
    invoice |= {"amount_due": max(0, balance), "amount_remaining": max(0, balance), "status": "open"}
    invoice |= {"effective_at": now, "automatically_finalizes_at": None, "webhooks_delivered_at": now}
    invoice["hosted_invoice_url"] = f"{account.base_url}/i/{invoice['id']}"
    invoice["status_transitions"] |= {"finalized_at": now}
    account.save(
        customer | {"next_invoice_sequence": customer["next_invoice_sequence"] + 1, "balance": min(0, balance)}
    )
    account.save(invoice)
    account.event("invoice.finalized", invoice, before)
    if invoice["amount_due"] == 0:
        return settled(account, invoice, None)
    words = "Subscription update" if invoice["billing_reason"] == "subscription_update" else "Subscription creation"
    intent = payments.new_intent(
        account, invoice["amount_due"], invoice["currency"], invoice["customer"], description=words
    )
    link(account, invoice, intent)
    return invoice


def link(account: Account, invoice: Object, intent: Object) -> Object:
    """Says which payment intent an invoice is paid by; nothing on the invoice itself says so."""
    payment = account.make(
        "invoice_payment",
        invoice["_clock"],
        invoice=invoice["id"],
        currency=invoice["currency"],
        amount_requested=invoice["amount_due"],
        payment={"payment_intent": intent["id"], "type": "payment_intent"},
    )
    return account.save(payment)


def payment_of(account: Account, invoice: Object) -> Object:
    return account.having("invoice_payment", invoice=invoice["id"], is_default=True)[0]


def attempt(account: Account, invoice: Object, card: Object | None) -> Object:
    """Tries to collect an open invoice; `status` afterwards says whether it worked."""
    intent = account.get("payment_intent", payment_of(account, invoice)["payment"]["payment_intent"])
    intent, charge = payments.attempt(account, intent, card)
    invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
    if charge["status"] == "succeeded":
        return settled(account, invoice, intent)
    invoice["next_payment_attempt"] = _next_attempt(account, invoice)
    account.save(invoice)
    account.event("invoice.payment_failed", invoice)
    return invoice


def _next_attempt(account: Account, invoice: Object) -> int | None:
    if invoice["billing_reason"] != "subscription_cycle":
        return None
    days = account.store.setting("dunning", DUNNING)["retry_days"]
    tried = invoice["attempt_count"] - 1
    if tried >= len(days):
        return None
    return int(invoice["status_transitions"]["finalized_at"] + days[tried] * DAY_SECONDS)


def settled(account: Account, invoice: Object, intent: Object | None) -> Object:
    """The invoice is paid: by an intent, or because nothing was due."""
    now = account.now(invoice["_clock"])
    invoice |= {"status": "paid", "attempted": True, "next_payment_attempt": None, "amount_remaining": 0}
    invoice["amount_paid"] = invoice["amount_due"]
    invoice["status_transitions"] |= {"paid_at": now}
    account.save(invoice)
    if intent is not None:
        payment = payment_of(account, invoice)
        payment |= {"status": "paid", "amount_paid": invoice["amount_due"]}
        payment["status_transitions"] |= {"paid_at": now}
        account.save(payment)
        account.event("invoice_payment.paid", payment)
    account.event("invoice.paid", invoice)
    account.event("invoice.payment_succeeded", invoice)
    return invoice


def paid_outside(account: Account, invoice: Object, intent: Object) -> Object:
    """A draft whose payment is there already, as after a checkout: finalized and paid at once."""
    customer = account.get("customer", invoice["customer"])
    number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
    account.save(customer | {"next_invoice_sequence": customer["next_invoice_sequence"] + 1})
    due = intent["amount_received"]
    invoice |= {"number": number, "amount_due": due, "amount_remaining": due, "status": "open"}
    invoice |= {"starting_balance": 0, "ending_balance": 0, "effective_at": account.now(invoice["_clock"])}
    invoice["hosted_invoice_url"] = f"{account.base_url}/i/{invoice['id']}"
    invoice["status_transitions"] |= {"finalized_at": invoice["effective_at"]}
    account.save(invoice)
    account.event("invoice.finalized", invoice)
    link(account, invoice, intent)
    return settled(account, invoice, intent)


def subscription_of(invoice: Object) -> str | None:
    """The id of the subscription that an invoice is for."""
    about = (invoice["parent"] or {}).get("subscription_details") or {}
    subscription_id: str | None = about.get("subscription")
    return subscription_id


def pay(account: Account, params: Object, invoice_id: str) -> Object:
    """Collects an open invoice now; `status` afterwards says whether it worked."""
    invoice = account.get("invoice", invoice_id)
    if invoice["status"] == "paid":
        raise refused("Invoice is already paid", code="invoice_already_paid")
    if invoice["status"] == "draft":
        invoice = finalize(account, invoice)
    if invoice["status"] == "paid":
        return invoice
    if invoice["status"] != "open":
        raise refused(f"The invoice is {invoice['status']} and cannot be paid.", code="invoice_not_editable")
    subscription_id = subscription_of(invoice)
    subscription = None if subscription_id is None else account.get("subscription", subscription_id)
    card = customers.default_card(account, invoice["customer"], subscription)
    if "payment_method" in params:
        card = customers.card_named(account, params["payment_method"])
    return attempt(account, invoice, card)


def decline_of(account: Account, invoice: Object) -> StripeError:
    """The error that says why an invoice could not be collected."""
    intent = account.get("payment_intent", payment_of(account, invoice)["payment"]["payment_intent"])
    return declined(account.get("charge", intent["latest_charge"]), public(intent))


def void(account: Account, _params: Object, invoice_id: str) -> Object:
    invoice = account.get("invoice", invoice_id)
    if invoice["status"] not in ("open", "uncollectible"):
        raise refused("You can only void open or uncollectible invoices.", code="invoice_not_editable")
    invoice |= {"status": "void", "next_payment_attempt": None}
    invoice["status_transitions"] |= {"voided_at": account.now(invoice["_clock"])}
    account.save(invoice)
    account.event("invoice.voided", invoice)
    return invoice


def list_(account: Account, params: Object) -> Object:
    def match(invoice: Object) -> bool:
        if "subscription" in params and subscription_of(invoice) != params["subscription"]:
            return False
        return all(invoice[name] == params[name] for name in ("customer", "status") if name in params)

    return page(account, "invoice", params, "/v1/invoices", match)


def list_payments(account: Account, params: Object) -> Object:
    wanted = params.get("payment", {}).get("payment_intent")

    def match(payment: Object) -> bool:
        if wanted is not None and payment["payment"]["payment_intent"] != wanted:
            return False
        return all(payment[name] == params[name] for name in ("invoice", "status") if name in params)

    return page(account, "invoice_payment", params, "/v1/invoice_payments", match)
