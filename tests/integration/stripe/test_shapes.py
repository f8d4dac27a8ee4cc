"""Every object that the stand-in answers is what the `stripe` package's typed classes promise."""

from typing import Any

import pytest
import requests
import stripe

from tests.integration.stripe.shapes import problems
from tests.support.dashboard import PATIENCE_SECONDS
from tests.support.standin import KEY, Desk


def full_life(desk: Desk) -> dict[str, str]:
    """Makes one of everything; returns kind → path."""
    desk.control("settings", {"tax_percent": 19})
    coupon = desk.stripe.v1.coupons.create({"percent_off": 25, "duration": "forever"})
    code = desk.stripe.v1.promotion_codes.create(
        {"code": "SPRING", "promotion": {"type": "coupon", "coupon": coupon.id}}
    )
    clock = desk.stripe.v1.test_helpers.test_clocks.create({"frozen_time": 1_800_000_000})
    customer = desk.customer(name="Jo", address={"country": "DE"}, test_clock=clock.id)
    pack = desk.paid(
        customer=customer.id,
        automatic_tax={"enabled": True},
        invoice_creation={"enabled": True},
        discounts=[{"promotion_code": code.id}],
        payment_intent_data={"setup_future_usage": "off_session", "metadata": {"order": "7"}},
    )
    items = [{"price": desk.plan(), "quantity": 2}]
    discounts = [{"coupon": coupon.id}]
    plan = desk.paid(mode="subscription", customer=customer.id, line_items=items, discounts=discounts)
    refund = desk.stripe.v1.refunds.create({"payment_intent": str(pack.payment_intent), "amount": 100})
    charge = desk.stripe.v1.charges.retrieve(str(refund.charge))
    dispute = desk.control("disputes", {"charge": charge.id, "amount": 200})
    portal = desk.stripe.v1.billing_portal.sessions.create({"customer": customer.id})
    payment = desk.stripe.v1.invoice_payments.list({"invoice": str(pack.invoice)}).data[0]
    assert portal.url.startswith(desk.base_url)
    return {
        "Customer": f"customers/{customer.id}",
        "Price": f"prices/{desk.price()}",
        "Product": f"products/{desk.stripe.v1.prices.retrieve(desk.price()).product}",
        "Coupon": f"coupons/{coupon.id}",
        "PromotionCode": f"promotion_codes/{code.id}",
        "checkout.Session": f"checkout/sessions/{pack.id}?expand[]=line_items",
        "PaymentIntent": f"payment_intents/{pack.payment_intent}?expand[]=latest_charge",
        "Charge": f"charges/{charge.id}?expand[]=refunds",
        "PaymentMethod": f"payment_methods/{charge.payment_method}",
        "Refund": f"refunds/{refund.id}",
        "Dispute": f"disputes/{dispute['id']}",
        "Subscription": f"subscriptions/{plan.subscription}?expand[]=latest_invoice",
        "Invoice": f"invoices/{pack.invoice}?expand[]=payments",
        "InvoicePayment": f"invoice_payments/{payment.id}",
        "test_helpers.TestClock": f"test_helpers/test_clocks/{clock.id}",
    }


def raw(desk: Desk, path: str) -> dict[str, Any]:
    """What is answered, before the library makes anything of it."""
    headers = {"Authorization": f"Bearer {KEY}"}
    answer = requests.get(f"{desk.base_url}/v1/{path}", headers=headers, timeout=PATIENCE_SECONDS)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def promised(name: str) -> type[stripe.StripeObject]:
    found = stripe
    for part in name.split("."):
        found = getattr(found, part)
    return found  # type: ignore[return-value]


def test_every_object_has_the_shape_that_the_library_promises(desk: Desk) -> None:
    wrong = []
    for name, path in full_life(desk).items():
        wrong += [f"{name}{problem}" for problem in problems(raw(desk, path), promised(name))]
    assert wrong == []


def test_every_event_has_the_shape_that_the_library_promises(desk: Desk) -> None:
    full_life(desk)
    kinds = {"checkout.session": "checkout.Session", "test_helpers.test_clock": "test_helpers.TestClock"}
    wrong, seen = [], set()
    for body in raw(desk, "events?limit=100")["data"]:
        kind = body["data"]["object"]["object"]
        seen.add(kind)
        name = kinds.get(kind) or "".join(part.title() for part in kind.split("_"))
        wrong += [f"{body['type']} {problem}" for problem in problems(body, stripe.Event)]
        wrong += [f"{body['type']} {problem}" for problem in problems(body["data"]["object"], promised(name))]
    assert wrong == []
    assert {"customer", "charge", "invoice", "subscription", "dispute", "refund", "checkout.session"} <= seen


def test_a_wrong_shape_is_found() -> None:
    assert list(problems({"id": 5, "object": "coupon"}, stripe.Coupon))


@pytest.mark.parametrize("field", ["line_items", "_line_items", "_kept"])
def test_what_is_ours_or_was_not_asked_for_is_not_shown(desk: Desk, field: str) -> None:
    assert field not in desk.session().to_dict()
