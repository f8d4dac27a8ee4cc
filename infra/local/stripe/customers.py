"""Customers and their cards. A card is nothing but how it behaves."""

from infra.local.stripe.account import Account
from infra.local.stripe.errors import Object, refused
from infra.local.stripe.fields import assign
from infra.local.stripe.listing import page

_FIELDS = ("address", "description", "email", "name", "phone", "preferred_locales", "tax_exempt")
#: Stripe's test cards that we play: name → what they do when charged. https://docs.stripe.com/testing
TEST_CARDS = {
    "pm_card_visa": "ok",
    "pm_card_mastercard": "ok",
    "pm_card_chargeCustomerFail": "card_declined",
    "pm_card_visa_chargeDeclined": "card_declined",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_chargeDeclinedExpiredCard": "expired_card",
    "pm_card_authenticationRequired": "authentication_required",
}
_LAST_FOUR = {"ok": "4242", "authentication_required": "3184"}


def create(account: Account, params: Object) -> Object:
    clock = params.get("test_clock", "")
    if clock:
        account.living("test_helpers.test_clock", clock, "test_clock")
    customer = account.make("customer", clock, test_clock=clock or None)
    customer["invoice_prefix"] = account.new_id("", 8).upper()
    account.save(assign(customer, params, _FIELDS))
    account.event("customer.created", customer)
    if "payment_method" in params:
        attach(account, {"customer": customer["id"]}, params["payment_method"])
        customer = account.get("customer", customer["id"])
    if params.get("invoice_settings", {}).get("default_payment_method"):
        customer = update(account, {"invoice_settings": params["invoice_settings"]}, customer["id"])
    return customer


def retrieve(account: Account, _params: Object, customer_id: str) -> Object:
    """Also a deleted one, of which only the id is left."""
    return account.get("customer", customer_id)


def update(account: Account, params: Object, customer_id: str) -> Object:
    before = account.living("customer", customer_id)
    customer = assign(dict(before), params, _FIELDS)
    if "invoice_settings" in params:
        method = params["invoice_settings"].get("default_payment_method") or None
        if method is not None and account.living("payment_method", method)["customer"] != customer_id:
            raise refused("The payment method must be attached to the customer.", "invoice_settings")
        customer["invoice_settings"] = before["invoice_settings"] | {"default_payment_method": method}
    account.save(customer)
    account.event("customer.updated", customer, before)
    return customer


def list_(account: Account, params: Object) -> Object:
    return page(account, "customer", params, "/v1/customers")


def new_card(account: Account, behaviour: str, customer_id: str | None = None) -> Object:
    """A card, attached to a customer if one is named. `behaviour`: a value of TEST_CARDS."""
    card = account.make("payment_method", account.clock_of(customer_id), _behaviour=behaviour)
    card["card"]["last4"] = _LAST_FOUR.get(behaviour, "0341")
    if customer_id is not None:
        card["customer"] = customer_id
        account.save(card)
        account.event("payment_method.attached", card)
    return account.save(card)


def card_named(account: Account, method_id: str, param: str = "payment_method") -> Object:
    """The card with an id; each use of a test card's name makes a new one, as at Stripe."""
    if method_id in TEST_CARDS:
        return new_card(account, TEST_CARDS[method_id])
    return account.living("payment_method", method_id, param)


def attach(account: Account, params: Object, method_id: str) -> Object:
    card = card_named(account, method_id)
    customer = account.living("customer", params["customer"], "customer")
    if card["customer"] not in (None, customer["id"]):
        message = "The payment method you provided has already been attached to a customer."
        raise refused(message, code="payment_method_unexpected_state")
    account.save(card | {"customer": customer["id"]})
    account.event("payment_method.attached", card | {"customer": customer["id"]})
    return card | {"customer": customer["id"]}


def detach(account: Account, _params: Object, method_id: str) -> Object:
    before = account.living("payment_method", method_id)
    if before["customer"] is None:
        raise refused("The payment method you provided is not attached to a customer so detachment is impossible.")
    customer = account.living("customer", before["customer"])
    if customer["invoice_settings"]["default_payment_method"] == method_id:
        update(account, {"invoice_settings": {}}, customer["id"])
    card = account.save(before | {"customer": None})
    account.event("payment_method.detached", card, before)
    return card


def list_cards(account: Account, params: Object, customer_id: str | None = None) -> Object:
    url = "/v1/payment_methods" if customer_id is None else f"/v1/customers/{customer_id}/payment_methods"
    owner = customer_id or params.get("customer")
    if owner is not None:
        account.living("customer", owner, "customer")
    params = {name: value for name, value in params.items() if name != "customer"}
    return page(account, "payment_method", params | {"customer": owner}, url)


def default_card(account: Account, customer_id: str, subscription: Object | None = None) -> Object | None:
    """The card that is charged when nobody is there: the subscription's own, else the customer's default."""
    customer = account.get("customer", customer_id)
    if customer.get("deleted"):
        return None
    own = (subscription or {}).get("default_payment_method")
    chosen = own or customer["invoice_settings"]["default_payment_method"]
    return None if chosen is None else account.get("payment_method", chosen)


def fill_in(account: Account, customer_id: str, details: Object) -> None:
    """What a customer typed at checkout, where the customer had nothing yet."""
    customer = account.get("customer", customer_id)
    changes = {name: value for name, value in details.items() if value and not customer[name]}
    if changes:
        update(account, changes, customer_id)
