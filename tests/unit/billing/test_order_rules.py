"""The arithmetic of money that goes back, what a plan's invoice brings, and what Stripe's objects make of an order."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.billing.catalog import Kind, offers
from chalicelib.billing.order import (
    How,
    Order,
    Status,
    Wish,
    is_upgrade,
    is_web_address,
    mismatch,
    plan_bucket,
    status_of,
    taken,
)
from chalicelib.billing.readings import Invoice, Line, Payment, Session
from tests.support.fakes import NOON

ORDER = Order("top_1", "acct_1", How.CHECKOUT, "starter", 100, 500, "usd", NOON, "cus_1", "price_1", session_id="cs_1")
SESSION = Session(
    "cs_1", "payment", "complete", "paid", "pi_1", "cus_1", "acct_1", "top_1", "usd", 500, 600, None, NOON
)
PAYMENT = Payment("pi_1", "succeeded", 600, "usd", "cus_1", "acct_1", "top_1", NOON)

amounts = st.integers(1, 10**8)


@given(st.integers(0, 10**9), amounts, st.integers(0, 2 * 10**8))
def test_what_is_taken_is_the_share_that_is_gone_never_more_and_all_only_for_all(granted, amount, gone):
    back = taken(granted, amount=amount, gone=gone)
    assert 0 <= back <= granted
    assert back * amount <= granted * gone
    assert gone < amount or back == granted
    assert gone >= amount or (back + 1) * amount > granted * gone


@given(st.integers(0, 10**9), amounts, st.integers(0, 10**8), st.integers(0, 10**8))
def test_more_gone_never_takes_less(granted, amount, gone, more):
    assert taken(granted, amount=amount, gone=gone) <= taken(granted, amount=amount, gone=gone + more)


def test_what_cost_nothing_gives_nothing_back():
    assert taken(100, amount=0, gone=0) == 0
    assert taken(100, amount=0, gone=5) == 0


@pytest.mark.parametrize(
    ("part", "changes", "what"),
    [
        ("session", {"mode": "subscription"}, "mode"),
        ("session", {"account_id": "acct_2"}, "account"),
        ("session", {"order_id": "top_2"}, "order"),
        ("session", {"customer_id": "cus_2"}, "customer"),
        ("session", {"currency": "jpy"}, "currency"),
        ("session", {"subtotal": 499}, "amount"),
        ("payment", {"account_id": "acct_2"}, "payment account"),
        ("payment", {"order_id": ""}, "payment order"),
        ("payment", {"customer_id": None}, "payment customer"),
        ("payment", {"currency": "eur"}, "payment currency"),
        ("payment", {"amount": 599}, "payment amount"),
        ("session", {"total": 0}, "payment amount"),
    ],
)
def test_F50_every_difference_from_the_order_is_a_mismatch(part, changes, what):
    assert mismatch(ORDER, SESSION, PAYMENT) is None
    session = replace(SESSION, **changes) if part == "session" else SESSION
    payment = replace(PAYMENT, **changes) if part == "payment" else PAYMENT
    assert mismatch(ORDER, session, payment) == what


def test_F50_a_page_order_needs_its_page_and_a_saved_card_none():
    assert mismatch(ORDER, None, PAYMENT) == "session"
    saved = replace(ORDER, how=How.SAVED_CARD)
    assert mismatch(saved, None, replace(PAYMENT, amount=500)) is None
    assert mismatch(saved, None, PAYMENT) == "payment amount"


FREE = replace(SESSION, payment_status="no_payment_required", payment_id=None, total=0)


@pytest.mark.parametrize(
    ("session", "payment", "status"),
    [
        (SESSION, PAYMENT, Status.PAID),
        (SESSION, replace(PAYMENT, refunded=1), Status.PARTIALLY_REFUNDED),
        (SESSION, replace(PAYMENT, refunded=600), Status.REFUNDED),
        (SESSION, replace(PAYMENT, refunded=1, disputed=599), Status.DISPUTED),
        (replace(SESSION, status="open"), PAYMENT, Status.PAID),
        (FREE, None, Status.PAID),
        (replace(FREE, status="open"), None, Status.OPEN),
        (replace(FREE, total=1), None, Status.OPEN),
        (replace(SESSION, status="expired", payment_id=None), None, Status.EXPIRED),
        (replace(SESSION, status="open", payment_id=None), None, Status.OPEN),
        (SESSION, replace(PAYMENT, status="processing"), Status.OPEN),
        (SESSION, replace(PAYMENT, status="requires_action"), Status.OPEN),
        (SESSION, replace(PAYMENT, status="requires_payment_method"), Status.FAILED),
        (SESSION, replace(PAYMENT, status="canceled"), Status.FAILED),
        (replace(SESSION, status="open"), replace(PAYMENT, status="requires_payment_method"), Status.OPEN),
    ],
)
def test_F49_an_order_is_what_stripe_says_it_is(session, payment, status):
    assert status_of(ORDER, session, payment) is status


def test_with_a_saved_card_nobody_is_there_to_act():
    saved = replace(ORDER, how=How.SAVED_CARD)
    assert status_of(saved, None, replace(PAYMENT, status="requires_action")) is Status.FAILED
    assert status_of(saved, None, replace(PAYMENT, status="processing")) is Status.OPEN
    assert status_of(saved, None, None) is Status.OPEN


END = NOON + timedelta(days=30)
PRICES = {"price_h": 900, "price_p": 2900}


def line(plan, amount, *, proration=False, quantity=1, ends_at=END):
    price = {"hobby": "price_h", "pro": "price_p"}.get(plan, "price_x")
    return Line(f"fotogenic_{plan}", price, quantity, amount, proration, ends_at)


def invoice(*lines):
    return Invoice("in_1", "paid", "cus_1", "sub_1", "usd", 900, 900, lines, NOON)


def brings(*lines):
    bucket = plan_bucket(invoice(*lines), PRICES)
    return bucket.assets if bucket else 0


def test_F51_a_month_brings_what_the_plan_says_and_ends_with_it():
    bucket = plan_bucket(invoice(line("hobby", 900)), PRICES)
    assert bucket is not None
    assert (bucket.id, bucket.assets, bucket.expires_at) == ("in_1", 250, END)
    assert brings(line("hobby", 450)) == 250  # a promotion code changes what is paid, not what it brings


def test_an_upgrade_brings_the_part_that_is_paid():
    assert brings(line("hobby", -450, proration=True), line("pro", 1450, proration=True)) == 375
    assert brings(line("pro", -1450, proration=True), line("hobby", 450, proration=True)) == 0
    assert brings(line("hobby", -450, proration=True), line("pro", 1450, proration=True), line("pro", 2900)) == 1375


@given(st.integers(0, 900), st.integers(0, 2900))
def test_a_proration_never_brings_more_than_the_plan(unused, remaining):
    assert 0 <= brings(line("hobby", -unused, proration=True), line("pro", remaining, proration=True)) <= 1000


def test_F50_what_is_no_plan_of_ours_is_not_guessed_at():
    for other in ("starter", "unknown"):
        with pytest.raises(LookupError):
            brings(line("hobby", 900), line(other, 1))
    with pytest.raises(LookupError):
        plan_bucket(invoice(line("hobby", 1, proration=True)), {})


def test_an_upgrade_is_more_assets():
    hobby, pro, *_ = offers(Kind.PLAN)
    assert is_upgrade(hobby, pro)
    assert not is_upgrade(pro, hobby)
    assert is_upgrade(None, hobby)


@pytest.mark.parametrize(
    "url", ["https://a.example", "https://a.example:8443/x?y={CHECKOUT_SESSION_ID}#z", "http://127.0.0.1:8000/billing"]
)
def test_a_web_address_may_be_gone_back_to(url):
    assert is_web_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/billing",
        "javascript:alert(1)",
        "http://a.example/",
        "https://",
        "https:///x",
        "https://u@a.example/",
        "https://u:p@a.example/",
        "https://a.example:0/",
        "https://a.example:x/",
        "https://a.example/\n",
        "https://a.example/ x",
        "https://ä.example/",
        "https://[::1",
        "ftp://a.example/",
        "https://a.example/" + "x" * 2000,
    ],
)
def test_nothing_else_is(url):
    assert not is_web_address(url)


@given(st.text())
def test_no_text_makes_it_fail(url):
    assert is_web_address(url) in (True, False)


@given(st.sampled_from(How), st.text(), st.text(), st.text(), st.text(), st.booleans())
def test_two_wishes_are_one_request_if_they_are_equal(how, offer, currency, success, cancel, save):
    wish = Wish(how, offer, currency, success, cancel, save)
    assert wish.fingerprint() == replace(wish).fingerprint()
    assert wish.fingerprint() != replace(wish, save_card=not save).fingerprint()
    assert wish.fingerprint() != replace(wish, offer=offer + "x").fingerprint()
