"""Lanes: what crosses between the balance and lanes is neither lost nor made, and no refusal is false."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.credits import lanes as rules
from chalicelib.credits.books import AlreadyDone
from chalicelib.credits.caps import Cap, KeyCapReached, Usage, Window
from chalicelib.credits.lanes import MAX_LANES, Lane, Spender, partition, place_of
from chalicelib.credits.ledger import Account, Balance, Bucket, BucketKind
from chalicelib.kernel.errors import ConcurrencyLimited, Unauthorized
from chalicelib.kernel.transaction import StaleRead
from tests.support.fake_credits import FakeCreditsStore
from tests.support.fake_ledgers import Ledgers
from tests.support.fakes import NOON, ManualClock, Memory, entropy

ACCOUNT = "acct_1"
WHO = {"spender": "key_1", "request_id": "req_1"}


@given(
    st.integers(0, 20_000),
    st.one_of(st.none(), st.integers(0, 20_000)),
    st.integers(0, 5000),
    st.integers(1, 50),
    st.integers(1, 2000),
)
def test_lanes_take_only_what_balance_and_cap_and_limit_leave_and_closing_gives_it_all_back(
    assets, limit, spent, needed, max_open
):
    ends = NOON + timedelta(days=3)
    balance = Balance((Bucket("later", BucketKind.BONUS, 7), Bucket("first", BucketKind.BONUS, assets, ends)))
    cap = Cap(limit, Window.DAY) if limit is not None else None
    usage = Usage(1, f"{NOON:%Y-%m-%d}", spent, spent, spent)
    known = Spender(usage, cap, version=4)
    opened = rules.open_lanes(balance, known, "key_1", needed, max_open=max_open, now=NOON)
    if opened is None:
        return
    after, laned, each = opened
    assert laned.lanes is not None
    assert laned.lanes.bucket.id == "first", "lanes hold what is spent first"
    inside = each.assets * laned.lanes.count
    assert 2 <= laned.lanes.count <= MAX_LANES
    assert each.assets >= needed
    assert inside <= assets // 2, "half stays for others"
    assert after.available(NOON) + inside == balance.available(NOON)
    assert cap is None or laned.usage.in_day <= cap.assets
    assert laned.usage.open <= max_open
    content = [each] * laned.lanes.count
    closed, spender = rules.close(after, laned, "key_1", content)
    assert (replace(closed, spread=False), spender) == (balance, Spender(usage, cap, version=4))
    assert replace(rules.whole(after, {"key_1": content}), spread=False) == balance


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def books(clock):
    made = Ledgers(FakeCreditsStore(Memory()), clock, max_open=200, chance=entropy(3))
    made.credits.grant(ACCOUNT, Bucket("bonus", BucketKind.BONUS, 1000), cause="bonus", request_id="r")
    return made


def hold(books, name, assets=1, **who):
    return books.store.memory.transact(lambda tx: books.credits.hold(tx, ACCOUNT, name, assets, **{**WHO, **who}))


def lanes_of(books, spender="key_1"):
    return books.store.spenders.get((ACCOUNT, spender), Spender()).lanes


def test_lanes_open_only_under_contention(books):
    hold(books, "gen_1")
    assert lanes_of(books) is None

    stale = iter(range(2))

    def contended():
        if next(stale, None) is not None:
            raise StaleRead("another was first")

    books.store.memory.before_commit = contended
    hold(books, "gen_2")
    assert lanes_of(books) is not None
    touched = books.store.memory.touched[-1]
    assert {name for _, name in touched} == {"lane#key_1", "hold#gen_2"}, "its lane and its own entry, nothing else"
    at = {at for at, name in touched if name == "hold#gen_2"}
    assert at == {partition(ACCOUNT, place_of("gen_2"))}, "in a place where it conflicts with few"


def test_lanes_do_not_open_where_there_is_little(books):
    hold(books, "gen_1", 980)
    assert books.laning.open(ACCOUNT, "key_1", 1) is False


def test_a_hold_that_lanes_cannot_pay_is_paid_by_everything_together(books):
    for spender in ("key_1", "key_2"):
        assert books.laning.open(ACCOUNT, spender, 1)
    hold(books, "gen_1", 1000, spender="key_3")
    assert books.credits.balance(ACCOUNT).available(NOON) == 0
    assert lanes_of(books) is lanes_of(books, "key_2") is None


def test_what_ends_sooner_is_spent_first_even_if_lanes_hold_it(books):
    soon = Bucket("soon", BucketKind.BONUS, 400, NOON + timedelta(days=1))
    books.credits.grant(ACCOUNT, soon, cause="soon", request_id="r")
    assert books.laning.open(ACCOUNT, "key_1", 1)
    hold(books, "gen_1", 400, spender="key_2")
    assert [b.id for b in books.credits.balance(ACCOUNT).buckets if b.assets] == ["bonus"]


def test_rule_6_lanes_do_not_outlive_their_day(books, clock):
    register = lambda tx: books.credits.register_key(tx, ACCOUNT, "key_1", Cap(100, Window.DAY))  # noqa: E731
    books.store.memory.transact(register)
    assert books.laning.open(ACCOUNT, "key_1", 1)
    clock.forward(days=1)
    hold(books, "gen_1", 100)
    with pytest.raises(KeyCapReached):
        hold(books, "gen_2", 1)


def test_rule_6_a_cap_that_is_lowered_binds_lanes_too(books):
    assert books.laning.open(ACCOUNT, "key_1", 1)
    lower = lambda tx: books.credits.register_key(tx, ACCOUNT, "key_1", Cap(3, Window.DAY))  # noqa: E731
    books.store.memory.transact(lower)
    books.credits.rein_in(ACCOUNT, "key_1")
    hold(books, "gen_1", 3)
    with pytest.raises(KeyCapReached):
        hold(books, "gen_2", 1)


def test_P4_a_revoked_key_has_no_lanes(books):
    assert books.laning.open(ACCOUNT, "key_1", 1)
    books.store.memory.transact(lambda tx: books.credits.end_key(tx, ACCOUNT, "key_1", None))
    books.credits.rein_in(ACCOUNT, "key_1")
    with pytest.raises(Unauthorized):
        hold(books, "gen_1")
    assert books.laning.open(ACCOUNT, "key_1", 1) is False
    assert books.credits.balance(ACCOUNT).available(NOON) == 1000


def test_generations_in_flight_are_limited_exactly_with_lanes(clock):
    books = Ledgers(FakeCreditsStore(Memory()), clock, max_open=9)
    books.credits.grant(ACCOUNT, Bucket("bonus", BucketKind.BONUS, 1000), cause="bonus", request_id="r")
    assert books.laning.open(ACCOUNT, "key_1", 1)
    for number in range(9):
        hold(books, f"gen_{number}")
    with pytest.raises(ConcurrencyLimited):
        hold(books, "gen_more")


def test_a_lane_that_is_full_of_holds_can_be_closed_and_they_settled(books):
    assert books.laning.open(ACCOUNT, "key_1", 1)
    lane = [hold(books, f"gen_{number}", 2) for number in range(20)]
    books.laning.close(ACCOUNT, "key_1")
    settle = lambda tx: books.credits.settle(tx, ACCOUNT, "gen_7", 1, lane=lane[7], model="m", **WHO)  # noqa: E731
    books.store.memory.transact(settle)
    balance = books.credits.balance(ACCOUNT)
    assert (balance.available(NOON), balance.held) == (961, 38)
    assert books.store.spenders[ACCOUNT, "key_1"].usage.open == 19


def test_rule_3_a_generation_is_held_once_in_a_lane_or_outside(books):
    hold(books, "gen_1")
    assert books.laning.open(ACCOUNT, "key_1", 1)
    lane = hold(books, "gen_2")
    assert lane
    for name in ("gen_1", "gen_2"):
        with pytest.raises(AlreadyDone):
            hold(books, name)
    books.laning.close(ACCOUNT, "key_1")
    for name in ("gen_1", "gen_2"):
        with pytest.raises(AlreadyDone):
            hold(books, name)
    settle = lambda tx: books.credits.settle(tx, ACCOUNT, "gen_2", 1, lane=lane, **WHO)  # noqa: E731
    books.store.memory.transact(settle)
    with pytest.raises(AlreadyDone):
        books.store.memory.transact(settle)


def test_a_bucket_that_ends_while_lanes_hold_it_is_written_off_whole(books, clock):
    soon = Bucket("soon", BucketKind.BONUS, 400, NOON + timedelta(minutes=1))
    books.credits.grant(ACCOUNT, soon, cause="soon", request_id="r")
    assert books.laning.open(ACCOUNT, "key_1", 1)
    clock.forward(minutes=2)
    hold(books, "gen_1", 5)
    assert books.upkeep.expire(ACCOUNT) is False, "the hold wrote it off already"
    written = [entry.move for entry, _ in books.store.written.values()]
    assert sum(amount for move in written for name, amount in move.lines if name is Account.EXPIRED) == 400
    assert books.credits.balance(ACCOUNT).available(clock.now()) == 995
    assert Lane(0, 1).pays(1) is False
