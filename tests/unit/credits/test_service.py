"""The ledger's use cases over memory: holds, settlements, grants and keys that ended."""

import threading

import pytest

from chalicelib.credits.caps import Cap, KeyCapReached, Window
from chalicelib.credits.ledger import Bucket, BucketKind, MoveKind
from chalicelib.credits.service import AlreadyDone, NoHold
from chalicelib.kernel.errors import InsufficientAssets, Unauthorized
from tests.support.fake_credits import FakeCreditsStore
from tests.support.fake_ledgers import credits_over
from tests.support.fakes import ManualClock, Memory

ACCOUNT = "acct_1"
WHO = {"spender": "key_1", "request_id": "req_1"}


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def store():
    return FakeCreditsStore(Memory())


@pytest.fixture
def ledger(store, clock):
    made = credits_over(store, clock)
    made.grant(ACCOUNT, Bucket("bonus_1", BucketKind.BONUS, 10), cause="bonus_1", request_id="req_0")
    return made


def hold(ledger, store, name, assets, **who):
    store.memory.transact(lambda tx: ledger.hold(tx, ACCOUNT, name, assets, **{**WHO, **who}))


def settle(ledger, store, name, posted):
    store.memory.transact(lambda tx: ledger.settle(tx, ACCOUNT, name, posted, **WHO))


def balance(ledger, clock):
    now = ledger.balance(ACCOUNT)
    return now.available(clock.now()), now.held


def test_rule_5_one_payment_is_granted_once(ledger, clock):
    again = Bucket("bonus_1", BucketKind.BONUS, 10)
    assert [ledger.grant(ACCOUNT, again, cause="bonus_1", request_id="r") for _ in range(3)] == [False] * 3
    assert balance(ledger, clock) == (10, 0)


@pytest.mark.parametrize("posted", [0, 1, 4])
def test_rule_3_a_hold_resolves_once(ledger, store, clock, posted):
    hold(ledger, store, "gen", 4)
    assert balance(ledger, clock) == (6, 4)
    settle(ledger, store, "gen", posted)
    for other in (0, 4):
        with pytest.raises(AlreadyDone):
            settle(ledger, store, "gen", other)
    assert balance(ledger, clock) == (10 - posted, 0)


def test_rule_3_what_was_never_held_cannot_be_settled(ledger, store):
    with pytest.raises(NoHold):
        settle(ledger, store, "gen", 1)


def test_rule_2_a_refused_hold_writes_nothing(ledger, store, clock):
    before = len(store.memory.commits)
    with pytest.raises(InsufficientAssets) as refused:
        hold(ledger, store, "gen", 11)
    assert refused.value.extra == {"balance": 10, "needed": 11}
    assert len(store.memory.commits) == before
    assert balance(ledger, clock) == (10, 0)


def test_rule_6_a_void_gives_the_cap_back_and_a_post_does_not(ledger, store):
    store.memory.transact(lambda tx: ledger.register_key(tx, ACCOUNT, "key_1", Cap(4, Window.DAY)))
    hold(ledger, store, "one", 4)
    with pytest.raises(KeyCapReached):
        hold(ledger, store, "two", 1)
    settle(ledger, store, "one", 1)
    hold(ledger, store, "three", 3)
    settle(ledger, store, "three", 3)
    with pytest.raises(KeyCapReached):
        hold(ledger, store, "four", 1)


def test_a_key_that_ended_holds_nothing_more_and_its_open_hold_can_still_be_settled(ledger, store, clock):
    hold(ledger, store, "one", 2)
    store.memory.transact(lambda tx: ledger.end_key(tx, ACCOUNT, "key_1", None))
    with pytest.raises(Unauthorized):
        hold(ledger, store, "two", 1)
    settle(ledger, store, "one", 2)
    assert balance(ledger, clock) == (8, 0)


def test_a_key_that_ends_between_the_read_and_the_commit_holds_nothing(ledger, store, clock):
    def revoke_meanwhile():
        store.memory.before_commit = lambda: None
        store.memory.transact(lambda tx: ledger.end_key(tx, ACCOUNT, "key_1", None))

    store.memory.before_commit = revoke_meanwhile
    with pytest.raises(Unauthorized):
        hold(ledger, store, "gen", 1)
    assert balance(ledger, clock) == (10, 0)


def test_rule_8_entries_name_their_cause_spender_and_request_newest_first(ledger, store):
    hold(ledger, store, "gen", 4)
    settle(ledger, store, "gen", 4)
    entries = ledger.entries(ACCOUNT, before=None, limit=10)
    by_kind = {entry.move.kind: entry for entry in entries}
    assert set(by_kind) == {MoveKind.GRANT, MoveKind.HOLD, MoveKind.POST}
    assert by_kind[MoveKind.POST].move.cause == "gen"
    assert (by_kind[MoveKind.POST].spender, by_kind[MoveKind.POST].request_id) == ("key_1", "req_1")
    assert [e.id for e in entries] == sorted((e.id for e in entries), reverse=True)


def test_rule_2_threads_that_race_over_the_last_assets_get_exactly_those(ledger, store, clock):
    outcomes = []

    def one(number):
        try:
            hold(ledger, store, f"gen-{number}", 3)
            outcomes.append("held")
        except InsufficientAssets:
            outcomes.append("refused")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["held"] * 3 + ["refused"] * 5
    assert balance(ledger, clock) == (1, 9)


def test_an_account_without_a_bonus_opens_empty(store, clock):
    ledger = credits_over(store, clock)
    store.memory.transact(lambda tx: ledger.open_account(tx, "acct_2", bonus=0, request_id="r"))
    assert ledger.entries("acct_2", before=None, limit=5) == []
    assert ledger.grant("acct_2", Bucket("more", BucketKind.BONUS, 3), cause="more", request_id="r")
    assert ledger.balance("acct_2").available(clock.now()) == 3
