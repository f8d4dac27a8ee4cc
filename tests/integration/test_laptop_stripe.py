"""Who takes the money on a laptop: a stand-in that starts, survives and tells the front; or Stripe, by its test key."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from infra.local.datadir import LaptopError
from infra.local.deploy import fingerprint, laptop_parameters
from infra.local.payments import keys_in
from tests.support.stack import DidNotStart, Stack, wait_until

TEST_KEY = "sk_test_" + "laptop1234"
SIGNING = "whsec_" + "laptop1234"
LIVE_KEY = "sk_live_" + "laptop1234"
GIVEN = {"STRIPE_API_KEY": TEST_KEY, "STRIPE_WEBHOOK_SECRET": SIGNING}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that these tests may restart and break."""
    running = Stack(tmp_path_factory.mktemp("shop") / "data")
    try:
        yield running.start()
    finally:
        running.stop()


def secret(stack: Stack) -> dict[str, Any]:
    """What the functions find in their secret."""
    found = stack.client("secretsmanager").get_secret_value(SecretId=stack.outputs["StripeSecret"])
    value: dict[str, Any] = json.loads(found["SecretString"])
    return value


def new_customer(stack: Stack, name: str) -> str:
    headers = {"Authorization": f"Bearer {stack.stripe.credentials['api_key']}"}
    answer = requests.post(f"{stack.stripe.base_url}/v1/customers", data={"name": name}, headers=headers, timeout=10)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def customer_name(stack: Stack, customer_id: str) -> str:
    return str(stack.stripe.read(f"customers/{customer_id}")["name"])


def available(stack: Stack, key: str) -> int:
    balance = stack.api("GET", "/v1/balance", key=key)
    assert balance.status_code == 200, balance.text
    return int(balance.json()["available"])


def without_time(lines: list[str]) -> list[str]:
    return [line.partition(" s  ")[2] for line in lines if " s  " in line]


def test_it_starts_with_the_service_and_says_so(shop: Stack) -> None:
    line = f"payments: a stand-in for Stripe at {shop.stripe.base_url} (no real money)"
    assert shop.said[-2:] == [line, f"ready {shop.base_url}"]
    assert "stripe" in shop.pids()
    assert (shop.data / "stripe").stat().st_mode & 0o077 == 0


def test_the_functions_know_where_it_is_and_by_which_keys(shop: Stack) -> None:
    known = shop.stripe.credentials
    assert secret(shop) == {"api_key": known["api_key"], "webhook_secrets": [known["webhook_secret"]]}
    assert shop.environment()["STRIPE_BASE_URL"] == shop.stripe.base_url
    assert shop.environment()["STRIPE_SECRET"] == shop.outputs["StripeSecret"]
    assert shop.environment()["BILLING_TABLE"] == shop.outputs["BillingTable"]


def test_its_events_reach_the_front(shop: Stack) -> None:
    customer_id = new_customer(shop, "told")
    shop.stripe.wait_until_told()
    [told] = [event for event in shop.stripe.events("customer.created") if event["data"]["object"]["id"] == customer_id]
    [delivered] = [each for each in shop.stripe.control("deliveries", method="GET") if each["event"] == told["id"]]
    assert delivered["answer"] == 200


def test_forged_events_are_refused_by_the_front(shop: Stack) -> None:
    """F43"""
    new_customer(shop, "forged")
    event_id = shop.stripe.events("customer.created")[-1]["id"]
    for forgery in ("secret", "stale", "future", "scheme", "body"):
        assert shop.stripe.replay(event_id, forge=forgery) == [400], forgery
    assert shop.stripe.replay(event_id, times=2) == [200, 200]


def test_a_pack_is_bought_on_its_page_and_paid_back(shop: Stack) -> None:
    """P3, P4: what a browser does, without a browser."""
    account = shop.new_account()
    before = available(shop, account.key)
    order = {"pack": "starter", "return_url": f"{shop.base_url}/billing"}
    headers = {"Idempotency-Key": "one"}
    made = shop.api("POST", "/v1/top-ups", key=account.key, json=order, headers=headers)
    assert made.status_code == 201, made.text
    url, assets = made.json()["checkout_url"], made.json()["assets"]
    assert url.startswith(shop.stripe.base_url + "/c/pay/")
    form = {"action": "pay", "email": account.email, "country": "DE"}
    own = {"Origin": shop.stripe.base_url}
    paid = requests.post(url, data=form, headers=own, allow_redirects=False, timeout=20)
    assert (paid.status_code, paid.headers["Location"].startswith(shop.base_url)) == (303, True)
    order_at = f"/v1/top-ups/{made.json()['id']}"
    wait_until(lambda: shop.api("GET", order_at, key=account.key).json()["status"] == "paid", "the order to be paid")
    assert available(shop, account.key) == before + assets
    top_up = shop.api("GET", order_at, key=account.key).json()
    assert top_up["receipt_url"].startswith(shop.stripe.base_url)
    [charge] = [each for each in shop.stripe.read("charges")["data"] if each["receipt_url"] == top_up["receipt_url"]]
    shop.stripe.refund(charge["payment_intent"])
    wait_until(lambda: available(shop, account.key) == before, "the assets to be taken back")


def test_what_is_sold_is_on_offer_once(shop: Stack) -> None:
    prices = shop.stripe.read("prices", limit=100, active="true")["data"]
    assert prices
    keys = [price["lookup_key"] for price in prices]
    assert len(set(keys)) == len(keys)
    assert all(key.startswith("fotogenic_") for key in keys)
    shop.restart()
    assert "putting packs and plans on offer" not in without_time(shop.said)
    assert shop.stripe.read("prices", limit=100, active="true")["data"] == prices


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_finds_everything(shop: Stack, how: signal.Signals) -> None:
    customer_id = new_customer(shop, "kept")
    before = shop.stripe.base_url, shop.stripe.credentials, secret(shop)
    shop.restart(how)
    assert (shop.stripe.base_url, shop.stripe.credentials, secret(shop)) == before
    assert customer_name(shop, customer_id) == "kept"
    assert not any("deploying" in line for line in shop.said)


def test_a_stand_in_killed_is_started_again_with_what_it_knew(shop: Stack) -> None:
    customer_id = new_customer(shop, "kept")
    victim = shop.pids()["stripe"]
    os.kill(victim, signal.SIGKILL)
    # No wait: the supervisor holds the port, so that a caller finds it slow, never gone.
    assert customer_name(shop, customer_id) == "kept"
    assert shop.pids()["stripe"] != victim
    shop.stripe.wait_until_told()


def test_a_replaced_signing_secret_reaches_the_functions_at_the_next_start(shop: Stack) -> None:
    old = shop.stripe.credentials["webhook_secret"]
    new = shop.stripe.control("secret")["webhook_secret"]
    shop.restart()
    assert secret(shop)["webhook_secrets"] == [new, old]
    new_customer(shop, "signed twice")
    shop.stripe.wait_until_told()


def test_foreign_pages_cannot_reach_it(shop: Stack) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Host": "evil.example"}):
        assert requests.post(f"{shop.stripe.base_url}/v1/customers", headers=headers, timeout=10).status_code == 403


def test_no_secret_is_in_a_log(shop: Stack) -> None:
    known = shop.stripe.credentials
    hidden = [known["api_key"], known["webhook_secret"], known["control_token"]]
    written = "".join(path.read_text(errors="replace") for path in (shop.data / "logs").iterdir())
    assert written
    assert not [name for name in hidden if name in written + "\n".join(shop.said)]


def test_lost_data_of_the_stand_in_begins_afresh(shop: Stack) -> None:
    before = secret(shop)
    shop.stop()
    shutil.rmtree(shop.data / "stripe")
    shop.start()
    assert secret(shop)["api_key"] == shop.stripe.credentials["api_key"] != before["api_key"]
    assert "putting packs and plans on offer" in without_time(shop.said)
    assert shop.stripe.read("prices")["data"]


def test_damaged_data_of_the_stand_in_is_one_line(shop: Stack) -> None:
    file = shop.data / "stripe" / "stand-in.json"
    good = file.read_text()
    shop.stop()
    file.write_text("{")
    with pytest.raises(DidNotStart, match=r"stand-in\.json is damaged: restore it, or move"):
        shop.start()
    shop.stop()
    file.write_text(good)
    shop.start()


def test_the_emulator_alone_has_one_that_tells_nobody(emulator: Stack) -> None:
    new_customer(emulator, "quiet")
    assert "stripe" in emulator.pids()
    assert secret(emulator)["api_key"] == emulator.stripe.credentials["api_key"]
    assert {each["tries"] for each in emulator.stripe.control("deliveries", method="GET")} == {0}


def test_a_test_key_means_stripe_itself(tmp_path: Path) -> None:
    """Nothing that would call Stripe runs here."""
    stack = Stack(tmp_path / "data", only_emulator=True, variables=GIVEN)
    try:
        stack.start()
        assert secret(stack) == {"api_key": TEST_KEY, "webhook_secrets": [SIGNING]}
        assert stack.environment()["STRIPE_BASE_URL"] == "https://api.stripe.com"
        assert "stripe" not in stack.pids()
        assert not (stack.data / "stripe").exists()
        assert stack.said[-2].startswith("payments: Stripe in test mode (no real money); `stripe listen --forward-to ")
        kept = [path.read_text(errors="replace") for path in stack.data.glob("*.json")]
        kept += [path.read_text(errors="replace") for path in (stack.data / "logs").iterdir()]
        assert not [text for text in [*kept, "\n".join(stack.said)] if TEST_KEY in text or SIGNING in text]
        environments = [Path(f"/proc/{pid}/environ").read_text() for pid in stack.pids().values()]
        assert not [text for text in environments if TEST_KEY in text]
        stack.stop()
        without = Stack(tmp_path / "data", only_emulator=True).start()
        try:
            assert secret(without)["api_key"] == without.stripe.credentials["api_key"]
            assert without.environment()["STRIPE_BASE_URL"] == without.stripe.base_url
        finally:
            without.stop()
    finally:
        stack.stop()


def test_a_live_key_is_one_line(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "data", variables={"STRIPE_API_KEY": LIVE_KEY})
    try:
        with pytest.raises(DidNotStart) as failure:
            stack.start()
    finally:
        stack.stop()
    assert str(failure.value) == (
        "fotogenic: STRIPE_API_KEY is a live key: the laptop moves no real money, give it one of test mode"
    )


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"STRIPE_API_KEY": LIVE_KEY}, "is a live key"),
        ({"STRIPE_API_KEY": LIVE_KEY.replace("sk", "rk")}, "is a live key"),
        ({"STRIPE_API_KEY": TEST_KEY.replace("sk", "pk")}, "is no test key"),
        ({"STRIPE_API_KEY": "sk_test_"}, "is no test key"),
        ({"STRIPE_API_KEY": TEST_KEY + "\r\nX: y"}, "is no test key"),
        (GIVEN | {"STRIPE_WEBHOOK_SECRET": TEST_KEY}, "STRIPE_WEBHOOK_SECRET is no signing secret"),
        ({"STRIPE_WEBHOOK_SECRET": SIGNING}, "set without STRIPE_API_KEY"),
    ],
)
def test_keys_that_cannot_be_right_are_refused_without_being_repeated(variables: dict[str, str], why: str) -> None:
    with pytest.raises(LaptopError, match=why) as refusal:
        keys_in(variables)
    assert not [value for value in variables.values() if value in str(refusal.value).replace("sk_test_…", "")]


def test_no_key_means_the_stand_in_and_keys_are_not_shown() -> None:
    assert keys_in({}) is None
    assert keys_in({"STRIPE_API_KEY": "", "STRIPE_WEBHOOK_SECRET": " "}) is None
    keys = keys_in({"STRIPE_API_KEY": f" {TEST_KEY}\n"})
    assert keys is not None
    assert json.loads(keys.stored()) == {"api_key": TEST_KEY, "webhook_secrets": []}
    assert TEST_KEY not in repr(keys)
    assert TEST_KEY not in keys.digest()


def test_another_place_of_stripe_is_another_deployment() -> None:
    places = ("http://127.0.0.1:1", "http://127.0.0.1:2", "https://api.stripe.com")
    assert len({fingerprint(laptop_parameters("http://127.0.0.1:8000", place)) for place in places}) == 3


def test_it_ends_with_the_stack(shop: Stack) -> None:
    shop.stripe.deliver("normal")
    assert shop.stop() == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(shop.stripe.base_url, timeout=5)
    shop.start()
    wait_until(lambda: "stripe" in shop.pids(), "the stand-in")
