"""What the schedule does for the ledger: ends of buckets, owners with little left; and payments through the service."""

from datetime import timedelta

import pytest

from chalicelib.credits.ledger import Account, Bucket, BucketKind
from chalicelib.credits.payments import PaymentMoved
from tests.support.fake_credits import FakeCreditsStore
from tests.support.fake_ledgers import Ledgers
from tests.support.fakes import NOON, ManualClock, Memory

ACCOUNT = "acct_1"
WHO = {"spender": "key_1", "request_id": "req_1"}


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def books(clock):
    made = Ledgers(FakeCreditsStore(Memory()), clock)
    give(made, "first", 100)
    return made


def give(books, name, assets, ends=None):
    bucket = Bucket(name, BucketKind.BONUS, assets, ends)
    assert books.credits.grant(ACCOUNT, bucket, cause=name, request_id="r")


def hold(books, name, assets):
    return books.store.memory.transact(lambda tx: books.credits.hold(tx, ACCOUNT, name, assets, **WHO))


def pay(books, assets=50, taken=0, **changes):
    seen = books.paid.payment(ACCOUNT, "pi_1")
    bucket = Bucket("pi_1", BucketKind.TOP_UP, assets, **changes)
    return books.paid.reconcile(ACCOUNT, seen, bucket=bucket, taken=taken, cause="evt_1", request_id="r")


def test_an_owner_is_told_once_when_little_is_left_and_again_only_after_there_was_more(books):
    books.upkeep.set_low_balance(ACCOUNT, 50)
    hold(books, "gen_1", 50)
    assert books.low == []
    hold(books, "gen_2", 1)
    hold(books, "gen_3", 1)
    assert books.low == [ACCOUNT]
    books.upkeep.told_low(ACCOUNT)
    give(books, "more", 100)
    hold(books, "gen_4", 100)
    assert books.low == [ACCOUNT] * 2


def test_an_owner_is_told_of_a_refund_and_of_an_adjustment_too(books):
    pay(books)
    books.upkeep.set_low_balance(ACCOUNT, 110)
    pay(books, taken=50)
    assert books.low == [ACCOUNT]
    give(books, "more", 50)
    books.credits.adjust(ACCOUNT, -60, key="t-1", reason="by hand", request_id="operator")
    assert books.low == [ACCOUNT] * 2


def test_an_owner_whose_word_was_lost_is_told_by_the_schedule_until_somebody_says_so(books, clock):
    books.upkeep.set_low_balance(ACCOUNT, 50)
    hold(books, "gen_1", 60)
    books.low.clear()
    assert books.upkeep.due() == []
    clock.forward(minutes=6)
    assert [books.upkeep.look_after(*thing) for thing in books.upkeep.due()] == ["told_again"]
    assert books.low == [ACCOUNT]
    assert books.upkeep.due() == [], "nobody else looks at the same time"
    clock.forward(minutes=6)
    books.upkeep.told_low(ACCOUNT)
    assert books.upkeep.due() == []


def test_nobody_is_told_without_having_asked(books):
    hold(books, "gen_1", 100)
    assert books.low == []


def test_a_threshold_above_what_is_there_tells_nobody_of_what_they_see(books):
    books.upkeep.set_low_balance(ACCOUNT, 500)
    hold(books, "gen_1", 1)
    assert books.low == []


def test_what_a_bucket_holds_past_its_end_is_written_off_once(books, clock):
    give(books, "brief", 7, NOON + timedelta(hours=1))
    assert books.upkeep.expire(ACCOUNT) is False
    clock.forward(hours=1)
    assert books.upkeep.due() == [("expiry", ACCOUNT)]
    assert books.upkeep.look_after("expiry", ACCOUNT) == "expired"
    assert books.upkeep.look_after("expiry", ACCOUNT) == "nothing_to_do"
    lines = [line for entry, _ in books.store.written.values() for line in entry.move.lines]
    assert [amount for account, amount in lines if account is Account.EXPIRED] == [7]
    assert books.credits.balance(ACCOUNT).available(clock.now()) == 100


def test_F41_a_payment_is_granted_once_however_often_it_is_told(books):
    assert [pay(books).granted for _ in range(3)] == [50] * 3
    assert books.credits.balance(ACCOUNT).available(NOON) == 150


def test_F42_whoever_read_before_another_look_was_written_has_to_look_again(books):
    seen = books.paid.payment(ACCOUNT, "pi_1")
    pay(books, taken=20)
    with pytest.raises(PaymentMoved):
        books.paid.reconcile(ACCOUNT, seen, bucket=None, taken=0, cause="evt_old", request_id="r")
    assert books.credits.balance(ACCOUNT).available(NOON) == 130


def test_F42_a_look_that_is_overtaken_between_its_read_and_its_commit_writes_nothing(books):
    def meanwhile():
        books.store.memory.before_commit = lambda: None
        pay(books, taken=50)

    books.store.memory.before_commit = meanwhile
    with pytest.raises(PaymentMoved):
        pay(books, taken=0)
    assert books.paid.payment(ACCOUNT, "pi_1").taken == 50


def test_rule_5_a_refund_finds_what_lanes_hold(books):
    give(books, "plenty", 900)
    pay(books)
    assert books.laning.open(ACCOUNT, "key_1", 1)
    hold(books, "gen_1", 1)
    assert pay(books, taken=50).taken == 50
    balance = books.credits.balance(ACCOUNT)
    assert (balance.available(NOON), balance.held, balance.debt) == (999, 1, 0)


def test_a_bucket_that_ended_is_not_taken_back_though_nobody_wrote_it_off_yet(books, clock):
    pay(books, expires_at=NOON + timedelta(hours=1))
    clock.forward(hours=2)
    seen = books.paid.payment(ACCOUNT, "pi_1")
    books.paid.reconcile(ACCOUNT, seen, bucket=None, taken=50, cause="evt_2", request_id="r")
    balance = books.credits.balance(ACCOUNT)
    assert (balance.available(clock.now()), balance.debt) == (100, 0)


def test_what_was_paid_for_is_granted_only_with_its_payment(books):
    bought = Bucket("pi_9", BucketKind.TOP_UP, 5)
    with pytest.raises(ValueError, match="paid for"):
        books.credits.grant(ACCOUNT, bought, cause="pi_9", request_id="r")


@pytest.mark.parametrize("assets", [5, -5, -100])
def test_rule_8_an_operators_adjustment_is_made_once_for_its_ticket_and_names_its_reason(books, assets):
    made = [
        books.credits.adjust(ACCOUNT, assets, key="t-1", reason="goodwill", request_id="operator") for _ in range(2)
    ]
    assert made == [True, False]
    assert books.credits.balance(ACCOUNT).available(NOON) == 100 + assets
    entry = next(entry for entry, _ in books.store.written.values() if entry.move.key == "adjust#t-1")
    assert (entry.move.cause, entry.move.reason, entry.request_id) == ("t-1", "goodwill", "operator")
