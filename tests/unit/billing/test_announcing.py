"""Events about money: what is told, thin, and once for each thing that happened."""

from dataclasses import replace

import pytest

from chalicelib.billing.announcing.service import Announcing
from chalicelib.billing.order import Status
from chalicelib.billing.plan import Plan, PlanStatus
from chalicelib.webhooks.event import new_event
from tests.support.fake_billing import ACCOUNT
from tests.support.fakes import ManualClock
from tests.unit.billing.room import ORDER, Room


class Outbox:
    def __init__(self, clock):
        self.clock = clock
        self.told = {}

    def tell_now(self, account_id, event_type, data, *, key):
        new_event(account_id, "evt_1", event_type, data, self.clock.now())  # raises for what no endpoint knows
        self.told.setdefault(key, (event_type, data))


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def outbox(clock):
    return Outbox(clock)


@pytest.fixture
def announcing(outbox, clock):
    return Announcing(outbox, clock)


def test_a_paid_and_a_failed_top_up_are_events_once_each(announcing, outbox):
    for notice in ("top_up_completed", "top_up_completed", "top_up_failed", "payment_failed", "auto_top_up_failed"):
        announcing.notice(ACCOUNT, notice, ORDER.id)
    assert [(kind, data["status"]) for kind, data in outbox.told.values()] == [
        ("top_up.completed", "paid"),
        ("top_up.failed", "failed"),
    ]


def test_each_state_of_a_refund_is_an_event(announcing, outbox):
    for status in (Status.PARTIALLY_REFUNDED, Status.PARTIALLY_REFUNDED, Status.REFUNDED):
        announcing.refunded(replace(ORDER, status=status))
    assert [data["status"] for _, data in outbox.told.values()] == ["partially_refunded", "refunded"]


def test_a_low_balance_is_an_event_an_hour_at_most(announcing, outbox, clock):
    for _ in range(3):
        announcing.notice(ACCOUNT, "balance_low", ACCOUNT)
        clock.forward(seconds=10)
    clock.forward(hours=1)
    announcing.notice(ACCOUNT, "balance_low", ACCOUNT)
    assert [kind for kind, _ in outbox.told.values()] == ["balance.low"] * 2


def test_a_plan_is_told_with_the_version_that_a_receiver_orders_by(announcing, outbox):
    plan = Plan(status=PlanStatus.ACTIVE, subscription_id="sub_1", offer="studio")
    announcing.plan(ACCOUNT, plan, 3)
    announcing.plan(ACCOUNT, plan, 3)
    [(kind, data)] = outbox.told.values()
    assert (kind, data["seq"], data["status"]) == ("subscription.updated", 3, "active")


def test_money_that_goes_back_is_told_when_stripe_says_so_and_not_again():
    room = Room()
    for event in room.pay():
        room.hand_over(event)
    assert room.refunded == []
    for number, amount in enumerate((100, 400)):
        for event in room.refund(amount, number):
            room.hand_over(event)
    assert room.refunded == ["partially_refunded", "refunded"]
