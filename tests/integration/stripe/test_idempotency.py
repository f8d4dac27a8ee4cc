"""Idempotency keys, and answers that never come: as Stripe documents them, seen through the library."""

import threading
from typing import Any

import pytest
import requests
import stripe

from tests.support.standin import KEY, Desk, client_of

NEW: Any = {"email": "jo@example.com"}
WRONG: Any = {"emial": "jo@example.com"}


def raw(desk: Desk, path: str, body: str, key: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": key}
    return requests.post(f"{desk.base_url}/v1/{path}", data=body, headers=headers, timeout=10)


def count(desk: Desk) -> int:
    return len(desk.stripe.v1.customers.list({"limit": 100}).data)


def test_the_same_request_has_the_same_answer(desk: Desk) -> None:
    first = raw(desk, "customers", "email=a@example.com&name=Jo", "k")
    again = raw(desk, "customers", "name=Jo&email=a%40example.com", "k")
    assert (again.status_code, again.text) == (first.status_code, first.text)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Original-Request"] == first.headers["Request-Id"] != again.headers["Request-Id"]
    assert "Idempotent-Replayed" not in first.headers
    assert count(desk) == 1


def test_another_request_under_the_key_is_refused(desk: Desk) -> None:
    desk.stripe.v1.customers.create(NEW, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        desk.stripe.v1.customers.create({"email": "other@example.com"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        desk.stripe.v1.products.create({"name": "x"}, {"idempotency_key": "k"})
    assert count(desk) == 1


def test_a_key_is_forgotten_after_a_day(desk: Desk) -> None:
    first = desk.stripe.v1.customers.create(NEW, {"idempotency_key": "k"})
    desk.advance(hours=23)
    assert desk.stripe.v1.customers.create(NEW, {"idempotency_key": "k"}).id == first.id
    desk.advance(hours=1, seconds=2)
    assert desk.stripe.v1.customers.create(NEW, {"idempotency_key": "k"}).id != first.id


def test_a_request_that_never_began_keeps_nothing(desk: Desk) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        desk.stripe.v1.customers.create(WRONG, {"idempotency_key": "k"})
    assert desk.stripe.v1.customers.create(NEW, {"idempotency_key": "k"}).email == "jo@example.com"


def test_a_declined_card_is_declined_again_without_a_second_charge(desk: Desk) -> None:
    customer = desk.customer()
    card = desk.stripe.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer.id})
    given: Any = {"amount": 500, "currency": "usd", "customer": customer.id, "payment_method": card.id}
    ids = set()
    for _ in range(2):
        with pytest.raises(stripe.CardError) as declined:
            desk.stripe.v1.payment_intents.create(
                given | {"confirm": True, "off_session": True}, {"idempotency_key": "k"}
            )
        assert declined.value.error is not None
        assert declined.value.error.payment_intent is not None
        ids.add(declined.value.error.payment_intent.id)
    assert len(ids) == 1
    assert len(desk.stripe.v1.charges.list({"customer": customer.id}).data) == 1


def test_a_lost_answer_is_found_by_the_library_s_own_retry(desk: Desk) -> None:
    desk.control("faults", {"kind": "lost", "path": "/v1/customers"})
    assert desk.customer().email == "jo@example.com"
    assert count(desk) == 1


def test_a_lost_answer_without_a_retry_has_happened(desk: Desk) -> None:
    desk.control("faults", {"kind": "lost"})
    client = client_of(desk.base_url, retries=0)
    with pytest.raises(stripe.APIConnectionError):
        client.v1.customers.create(NEW, {"idempotency_key": "k"})
    assert count(desk) == 1
    client.v1.customers.create(NEW, {"idempotency_key": "k"})
    assert count(desk) == 1
    client.v1.customers.create(NEW)
    assert count(desk) == 2


def test_a_request_that_did_not_arrive_has_not_happened(desk: Desk) -> None:
    desk.control("faults", {"kind": "unreachable"})
    with pytest.raises(stripe.APIConnectionError):
        client_of(desk.base_url, retries=0).v1.customers.create(NEW, {"idempotency_key": "k"})
    assert count(desk) == 0


@pytest.mark.parametrize("effect", [True, False])
def test_a_500_is_kept_whether_or_not_it_was_done(desk: Desk, effect: bool) -> None:
    desk.control("faults", {"kind": "error", "effect": effect})
    for _ in range(3):
        with pytest.raises(stripe.APIError) as failed:
            desk.stripe.v1.customers.create(NEW, {"idempotency_key": "k"})
        assert failed.value.http_status == 500
    assert count(desk) == int(effect)
    assert desk.stripe.v1.customers.create(NEW, {"idempotency_key": "k2"}).email == "jo@example.com"


def test_a_rate_limit_is_not_kept(desk: Desk) -> None:
    desk.control("faults", {"kind": "rate_limit"})
    with pytest.raises(stripe.RateLimitError):
        desk.stripe.v1.customers.create(NEW, {"idempotency_key": "k"})
    assert desk.stripe.v1.customers.create(NEW, {"idempotency_key": "k"}).email == "jo@example.com"


def test_a_fault_strikes_where_and_as_often_as_told(desk: Desk) -> None:
    desk.control("faults", {"kind": "error", "path": "/v1/products", "times": 2})
    assert desk.customer().id
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            desk.stripe.v1.products.create({"name": "x"})
    assert desk.stripe.v1.products.create({"name": "x"}).name == "x"
    desk.control("faults", {"kind": "error", "times": 5})
    desk.control("faults", method="DELETE")
    assert desk.customer().id
    desk.control("faults", {"kind": "meteor"}, status=400)


def test_many_at_once_under_one_key_make_one(desk: Desk) -> None:
    answers: list[int] = []
    start = threading.Barrier(12)

    def post() -> None:
        start.wait()
        answers.append(raw(desk, "customers", "email=a@example.com", "k").status_code)

    threads = [threading.Thread(target=post) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {200, 409}
    assert 200 in answers
    assert count(desk) == 1


def test_gets_and_deletes_take_no_key(desk: Desk) -> None:
    customer = desk.customer()
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": "k"}
    for _ in range(2):
        answer = requests.get(f"{desk.base_url}/v1/customers/{customer.id}", headers=headers, timeout=10)
        assert "Idempotent-Replayed" not in answer.headers
    assert raw(desk, "customers", "email=a@example.com", "k" * 256).status_code == 400
