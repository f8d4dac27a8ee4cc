"""Automatic top-ups on the deployed tables, with a stand-in that charges saved cards, through the real gateway."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.billing.autotopup.rules import Attempt, AutoTopUp, Because, Telling, Wish
from chalicelib.billing.autotopup.service import LOOK_AGAIN, TELL_AGAIN, TELL_LEASE, Outcome
from chalicelib.billing.autotopup.store import AutoTopUpStore
from chalicelib.billing.order import How, Status
from tests.faults.sweep import positions, spoiled
from tests.support.deployed import Deployed, deployed
from tests.support.door import call
from tests.support.faults import Fault, Injector, injected
from tests.support.shop import Shop
from tests.support.stack import Stack
from tests.support.standin import Desk

WISH = Wish("starter", 200, 1500, "usd")


@pytest.fixture(scope="module")
def core(emulator: Stack) -> Iterator[Deployed]:
    with deployed(emulator) as process:
        yield process


@pytest.fixture
def shop(core: Deployed, desk: Desk) -> Shop:
    return Shop(core, desk)


@pytest.fixture
def injector(core: Deployed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Injector]:
    with injected(monkeypatch) as made:
        yield made


def saver(shop: Shop, email: str) -> str:
    """The id of an account that bought a pack, saved its card, and turned automatic top-up on."""
    account_id = shop.customer(email)
    shop.paid(account_id, save_card=True)
    shop.services.auto_top_ups.turn_on(account_id, WISH)
    return account_id


def automatic(shop: Shop, account_id: str) -> list[Any]:
    found = shop.services.orders.newest(account_id, before=None, limit=50)
    return [order for order in found if order.how is How.SAVED_CARD]


def test_P3_a_pack_is_bought_with_the_saved_card_and_arrives_by_its_event(shop: Shop) -> None:
    account_id = saver(shop, "auto@example.com")
    assert shop.services.auto_top_ups.low(account_id) is Outcome.CHARGED
    assert shop.spendable(account_id) == 100
    shop.deliver()
    assert shop.spendable(account_id) == 200
    (order,) = automatic(shop, account_id)
    assert (order.status, order.amount, order.currency) == (Status.PAID, 500, "usd")
    assert shop.services.auto_top_ups.get(account_id).attempt.payment_id == order.payment_id
    assert ("top_up_completed", order.id) in shop.notices


def test_P3_without_a_saved_card_three_hours_turn_it_off(shop: Shop) -> None:
    account_id = shop.customer("nocard@example.com")
    auto = shop.services.auto_top_ups
    auto.turn_on(account_id, WISH)
    outcomes = []
    for _ in range(3):
        outcomes.append(auto.look(account_id))
        assert auto.look(account_id) in (Outcome.PAUSED, Outcome.OFF)
        shop.core.clock.forward(hours=1)
    assert outcomes == [Outcome.DECLINED, Outcome.DECLINED, Outcome.TURNED_OFF]
    assert [kind for kind, _ in shop.notices] == ["auto_top_up_failed"]
    assert {order.status for order in automatic(shop, account_id)} <= {Status.FAILED}
    assert shop.stripe.read("payment_intents")["data"] == []
    assert shop.services.credits.balance(account_id).low_at is None


def test_P3_a_declined_card_charges_nothing_and_waits(shop: Shop) -> None:
    account_id = saver(shop, "declined@example.com")
    shop.stripe.fail_payments(shop.services.orders.customer(account_id))
    auto = shop.services.auto_top_ups
    assert auto.look(account_id) is Outcome.DECLINED
    assert auto.look(account_id) is Outcome.PAUSED
    shop.deliver()
    assert shop.spendable(account_id) == 100
    known = auto.get(account_id)
    assert (known.failures, known.spent, known.on) == (1, 0, True)
    shop.core.clock.forward(hours=1)
    assert auto.look(account_id) is Outcome.CHARGED
    assert auto.get(account_id).failures == 0


@pytest.mark.parametrize(("kind", "outcome"), [("lost", Outcome.CHARGED), ("unreachable", Outcome.UNCERTAIN)])
def test_F47_a_lost_answer_is_asked_for_again_at_once_or_by_the_next_look(
    shop: Shop, kind: str, outcome: Outcome
) -> None:
    account_id = saver(shop, f"{kind}@example.com")
    shop.stripe.fault(kind, times=3, method="POST", path="/v1/payment_intents")
    auto = shop.services.auto_top_ups
    assert auto.look(account_id) is outcome
    shop.core.clock.forward(seconds=LOOK_AGAIN.total_seconds())
    assert (account_id,) in auto.due()
    auto.look(account_id)
    shop.deliver()
    assert shop.spendable(account_id) == 200
    assert len(automatic(shop, account_id)) == 1


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.LOSE_RESPONSE])
def test_F01_whatever_call_a_worker_dies_at_one_pack_is_charged_once(
    shop: Shop, injector: Injector, fault: Fault
) -> None:
    for at in positions(injector, fault):
        account_id = saver(shop, f"crash-{fault}-{at}@example.com")
        spoiled(injector, fault, at, lambda who=account_id: shop.services.auto_top_ups.low(who))  # type: ignore[misc]
        reached = injector.spoiled
        shop.restart()
        for _ in range(3):
            shop.core.clock.forward(seconds=LOOK_AGAIN.total_seconds())
            shop.services.auto_top_ups.low(account_id)
        shop.deliver()
        assert shop.spendable(account_id) == 200, reached
        paid = [order for order in automatic(shop, account_id) if order.status is Status.PAID]
        assert len(paid) == 1, reached


def test_a_row_is_replaced_by_whoever_read_it_last(core: Deployed) -> None:
    store = AutoTopUpStore(core.settings.billing_table)
    now = core.clock.now()
    account_id = core.account(assets=0)
    attempt = Attempt("top_1", "starter", now, now, 500, open=False, payment_id="pi_1")
    full = AutoTopUp(account_id, WISH, True, Because.OWNER, False, 2, "2026-11", 500, attempt)
    first = store.save(None, full, now)
    assert first is not None
    assert first.version == 1
    assert store.get(account_id) == first
    assert account_id in store.due(now, 100)
    second = store.save(first, first, None)
    assert second is not None
    assert store.save(first, AutoTopUp(account_id, WISH), now) is None
    assert store.save(None, AutoTopUp(account_id, WISH), now) is None
    assert store.get(account_id) == second
    assert account_id not in store.due(now, 100)


def test_F02_a_save_whose_answer_was_lost_is_not_taken_for_another_workers(core: Deployed, injector: Injector) -> None:
    store = AutoTopUpStore(core.settings.billing_table)
    account_id = core.account(assets=0)
    with injector.plan(Fault.LOSE_RESPONSE, operation="PutItem"):
        saved = store.save(None, AutoTopUp(account_id, WISH), None)
    assert injector.spoiled
    assert saved == store.get(account_id)


def test_whoever_tells_first_tells_alone(core: Deployed) -> None:
    store = AutoTopUpStore(core.settings.billing_table)
    account_id, now = core.account(assets=0), core.clock.now()
    times = {"again": TELL_AGAIN, "lease": TELL_LEASE}
    assert store.claim_telling(account_id, now, **times) is Telling.MINE
    assert store.claim_telling(account_id, now, **times) is Telling.TAKEN
    store.told(account_id, now)
    assert store.claim_telling(account_id, now + TELL_LEASE, **times) is Telling.DONE
    assert store.claim_telling(account_id, now + TELL_AGAIN, **times) is Telling.MINE
    store.set_alert(account_id, 5)
    assert store.alert(account_id) == 5
    store.set_alert(account_id, None)
    assert store.alert(account_id) is None


@pytest.fixture
def person(core: Deployed) -> dict[str, str]:
    """A session's token and a key's secret, of one account without and then with a key."""
    services = wiring.services()
    email = "routes@example.com"
    services.accounts.ask_code(email, "source-routes")
    issued = services.accounts.issue_code(services.peppers.hash("email", email))
    assert issued is not None
    started = services.accounts.start_session(email, issued[1], "req_1")
    return {"account": started.account_id, "session": started.token}


def test_P3_P4_automatic_top_up_over_http(core: Deployed, person: dict[str, str]) -> None:
    token = person["session"]
    body = {"pack": "starter", "below": 20, "monthly_ceiling_minor": 1000, "currency": "usd"}
    early = call("GET", "/v1/auto-top-up", token=token)
    assert (early.status, early.json()["error"]["code"]) == (409, "api-key-required")
    _, secret = core.key(person["account"])
    assert call("GET", "/v1/auto-top-up", token=token).json()["enabled"] is False
    assert call("PUT", "/v1/auto-top-up", body=body, token=secret).status == 403
    for name in body:
        partly = {key: value for key, value in body.items() if key != name}
        refused = call("PUT", "/v1/auto-top-up", body=partly, token=token)
        assert (refused.status, refused.json()["error"]["param"]) == (400, name)
    too_low = call("PUT", "/v1/auto-top-up", body=body | {"monthly_ceiling_minor": 499}, token=token)
    assert too_low.json()["error"]["param"] == "monthly_ceiling_minor"
    assert call("PUT", "/v1/auto-top-up", body=body | {"surprise": 1}, token=token).status == 400
    on = call("PUT", "/v1/auto-top-up", body=body, token=token).json()
    assert on == call("GET", "/v1/auto-top-up", token=token).json()
    assert {name: on[name] for name in body} == body
    assert (on["enabled"], on["spent_this_month_minor"], on["turned_off_because"]) == (True, 0, None)
    off = call("DELETE", "/v1/auto-top-up", token=token).json()
    assert (off["enabled"], off["turned_off_because"]) == (False, "owner")


def test_P3_a_balance_alert_over_http(core: Deployed, person: dict[str, str]) -> None:
    _, secret = core.key(person["account"])
    assert call("GET", "/v1/balance-alert", token=secret).json() == {"below": None}
    assert call("PUT", "/v1/balance-alert", body={"below": 5}, token=secret).json() == {"below": 5}
    assert call("GET", "/v1/balance-alert", token=person["session"]).json() == {"below": 5}
    assert wiring.services().credits.balance(person["account"]).low_at == 5
    assert call("PUT", "/v1/balance-alert", body={}, token=secret).status == 400
    assert call("PUT", "/v1/balance-alert", body={"below": 0}, token=secret).status == 400
    assert call("PUT", "/v1/balance-alert", body={"below": None}, token=secret).json() == {"below": None}
    assert wiring.services().credits.balance(person["account"]).low_at is None
