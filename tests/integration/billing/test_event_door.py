"""Events as Stripe sends them, through the API's own door, and the worker that deals with them."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest

import app
from chalicelib.aws import session
from chalicelib.billing import worker
from chalicelib.billing.events import routes
from chalicelib.billing.order import Order
from infra.local.stripe.signing import sign
from tests.support.shop import Shop
from tests.support.standin import Delivered, wait_for

Post = Any


@pytest.fixture
def post(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Post:
    """Sends a body to the door as API Gateway does; (status, body)."""
    monkeypatch.setattr(routes, "services", lambda: shop.services)
    monkeypatch.setattr(worker, "services", lambda: shop.services)

    def send(body: str | bytes, signature: str | None) -> tuple[int, dict[str, Any]]:
        headers = {"Host": "api.example.com", "Content-Type": "application/json; charset=utf-8"}
        if signature is not None:
            headers["Stripe-Signature"] = signature
        context = {
            "httpMethod": "POST",
            "resourcePath": "/v1/stripe/events",
            "path": "/v1/stripe/events",
            "identity": {"sourceIp": "192.0.2.1"},
        }
        event = {
            "requestContext": context,
            "headers": headers,
            "multiValueQueryStringParameters": None,
            "pathParameters": None,
            "stageVariables": None,
            "body": body.decode() if isinstance(body, bytes) else body,
            "isBase64Encoded": False,
        }
        answer = app.app(event, None)
        return answer["statusCode"], json.loads(answer["body"])

    return send


def delivered(shop: Shop, order: Order, kind: str = "payment_intent.succeeded") -> Delivered:
    """That event of the order's payment, as it came to the webhook."""
    shop.desk.pay(order.session_id or "")
    shop.desk.webhook.expect(kind)
    shop.desk.wait_until_told()  # so that what comes after this is what a test sends
    return next(each for each in shop.desk.webhook.received if each.event["type"] == kind)


def stored(shop: Shop, event_id: str) -> bool:
    return shop.services._event_store.event(event_id) is not None


def queued(shop: Shop) -> list[str]:
    """Takes every message from the queue; the events that they name."""
    url = shop.core.settings.billing_queue_url
    found: list[str] = []
    while True:
        messages = session.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        if not messages:
            return found
        for message in messages:
            found.append(json.loads(message["Body"]).get("event_id", ""))
            session.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def work(event_id: str) -> dict[str, Any]:
    body = json.dumps({"v": 1, "event_id": event_id})
    record = {"messageId": "m", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}
    answer: dict[str, Any] = worker.billing_events({"Records": [record]}, None)
    return answer


def test_F44_a_signed_event_is_stored_once_queued_and_settled(shop: Shop, post: Post) -> None:
    account_id = shop.customer("door@example.com")
    order = shop.order(account_id)
    event = delivered(shop, order)
    queued(shop)
    assert post(event.body, event.signature) == (200, {"received": True})
    assert stored(shop, event.event["id"])
    assert queued(shop) == [event.event["id"]]
    assert shop.spendable(account_id) == 0
    assert work(event.event["id"]) == {"batchItemFailures": []}
    assert shop.spendable(account_id) == 100
    assert post(event.body, event.signature) == (200, {"received": True})
    assert queued(shop) == []
    assert work(event.event["id"]) == {"batchItemFailures": []}
    assert shop.spendable(account_id) == 100


@pytest.mark.parametrize("forge", ["secret", "stale", "future", "scheme", "body"])
def test_F43_what_is_not_signed_as_it_should_be_is_refused_and_nothing_is_written(
    shop: Shop, post: Post, forge: str
) -> None:
    order = shop.order(shop.customer(f"{forge}@example.com"))
    event = delivered(shop, order).event
    queued(shop)
    shop.desk.webhook.received.clear()
    shop.desk.replay(event["id"], forge=forge)
    wait_for(lambda: shop.desk.webhook.received)
    forged = shop.desk.webhook.received[0]
    shop.core.clock.time = datetime.now(UTC)  # signatures tell real time
    status, body = post(forged.body, forged.signature)
    assert status == 400
    assert body["detail"] == "The request is not signed as it should be"
    assert body["error"]["code"] == "signature-refused"
    assert not stored(shop, event["id"])
    assert queued(shop) == []


@pytest.mark.parametrize("signature", [None, "", "t=1", "v1=00", "t=x,v1=00", "t=1,t=2,v1=00", ",,,=,", "t=1,v1=é"])
def test_F43_a_malformed_signature_is_refused_in_the_same_words(shop: Shop, post: Post, signature: str | None) -> None:
    status, body = post("{}", signature)
    assert (status, body["detail"]) == (400, "The request is not signed as it should be")


@pytest.mark.parametrize("body", ["[]", "1", "not json", '{"id": 1}', '{"id": "evt_1", "type": "invoice.paid"}'])
def test_signed_nonsense_is_refused(shop: Shop, post: Post, body: str) -> None:
    signed = sign(body, int(time.time()), [shop.desk.credentials["webhook_secret"]])
    assert post(signed.body, signed.header)[0] == 400


def test_a_body_that_is_too_large_is_refused_unread(shop: Shop, post: Post) -> None:
    assert post("x" * (256 * 1024 + 1), "t=1,v1=00")[0] == 413


def test_F16_a_new_signing_secret_is_read_at_once_and_not_for_every_forgery(shop: Shop, post: Post) -> None:
    order = shop.order(shop.customer("rotated@example.com"))
    event = delivered(shop, order)
    good = shop.secret.value
    shop.secret.value, shop.secret.fresh = good | {"webhook_secrets": ["whsec_old"]}, good
    assert post(event.body, event.signature)[0] == 200
    assert shop.secret.refreshed == 1
    for _ in range(20):
        assert post("{}", "t=1,v1=00")[0] == 400
    assert shop.secret.refreshed == 1
    shop.core.clock.forward(minutes=1)
    assert post("{}", "t=1,v1=00")[0] == 400
    assert shop.secret.refreshed == 2


def test_F16_either_of_two_signing_secrets_is_believed(shop: Shop, post: Post) -> None:
    order = shop.order(shop.customer("two@example.com"))
    event = delivered(shop, order)
    shop.secret.value["webhook_secrets"].insert(0, "whsec_other")
    assert post(event.body, event.signature)[0] == 200


def test_F16_a_new_key_is_read_when_the_old_one_is_not_accepted(shop: Shop) -> None:
    account_id = shop.customer("newkey@example.com")
    good = shop.secret.value
    shop.secret.value, shop.secret.fresh = good | {"api_key": "pk_test_wrong"}, good
    assert shop.order(account_id).session_id
    assert shop.secret.refreshed == 1


def test_without_a_key_nothing_is_believed(shop: Shop, post: Post) -> None:
    shop.secret.value["api_key"] = ""
    status, body = post("{}", "t=1,v1=00")
    assert (status, body["error"]["code"]) == (503, "billing-not-configured")


@pytest.mark.parametrize(
    ("forge", "outcome", "assets"), [("livemode", "other_mode", 0), ("type", "ignored", 0), ("version", "settled", 100)]
)
def test_F45_odd_events_are_answered_and_do_what_they_should(
    shop: Shop, post: Post, forge: str, outcome: str, assets: int
) -> None:
    account_id = shop.customer(f"odd-{forge}@example.com")
    event = delivered(shop, shop.order(account_id)).event
    shop.desk.webhook.received.clear()
    shop.desk.replay(event["id"], forge=forge)
    wait_for(lambda: shop.desk.webhook.received)
    odd = shop.desk.webhook.received[0]
    assert post(odd.body, odd.signature)[0] == 200
    assert work(odd.event["id"]) == {"batchItemFailures": []}
    assert shop.services._event_store.event(odd.event["id"]).outcome == outcome
    assert shop.spendable(account_id) == assets


def test_F45_an_object_of_another_account_is_dealt_with_once(shop: Shop) -> None:
    event = {
        "id": "evt_elsewhere1",
        "type": "charge.refunded",
        "created": 1,
        "livemode": False,
        "data": {"object": {"id": "ch_elsewhere1"}},
    }
    assert shop.hand_over(event) == "no_such_object"
    assert shop.hand_over(event) == "done_before"


def test_F22_a_poison_message_fails_alone(shop: Shop, post: Post) -> None:
    record = {"messageId": "m", "body": "{}", "attributes": {"ApproximateReceiveCount": "1"}}
    assert worker.billing_events({"Records": [record]}, None) == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    assert work("evt_never_stored") == {"batchItemFailures": []}


def test_what_stands_in_the_way_leaves_the_message_and_the_event(shop: Shop, post: Post) -> None:
    account_id = shop.customer("later@example.com")
    event = delivered(shop, shop.order(account_id))
    post(event.body, event.signature)
    shop.desk.fault("rate_limit", times=9, method="GET", path="/v1/payment_intents")
    assert work(event.event["id"]) == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    assert shop.services._event_store.event(event.event["id"]).outcome is None
    shop.desk.control("faults", method="DELETE")
    assert work(event.event["id"]) == {"batchItemFailures": []}
    assert shop.spendable(account_id) == 100
