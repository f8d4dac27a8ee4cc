"""Plans on the real tables and through Stripe's own package, month after month."""

from typing import Any

import pytest

from chalicelib.billing.order import Order, Status
from chalicelib.billing.plan import PlanStatus
from chalicelib.billing.problems import PaymentRefused, SubscriptionExists
from chalicelib.credits.ledger import BucketKind
from chalicelib.kernel.errors import NotFound, Validation
from tests.support.shop import Shop


def subscribed(shop: Shop, email: str, plan: str = "hobby", **more: Any) -> str:
    """An account with a plan that was just paid."""
    account_id = shop.customer(email)
    order = shop.subscribe(account_id, plan, **more)
    pay(shop, order)
    return account_id


def pay(shop: Shop, order: Order) -> None:
    shop.desk.pay(order.session_id or "")
    shop.deliver()


def buckets(shop: Shop, account_id: str) -> list[int]:
    """What the plan's buckets hold that are in force, oldest first."""
    now = shop.core.clock.now()
    found = [each for each in shop.balance(account_id).buckets if each.kind is BucketKind.PLAN and each.alive(now)]
    return [each.assets for each in sorted(found, key=lambda each: (each.expires_at, each.assets)) if each.assets]


def test_P3_a_plan_brings_its_assets_each_month_and_they_end_with_it(shop: Shop) -> None:
    account_id = shop.customer("monthly@example.com")
    order = shop.subscribe(account_id)
    assert shop.services.plans.get(account_id).status is PlanStatus.NONE
    pay(shop, order)
    plan = shop.services.plans.get(account_id)
    assert (plan.status, plan.offer, plan.currency, plan.dunning) == (PlanStatus.ACTIVE, "hobby", "usd", None)
    assert shop.see(order).status is Status.PAID
    assert buckets(shop, account_id) == [250]
    bucket = next(each for each in shop.balance(account_id).buckets if each.kind is BucketKind.PLAN)
    assert bucket.expires_at == plan.period_ends_at
    shop.forward(days=32)
    shop.deliver(times=2)
    assert buckets(shop, account_id) == [250]
    assert shop.services.plans.get(account_id).period_ends_at > plan.period_ends_at


def test_F51_a_renewal_adds_a_bucket_and_lowers_no_other(shop: Shop) -> None:
    account_id = subscribed(shop, "packs@example.com")
    shop.paid(account_id)
    shop.forward(days=32)
    shop.deliver()
    kinds = {each.kind: each.assets for each in shop.balance(account_id).buckets if each.alive(shop.core.clock.now())}
    assert kinds[BucketKind.TOP_UP] == 100
    assert kinds[BucketKind.PLAN] == 250


def test_there_is_one_plan_at_most(shop: Shop) -> None:
    account_id = shop.customer("single@example.com")
    first = shop.subscribe(account_id)
    assert shop.subscribe(account_id).id == first.id
    second = shop.subscribe(account_id, "pro", key="s2")
    assert shop.desk.read(f"checkout/sessions/{first.session_id}")["status"] == "expired"
    shop.desk.pay(second.session_id or "")
    with pytest.raises(SubscriptionExists):
        shop.subscribe(account_id, "hobby", key="s3")
    shop.deliver()
    with pytest.raises(SubscriptionExists):
        shop.subscribe(account_id, "hobby", key="s4")
    assert shop.see(first).status is Status.EXPIRED
    assert shop.services.plans.get(account_id).offer == "pro"
    assert buckets(shop, account_id) == [1000]


def test_an_upgrade_is_paid_at_once_and_brings_its_share(shop: Shop) -> None:
    account_id = subscribed(shop, "up@example.com")
    shop.forward(days=15)
    plan = shop.services.plans.change(account_id, "pro")
    assert plan.offer == "pro"
    shop.deliver(times=2)
    held = buckets(shop, account_id)
    assert len(held) == 2
    assert held[0] == 250 or held[1] == 250
    share = sum(held) - 250
    assert 350 < share < 400  # half a month of 750 more, and a little less for the rounding
    assert shop.services.plans.change(account_id, "pro") == plan
    shop.deliver()
    assert sum(buckets(shop, account_id)) == 250 + share
    shop.forward(days=20)
    shop.deliver()
    assert buckets(shop, account_id) == [1000]


def test_an_upgrade_that_cannot_be_paid_changes_nothing(shop: Shop) -> None:
    account_id = subscribed(shop, "poor@example.com")
    shop.desk.fail_payments(shop.services._billing_store.customer(account_id))
    with pytest.raises(PaymentRefused):
        shop.services.plans.change(account_id, "pro")
    shop.deliver()
    assert shop.services.plans.refresh(account_id).offer == "hobby"
    assert buckets(shop, account_id) == [250]
    assert shop.notices == []


def test_F51_a_downgrade_costs_less_from_the_next_month_and_takes_nothing(shop: Shop) -> None:
    account_id = subscribed(shop, "down@example.com", "pro")
    assert shop.services.plans.change(account_id, "hobby").offer == "hobby"
    shop.deliver()
    assert buckets(shop, account_id) == [1000]
    shop.forward(days=32)
    shop.deliver()
    assert buckets(shop, account_id) == [250]


def test_there_and_back_and_there_again_is_three_changes(shop: Shop) -> None:
    account_id = subscribed(shop, "pendulum@example.com")
    for offer in ("pro", "hobby", "pro"):
        assert shop.services.plans.change(account_id, offer).offer == offer
    shop.deliver()
    assert shop.services.plans.get(account_id).offer == "pro"


def test_a_plan_that_was_ended_lasts_until_its_period_does_and_can_be_kept(shop: Shop) -> None:
    account_id = subscribed(shop, "ending@example.com")
    assert shop.services.plans.set_ending(account_id, ends=True).cancel_at_period_end
    assert shop.services.plans.set_ending(account_id, ends=True).cancel_at_period_end
    assert not shop.services.plans.set_ending(account_id, ends=False).cancel_at_period_end
    plan = shop.services.plans.set_ending(account_id, ends=True)
    assert plan.status is PlanStatus.ACTIVE
    assert buckets(shop, account_id) == [250]
    shop.forward(days=32)
    shop.deliver()
    ended = shop.services.plans.get(account_id)
    assert (ended.status, ended.alive) == (PlanStatus.CANCELED, False)
    assert buckets(shop, account_id) == []
    with pytest.raises(NotFound):
        shop.services.plans.change(account_id, "pro")
    pay(shop, shop.subscribe(account_id, "pro", key="s9"))
    assert shop.services.plans.get(account_id).offer == "pro"
    assert buckets(shop, account_id) == [1000]


def test_F51_a_renewal_that_cannot_be_paid_is_dunned_and_said_once(shop: Shop) -> None:
    account_id = subscribed(shop, "dunned@example.com")
    shop.desk.fail_payments(shop.services._billing_store.customer(account_id), times=2)
    shop.forward(days=32)
    shop.deliver(times=2)
    plan = shop.services.plans.get(account_id)
    assert plan.status is PlanStatus.PAST_DUE
    assert plan.dunning is not None
    assert plan.dunning.next_attempt_at > plan.dunning.since
    assert (plan.dunning.invoice_url or "").startswith(shop.desk.base_url)
    assert buckets(shop, account_id) == []
    assert [kind for kind, _ in shop.notices] == ["payment_failed"]
    shop.forward(days=12)  # tried again, and then it works
    shop.deliver()
    plan = shop.services.plans.get(account_id)
    assert (plan.status, plan.dunning) == (PlanStatus.ACTIVE, None)
    assert buckets(shop, account_id) == [250]
    assert [kind for kind, _ in shop.notices] == ["payment_failed"]


@pytest.mark.parametrize(("then", "status"), [("cancel", PlanStatus.CANCELED), ("unpaid", PlanStatus.UNPAID)])
def test_a_renewal_that_is_never_paid_ends_as_the_dunning_says(shop: Shop, then: str, status: PlanStatus) -> None:
    shop.desk.control("settings", {"dunning": {"retry_days": [3], "then": then}})
    account_id = subscribed(shop, f"{then}@example.com")
    shop.desk.fail_payments(shop.services._billing_store.customer(account_id), times=9)
    shop.forward(days=40)
    shop.deliver()
    plan = shop.services.plans.get(account_id)
    assert plan.status is status
    assert (plan.dunning is not None) is (then == "unpaid")
    assert buckets(shop, account_id) == []


def test_a_refund_of_a_month_takes_its_share_back(shop: Shop) -> None:
    account_id = subscribed(shop, "monthback@example.com")
    (payment,) = shop.desk.read("payment_intents", limit=10)["data"]
    shop.desk.refund(payment["id"], 450)
    shop.deliver(times=2)
    assert buckets(shop, account_id) == [125]
    shop.desk.refund(payment["id"])
    shop.deliver()
    assert buckets(shop, account_id) == []


def test_F42_events_of_a_plan_in_any_order_come_to_the_same(shop: Shop) -> None:
    account_id = shop.customer("shuffled@example.com")
    order = shop.subscribe(account_id)
    shop.desk.pay(order.session_id or "")
    shop.forward(days=32)
    for event in reversed(shop.events()):
        shop.hand_over(event)
    assert shop.services.plans.get(account_id).status is PlanStatus.ACTIVE
    assert buckets(shop, account_id) == [250]
    granted = shop.services.credits.entries(account_id, before=None, limit=50)
    assert sum(1 for each in granted if each.move.kind.value == "grant" and each.move.cause.startswith("in_")) == 2


def test_plans_that_are_not_sold_are_refused(shop: Shop) -> None:
    account_id = subscribed(shop, "unknown@example.com")
    with pytest.raises(Validation):
        shop.services.plans.change(account_id, "starter")


def test_the_portal_and_the_invoices_are_the_customers_own(shop: Shop) -> None:
    account_id = subscribed(shop, "portal@example.com")
    assert shop.services.orders.portal(account_id, "https://shop.example/back").startswith(shop.desk.base_url)
    shop.paid(account_id)
    newest = shop.services.orders.invoices(account_id, after=None, limit=1)
    rest = shop.services.orders.invoices(account_id, after=newest[0].id, limit=10)
    assert [(each.amount_paid, each.status) for each in newest + rest] == [(500, "paid"), (900, "paid")]
    assert all(each.number and each.url for each in newest + rest)
    assert shop.services.orders.invoices(shop.customer("none@example.com"), after=None, limit=10) == []
