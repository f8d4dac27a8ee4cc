"""The ledger's rules as properties over random histories of grants, holds and settlements."""

from datetime import timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chalicelib.credits import ledger
from chalicelib.credits.adjustments import adjust
from chalicelib.credits.ledger import Account, Balance, Bucket, BucketKind, HoldMismatch, MoveKind
from chalicelib.kernel.errors import InsufficientAssets
from tests.support.fakes import NOON

AMOUNTS = st.integers(0, 40)
LIVES = st.one_of(st.none(), st.integers(-2, 30))  # minutes until a bucket ends, or never


class History:
    """A balance with all that led to it: what an auditor would hold against it."""

    def __init__(self):
        self.now = NOON
        self.balance = Balance()
        self.moves = []
        self.open = {}
        self.names = 0

    def grant(self, amount, life, kind):
        self.names += 1
        ends = None if life is None else self.now + timedelta(minutes=life)
        bucket = Bucket(f"bucket-{self.names:03}", kind, amount, ends)
        self._do(ledger.grant(self.balance, bucket, self.now, cause=bucket.id))

    def adjust(self, amount):
        self.names += 1
        try:
            self._do(adjust(self.balance, amount, self.now, key=f"ticket-{self.names}", reason="by hand"))
        except InsufficientAssets:
            assert self.balance.available(self.now) < -amount

    def expire(self):
        self.names += 1
        self.balance, moves = ledger.expire(self.balance, self.now, turn=self.names)
        self.moves += moves
        assert all(bucket.alive(self.now) for bucket in self.balance.buckets)

    def hold(self, amount):
        self.names += 1
        name, before = f"gen-{self.names}", self.balance
        try:
            self._do(ledger.hold(self.balance, name, amount, self.now))
        except InsufficientAssets:
            assert before.available(self.now) < amount
            assert self.balance == before
            return
        self.open[name] = self.moves[-1]

    def settle(self, which, share):
        if self.open:
            name = sorted(self.open)[which % len(self.open)]
            held = self.open.pop(name)
            posted = sum(part.assets for part in held.parts) * share // 4
            self._do(ledger.settle(self.balance, held, posted, self.now)[:2])

    def wait(self, minutes):
        self.now += timedelta(minutes=minutes)

    def sum_of(self, account):
        return sum(amount for move in self.moves for name, amount in move.lines if name is account)

    def _do(self, outcome):
        self.balance, move = outcome
        self.moves.append(move)


STEPS = st.one_of(
    st.tuples(st.just("grant"), AMOUNTS, LIVES, st.sampled_from(BucketKind)),
    st.tuples(st.just("hold"), AMOUNTS),
    st.tuples(st.just("hold"), st.integers(0, 8)),
    st.tuples(st.just("settle"), st.integers(0, 9), st.integers(0, 4)),
    st.tuples(st.just("wait"), st.integers(0, 10)),
    st.tuples(st.just("adjust"), st.integers(-9, 9).filter(bool)),
    st.tuples(st.just("expire")),
)
HISTORIES = st.lists(STEPS, max_size=40)


def replay(steps, check=lambda _: None):
    history = History()
    for name, *arguments in steps:
        getattr(history, name)(*arguments)
        check(history)
    return history


@given(HISTORIES)
def test_rule_1_lines_sum_to_zero(steps):
    history = replay(steps)
    assert all(sum(amount for _, amount in move.lines) == 0 for move in history.moves)


@given(HISTORIES)
def test_rule_1_the_balance_is_the_sum_of_the_entries(steps):
    def check(history):
        assert history.sum_of(Account.AVAILABLE) == sum(bucket.assets for bucket in history.balance.buckets)
        assert history.sum_of(Account.HELD) == history.balance.held

    replay(steps, check)


@given(HISTORIES)
def test_rule_2_available_is_what_is_left_in_living_buckets_and_never_negative(steps):
    def check(history):
        buckets = history.balance.buckets
        assert history.balance.available(history.now) == sum(b.assets for b in buckets if b.alive(history.now)) >= 0
        assert all(bucket.assets >= 0 for bucket in buckets)
        assert history.balance.held == sum(p.assets for move in history.open.values() for p in move.parts)

    replay(steps, check)


@given(HISTORIES, AMOUNTS)
def test_rule_2_what_is_affordable_is_never_refused(steps, amount):
    history = replay(steps)
    assume(amount <= history.balance.available(history.now))
    after, move = ledger.hold(history.balance, "one-more", amount, history.now)
    assert after.available(history.now) == history.balance.available(history.now) - amount
    assert sum(part.assets for part in move.parts) == amount


@given(HISTORIES)
def test_rule_3_a_hold_and_its_end_cancel_out_but_for_what_was_used_or_expired(steps):
    history = replay(steps)
    used, expired = history.sum_of(Account.USAGE), history.sum_of(Account.EXPIRED)
    granted = -sum(history.sum_of(source) for source in (Account.GRANTS, Account.PURCHASES, Account.ADJUSTMENTS))
    assert history.sum_of(Account.AVAILABLE) + history.sum_of(Account.HELD) == granted - used - expired
    assert used >= 0
    assert expired >= 0


@given(HISTORIES)
def test_rule_3_post_and_void_have_one_key_so_that_only_one_of_them_can_be_written(steps):
    keys = [move.key for move in replay(steps).moves]
    assert len(keys) == len(set(keys))
    for move in replay(steps).moves:
        if move.kind in (MoveKind.POST, MoveKind.VOID):
            assert move.key == ledger.settle_key(move.cause)


@given(HISTORIES, st.integers(0, 60))
def test_a_void_returns_to_the_buckets_it_came_from_or_reports_expired(steps, minutes):
    history = replay([("grant", 9, 20, BucketKind.BONUS), ("hold", 7), *steps])
    assume(history.open)
    name, held = min(history.open.items())
    later = history.now + timedelta(minutes=minutes)
    after, move, late = ledger.settle(history.balance, held, 0, later)
    before = {bucket.id: bucket for bucket in history.balance.buckets}
    expired = 0
    for part in held.parts:
        bucket = before.get(part.bucket_id)
        returns = bucket is not None and bucket.alive(later)
        if bucket is not None:
            grown = next(b.assets for b in after.buckets if b.id == part.bucket_id) - bucket.assets
            assert grown == (part.assets if returns else 0)
        expired += 0 if returns else part.assets
    assert dict(move.lines).get(Account.EXPIRED, 0) == expired == sum(part.assets for part in late)
    assert move.cause == name


@given(HISTORIES, AMOUNTS)
def test_holds_take_from_what_expires_soonest(steps, amount):
    history = replay(steps)
    assume(amount <= history.balance.available(history.now))
    after, _ = ledger.hold(history.balance, "one-more", amount, history.now)
    living = [b for b in history.balance.buckets if b.alive(history.now)]
    order = sorted(living, key=lambda b: (b.expires_at is None, b.expires_at or NOON, b.id))
    left = {bucket.id: bucket.assets for bucket in after.buckets}
    touched = [left[bucket.id] for bucket in order]
    first_kept = next((i for i, assets in enumerate(touched) if assets), len(order))
    assert touched[first_kept + 1 :] == [bucket.assets for bucket in order[first_kept + 1 :]]


@given(HISTORIES, st.integers(-5, 60))
def test_rule_3_a_settlement_that_does_not_fit_its_hold_is_refused(steps, posted):
    history = replay([*steps, ("grant", 9, None, BucketKind.BONUS), ("hold", 9)])
    held = next(iter(history.open.values()))
    amount = sum(part.assets for part in held.parts)
    assume(not 0 <= posted <= amount)
    with pytest.raises((HoldMismatch, ValueError)):
        ledger.settle(history.balance, held, posted, history.now)


def test_rule_3_a_hold_that_is_not_open_cannot_be_settled():
    _, held = ledger.hold(Balance((Bucket("b", BucketKind.BONUS, 5),)), "gen", 5, NOON)
    with pytest.raises(HoldMismatch):
        ledger.settle(Balance(), held, 5, NOON)


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        (BucketKind.BONUS, Account.GRANTS),
        (BucketKind.TOP_UP, Account.PURCHASES),
        (BucketKind.PLAN, Account.PURCHASES),
    ],
)
def test_rule_5_a_grant_is_keyed_by_what_was_paid_for(kind, source):
    after, move = ledger.grant(Balance(), Bucket("pi_1", kind, 7), NOON, cause="pi_1")
    assert move.key == "grant#pi_1"
    assert move.lines == ((source, -7), (Account.AVAILABLE, 7))
    assert after.available(NOON) == 7


@given(st.one_of(st.integers(max_value=-1), st.floats(), st.booleans()))
def test_amounts_are_whole_and_never_negative(amount):
    with pytest.raises(ValueError, match="whole number"):
        ledger.hold(Balance((Bucket("b", BucketKind.BONUS, 5),)), "gen", amount, NOON)
    with pytest.raises(ValueError, match="whole number"):
        ledger.grant(Balance(), Bucket("b", BucketKind.BONUS, amount), NOON, cause="b")


@settings(max_examples=30)
@given(st.permutations(range(5)))
def test_the_order_in_which_buckets_came_does_not_matter_to_what_is_spent_first(order):
    buckets = [
        Bucket(f"b{i}", BucketKind.TOP_UP, 2, None if i == 4 else NOON + timedelta(days=i + 1)) for i in range(5)
    ]
    balance = Balance(tuple(buckets[i] for i in order))
    _, move = ledger.hold(balance, "gen", 7, NOON)
    assert [(part.bucket_id, part.assets) for part in move.parts] == [("b0", 2), ("b1", 2), ("b2", 2), ("b3", 1)]
