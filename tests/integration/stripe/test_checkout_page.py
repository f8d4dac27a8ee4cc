"""The checkout page, as a browser without JavaScript uses it."""

import re
from typing import Any

import pytest
import requests

from tests.support.standin import Desk, in_order


def press(desk: Desk, page: str, action: str, **fields: str) -> requests.Response:
    """A button of a form on a page, as a browser presses it."""
    headers = {"Origin": desk.base_url}
    form = {"action": action, **fields}
    return requests.post(page, data=form, headers=headers, allow_redirects=False, timeout=10)


def test_the_page_says_what_it_is_and_what_it_costs(desk: Desk) -> None:
    session = desk.session(line_items=[{"price": desk.price("Pack <b>100</b>", 1250), "quantity": 2}])
    page = requests.get(str(session.url), timeout=10)
    assert page.status_code == 200
    assert "This is not Stripe and no real money moves" in page.text
    assert "25.00 USD" in page.text
    assert "Pack &lt;b&gt;100&lt;/b&gt;" in page.text
    assert "<script" not in page.text
    assert " style=" not in page.text


def test_the_page_may_do_only_what_it_must(desk: Desk) -> None:
    session = desk.session()
    headers = requests.get(str(session.url), timeout=10).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    # Chromium checks this after the redirect that follows the form, too.
    assert policy["form-action"] == "'self' https://app.example"
    assert (policy["frame-ancestors"], policy["base-uri"]) == ("'none'", "'none'")
    assert "script-src" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_paying_leads_back_and_is_told_in_stripe_s_words(desk: Desk) -> None:
    customer = desk.customer(metadata={"account": "acc_1"})
    session = desk.session(
        customer=customer.id,
        client_reference_id="topup_1",
        metadata={"order": "7"},
        payment_intent_data={"metadata": {"order": "7"}},
    )
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    answer = press(desk, str(session.url), "pay")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"https://app.example/ok?session={session.id}")
    session = desk.stripe.v1.checkout.sessions.retrieve(session.id)
    assert (session.status, session.payment_status, session.amount_total) == ("complete", "paid", 500)
    intent = desk.stripe.v1.payment_intents.retrieve(str(session.payment_intent))
    assert (intent.status, intent.amount_received, intent.customer) == ("succeeded", 500, customer.id)
    assert intent.to_dict()["metadata"] == {"order": "7"}
    types = ("payment_intent.created", "charge.succeeded", "payment_intent.succeeded", "checkout.session.completed")
    told = desk.webhook.expect(*types)
    assert in_order(desk.webhook.types, *types)
    assert told[-1]["data"]["object"]["client_reference_id"] == "topup_1"
    assert "line_items" not in told[-1]["data"]["object"]


def test_a_declined_card_leaves_the_checkout_open(desk: Desk) -> None:
    session = desk.session()
    answer = press(desk, str(session.url), "decline")
    assert answer.status_code == 303
    back = requests.get(desk.base_url + answer.headers["Location"], timeout=10)
    assert "declined" in back.text
    (failed,) = desk.webhook.expect("payment_intent.payment_failed")
    assert failed["data"]["object"]["last_payment_error"]["code"] == "card_declined"
    assert desk.stripe.v1.checkout.sessions.retrieve(session.id).status == "open"
    press(desk, str(session.url), "pay")
    paid = desk.stripe.v1.checkout.sessions.retrieve(session.id)
    # One payment intent, with a charge for each card.
    assert paid.payment_intent == failed["data"]["object"]["id"]
    charges = desk.stripe.v1.charges.list({"payment_intent": str(paid.payment_intent)}).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]


@pytest.mark.parametrize(
    ("arrives", "status", "event"),
    [
        ("settle", "paid", "checkout.session.async_payment_succeeded"),
        ("fail", "unpaid", "checkout.session.async_payment_failed"),
    ],
)
def test_a_payment_that_takes_days_is_not_paid_until_it_is(desk: Desk, arrives: str, status: str, event: str) -> None:
    session = desk.session()
    assert press(desk, str(session.url), "later").status_code == 303
    (completed,) = desk.webhook.expect("checkout.session.completed")
    assert completed["data"]["object"]["payment_status"] == "unpaid"
    intent = desk.stripe.v1.payment_intents.retrieve(completed["data"]["object"]["payment_intent"])
    assert (intent.status, intent.amount_received) == ("processing", 0)
    desk.control(f"checkout/{session.id}", {"action": arrives})
    (later,) = desk.webhook.expect(event)
    assert later["data"]["object"]["payment_status"] == status
    succeeded = "payment_intent.succeeded" in desk.event_types()
    assert succeeded == (arrives == "settle")
    desk.control(f"checkout/{session.id}", {"action": "settle"}, status=400)


def test_a_promotion_code_lowers_the_price(desk: Desk) -> None:
    coupon = desk.stripe.v1.coupons.create({"percent_off": 10, "duration": "once", "max_redemptions": 1})
    desk.stripe.v1.promotion_codes.create({"code": "SPRING", "promotion": {"type": "coupon", "coupon": coupon.id}})
    session = desk.session(allow_promotion_codes=True)
    assert "code-bad" in press(desk, str(session.url), "code", promotion_code="WINTER").headers["Location"]
    assert "code-ok" in press(desk, str(session.url), "code", promotion_code="spring").headers["Location"]
    assert "4.50 USD" in requests.get(str(session.url), timeout=10).text
    press(desk, str(session.url), "pay")
    paid = desk.stripe.v1.checkout.sessions.retrieve(session.id).to_dict()
    assert (paid["amount_total"], paid["total_details"]["amount_discount"]) == (450, 50)
    again = desk.session(allow_promotion_codes=True)
    assert "code-bad" in press(desk, str(again.url), "code", promotion_code="SPRING").headers["Location"]


def test_what_costs_nothing_has_no_payment(desk: Desk) -> None:
    coupon = desk.stripe.v1.coupons.create({"percent_off": 100, "duration": "once"})
    paid = desk.paid(discounts=[{"coupon": coupon.id}])
    assert (paid.status, paid.payment_status, paid.payment_intent) == ("complete", "no_payment_required", None)


def test_tax_is_added_where_the_customer_says_they_are(desk: Desk) -> None:
    desk.control("settings", {"tax_percent": 20})
    session = desk.session(automatic_tax={"enabled": True})
    assert session.amount_total == 500
    press(desk, str(session.url), "pay", country="FR", email="jo@example.com")
    paid = desk.stripe.v1.checkout.sessions.retrieve(session.id).to_dict()
    assert (paid["amount_total"], paid["total_details"]["amount_tax"], paid["automatic_tax"]["status"]) == (
        600,
        100,
        "complete",
    )


def test_an_invoice_is_made_for_who_wants_one(desk: Desk) -> None:
    session = desk.paid(invoice_creation={"enabled": True, "invoice_data": {"metadata": {"order": "7"}}})
    assert session.customer is not None
    invoice = desk.stripe.v1.invoices.retrieve(str(session.invoice), {"expand": ["payments"]}).to_dict()
    assert (invoice["status"], invoice["amount_paid"], invoice["metadata"]) == ("paid", 500, {"order": "7"})
    assert invoice["payments"]["data"][0]["payment"]["payment_intent"] == session.payment_intent
    page = requests.get(invoice["hosted_invoice_url"], timeout=10)
    assert "5.00 USD" in page.text
    charge = desk.stripe.v1.charges.list({"payment_intent": str(session.payment_intent)}).data[0]
    assert "5.00 USD" in requests.get(str(charge.receipt_url), timeout=10).text


def test_cancelling_leads_back_and_changes_nothing(desk: Desk) -> None:
    session = desk.session()
    assert press(desk, str(session.url), "cancel").headers["Location"] == "https://app.example/back"
    assert desk.stripe.v1.checkout.sessions.retrieve(session.id).status == "open"


def expired(desk: Desk, session_id: str) -> None:
    desk.stripe.v1.checkout.sessions.expire(session_id)


def a_day_later(desk: Desk, _session_id: str) -> None:
    desk.advance(days=1, seconds=1)


def already_paid(desk: Desk, session_id: str) -> None:
    desk.control(f"checkout/{session_id}", {"action": "pay"})


@pytest.mark.parametrize("ending", [expired, a_day_later, already_paid])
def test_a_checkout_that_is_over_cannot_be_paid(desk: Desk, ending: Any) -> None:
    session = desk.session()
    ending(desk, session.id)
    before = desk.event_types()
    assert requests.get(str(session.url), timeout=10).status_code == 410
    assert press(desk, str(session.url), "pay").status_code == 410
    assert desk.event_types() == before
    ended = "checkout.session.completed" if ending is already_paid else "checkout.session.expired"
    assert before.count(ended) == 1


def test_the_page_is_plain_html_with_labels(desk: Desk) -> None:
    text = requests.get(str(desk.session(allow_promotion_codes=True).url), timeout=10).text
    for name in re.findall(r'<(?:input|select) id="(\w+)"', text):
        assert f'<label for="{name}">' in text
    assert re.findall(r'name="action" value="(\w+)"', text) == ["code", "pay", "decline", "later", "cancel"]
