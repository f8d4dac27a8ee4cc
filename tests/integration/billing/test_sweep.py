"""What no event brought, and what no message was left for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.aws import session
from chalicelib.billing import worker
from chalicelib.billing.event import read_event
from chalicelib.billing.order import Status
from chalicelib.billing.plan import PlanStatus
from chalicelib.billing.problems import BillingUnavailable
from tests.support.shop import Shop

Tick = Callable[[], dict[str, int]]

#: What EventBridge sends a scheduled function.
TICK = {
    "version": "0",
    "id": "1",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "000000000000",
    "time": "2026-11-24T12:00:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {},
}


@pytest.fixture
def tick(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Tick:
    """One run of the scheduled function; what came of what it found missing."""
    monkeypatch.setattr(worker, "services", lambda: shop.services)

    def run() -> dict[str, int]:
        found: dict[str, int] = worker.billing_sweep(TICK, None)
        return found

    # What other tests left belongs to other stand-ins, and the first look of a deployment begins the cursor.
    table = shop.core.settings.billing_table
    for row in shop.core.rows(table):
        session.client("dynamodb").delete_item(TableName=table, Key={"pk": row["pk"], "sk": row["sk"]})
    run()
    return run


def test_F46_what_was_paid_while_no_event_came_arrives_with_the_next_look(shop: Shop, tick: Tick) -> None:
    account_id = shop.customer("dropped@example.com")
    order, plan = shop.order(account_id), shop.subscribe(account_id)
    shop.desk.pay(order.session_id or "")
    shop.desk.pay(plan.session_id or "")
    assert shop.drop() > 5
    assert shop.spendable(account_id) == 0
    shop.core.clock.forward(days=1, minutes=1)
    assert tick().get("settled", 0) > 1
    assert shop.spendable(account_id) == 350
    assert shop.see(order).status is Status.PAID
    assert shop.services.plans.get(account_id).status is PlanStatus.ACTIVE
    before = shop.services._event_store.looked_until()
    tick()
    assert shop.services._event_store.looked_until() == before


def test_F46_payments_are_found_even_without_any_event(shop: Shop, tick: Tick, monkeypatch: pytest.MonkeyPatch) -> None:
    account_id = shop.customer("eventless@example.com")
    order, plan = shop.order(account_id), shop.subscribe(account_id)
    shop.desk.pay(order.session_id or "")
    shop.desk.pay(plan.session_id or "")
    monkeypatch.setattr(shop.services._readings, "events", lambda *_: iter(()))
    shop.core.clock.forward(days=1, minutes=1)
    shop.services.billing_sweep.open_orders = list
    assert tick() == {"settled": 2}
    assert shop.spendable(account_id) == 350


def test_F46_refunds_that_no_event_told_of_are_found(shop: Shop, tick: Tick) -> None:
    account_id = shop.customer("quiet@example.com")
    order = shop.paid(account_id)
    shop.desk.refund(order.payment_id or "")
    shop.drop()
    shop.core.clock.forward(days=1, minutes=1)
    tick()
    assert shop.spendable(account_id) == 0


def test_F46_after_days_of_silence_each_look_takes_one_more(shop: Shop, tick: Tick) -> None:
    start = shop.services._event_store.looked_until()
    shop.core.clock.forward(days=3, minutes=1)
    ends = []
    for _ in range(4):
        tick()
        ends.append(shop.services._event_store.looked_until() - start)
    assert ends == [timedelta(days=1), timedelta(days=2), timedelta(days=3), timedelta(days=3)]


def test_a_look_that_could_not_settle_everything_is_taken_again(shop: Shop, tick: Tick) -> None:
    account_id = shop.customer("once-more@example.com")
    order = shop.order(account_id)
    shop.desk.pay(order.session_id or "")
    shop.drop()
    before = shop.services._event_store.looked_until()
    shop.core.clock.forward(days=1, minutes=1)
    shop.services.billing_sweep.open_orders = list
    shop.desk.fault("rate_limit", times=90, method="GET", path="/v1/payment_intents/")
    assert tick()["crashed"] > 0
    assert shop.services._event_store.looked_until() == before
    shop.desk.control("faults", method="DELETE")
    tick()
    assert shop.services._event_store.looked_until() > before
    assert shop.spendable(account_id) == 100


def test_F26_an_event_whose_message_was_lost_is_queued_again_and_again(shop: Shop, tick: Tick) -> None:
    account_id = shop.customer("messageless@example.com")
    order = shop.order(account_id)
    shop.desk.pay(order.session_id or "")
    events = shop.services.stripe_events
    queued: list[str] = []
    events._queue = queued.append
    taken = [event for body in shop.events() if (event := read_event(body)) and events.take(event)]
    queued.clear()
    tick()
    assert queued == []
    shop.core.clock.forward(minutes=6)
    tick()
    assert set(queued) >= {event.id for event in taken}
    queued.clear()
    shop.core.clock.forward(minutes=6)
    tick()
    assert queued == []  # the second time it waits longer
    shop.core.clock.forward(minutes=6)
    tick()
    assert set(queued) >= {event.id for event in taken}
    for event_id in queued:
        events.process(event_id)
    shop.core.clock.forward(days=2)
    queued.clear()
    shop.services.billing_sweep.window = lambda: None
    tick()
    assert not {event.id for event in taken} & set(queued)
    assert shop.spendable(account_id) == 100


def test_an_order_that_was_never_made_at_stripe_is_over_after_its_day(shop: Shop, tick: Tick) -> None:
    account_id = shop.customer("abandoned@example.com")
    shop.desk.fault("unreachable", times=9, path="/v1/checkout/sessions")
    with pytest.raises(BillingUnavailable):
        shop.order(account_id)
    shop.desk.control("faults", method="DELETE")
    (order,) = shop.services.orders.newest(account_id, before=None, limit=5)
    shop.core.clock.forward(days=1, minutes=1)
    tick()
    assert shop.see(order).status is Status.EXPIRED


def test_an_order_whose_checkout_was_lost_is_found_by_its_label(shop: Shop, tick: Tick) -> None:
    account_id = shop.customer("labelled@example.com")
    order = shop.order(account_id)
    lost = shop.services._billing_store
    assert lost.save_order(replace(shop.see(order), session_id=None, checkout_url=None), order.created_at)
    shop.desk.pay(order.session_id or "")
    shop.drop()
    shop.core.clock.forward(hours=2)
    tick()
    assert shop.see(order).status is Status.PAID
    assert shop.spendable(account_id) == 100
