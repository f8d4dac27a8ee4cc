"""The customer portal: https://docs.stripe.com/customer-management. Its page is in pages.py."""

from infra.local.stripe import customers, renewals, subscriptions
from infra.local.stripe.account import Account
from infra.local.stripe.errors import Object, StripeError, missing, refused
from infra.local.stripe.fields import web_url

LIFE_SECONDS = 3600


def create(account: Account, params: Object) -> Object:
    if "customer" not in params:
        raise refused("Missing required param: customer.", "customer", "parameter_missing")
    customer = account.living("customer", params["customer"], "customer")
    session = account.make("billing_portal.session", customer=customer["id"])
    session["return_url"] = web_url(params["return_url"], "return_url") if "return_url" in params else None
    session["url"] = f"{account.base_url}/p/session/{session['id']}"
    return account.save(session)


def open_session(account: Account, session_id: str) -> Object:
    """The session, if it is young enough. Raises StripeError."""
    session = account.get("billing_portal.session", session_id)
    if session["created"] + LIFE_SECONDS <= account.now():
        raise missing("billing_portal.session", session_id)
    account.living("customer", session["customer"], "customer")
    return session


def act(account: Account, session: Object, action: str, target: str) -> str:
    """What a button of the page does to the customer's own things. Returns what to say. Raises StripeError."""
    if action in ("cancel", "resume"):
        subscription = account.get("subscription", target)
        _own(session, subscription)
        subscriptions.update(account, {"cancel_at_period_end": action == "cancel"}, target)
        return "canceled" if action == "cancel" else "resumed"
    if action in ("card_ok", "card_failing"):
        _new_card(account, session["customer"], "ok" if action == "card_ok" else "card_declined")
        return "card"
    if action == "pay":
        _own(session, account.get("invoice", target))
        return _pay(account, target)
    raise refused("There is no such action.", "action")


def _own(session: Object, body: Object) -> None:
    if body["customer"] != session["customer"]:
        raise missing(body["object"], body["id"])


def _new_card(account: Account, customer_id: str, behaviour: str) -> None:
    """Becomes the one that is charged for everything."""
    card = customers.new_card(account, behaviour, customer_id)
    customers.update(account, {"invoice_settings": {"default_payment_method": card["id"]}}, customer_id)
    for subscription in account.having("subscription", customer=customer_id):
        if subscription["status"] not in subscriptions.ENDED:
            subscriptions.update(account, {"default_payment_method": card["id"]}, subscription["id"])


def _pay(account: Account, invoice_id: str) -> str:
    try:
        renewals.pay_invoice(account, {}, invoice_id)
    except StripeError as error:
        if not error.keep:
            raise
        return "declined"
    return "paid"
