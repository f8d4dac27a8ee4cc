"""A wrong call fails here as it fails at Stripe: with the right kind of error, about the right parameter."""

from typing import Any

import pytest
import requests
import stripe

from tests.support.standin import KEY, Desk, client_of

GOOD: dict[str, Any] = {"mode": "payment", "success_url": "https://app.example/ok"}


@pytest.mark.parametrize(
    ("more", "param", "code"),
    [
        ({"sucess_url": "x"}, "sucess_url", "parameter_unknown"),
        ({"line_items": [{"prize": "x", "quantity": 1}]}, "line_items[0][prize]", "parameter_unknown"),
        ({"line_items": [{"price": "price_none", "quantity": 1}]}, "line_items[0][price]", "resource_missing"),
        ({"line_items": [{"price": "P", "quantity": "two"}]}, "line_items[0][quantity]", "parameter_invalid_integer"),
        ({"line_items": []}, "line_items", "parameter_missing"),
        ({"mode": "paymnt"}, "mode", None),
        ({"success_url": ""}, "success_url", "parameter_invalid_empty"),
        ({"success_url": "nowhere"}, "success_url", "url_invalid"),
        ({"success_url": "javascript:alert(1)"}, "success_url", "url_invalid"),
        ({"cancel_url": "https://a.example/\r\nSet-Cookie: a=b"}, "cancel_url", "url_invalid"),
        ({"cancel_url": "https://a.example;script-src"}, "cancel_url", "url_invalid"),
        ({"subscription_data": {"metadata": {"a": "b"}}}, "subscription_data", None),
        ({"mode": "subscription"}, "mode", None),
        ({"metadata": {"k" * 41: "v"}}, "metadata", None),
        ({"metadata": {"k": "v" * 501}}, "metadata[k]", None),
        ({"client_reference_id": "r" * 201}, "client_reference_id", None),
        ({"expires_at": 5}, "expires_at", None),
        ({"allow_promotion_codes": "maybe"}, "allow_promotion_codes", None),
        ({"customer": "cus_none"}, "customer", "resource_missing"),
        ({"currency": "chf"}, "line_items[0][price]", None),
        ({"shipping_options": [{"shipping_rate": "shr_1"}]}, "shipping_options.shipping_rate", "stand_in_limit"),
    ],
)
def test_a_wrong_checkout_is_refused(desk: Desk, more: dict[str, Any], param: str, code: str | None) -> None:
    given = GOOD | {"line_items": [{"price": desk.price(), "quantity": 1}]} | more
    if given["line_items"] and given["line_items"][0].get("price") == "P":
        given["line_items"][0]["price"] = desk.price()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        desk.stripe.v1.checkout.sessions.create(given)  # type: ignore[arg-type]
    assert (refused.value.param, refused.value.code) == (param, code)
    assert desk.stripe.v1.checkout.sessions.list().data == []


def test_what_is_required_must_be_there(desk: Desk) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        desk.stripe.v1.payment_intents.create({"amount": 500})  # type: ignore[typeddict-item]
    assert (refused.value.param, refused.value.code) == ("currency", "parameter_missing")


def test_a_recurring_price_needs_a_subscription(desk: Desk) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="recurring price"):
        desk.session(line_items=[{"price": desk.plan(), "quantity": 1}])


def test_automatic_tax_needs_to_know_where_the_customer_is(desk: Desk) -> None:
    customer = desk.customer()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        desk.session(customer=customer.id, automatic_tax={"enabled": True})
    assert refused.value.code == "customer_tax_location_invalid"
    session = desk.session(customer=customer.id, automatic_tax={"enabled": True}, customer_update={"address": "auto"})
    assert session.status == "open"


def test_what_does_not_exist_is_missing(desk: Desk) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        desk.stripe.v1.subscriptions.retrieve("sub_none")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        desk.stripe.v1.payouts.list()


def test_only_test_keys_are_taken(desk: Desk) -> None:
    wrong = stripe.StripeClient("sk_" + "live_x", base_addresses={"api": desk.base_url})
    with pytest.raises(stripe.AuthenticationError):
        wrong.v1.customers.list()


def test_only_the_package_s_own_version_is_spoken(desk: Desk) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="speaks version"):
        desk.stripe.v1.customers.list(options={"stripe_version": "2019-12-03"})


def test_every_error_names_its_request(desk: Desk) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        desk.stripe.v1.subscriptions.retrieve("sub_none")
    assert str(refused.value.request_id).startswith("req_")


@pytest.mark.parametrize(
    "body",
    ["a[b=c", "a=1&a[b]=2", "&".join(f"metadata[k{n}]=v" for n in range(2_100)), "[=]", "a" + "[b]" * 20 + "=1"],
)
def test_a_body_that_makes_no_sense_is_refused(desk: Desk, body: str) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/x-www-form-urlencoded"}
    answer = requests.post(f"{desk.base_url}/v1/customers", data=body, headers=headers, timeout=5)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")


def test_foreign_pages_and_names_cannot_reach_it(desk: Desk) -> None:
    key = {"Authorization": f"Bearer {KEY}"}
    for headers in ({"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        for path in ("/v1/customers", "/c/pay/cs_test_x", "/_control/state"):
            answer = requests.post(f"{desk.base_url}{path}", headers=key | headers, timeout=5)
            assert answer.status_code == 403


def test_the_control_routes_need_their_token(desk: Desk) -> None:
    for token in ("", "wrong"):
        answer = requests.get(f"{desk.base_url}/_control/state", headers={"Stand-In-Token": token}, timeout=5)
        assert answer.status_code == 403


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("clock", {"advance_seconds": "soon"}),
        ("clock", {"advance_seconds": None}),
        ("clock", {}),
        ("faults", {"kind": "lost", "times": "often"}),
        ("settings", {"tax_percent": "a lot"}),
        ("nowhere", {}),
    ],
)
def test_a_control_order_that_makes_no_sense_is_refused(desk: Desk, path: str, body: dict[str, Any]) -> None:
    assert desk.control(path, body, status=400)["error"]


def test_a_library_that_does_not_retry_sees_the_rate_limit(desk: Desk) -> None:
    desk.control("faults", {"kind": "rate_limit", "method": "GET"})
    with pytest.raises(stripe.RateLimitError):
        client_of(desk.base_url, retries=0).v1.customers.list()
    assert desk.stripe.v1.customers.list().data == []
