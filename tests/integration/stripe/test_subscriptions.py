"""Subscriptions from checkout to their end, moved by a test clock or by our own."""

from typing import Any

import pytest
import requests
import stripe

from tests.support.standin import Desk, in_order

START = 1_800_000_000  # 15 January 2027
DAY = 86_400


def on_clock(desk: Desk) -> tuple[str, str]:
    """A customer who lives on a test clock."""
    clock = desk.stripe.v1.test_helpers.test_clocks.create({"frozen_time": START})
    return clock.id, desk.customer(test_clock=clock.id).id


def advance(desk: Desk, clock_id: str, to: int) -> None:
    advancing = desk.stripe.v1.test_helpers.test_clocks.advance(clock_id, {"frozen_time": to})
    assert advancing.status == "advancing"
    assert desk.stripe.v1.test_helpers.test_clocks.retrieve(clock_id).status == "ready"


def period(subscription: stripe.Subscription) -> tuple[int, int]:
    item = subscription.to_dict()["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def invoices(desk: Desk, subscription_id: str) -> list[dict[str, Any]]:
    """Oldest first."""
    found = desk.stripe.v1.invoices.list({"subscription": subscription_id})
    return [each.to_dict() for each in found.data][::-1]


def test_a_subscription_begins_with_a_paid_invoice(desk: Desk) -> None:
    customer = desk.customer()
    items = [{"price": desk.plan(), "quantity": 1}]
    about: Any = {"metadata": {"account": "acc_1"}}
    session = desk.paid(mode="subscription", customer=customer.id, line_items=items, subscription_data=about)
    subscription = desk.stripe.v1.subscriptions.retrieve(str(session.subscription))
    assert (subscription.status, subscription.to_dict()["metadata"]) == ("active", {"account": "acc_1"})
    (invoice,) = invoices(desk, subscription.id)
    assert (invoice["status"], invoice["billing_reason"], invoice["amount_paid"]) == (
        "paid",
        "subscription_create",
        2000,
    )
    assert invoice["parent"]["subscription_details"] == {
        "metadata": {"account": "acc_1"},
        "subscription": subscription.id,
    }
    assert invoice["lines"]["data"][0]["period"] == dict(zip(("start", "end"), period(subscription), strict=True))
    payment = desk.stripe.v1.invoice_payments.list({"invoice": invoice["id"]}).data[0].to_dict()
    intent = payment["payment"]["payment_intent"]
    asked: Any = {"payment": {"type": "payment_intent", "payment_intent": intent}}
    assert desk.stripe.v1.invoice_payments.list(asked).data[0].invoice == invoice["id"]
    order = ("customer.subscription.created", "invoice.created", "invoice.finalized", "invoice.paid")
    assert in_order(desk.event_types(), *order, "checkout.session.completed")


def test_a_renewal_is_invoiced_and_paid_an_hour_after_the_period(desk: Desk) -> None:
    clock, customer_id = on_clock(desk)
    subscription = desk.subscribed(customer_id)
    start, end = period(subscription)
    assert (start, end) == (START, START + 31 * DAY)
    advance(desk, clock, end + 60)
    renewed = desk.stripe.v1.subscriptions.retrieve(subscription.id)
    assert period(renewed) == (end, end + 28 * DAY)
    assert [each["status"] for each in invoices(desk, subscription.id)] == ["paid", "draft"]
    advance(desk, clock, end + 3700)
    first, second = invoices(desk, subscription.id)
    assert (second["status"], second["billing_reason"]) == ("paid", "subscription_cycle")
    assert (second["created"], second["status_transitions"]["paid_at"]) == (end, end + 3600)
    assert second["lines"]["data"][0]["period"] == {"start": end, "end": end + 28 * DAY}
    assert second["number"] != first["number"]


def test_our_own_clock_renews_whoever_lives_on_no_other(desk: Desk) -> None:
    subscription = desk.subscribed(desk.customer().id)
    desk.advance(days=100)
    found = invoices(desk, subscription.id)
    assert [each["billing_reason"] for each in found] == ["subscription_create", *["subscription_cycle"] * 3]
    assert {each["status"] for each in found} == {"paid"}
    assert [each["period_end"] for each in found] == sorted(each["period_end"] for each in found)


@pytest.mark.parametrize(("then", "status"), [("cancel", "canceled"), ("unpaid", "unpaid"), ("past_due", "past_due")])
def test_a_failed_renewal_is_tried_again_and_then_given_up(desk: Desk, then: str, status: str) -> None:
    desk.control("settings", {"dunning": {"retry_days": [2, 4], "then": then}})
    clock, customer_id = on_clock(desk)
    subscription = desk.subscribed(customer_id)
    _, end = period(subscription)
    desk.control(f"customers/{customer_id}/fail", {"times": 99})
    tries = []
    for moment in (end + 3700, end + 2 * DAY + 3700, end + 4 * DAY + 3700):
        advance(desk, clock, moment)
        invoice = invoices(desk, subscription.id)[1]
        now = desk.stripe.v1.subscriptions.retrieve(subscription.id).status
        tries.append((invoice["attempt_count"], invoice["next_payment_attempt"], now))
    assert tries == [
        (1, end + 3600 + 2 * DAY, "past_due"),
        (2, end + 3600 + 4 * DAY, "past_due"),
        (3, None, status),
    ]
    types = desk.event_types()
    assert types.count("invoice.payment_failed") == 3
    assert ("customer.subscription.deleted" in types) == (then == "cancel")
    (changed,) = [
        event
        for event in desk.stripe.v1.events.list({"type": "customer.subscription.updated", "limit": 100}).data
        if event.data.to_dict().get("previous_attributes", {}).get("status") == "active"
    ]
    assert changed.data.object["status"] == "past_due"


def test_a_retry_that_works_makes_it_active_again(desk: Desk) -> None:
    clock, customer_id = on_clock(desk)
    subscription = desk.subscribed(customer_id)
    _, end = period(subscription)
    desk.control(f"customers/{customer_id}/fail", {"times": 1})
    advance(desk, clock, end + 3700)
    assert desk.stripe.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    advance(desk, clock, end + 4 * DAY)
    assert desk.stripe.v1.subscriptions.retrieve(subscription.id).status == "active"
    assert invoices(desk, subscription.id)[1]["status"] == "paid"


def test_cancellation_waits_for_the_period_s_end_and_can_be_taken_back(desk: Desk) -> None:
    clock, customer_id = on_clock(desk)
    subscription = desk.subscribed(customer_id)
    _, end = period(subscription)
    canceled = desk.stripe.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert (canceled.status, canceled.cancel_at) == ("active", end)
    back = desk.stripe.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    assert (back.cancel_at_period_end, back.cancel_at, back.canceled_at) == (False, None, None)
    desk.stripe.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    advance(desk, clock, end + 10)
    ended = desk.stripe.v1.subscriptions.retrieve(subscription.id)
    assert (ended.status, ended.ended_at) == ("canceled", end)
    assert desk.event_types().count("customer.subscription.deleted") == 1
    assert len(invoices(desk, subscription.id)) == 1
    assert desk.stripe.v1.subscriptions.list({"customer": customer_id}).data == []
    assert len(desk.stripe.v1.subscriptions.list({"customer": customer_id, "status": "all"}).data) == 1


def test_cancelling_now_ends_it_now(desk: Desk) -> None:
    subscription = desk.subscribed(desk.customer().id)
    assert desk.stripe.v1.subscriptions.cancel(subscription.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        desk.stripe.v1.subscriptions.cancel(subscription.id)


def change(desk: Desk, subscription: stripe.Subscription, price: str, **more: Any) -> stripe.Subscription:
    item = subscription.to_dict()["items"]["data"][0]["id"]
    params: Any = {"items": [{"id": item, "price": price}], **more}
    return desk.stripe.v1.subscriptions.update(subscription.id, params)


def test_an_upgrade_is_prorated_and_paid_at_once(desk: Desk) -> None:
    clock, customer_id = on_clock(desk)
    subscription = desk.subscribed(customer_id)
    start, end = period(subscription)
    advance(desk, clock, start + (end - start) // 4)
    changed = change(desk, subscription, desk.plan("big", 4000), proration_behavior="always_invoice")
    assert period(changed) == (start, end)
    invoice = invoices(desk, subscription.id)[1]
    assert [line["amount"] for line in invoice["lines"]["data"]] == [-1500, 3000]
    assert (invoice["billing_reason"], invoice["amount_paid"]) == ("subscription_update", 1500)
    details = invoice["lines"]["data"][0]["parent"]["subscription_item_details"]
    assert details["proration"] is True


def test_an_upgrade_whose_payment_fails_can_be_made_to_change_nothing(desk: Desk) -> None:
    customer = desk.customer()
    subscription = desk.subscribed(customer.id)
    desk.advance(days=5)
    desk.control(f"customers/{customer.id}/fail", {"times": 1})
    before = desk.event_types()
    with pytest.raises(stripe.CardError):
        change(
            desk,
            subscription,
            desk.plan("big", 4000),
            proration_behavior="always_invoice",
            payment_behavior="error_if_incomplete",
        )
    price = desk.stripe.v1.subscriptions.retrieve(subscription.id).to_dict()["items"]["data"][0]["price"]["id"]
    assert price == desk.plan()
    made = [kind for kind in desk.event_types()[len(before) :] if not kind.startswith(("product", "price"))]
    assert made == []


def test_a_downgrade_counts_from_the_next_period(desk: Desk) -> None:
    clock, customer_id = on_clock(desk)
    subscription = desk.subscribed(customer_id)
    _, end = period(subscription)
    advance(desk, clock, START + DAY)
    change(desk, subscription, desk.plan("small", 1000), proration_behavior="none")
    assert len(invoices(desk, subscription.id)) == 1
    advance(desk, clock, end + 3700)
    assert [each["amount_paid"] for each in invoices(desk, subscription.id)] == [2000, 1000]


def test_a_downgrade_with_prorations_leaves_credit(desk: Desk) -> None:
    clock, customer_id = on_clock(desk)
    subscription = desk.subscribed(customer_id)
    start, end = period(subscription)
    advance(desk, clock, start + (end - start) // 2)
    change(desk, subscription, desk.plan("small", 1000), proration_behavior="always_invoice")
    assert desk.stripe.v1.customers.retrieve(customer_id).balance == -500
    advance(desk, clock, end + 3700)
    last = invoices(desk, subscription.id)[-1]
    assert (last["total"], last["starting_balance"], last["amount_paid"]) == (1000, -500, 500)


def test_a_coupon_for_some_months_ends(desk: Desk) -> None:
    coupon = desk.stripe.v1.coupons.create({"percent_off": 50, "duration": "repeating", "duration_in_months": 2})
    once = desk.stripe.v1.coupons.create({"percent_off": 50, "duration": "once"})
    for discount, amounts in ((coupon, [1000, 1000, 2000]), (once, [1000, 2000, 2000])):
        clock, customer_id = on_clock(desk)
        items = [{"price": desk.plan(), "quantity": 1}]
        given: Any = {"discounts": [{"coupon": discount.id}], "line_items": items, "customer": customer_id}
        session = desk.paid(mode="subscription", **given)
        advance(desk, clock, START + 62 * DAY)
        assert [each["amount_paid"] for each in invoices(desk, str(session.subscription))] == amounts


def test_the_portal_cancels_resumes_changes_cards_and_pays(desk: Desk) -> None:
    customer = desk.customer()
    subscription = desk.subscribed(customer.id)
    given: Any = {"customer": customer.id, "return_url": "https://app.example/billing"}
    portal = desk.stripe.v1.billing_portal.sessions.create(given)
    page = requests.get(portal.url, timeout=10)
    assert "This is not Stripe" in page.text
    assert "https://app.example/billing" in page.text

    def press(action: str, target: str = "") -> str:
        form = {"action": action, "target": target}
        return requests.post(portal.url, data=form, headers={"Origin": desk.base_url}, timeout=10).text

    assert "will end" in press("cancel", subscription.id)
    assert desk.stripe.v1.subscriptions.retrieve(subscription.id).cancel_at_period_end
    assert "goes on" in press("resume", subscription.id)
    press("card_failing")
    desk.advance(days=31, hours=2)
    portal = desk.stripe.v1.billing_portal.sessions.create(given)
    assert desk.stripe.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    invoice = invoices(desk, subscription.id)[1]["id"]
    assert "declined" in press("pay", invoice)
    press("card_ok")
    assert "is paid" in press("pay", invoice)
    assert desk.stripe.v1.subscriptions.retrieve(subscription.id).status == "active"
    stranger = desk.subscribed(desk.customer().id)
    assert "No such subscription" in press("cancel", stranger.id)
    assert not desk.stripe.v1.subscriptions.retrieve(stranger.id).cancel_at_period_end


def test_paying_an_invoice_by_api_is_declined_or_done(desk: Desk) -> None:
    customer = desk.customer()
    subscription = desk.subscribed(customer.id)
    desk.control(f"customers/{customer.id}/fail", {"times": 2})
    desk.advance(days=31, hours=2)
    invoice = invoices(desk, subscription.id)[1]["id"]
    with pytest.raises(stripe.CardError):
        desk.stripe.v1.invoices.pay(invoice)
    assert desk.stripe.v1.invoices.pay(invoice).status == "paid"
    assert desk.stripe.v1.subscriptions.retrieve(subscription.id).status == "active"
