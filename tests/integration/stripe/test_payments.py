"""Charges without the customer, refunds, disputes."""

import pytest
import stripe

from tests.support.standin import Desk, in_order, wait_for


def off_session(desk: Desk, customer_id: str, card: str, **more: object) -> stripe.PaymentIntent:
    """What an automatic top-up asks for."""
    given = {
        "amount": 900,
        "currency": "usd",
        "customer": customer_id,
        "payment_method": card,
        "off_session": True,
        "confirm": True,
        **more,
    }
    return desk.stripe.v1.payment_intents.create(given)  # type: ignore[arg-type]


def saved_card(desk: Desk, name: str = "pm_card_visa") -> tuple[str, str]:
    customer = desk.customer()
    return customer.id, desk.stripe.v1.payment_methods.attach(name, {"customer": customer.id}).id


def test_a_card_saved_at_checkout_is_charged_later(desk: Desk) -> None:
    customer = desk.customer()
    desk.paid(customer=customer.id, payment_intent_data={"setup_future_usage": "off_session"})
    (card,) = desk.stripe.v1.payment_methods.list({"customer": customer.id}).data
    intent = off_session(desk, customer.id, card.id, metadata={"auto": "1"})
    assert (intent.status, intent.amount_received) == ("succeeded", 900)
    found = desk.stripe.v1.payment_intents.list({"customer": customer.id, "created": {"gte": intent.created}})
    assert intent.id in [each.id for each in found.data]


def test_a_card_that_was_not_to_be_kept_is_not_kept(desk: Desk) -> None:
    customer = desk.customer()
    desk.paid(customer=customer.id)
    assert desk.stripe.v1.payment_methods.list({"customer": customer.id}).data == []


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_authenticationRequired", "authentication_required", "authentication_required"),
    ],
)
def test_a_declined_charge_is_a_card_error_and_leaves_its_intent(
    desk: Desk, card: str, code: str, decline_code: str
) -> None:
    customer_id, card_id = saved_card(desk, card)
    with pytest.raises(stripe.CardError) as declined:
        off_session(desk, customer_id, card_id)
    error = declined.value
    assert error.error is not None
    assert (error.http_status, error.code, error.error.decline_code) == (402, code, decline_code)
    assert error.error.payment_intent is not None
    intent = desk.stripe.v1.payment_intents.retrieve(error.error.payment_intent.id)
    assert intent.status == "requires_payment_method"
    desk.webhook.expect("charge.failed", "payment_intent.payment_failed")


def test_payments_of_a_customer_fail_as_often_as_told(desk: Desk) -> None:
    customer_id, card_id = saved_card(desk)
    desk.control(f"customers/{customer_id}/fail", {"times": 1, "decline_code": "insufficient_funds"})
    with pytest.raises(stripe.CardError):
        off_session(desk, customer_id, card_id)
    assert off_session(desk, customer_id, card_id).status == "succeeded"


def test_refunds_add_up_to_the_charge_and_no_further(desk: Desk) -> None:
    session = desk.paid(payment_intent_data={"metadata": {"order": "7"}})
    intent = str(session.payment_intent)
    first = desk.stripe.v1.refunds.create({"payment_intent": intent, "amount": 200})
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        desk.stripe.v1.refunds.create({"payment_intent": intent, "amount": 301})
    second = desk.control("refunds", {"payment_intent": intent})
    assert (first.amount, second["amount"]) == (200, 300)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        desk.stripe.v1.refunds.create({"payment_intent": intent})
    assert refused.value.code == "charge_already_refunded"
    wait_for(lambda: desk.webhook.types.count("charge.refunded") == 2)
    told = [each.event for each in desk.webhook.received if each.event["type"] == "charge.refunded"]
    charge = desk.stripe.v1.charges.retrieve(str(first.charge), {"expand": ["refunds"]}).to_dict()
    assert (charge["amount_refunded"], charge["refunded"], len(charge["refunds"]["data"])) == (500, True, 2)
    assert charge["metadata"] == {"order": "7"}
    assert [event["data"]["object"]["amount_refunded"] for event in told] == [200, 500]


def test_a_refund_may_come_back(desk: Desk) -> None:
    session = desk.paid()
    refund = desk.control("refunds", {"payment_intent": session.payment_intent, "amount": 200})
    desk.control(f"refunds/{refund['id']}/fail", {"reason": "no such reason"}, status=400)
    desk.control(f"refunds/{refund['id']}/fail", {"reason": "lost_or_stolen_card"})
    failed = desk.stripe.v1.refunds.retrieve(refund["id"])
    assert (failed.status, failed.failure_reason) == ("failed", "lost_or_stolen_card")
    desk.webhook.expect("refund.created", "charge.refunded", "refund.updated", "refund.failed")
    assert desk.stripe.v1.charges.retrieve(refund["charge"]).amount_refunded == 0
    assert desk.stripe.v1.refunds.create({"payment_intent": str(session.payment_intent)}).amount == 500
    desk.control(f"refunds/{refund['id']}/fail", status=400)


@pytest.mark.parametrize("verdict", ["won", "lost"])
def test_a_dispute_takes_the_money_until_it_is_decided(desk: Desk, verdict: str) -> None:
    session = desk.paid()
    dispute = desk.control("disputes", {"payment_intent": session.payment_intent})
    assert (dispute["amount"], dispute["status"]) == (500, "needs_response")
    assert [each.id for each in desk.stripe.v1.disputes.list().data] == [dispute["id"]]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        desk.stripe.v1.refunds.create({"payment_intent": str(session.payment_intent)})
    assert refused.value.code == "charge_disputed"
    desk.control(f"disputes/{dispute['id']}", {"verdict": verdict})
    assert desk.stripe.v1.disputes.retrieve(dispute["id"]).status == verdict
    types = desk.event_types()
    order = ("charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed")
    assert in_order(types, *order)
    assert ("charge.dispute.funds_reinstated" in types) == (verdict == "won")
    desk.control(f"disputes/{dispute['id']}", {"verdict": "won"}, status=400)


def test_an_intent_that_waits_is_confirmed_or_canceled(desk: Desk) -> None:
    customer_id, card_id = saved_card(desk)
    waiting = desk.stripe.v1.payment_intents.create({"amount": 900, "currency": "usd", "customer": customer_id})
    assert waiting.status == "requires_payment_method"
    done = desk.stripe.v1.payment_intents.confirm(waiting.id, {"payment_method": card_id})
    assert done.status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError):
        desk.stripe.v1.payment_intents.cancel(done.id)
    other = desk.stripe.v1.payment_intents.create({"amount": 900, "currency": "usd"})
    assert desk.stripe.v1.payment_intents.cancel(other.id).status == "canceled"
