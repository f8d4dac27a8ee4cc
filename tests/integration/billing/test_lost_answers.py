"""Answers of Stripe that are lost, failures that it keeps, refusals, and charges of a saved card."""

import pytest

from chalicelib.billing.order import Status
from chalicelib.billing.problems import BillingNotConfigured, BillingRefused, BillingUnavailable, PaymentRefused
from tests.support.shop import Shop


@pytest.mark.parametrize("kind", ["lost", "unreachable"])
def test_F47_an_answer_that_is_lost_makes_no_second_checkout(shop: Shop, kind: str) -> None:
    account_id = shop.customer(f"{kind}@example.com")
    shop.desk.fault(kind, times=3, path="/v1/checkout/sessions")
    try:
        first = shop.order(account_id).id
    except BillingUnavailable:
        first = ""
    assert bool(first) is (kind == "lost")  # the package repeats it under the same key, and that is answered
    shop.restart()
    order = shop.order(account_id)
    assert first in ("", order.id)
    assert order.session_id
    assert len(shop.desk.read("checkout/sessions", limit=10)["data"]) == 1
    assert len(shop.services.orders.newest(account_id, before=None, limit=10)) == 1


@pytest.mark.parametrize("effect", [True, False])
def test_F47_a_stored_failure_is_not_given_again_for_ever(shop: Shop, effect: bool) -> None:
    account_id = shop.customer(f"stored-{effect}@example.com")
    shop.desk.fault("error", path="/v1/checkout/sessions", effect=effect)
    order = shop.order(account_id)
    sessions = shop.desk.read("checkout/sessions", limit=10)["data"]
    assert [each["id"] for each in sessions] == [order.session_id]
    assert shop.see(order).attempt == (1 if effect else 2)


@pytest.mark.parametrize("kind", ["unreachable", "error"])
def test_F47_a_customer_is_made_once(shop: Shop, kind: str) -> None:
    account_id = shop.customer(f"once-{kind}@example.com")
    shop.desk.fault(kind, times=3, path="/v1/customers", **({"effect": True} if kind == "error" else {}))
    with pytest.raises(BillingUnavailable):
        shop.order(account_id)
    shop.desk.control("faults", method="DELETE")
    shop.restart()
    order = shop.order(account_id)
    found = shop.desk.read("customers", limit=10)["data"]
    assert [each["id"] for each in found] == [order.customer_id]


def test_nothing_is_sold_before_the_catalog_is_there(shop: Shop) -> None:
    account_id = shop.customer("unsynced@example.com")
    prices = shop.desk.read("prices", limit=100)["data"]
    for price in prices:
        shop.desk.stripe.v1.prices.update(price["id"], {"active": False})
    with pytest.raises(BillingNotConfigured):
        shop.order(account_id)
    assert shop.services.orders.newest(account_id, before=None, limit=10) == []


def test_what_stripe_refuses_fails_the_order(shop: Shop) -> None:
    """A wrong parameter never goes unnoticed: the stand-in checks every one against the package's types."""
    account_id = shop.customer("refused@example.com")
    given = {"mode": "payment", "no_such_parameter": 1}
    with pytest.raises(BillingRefused, match="parameter_unknown"):
        shop.services.stripe.call(lambda stripe: stripe.v1.checkout.sessions.create(given))
    price = shop.services._cashier.price("fotogenic_starter_v1")
    shop.desk.stripe.v1.prices.update(price.id, {"active": False})
    with pytest.raises(BillingRefused):
        shop.order(account_id)
    assert [o.status for o in shop.services.orders.newest(account_id, before=None, limit=5)] == [Status.FAILED]
    with pytest.raises(BillingRefused):
        shop.order(account_id)


def saved(shop: Shop, email: str) -> str:
    """An account whose owner has saved a card at a top-up."""
    account_id = shop.customer(email)
    shop.paid(account_id, save_card=True)
    return account_id


def charge(shop: Shop, account_id: str, order_id: str) -> str:
    return str(
        shop.services.orders.charge(
            account_id, pack="creator", currency="usd", order_id=order_id, request_id="req_auto"
        )
    )


AUTO = "top_01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.mark.parametrize("kind", ["", "lost", "error"])
def test_a_saved_card_is_charged_once_for_an_order_however_often_it_is_sent(shop: Shop, kind: str) -> None:
    account_id = saved(shop, f"auto-{kind}@example.com")
    if kind:
        shop.desk.fault(kind, times=3, path="/v1/payment_intents", **({"effect": True} if kind == "error" else {}))
    try:
        first = charge(shop, account_id, AUTO)
    except BillingUnavailable:
        first = ""
    shop.desk.control("faults", method="DELETE")
    shop.restart()
    again = charge(shop, account_id, AUTO)
    assert again.startswith("pi_")
    assert first in ("", again)
    shop.deliver()
    assert shop.spendable(account_id) == 600
    amounts = [each["amount"] for each in shop.desk.read("payment_intents", limit=10)["data"]]
    assert sorted(amounts) == [500, 2000]
    assert shop.services.orders.get(account_id, AUTO).status is Status.PAID


def test_a_saved_card_that_is_declined_fails_the_order_for_good(shop: Shop) -> None:
    account_id = saved(shop, "auto-declined@example.com")
    shop.desk.fail_payments(shop.services._billing_store.customer(account_id))
    for _ in range(2):
        with pytest.raises(PaymentRefused):
            charge(shop, account_id, AUTO)
    shop.deliver()
    assert shop.spendable(account_id) == 100
    assert shop.services.orders.get(account_id, AUTO).status is Status.FAILED


def test_without_a_saved_card_nothing_is_charged(shop: Shop) -> None:
    account_id = shop.customer("cardless@example.com")
    with pytest.raises(PaymentRefused):
        charge(shop, account_id, AUTO)
    shop.paid(account_id)
    with pytest.raises(PaymentRefused):
        charge(shop, account_id, AUTO)
    assert len(shop.desk.read("payment_intents", limit=10)["data"]) == 1
