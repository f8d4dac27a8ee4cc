"""Packs, from the order to the ledger, on the real tables and through Stripe's own package."""

from dataclasses import replace

import pytest

from chalicelib.billing.catalog import pack_ends
from chalicelib.billing.order import Status
from chalicelib.billing.service import MAX_BEGUN
from chalicelib.credits.ledger import BucketKind
from chalicelib.kernel.errors import IdempotencyKeyReused, NotFound, RateLimited, Validation
from tests.support.shop import BACK, Shop


def test_P3_a_pack_is_paid_and_its_assets_arrive_once(shop: Shop) -> None:
    account_id = shop.customer("p3@example.com")
    order = shop.order(account_id)
    assert order.status is Status.OPEN
    assert (order.checkout_url or "").startswith(shop.desk.base_url)
    assert shop.spendable(account_id) == 0
    shop.desk.pay(order.session_id or "")
    assert "settled" in shop.deliver(times=2)
    paid = shop.see(order)
    assert paid.status is Status.PAID
    assert (paid.payment_id or "").startswith("pi_")
    assert paid.receipt_url
    assert paid.invoice_url
    assert shop.spendable(account_id) == 100
    assert shop.notices == [("top_up_completed", order.id)]
    assert shop.mismatches == []
    bucket = next(each for each in shop.balance(account_id).buckets if each.kind is BucketKind.TOP_UP)
    assert bucket.id == paid.payment_id
    made = shop.services._readings.payment(paid.payment_id)
    assert bucket.expires_at == pack_ends(made.paid_at)


def test_the_same_key_gets_the_same_order_and_answer(shop: Shop) -> None:
    account_id = shop.customer("again@example.com")
    first = shop.order(account_id)
    assert shop.order(account_id) == first
    shop.desk.pay(first.session_id or "")
    shop.deliver()
    assert shop.order(account_id).as_made() == replace(first, version=3, payment_id=shop.see(first).payment_id)
    with pytest.raises(IdempotencyKeyReused):
        shop.order(account_id, "creator")
    assert shop.order(account_id, key="k2").id != first.id
    assert len(shop.services.orders.newest(account_id, before=None, limit=10)) == 2


def test_orders_are_listed_newest_first_and_belong_to_one_account(shop: Shop) -> None:
    account_id, other = shop.customer("list@example.com"), shop.customer("else@example.com")
    made = []
    for key in ("k1", "k2", "k3"):
        made.append(shop.order(account_id, key=key).id)
        shop.core.clock.forward(seconds=1)
    newest = shop.services.orders.newest(account_id, before=None, limit=2)
    assert [order.id for order in newest] == made[:0:-1]
    assert [o.id for o in shop.services.orders.newest(account_id, before=made[1], limit=2)] == made[:1]
    assert shop.services.orders.get(account_id, made[0]).id == made[0]
    with pytest.raises(NotFound):
        shop.services.orders.get(other, made[0])


def test_what_is_not_sold_is_refused(shop: Shop) -> None:
    account_id = shop.customer("wrong@example.com")
    with pytest.raises(Validation, match="pack"):
        shop.order(account_id, "nothing")
    with pytest.raises(Validation, match="pack"):
        shop.order(account_id, "hobby")
    with pytest.raises(Validation, match="currency"):
        shop.order(account_id, currency="xxx")


def test_nobody_opens_page_after_page_to_try_stolen_cards_on(shop: Shop) -> None:
    account_id = shop.customer("tester@example.com")
    for number in range(MAX_BEGUN - 1):
        shop.order(account_id, key=f"k{number}")
    shop.core.clock.forward(seconds=1)
    last = shop.order(account_id, key="last")
    with pytest.raises(RateLimited):
        shop.order(account_id, key="one more")
    assert shop.order(account_id, key="last").id == last.id
    shop.desk.pay(last.session_id or "")
    shop.deliver()
    assert shop.order(account_id, key="one more").session_id


@pytest.mark.parametrize("currency", ["eur", "jpy"])
def test_each_currency_is_charged_as_the_catalog_says(shop: Shop, currency: str) -> None:
    account_id = shop.customer(f"{currency}@example.com")
    order = shop.paid(account_id, currency=currency)
    assert shop.spendable(account_id) == 100
    payment = shop.services._readings.payment(order.payment_id)
    assert (payment.amount, payment.currency) == (order.amount, currency)


@pytest.mark.parametrize(("currency", "amount"), [("usd", 600), ("eur", 500)])
def test_taxes_are_added_or_inside_and_change_nothing_of_what_is_bought(shop: Shop, currency: str, amount: int) -> None:
    shop.desk.control("settings", {"tax_percent": 20})
    account_id = shop.customer(f"tax-{currency}@example.com")
    order = shop.order(account_id, currency=currency)
    shop.desk.pay(order.session_id or "", country="DE")
    shop.deliver()
    paid = shop.see(order)
    assert paid.status is Status.PAID
    assert shop.services._readings.payment(paid.payment_id).amount == amount
    assert shop.spendable(account_id) == 100


def promote(shop: Shop, percent: int) -> str:
    stripe = shop.desk.stripe
    coupon = stripe.v1.coupons.create({"percent_off": percent, "duration": "once"})
    given = {"promotion": {"type": "coupon", "coupon": coupon.id}, "code": f"OFF{percent}"}
    return str(stripe.v1.promotion_codes.create(given).code)  # type: ignore[arg-type]


def test_a_promotion_code_for_everything_grants_by_the_checkout(shop: Shop) -> None:
    code = promote(shop, 100)
    account_id = shop.customer("free@example.com")
    order = shop.order(account_id)
    assert shop.desk.use_code(order.session_id or "", code)
    shop.desk.pay(order.session_id or "")
    shop.deliver(times=2)
    assert shop.see(order).status is Status.PAID
    assert shop.see(order).payment_id == order.session_id
    assert shop.spendable(account_id) == 100


def test_a_promotion_code_makes_it_cheaper_and_a_refund_takes_the_share_of_what_was_paid(shop: Shop) -> None:
    code = promote(shop, 50)
    account_id = shop.customer("half@example.com")
    order = shop.order(account_id)
    assert shop.desk.use_code(order.session_id or "", code)
    shop.desk.pay(order.session_id or "")
    shop.deliver()
    assert shop.spendable(account_id) == 100
    shop.desk.refund(shop.see(order).payment_id or "", 125)
    shop.deliver()
    assert shop.spendable(account_id) == 50
    assert shop.see(order).status is Status.PARTIALLY_REFUNDED


def test_refunds_take_back_their_share_and_a_full_one_takes_all(shop: Shop) -> None:
    account_id = shop.customer("refund@example.com")
    order = shop.paid(account_id)
    shop.desk.refund(order.payment_id or "", 167)
    shop.deliver(times=2)
    assert shop.spendable(account_id) == 67  # 33.4 of 100, rounded down
    assert shop.see(order).status is Status.PARTIALLY_REFUNDED
    shop.desk.refund(order.payment_id or "")
    shop.deliver()
    assert shop.spendable(account_id) == 0
    assert shop.see(order).status is Status.REFUNDED
    assert shop.balance(account_id).debt == 0


def test_a_refund_that_fails_gives_back_what_it_took(shop: Shop) -> None:
    account_id = shop.customer("failing@example.com")
    order = shop.paid(account_id)
    refund = shop.desk.refund(order.payment_id or "")
    shop.deliver()
    assert shop.spendable(account_id) == 0
    shop.desk.fail_refund(refund["id"])
    shop.deliver()
    assert shop.spendable(account_id) == 100
    assert shop.see(order).status is Status.PAID


@pytest.mark.parametrize(("verdict", "left", "status"), [("won", 100, Status.PAID), ("lost", 0, Status.DISPUTED)])
def test_F48_a_dispute_takes_at_once_and_gives_back_when_it_is_won(
    shop: Shop, verdict: str, left: int, status: Status
) -> None:
    account_id = shop.customer(f"{verdict}@example.com")
    order = shop.paid(account_id)
    dispute = shop.desk.dispute(order.payment_id or "")
    shop.deliver()
    assert shop.spendable(account_id) == 0
    assert shop.see(order).status is Status.DISPUTED
    shop.desk.decide(dispute, verdict)
    shop.deliver(times=2)
    assert shop.spendable(account_id) == left
    assert shop.see(order).status is status


def test_F49_a_completed_checkout_that_is_not_paid_brings_nothing_until_it_is(shop: Shop) -> None:
    account_id = shop.customer("slow@example.com")
    order = shop.order(account_id)
    shop.desk.pay_later(order.session_id or "")
    shop.deliver()
    assert shop.spendable(account_id) == 0
    assert shop.see(order).status is Status.OPEN
    shop.desk.arrive(order.session_id or "")
    shop.deliver()
    assert shop.spendable(account_id) == 100
    assert shop.see(order).status is Status.PAID


def test_a_payment_that_never_arrives_fails_its_order_and_says_so(shop: Shop) -> None:
    account_id = shop.customer("never@example.com")
    order = shop.order(account_id)
    shop.desk.pay_later(order.session_id or "")
    shop.desk.arrive(order.session_id or "", arrived=False)
    shop.deliver(times=2)
    assert shop.see(order).status is Status.FAILED
    assert shop.spendable(account_id) == 0
    assert shop.notices == [("top_up_failed", order.id)]


def test_a_declined_card_leaves_the_page_open_for_another(shop: Shop) -> None:
    account_id = shop.customer("declined@example.com")
    order = shop.order(account_id)
    shop.desk.decline(order.session_id or "")
    shop.deliver()
    assert shop.see(order).status is Status.OPEN
    shop.desk.pay(order.session_id or "")
    shop.deliver()
    assert shop.see(order).status is Status.PAID
    assert shop.spendable(account_id) == 100


def test_a_page_that_nobody_pays_expires(shop: Shop) -> None:
    order = shop.order(shop.customer("expire@example.com"))
    shop.forward(hours=25)
    shop.deliver()
    assert shop.see(order).status is Status.EXPIRED


def test_F50_a_payment_of_another_amount_than_was_ordered_brings_nothing_and_is_loud(shop: Shop) -> None:
    account_id = shop.customer("forger@example.com")
    order = shop.order(account_id, "bulk")
    labels = {"account_id": account_id, "order_id": order.id}
    forged = shop.desk.stripe.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": order.customer_id,
            "client_reference_id": account_id,
            "line_items": [{"price": shop.desk.price("cheap", 50), "quantity": 1}],
            "metadata": labels,
            "payment_intent_data": {"metadata": labels},
            "success_url": BACK,
        }
    )
    shop.desk.pay(forged.id)
    assert "mismatch" in shop.deliver()
    assert shop.spendable(account_id) == 0
    assert set(shop.mismatches) == {"amount"}
    assert shop.see(order).status is Status.OPEN


def test_F50_somebody_elses_payment_that_names_my_order_brings_nothing(shop: Shop) -> None:
    mine, other = shop.customer("mine@example.com"), shop.customer("other@example.com")
    order, theirs = shop.order(mine), shop.order(other)
    shop.desk.stripe.v1.payment_intents.create(
        {
            "amount": order.amount,
            "currency": "usd",
            "customer": theirs.customer_id,
            "payment_method": "pm_card_visa",
            "confirm": True,
            "off_session": True,
            "metadata": {"account_id": mine, "order_id": order.id},
        }
    )
    assert "mismatch" in shop.deliver()
    assert shop.spendable(mine) == shop.spendable(other) == 0


def test_F45_payments_that_are_not_ours_are_left_alone(shop: Shop) -> None:
    shop.drop()
    shop.desk.paid()
    assert set(shop.deliver()) <= {"not_ours", "ignored", "nothing_to_do"}
    assert shop.mismatches == []
