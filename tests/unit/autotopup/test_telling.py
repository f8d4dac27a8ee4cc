"""The facts that mails about money are made of: as they are when the mail is written."""

from dataclasses import replace

import pytest

from chalicelib.billing.autotopup.rules import AutoTopUp, Because, Wish
from chalicelib.billing.order import How, Order, Status
from chalicelib.billing.plan import Dunning, Plan, PlanStatus
from chalicelib.billing.telling.amounts import money
from chalicelib.billing.telling.service import Telling
from chalicelib.credits.ledger import Balance, Bucket, BucketKind
from chalicelib.notices.mail import NOTICES
from tests.support.fakes import NOON, ManualClock

ORDER = Order(
    id="top_1",
    account_id="acct_1",
    how=How.CHECKOUT,
    offer="starter",
    assets=100,
    amount=750,
    currency="jpy",
    created_at=NOON,
    customer_id="cus_1",
    price_id="price_1",
    status=Status.PAID,
    receipt_url="https://receipt",
    invoice_url="https://invoice",
)
PLAN = Plan(PlanStatus.PAST_DUE, "sub_1", "pro", "usd", NOON, False, Dunning(NOON, NOON, "https://invoice"))


class Rows:
    """Everything that facts are read from."""

    def __init__(self, **members):
        self.made = ORDER
        self.planned = PLAN
        self.known = None
        self.below = 20
        self.available = 7
        vars(self).update(members)

    def order(self, account_id, order_id):
        return self.made if (account_id, order_id) == ("acct_1", "top_1") else None

    def plan(self, account_id):
        return self.planned, 1

    def get(self, account_id):
        return self.known

    def alert(self, account_id):
        return self.below

    def balance(self, account_id):
        return Balance((Bucket("b", BucketKind.BONUS, self.available),))


def facts(notice, ref="top_1", **members):
    rows = Rows(**members)
    return Telling(rows, rows, rows, rows, ManualClock()).describe("acct_1", notice, ref)


def test_P3_a_receipt_leads_to_the_provider():
    assert facts("top_up_completed") == {
        "pack": "Starter pack",
        "assets": "100",
        "price": "750 JPY",
        "receipt": "https://invoice",
    }
    assert facts("top_up_completed", made=replace(ORDER, invoice_url=None))["receipt"] == "https://receipt"


@pytest.mark.parametrize(
    ("notice", "members"),
    [
        ("top_up_completed", {"made": replace(ORDER, status=Status.OPEN)}),
        ("top_up_completed", {"made": None}),
        ("top_up_failed", {}),
        ("payment_failed", {"planned": replace(PLAN, dunning=None)}),
        ("balance_low", {"available": 20}),
        ("balance_low", {"below": None}),
        ("auto_top_up_failed", {}),
    ],
)
def test_what_is_not_so_any_more_has_no_facts(notice, members):
    assert facts(notice, **members) is None


def test_a_failed_renewal_names_plan_day_and_invoice():
    assert facts("payment_failed", "in_1") == {
        "plan": "Pro plan",
        "invoice": "https://invoice",
        "again": "24 November 2026",
    }


def test_a_low_balance_is_told_in_assets():
    assert facts("balance_low", "acct_1") == {"available": "7", "below": "20"}


def test_why_automatic_top_up_turned_itself_off():
    off = AutoTopUp("acct_1", Wish("starter", 50, 1500, "usd"), because=Because.FAILURES, failures=3)
    assert facts("auto_top_up_failed", known=off) == {"pack": "Starter pack", "failures": "3"}
    assert facts("auto_top_up_failed", known=replace(off, on=True)) is None
    gone = replace(off, wish=Wish("gone", 50, 1500, "usd"), failures=0)
    assert facts("auto_top_up_failed", known=gone) == {"pack": "", "failures": ""}


def test_every_mail_has_its_facts_and_no_other_has_any():
    off = AutoTopUp("acct_1", Wish("starter", 50, 1500, "usd"), because=Because.FAILURES, failures=3)
    ours = {notice: write for notice, write in NOTICES.items() if notice != "webhook_endpoint_disabled"}
    assert len(ours) == 5
    for notice, write in ours.items():
        status = Status.FAILED if notice == "top_up_failed" else Status.PAID
        told = facts(notice, known=off, made=replace(ORDER, status=status))
        assert write("ada@example.com", told).text
    with pytest.raises(LookupError):
        facts("another")


@pytest.mark.parametrize(
    ("amount", "currency", "text"), [(500, "usd", "5.00 USD"), (5, "eur", "0.05 EUR"), (750, "jpy", "750 JPY")]
)
def test_sums_are_written_in_their_currencys_own_way(amount, currency, text):
    assert money(amount, currency) == text
