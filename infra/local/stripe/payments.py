"""Payment intents, charges and refunds."""

from typing import Any

from infra.local.stripe import customers
from infra.local.stripe.account import Account
from infra.local.stripe.errors import Object, declined, not_played, refused
from infra.local.stripe.fields import assign
from infra.local.stripe.listing import page
from infra.local.stripe.rendering import public

#: Stripe's least charge is about half a US dollar; zero-decimal currencies differ, and are left alone here.
MIN_AMOUNT = 50
_MESSAGES = {
    "authentication_required": "Your card was declined. This transaction requires authentication.",
    "expired_card": "Your card has expired.",
}
#: Decline codes that are error codes of their own; every other decline is `card_declined`.
_CODES = frozenset({"authentication_required", "expired_card"})


def new_intent(account: Account, amount: int, currency: str, customer_id: str | None, **fields: Any) -> Object:
    """A payment intent that waits for a card."""
    intent = account.make("payment_intent", account.clock_of(customer_id), **fields)
    intent |= {"amount": amount, "currency": currency, "customer": customer_id}
    intent["client_secret"] = f"{intent['id']}_{account.new_id('secret_')}"
    account.save(intent)
    account.event("payment_intent.created", intent)
    return intent


def create(account: Account, params: Object) -> Object:
    """With `confirm`, charges at once. Raises StripeError `card_error`; the failed intent stays."""
    if params["amount"] < MIN_AMOUNT:
        message = f"Amount must be at least {MIN_AMOUNT} of the currency's smallest unit."
        raise refused(message, "amount", "amount_too_small")
    customer_id = params.get("customer")
    if customer_id is not None:
        account.living("customer", customer_id, "customer")
    if params.get("off_session") and not params.get("confirm"):
        raise refused("You can only set `off_session` when `confirm` is true.", "off_session")
    automatic = params.get("automatic_payment_methods")
    intent = new_intent(account, params["amount"], params["currency"].lower(), customer_id)
    intent["automatic_payment_methods"] = None if automatic is None else {"allow_redirects": "always"} | automatic
    names = ("description", "receipt_email", "setup_future_usage", "statement_descriptor_suffix", "payment_method")
    intent["payment_method_types"] = params.get("allowed_payment_method_types", ["card"])
    account.save(assign(intent, params, names))
    return confirm(account, params, intent["id"]) if params.get("confirm") else intent


def confirm(account: Account, params: Object, intent_id: str) -> Object:
    intent = account.get("payment_intent", intent_id)
    if intent["status"] not in ("requires_payment_method", "requires_confirmation"):
        message = f"You cannot confirm this PaymentIntent because it has a status of {intent['status']}."
        raise refused(message, code="payment_intent_unexpected_state")
    chosen = params.get("payment_method") or intent["payment_method"]
    if chosen is None:
        message = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the "
            "PaymentIntent with a payment method and then confirm it again, or confirm it again directly with a "
            "payment method or ConfirmationToken."
        )
        raise refused(message, code="payment_intent_unexpected_state")
    card = customers.card_named(account, chosen)
    if card["customer"] not in (None, intent["customer"]):
        message = "The provided PaymentMethod belongs to a different customer than the PaymentIntent."
        raise refused(message, "payment_method")
    if card["_behaviour"] == "authentication_required" and not params.get("off_session"):
        raise not_played("3-D Secure in a browser: charge off session, or use another card", "payment_method")
    intent, charge = attempt(account, intent, card)
    if charge["status"] == "failed":
        raise declined(charge, public(intent))
    return intent


def attempt(account: Account, intent: Object, card: Object | None) -> tuple[Object, Object]:
    """Charges a card for an intent; no card is declined like a bad one. Returns both as they are afterwards."""
    decline = _decline(account, intent["customer"], card)
    charge = account.make(
        "charge",
        intent["_clock"],
        amount=intent["amount"],
        currency=intent["currency"],
        customer=intent["customer"],
        payment_intent=intent["id"],
        payment_method=None if card is None else card["id"],
        description=intent["description"],
        metadata=intent["metadata"],
        receipt_email=intent["receipt_email"],
    )
    charge["billing_details"] = _billing_details(account, intent["customer"])
    charge["payment_method_details"] = None if card is None else _card_details(card)
    if decline is None:
        return settle(account, intent, charge)
    return _fail(account, intent, charge, card, decline)


def _decline(account: Account, customer_id: str | None, card: Object | None) -> str | None:
    if card is None:
        return "card_declined"
    failing = {} if customer_id is None else account.store.setting(f"failing:{customer_id}", {})
    if failing.get("times"):
        account.store.set(f"failing:{customer_id}", failing | {"times": failing["times"] - 1})
        return str(failing["decline_code"])
    return None if card["_behaviour"] == "ok" else card["_behaviour"]


def _billing_details(account: Account, customer_id: str | None) -> Object:
    customer = {} if customer_id is None else account.get("customer", customer_id)
    told = {name: customer.get(name) for name in ("address", "email", "name", "phone")}
    return told | {"tax_id": None}


def _card_details(card: Object) -> Object:
    about = card["card"]
    names = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "wallet")
    return {"card": {name: about[name] for name in names} | {"network": "visa", "mandate": None}, "type": "card"}


def settle(account: Account, intent: Object, charge: Object) -> tuple[Object, Object]:
    """The money arrived."""
    charge |= {"status": "succeeded", "paid": True, "captured": True, "amount_captured": charge["amount"]}
    charge |= {"failure_code": None, "failure_message": None, "balance_transaction": account.new_id("txn_")}
    charge["receipt_url"] = f"{account.base_url}/receipts/{charge['id']}"
    charge["outcome"] = _outcome("authorized", "approved_by_network", None, "Payment complete.")
    account.save(charge)
    account.event("charge.succeeded", charge)
    intent |= {"status": "succeeded", "amount_received": intent["amount"], "latest_charge": charge["id"]}
    intent |= {"last_payment_error": None, "processing": None, "payment_method": charge["payment_method"]}
    account.save(intent)
    account.event("payment_intent.succeeded", intent)
    return intent, charge


def _fail(account: Account, intent: Object, charge: Object, card: Object | None, decline: str) -> tuple[Object, Object]:
    message = _MESSAGES.get(decline, "Your card was declined.")
    code = decline if decline in _CODES else "card_declined"
    reason = "generic_decline" if decline == "card_declined" else decline
    charge |= {"status": "failed", "failure_code": code, "failure_message": message}
    charge["outcome"] = _outcome("issuer_declined", "declined_by_network", reason, "The bank declined the payment.")
    account.save(charge)
    account.event("charge.failed", charge)
    intent |= {"status": "requires_payment_method", "latest_charge": charge["id"], "payment_method": None}
    intent["processing"] = None
    intent["last_payment_error"] = {
        "charge": charge["id"],
        "code": code,
        "decline_code": reason,
        "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
        "message": message,
        "payment_method": None if card is None else public(card),
        "type": "card_error",
    }
    account.save(intent)
    account.event("payment_intent.payment_failed", intent)
    return intent, charge


def _outcome(kind: str, network_status: str, reason: str | None, message: str) -> Object:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network_status,
        "reason": reason,
        "risk_level": "normal",
        "seller_message": message,
        "type": kind,
    }


def start_slowly(account: Account, intent: Object, card: Object) -> Object:
    """A payment that takes days, as by bank debit: it neither succeeded nor failed yet."""
    charge = account.make("charge", intent["_clock"], amount=intent["amount"], currency=intent["currency"])
    charge |= {"customer": intent["customer"], "payment_intent": intent["id"], "payment_method": card["id"]}
    charge |= {"billing_details": _billing_details(account, intent["customer"]), "metadata": intent["metadata"]}
    charge["payment_method_details"] = _card_details(card)
    account.save(charge)
    account.event("charge.pending", charge)
    intent |= {"status": "processing", "latest_charge": charge["id"], "payment_method": card["id"]}
    account.save(intent)
    account.event("payment_intent.processing", intent)
    return intent


def end_slowly(account: Account, intent: Object, *, arrived: bool) -> Object:
    """What came of it in the end."""
    charge = account.get("charge", intent["latest_charge"])
    if arrived:
        return settle(account, intent, charge)[0]
    card = account.get("payment_method", charge["payment_method"])
    return _fail(account, intent, charge, card, "card_declined")[0]


def cancel(account: Account, params: Object, intent_id: str) -> Object:
    intent = account.get("payment_intent", intent_id)
    if intent["status"] in ("succeeded", "canceled", "processing"):
        message = f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}."
        raise refused(message, code="payment_intent_unexpected_state")
    intent |= {"status": "canceled", "canceled_at": account.now(intent["_clock"])}
    account.save(assign(intent, params, ("cancellation_reason",)))
    account.event("payment_intent.canceled", intent)
    return intent


def list_intents(account: Account, params: Object) -> Object:
    return page(account, "payment_intent", params, "/v1/payment_intents")


def list_charges(account: Account, params: Object) -> Object:
    return page(account, "charge", params, "/v1/charges")
