"""The routes of billing as a client meets them: this process's own function, the stack's own stand-in for Stripe."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.billing.catalog import CURRENCIES, OFFERS
from chalicelib.billing.event import read_event
from chalicelib.kernel.principal import ALL_SCOPES, Scope
from tests.support.dashboard import Dashboard
from tests.support.deployed import Deployed
from tests.support.door import Answered, call
from tests.support.stack import Stack


@dataclass
class Person:
    account_id: str
    session: str
    key: str = ""

    def make_key(self, *scopes: Scope) -> str:
        _, self.key = wiring.services().keys.create(
            self.account_id, "a key", frozenset(scopes) or ALL_SCOPES, expires_at=None, cap=None
        )
        return self.key

    def post(self, path: str, body: Any, key: str = "k1", token: str = "") -> Answered:
        headers = {"Idempotency-Key": key} if key else {}
        return call("POST", path, body=body, token=token or self.session, headers=headers)

    def get(self, path: str, **query: str) -> Answered:
        return call("GET", path, token=self.session, query=query)


def sign_up(email: str) -> Person:
    accounts = wiring.services().accounts
    accounts.ask_code(email, f"source-{email}")
    issued = accounts.issue_code(wiring.services().peppers.hash("email", email))
    assert issued is not None
    started = accounts.start_session(email, issued[1], "req_1")
    return Person(started.account_id, started.token)


@pytest.fixture
def stripe(core: Deployed, emulator: Stack) -> Iterator[Dashboard]:
    wiring.services.cache_clear()
    wiring.services().catalog_sync.run()
    yield emulator.stripe
    wiring.services.cache_clear()


def deal_with_all(stripe: Dashboard) -> None:
    for body in stripe.events():
        event = read_event(body)
        if event is not None and wiring.services().stripe_events.take(event):
            wiring.services().stripe_events.process(event.id)


PAGES = ("/v1/balance", "/v1/top-ups", "/v1/subscription", "/v1/invoices")
ORDERS: tuple[tuple[str, dict[str, str]], ...] = (
    ("/v1/top-ups", {"pack": "starter"}),
    ("/v1/subscription", {"plan": "hobby"}),
    ("/v1/billing-portal", {}),
)


def test_P4_before_the_first_key_every_page_of_money_leads_to_making_one(stripe: Dashboard) -> None:
    person = sign_up("keyless@example.com")
    answers = [person.get(path) for path in PAGES] + [person.post(path, body) for path, body in ORDERS]
    answers.append(call("DELETE", "/v1/subscription", token=person.session))
    answers.append(call("PATCH", "/v1/subscription", token=person.session, body={"plan": "pro"}))
    for answer in answers:
        told = answer.json()
        assert (answer.status, told["error"]["code"]) == (409, "api-key-required")
        assert (told["href"], told["method"]) == ("/v1/keys", "POST")
    wiring.services().keys.revoke(person.account_id, person_key_id(person))
    assert [person.get(path).status for path in PAGES] == [200] * len(PAGES)


def person_key_id(person: Person) -> str:
    person.make_key()
    return wiring.services().keys.all(person.account_id)[0].id


def test_what_is_sold_is_public(stripe: Dashboard) -> None:
    answer = call("GET", "/v1/plans")
    assert answer.status == 200
    told = answer.json()
    assert {each["id"] for each in told["packs"] + told["plans"]} == {offer.id for offer in OFFERS}
    assert told["currencies"] == list(CURRENCIES)
    (yen,) = (price for price in told["packs"][0]["prices"] if price["currency"] == "jpy")
    assert (yen["zero_decimal"], yen["tax_included"]) == (True, True)
    assert told["plans"][0]["interval"] == "month"
    assert told["packs"][0]["expires_after_months"] == 12


def test_P3_a_top_up_from_the_first_request_to_its_receipt(stripe: Dashboard) -> None:
    person = sign_up("route@example.com")
    person.make_key()
    made = person.post("/v1/top-ups", {"pack": "creator", "currency": "eur"}, token=person.key)
    told = made.json()
    assert made.status == 201
    assert made.headers["location"] == f"/v1/top-ups/{told['id']}"
    assert (told["status"], told["pack"], told["assets"], told["amount"]) == ("open", "creator", 500, 2000)
    again = person.post("/v1/top-ups", {"pack": "creator", "currency": "eur"}, token=person.key)
    assert (again.status, again.json()) == (201, told)
    assert again.headers["idempotency-replayed"] == "true"
    assert person.post("/v1/top-ups", {"pack": "bulk"}).status == 422
    assert person.post("/v1/top-ups", {"pack": "bulk"}, key="").status == 400
    stripe.pay(told["checkout_url"])
    deal_with_all(stripe)
    paid = call("GET", "/v1/top-ups/{top_up_id}", token=person.session, path={"top_up_id": told["id"]}).json()
    assert (paid["status"], paid["checkout_url"]) == ("paid", None)
    assert paid["receipt_url"]
    assert paid["invoice_url"]
    listed = person.get("/v1/top-ups", limit="1").json()
    assert [each["id"] for each in listed["data"]] == [told["id"]]
    assert person.get("/v1/balance").json()["buckets"][-1]["kind"] in ("bonus", "top_up")
    invoices = person.get("/v1/invoices").json()
    assert [(each["paid"], each["currency"], each["status"]) for each in invoices["data"]] == [(2000, "eur", "paid")]
    stranger = sign_up("stranger@example.com")
    stranger.make_key()
    other = call("GET", "/v1/top-ups/{top_up_id}", token=stranger.session, path={"top_up_id": told["id"]})
    assert other.status == 404


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"pack": "nothing"}, "pack"),
        ({"pack": "starter", "currency": "xxx"}, "currency"),
        ({"pack": "starter", "return_url": "javascript:alert(1)"}, "return_url"),
        ({"pack": "starter", "success_url": "http://shop.example/"}, "success_url"),
        ({"pack": "starter", "cancel_url": "https://user:pass@shop.example/"}, "cancel_url"),
        ({"pack": "starter", "price": 1}, "price"),
        ({}, "pack"),
    ],
)
def test_wrong_orders_are_refused_by_name(stripe: Dashboard, body: dict[str, Any], param: str) -> None:
    person = sign_up(f"wrong-{param}-{len(str(body))}@example.com")
    person.make_key()
    answer = person.post("/v1/top-ups", body)
    assert (answer.status, answer.json()["error"]["param"]) == (400, param)


def test_keys_need_the_scope_and_plans_need_a_person(stripe: Dashboard) -> None:
    person = sign_up("scopes@example.com")
    reader = person.make_key(Scope.BILLING_READ)
    assert person.post("/v1/top-ups", {"pack": "starter"}, token=reader).status == 403
    assert call("GET", "/v1/top-ups", token=reader).status == 200
    everything = person.make_key()
    assert call("GET", "/v1/subscription", token=everything).status == 403
    assert person.post("/v1/subscription", {"plan": "hobby"}, token=everything).status == 403


def test_P3_a_plan_from_the_first_request_to_its_end(stripe: Dashboard) -> None:
    person = sign_up("plan@example.com")
    person.make_key()
    none = person.get("/v1/subscription").json()
    assert (none["status"], none["plan"], none["dunning"]) == ("none", None, None)
    made = person.post("/v1/subscription", {"plan": "hobby", "currency": "gbp"})
    assert made.status == 201
    stripe.pay(made.json()["checkout_url"])
    deal_with_all(stripe)
    told = person.get("/v1/subscription").json()
    assert (told["status"], told["plan"], told["assets"], told["amount"]) == ("active", "hobby", 250, 800)
    assert person.post("/v1/subscription", {"plan": "pro"}, key="k2").status == 409
    change = {"token": person.session}
    assert call("PATCH", "/v1/subscription", body={"plan": "pro"}, **change).json()["plan"] == "pro"
    assert call("DELETE", "/v1/subscription", **change).json()["cancel_at_period_end"] is True
    kept = call("PATCH", "/v1/subscription", body={"cancel_at_period_end": False}, **change)
    assert kept.json()["cancel_at_period_end"] is False
    for wrong in ({}, {"plan": "pro", "cancel_at_period_end": True}):
        assert call("PATCH", "/v1/subscription", body=wrong, **change).status == 400
    assert call("PATCH", "/v1/subscription", body={"plan": "starter"}, **change).status == 400
    portal = person.post("/v1/billing-portal", {}, key="")
    assert portal.json()["url"].startswith(stripe.base_url)
    first = person.get("/v1/invoices", limit="1").json()
    assert first["has_more"] is True
    rest = person.get("/v1/invoices", after=first["next_cursor"]).json()
    assert {each["id"] for each in rest["data"]}.isdisjoint({each["id"] for each in first["data"]})
    assert person.get("/v1/invoices", after="nonsense").status == 400
