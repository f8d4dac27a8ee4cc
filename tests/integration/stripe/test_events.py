"""Events: listed, signed, delivered; duplicated, held, shuffled, dropped, replayed, forged."""

from collections import Counter

import pytest
import stripe

from tests.support.standin import Desk, wait_for


def test_every_event_is_signed_and_listed(desk: Desk) -> None:
    desk.paid()
    desk.webhook.expect("checkout.session.completed")
    listed = {event.id: event.type for event in desk.stripe.v1.events.list({"limit": 100}).data}
    wait_for(lambda: len(desk.webhook.received) == len(listed))
    assert {desk.parse(each).id: desk.parse(each).type for each in desk.webhook.received} == listed
    caused = desk.stripe.v1.events.list({"type": "product.created"}).data[0].to_dict()["request"]
    assert caused["id"].startswith("req_")
    assert caused["idempotency_key"]
    at_the_page = desk.stripe.v1.events.list({"type": "checkout.session.completed"}).data[0].to_dict()["request"]
    assert at_the_page == {"id": None, "idempotency_key": None}


def test_events_are_listed_by_time_and_type(desk: Desk) -> None:
    desk.customer()
    desk.advance(hours=2)
    desk.paid()
    late = desk.stripe.v1.events.list({"types": ["payment_intent.succeeded", "customer.created"]}).data
    assert [event.type for event in late] == ["payment_intent.succeeded", "customer.created"]
    since = desk.stripe.v1.events.list({"created": {"gt": late[1].created}, "type": "customer.*"}).data
    assert since == []
    one = desk.stripe.v1.events.retrieve(late[0].id)
    assert one.data.object["object"] == "payment_intent"


def test_what_the_webhook_refuses_is_sent_again(desk: Desk) -> None:
    desk.webhook.answers = [500, 302]
    desk.customer()
    wait_for(lambda: len(desk.webhook.received) == 3)
    assert len({each.body for each in desk.webhook.received}) == 1
    wait_for(lambda: desk.control("state", method="GET")["deliveries"] == {"done": 1})
    (told,) = desk.control("deliveries", method="GET")
    assert (told["tries"], told["answer"]) == (3, 200)


def test_after_three_days_it_gives_up(desk: Desk) -> None:
    desk.webhook.answers = [500] * 50
    desk.customer()
    wait_for(lambda: desk.webhook.received)
    desk.advance(days=3, seconds=1)
    wait_for(lambda: desk.control("state", method="GET")["deliveries"] == {"given_up": 1})
    (told,) = desk.control("deliveries", method="GET")
    assert told["answer"] == 500


def test_an_event_can_come_many_times(desk: Desk) -> None:
    desk.control("delivery", {"mode": "duplicate", "times": 3})
    desk.paid()
    listed = desk.event_types()
    wait_for(lambda: len(desk.webhook.received) == 3 * len(listed))
    times = Counter(each.event["id"] for each in desk.webhook.received)
    assert set(times.values()) == {3}


def test_events_can_be_held_and_come_in_any_order(desk: Desk) -> None:
    desk.control("delivery", {"mode": "hold"})
    session = desk.paid()
    desk.stripe.v1.refunds.create({"payment_intent": str(session.payment_intent)})
    held = desk.control("deliveries", method="GET")
    assert {each["state"] for each in held} == {"held"}
    ids = {each["type"]: each["event"] for each in held}
    order = [ids["charge.refunded"], ids["payment_intent.succeeded"], ids["charge.refunded"]]
    answers = desk.control("release", {"order": order})
    assert [each["answer"] for each in answers] == [200, 200, 200]
    assert desk.webhook.types == ["charge.refunded", "payment_intent.succeeded", "charge.refunded"]
    desk.control("release", {"order": ["evt_none"]}, status=400)
    desk.control("delivery", {"mode": "normal"})
    desk.webhook.expect("checkout.session.completed")


def test_the_same_seed_shuffles_alike(desk: Desk) -> None:
    orders = []
    for seed in (1, 1, 2):
        desk.control("delivery", {"mode": "hold"})
        before = len(desk.event_types())
        desk.customer()
        for n in range(6):
            desk.stripe.v1.customers.update(desk.customer().id, {"name": str(n)})
        released = desk.control("release", {"seed": seed})
        listed = [event.id for event in desk.stripe.v1.events.list({"limit": 100}).auto_paging_iter()][::-1][before:]
        orders.append([listed.index(each["event"]) for each in released])
        assert sorted(orders[-1]) == list(range(13))
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert orders[0] != sorted(orders[0])


def test_shuffled_events_all_arrive(desk: Desk) -> None:
    desk.control("delivery", {"mode": "shuffle", "seed": 5})
    desk.paid()
    listed = [event.id for event in desk.stripe.v1.events.list({"limit": 100}).data][::-1]
    wait_for(lambda: len(desk.webhook.received) == len(listed))
    came = [each.event["id"] for each in desk.webhook.received]
    assert sorted(came) == sorted(listed)
    assert came != listed


def test_dropped_events_are_only_listed(desk: Desk) -> None:
    desk.control("delivery", {"mode": "drop"})
    desk.paid()
    desk.control("delivery", {"mode": "normal"})
    desk.customer()
    desk.webhook.expect("customer.created")
    assert desk.webhook.types == ["customer.created"]
    assert "payment_intent.succeeded" in desk.event_types()


def test_an_event_is_replayed_under_a_new_signature(desk: Desk) -> None:
    desk.customer()
    (first,) = desk.webhook.expect("customer.created")
    desk.webhook.answers = [200, 500]
    assert desk.control(f"events/{first['id']}/replay", {"times": 2}) == {"answers": [200, 500]}
    assert [desk.parse(each).id for each in desk.webhook.received] == [first["id"]] * 3


@pytest.mark.parametrize("forgery", ["secret", "stale", "scheme", "body"])
def test_a_forgery_does_not_verify(desk: Desk, forgery: str) -> None:
    desk.customer()
    (event,) = desk.webhook.expect("customer.created")
    desk.control(f"events/{event['id']}/replay", {"forge": forgery})
    with pytest.raises(stripe.SignatureVerificationError):
        desk.parse(desk.webhook.received[-1])


@pytest.mark.parametrize(
    ("oddity", "field", "value"),
    [("livemode", "livemode", True), ("version", "api_version", "2019-12-03"), ("type", "type", "no.such.type")],
)
def test_an_odd_event_verifies_and_is_odd(desk: Desk, oddity: str, field: str, value: object) -> None:
    desk.customer()
    (event,) = desk.webhook.expect("customer.created")
    desk.control(f"events/{event['id']}/replay", {"forge": oddity})
    assert desk.parse(desk.webhook.received[-1]).to_dict()[field] == value
    future = {"forge": "future"}
    desk.control(f"events/{event['id']}/replay", future)
    # The library itself takes signatures from the future; whoever does not want them must look.
    stamp = int(desk.webhook.received[-1].signature.split(",")[0].removeprefix("t="))
    assert stamp > event["created"] + 300


def test_both_secrets_sign_while_one_is_rolled(desk: Desk) -> None:
    old = desk.credentials["webhook_secret"]
    new = desk.control("secret")["webhook_secret"]
    assert new != old
    desk.customer()
    desk.webhook.expect("customer.created")
    delivered = desk.webhook.received[0]
    for secret in (old, new):
        event = stripe.Webhook.construct_event(delivered.body, delivered.signature, secret)
        assert event.type == "customer.created"


def test_events_tell_another_version_when_the_account_has_one(desk: Desk) -> None:
    desk.control("settings", {"event_api_version": "2024-06-20"})
    desk.customer()
    (event,) = desk.webhook.expect("customer.created")
    assert event["api_version"] == "2024-06-20"


def test_the_signature_tells_real_time_whatever_our_clock_says(desk: Desk) -> None:
    desk.advance(days=40)
    desk.customer()
    desk.webhook.expect("customer.created")
    event = desk.parse(desk.webhook.received[0])
    stamp = int(desk.webhook.received[0].signature.split(",")[0].removeprefix("t="))
    assert 39 * 86400 < event.created - stamp < 41 * 86400
