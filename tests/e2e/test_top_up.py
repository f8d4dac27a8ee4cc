"""P3 and P4 through the whole stack: every function alone with its own rights, Stripe's events over HTTP."""

from typing import Any

import pytest

from infra.local import demo
from tests.e2e.person import Person
from tests.support.stack import Stack, wait_until


def order(person: Person, path: str, body: dict[str, Any], key: str) -> dict[str, Any]:
    answer = person.as_session("POST", path, json=body, headers={"Idempotency-Key": key})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def available(person: Person) -> int:
    return int(person.get("/v1/balance")["available"])


def test_P3_a_pack_is_bought_and_what_is_refunded_is_gone(person: Person) -> None:
    stripe, before = person.stack.stripe, available(person)
    top_up = order(person, "/v1/top-ups", {"pack": "starter"}, "e2e-top-up")
    paid = stripe.pay(top_up["checkout_url"])
    wait_until(lambda: available(person) == before + 100, "the assets")
    path = f"/v1/top-ups/{top_up['id']}"
    told = wait_until(lambda: (found := person.get(path))["status"] == "paid" and found, "the order")
    assert told["receipt_url"].startswith(stripe.base_url)
    stripe.refund(paid["payment_intent"])
    wait_until(lambda: person.get(path)["status"] == "refunded", "the refund")
    assert available(person) == before


def test_P3_a_plan_is_chosen_changed_and_ended(person: Person) -> None:
    stripe, before = person.stack.stripe, available(person)
    chosen = order(person, "/v1/subscription", {"plan": "hobby"}, "e2e-plan")
    stripe.pay(chosen["checkout_url"])
    wait_until(lambda: available(person) == before + 250, "the plan's assets")
    plan = person.as_session("GET", "/v1/subscription").json()
    assert (plan["status"], plan["plan"]) == ("active", "hobby")
    changed = person.as_session("PATCH", "/v1/subscription", json={"plan": "pro"})
    assert changed.json()["plan"] == "pro", changed.text
    wait_until(lambda: available(person) > before + 900, "the upgrade's assets")
    ended = person.as_session("DELETE", "/v1/subscription").json()
    assert (ended["status"], ended["cancel_at_period_end"]) == ("active", True)
    assert person.as_session("POST", "/v1/billing-portal", json={}).json()["url"].startswith(stripe.base_url)
    assert len(person.get("/v1/invoices")["data"]) >= 2


@pytest.mark.parametrize("forge", ["secret", "stale", "body"])
def test_F43_a_forged_event_is_refused_by_the_front(person: Person, forge: str) -> None:
    stripe = person.stack.stripe
    event = stripe.events()[-1]
    assert stripe.replay(event["id"], forge=forge) == [400]
    assert stripe.replay(event["id"]) == [200]


def test_P4_a_session_without_a_key_is_led_to_make_one(stack: Stack) -> None:
    token = demo.sign_in(stack.base_url, stack.data / "outbox", "keyless-e2e@example.com")
    answer = stack.api("GET", "/v1/balance", key=token)
    assert answer.status_code == 409
    assert answer.json()["href"] == "/v1/keys"
