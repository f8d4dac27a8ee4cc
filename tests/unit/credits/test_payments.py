"""Rule 5: one payment is granted once; refunds and disputes take back at most that; a shortfall is owed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chalicelib.credits import ledger
from chalicelib.credits.ledger import Account, Balance, Bucket, BucketKind, MoveKind
from chalicelib.credits.payments import Payment, agree
from chalicelib.kernel.errors import InsufficientAssets
from tests.support.fakes import NOON

IDS = st.sampled_from(["pi_1", "pi_2", "in_3"])


class Buying(RuleBasedStateMachine):
    """Payments that are granted, spent, held, refunded, disputed, won and outlived, in any order."""

    def __init__(self):
        super().__init__()
        self.now = NOON
        self.balance = Balance()
        self.payments = {name: Payment(name) for name in ("pi_1", "pi_2", "in_3")}
        self.asked = dict.fromkeys(self.payments, 0)
        self.moves, self.open, self.turn = [], {}, 0

    @rule(name=IDS, assets=st.integers(1, 20), hours=st.sampled_from([None, 1, 5]))
    def pays(self, name, assets, hours):
        kind = BucketKind.PLAN if name.startswith("in_") else BucketKind.TOP_UP
        bucket = Bucket(name, kind, assets, NOON + timedelta(hours=hours) if hours else None)
        self._agree(name, bucket, self.asked[name])

    @rule(name=IDS, share=st.integers(0, 25))
    def is_taken_back(self, name, share):
        """The total that its provider has taken back may grow and shrink (a dispute that was won)."""
        self.asked[name] = share
        self._agree(name, None, share)

    @rule(amount=st.integers(1, 12))
    def holds(self, amount):
        self.turn += 1
        try:
            self.balance, move = ledger.hold(self.balance, f"gen_{self.turn}", amount, self.now)
        except InsufficientAssets:
            assert self.balance.available(self.now) < amount
            return
        self.moves.append(move)
        self.open[move.cause] = move

    @rule(share=st.integers(0, 2))
    def settles(self, share):
        if self.open:
            _, held = self.open.popitem()
            posted = sum(part.assets for part in held.parts) * share // 2
            self.balance, move, late = ledger.settle(self.balance, held, posted, self.now)
            self.moves.append(move)
            self._ended(late)

    @rule(hours=st.integers(1, 3))
    def waits(self, hours):
        self.now += timedelta(hours=hours)
        self._expire()

    def _agree(self, name, bucket, taken):
        self._expire()
        before = self.payments[name]
        self.balance, self.payments[name], moves = agree(self.balance, before, bucket, taken, self.now)
        again = agree(self.balance, self.payments[name], bucket, taken, self.now)
        assert again == (self.balance, self.payments[name], ()), "a second look changes nothing"
        assert bool(moves) == (self.payments[name].version > before.version)
        self.moves += moves

    def _expire(self):
        self.turn += 1
        self.balance, moves = ledger.expire(self.balance, self.now, turn=self.turn)
        self.moves += moves
        for move in moves:
            self._ended(move.parts)

    def _ended(self, parts):
        for part in parts:
            old = self.payments[part.bucket_id]
            self.payments[part.bucket_id] = replace(old, expired=old.expired + part.assets, version=old.version + 1)

    @invariant()
    def rule_1(self):
        totals = dict.fromkeys(Account, 0)
        for move in self.moves:
            assert sum(amount for _, amount in move.lines) == 0
            for account, amount in move.lines:
                totals[account] += amount
        assert totals[Account.AVAILABLE] == sum(bucket.assets for bucket in self.balance.buckets)
        assert totals[Account.HELD] == self.balance.held
        assert totals[Account.DEBT] == -self.balance.debt
        assert totals[Account.REFUNDS] == sum(payment.taken for payment in self.payments.values())
        assert totals[Account.PURCHASES] == -sum(payment.granted for payment in self.payments.values())

    @invariant()
    def rule_5(self):
        keys = [move.key for move in self.moves]
        assert len(keys) == len(set(keys)), "every move has a key of its own"
        for payment in self.payments.values():
            assert 0 <= payment.taken <= payment.granted
            if payment.granted:
                assert payment.taken <= self.asked[payment.id]
        assert self.balance.debt >= 0
        assert all(bucket.assets >= 0 for bucket in self.balance.buckets)
        if self.balance.debt:
            assert self.balance.available(self.now) == 0, "what is owed stops spending"


TestBuying = Buying.TestCase


def granted(assets=10, spent=0, now=NOON):
    bucket = Bucket("pi_1", BucketKind.TOP_UP, assets)
    balance, payment, _ = agree(Balance(), Payment("pi_1"), bucket, 0, now)
    if spent:
        balance, move = ledger.hold(balance, "gen_1", spent, now)
        balance, _, _ = ledger.settle(balance, move, spent, now)
    return balance, payment


@pytest.mark.parametrize(("spent", "available", "debt"), [(0, 0, 0), (4, 0, 4), (10, 0, 10)])
def test_rule_5_a_full_refund_takes_what_is_unspent_and_the_rest_is_owed(spent, available, debt):
    balance, payment = granted(spent=spent)
    after, refunded, moves = agree(balance, payment, None, 10, NOON)
    assert (after.available(NOON), after.debt, refunded.taken) == (available, debt, 10)
    assert [move.kind for move in moves] == [MoveKind.TAKE_BACK]


def test_rule_5_a_refund_takes_from_its_own_bucket_first_then_from_what_ends_soonest():
    balance, payment = granted(10, spent=7)
    for name, days in (("late", 9), ("soon", 2)):
        balance, _ = ledger.grant(
            balance, Bucket(name, BucketKind.BONUS, 3, NOON + timedelta(days=days)), NOON, cause=name
        )
    _, _, (move,) = agree(balance, payment, None, 8, NOON)
    assert [(part.bucket_id, part.assets) for part in move.parts] == [("pi_1", 3), ("soon", 3), ("late", 2)]


def test_rule_5_what_comes_in_pays_the_debt_first():
    balance, payment = granted(spent=10)
    owing, _, _ = agree(balance, payment, None, 10, NOON)
    with pytest.raises(InsufficientAssets) as refused:
        ledger.hold(owing, "gen_2", 1, NOON)
    assert refused.value.extra == {"balance": 0, "needed": 1, "debt": 10}
    after, move = ledger.grant(owing, Bucket("more", BucketKind.BONUS, 25), NOON, cause="more")
    assert (after.debt, after.available(NOON)) == (0, 15)
    assert move.lines == ((Account.GRANTS, -25), (Account.AVAILABLE, 15), (Account.DEBT, 10))


def test_rule_5_a_hold_that_is_given_back_pays_the_debt_too():
    balance, payment = granted()
    balance, held = ledger.hold(balance, "gen_1", 10, NOON)
    owing, _, _ = agree(balance, payment, None, 10, NOON)
    assert (owing.debt, owing.held) == (10, 10), "no work is torn down for a refund"
    after, move, _ = ledger.settle(owing, held, 0, NOON)
    assert (after.debt, after.available(NOON), after.held) == (0, 0, 0)
    assert dict(move.lines) == {Account.HELD: -10, Account.DEBT: 10}


@given(st.integers(0, 10), st.integers(0, 10))
def test_F48_a_dispute_that_is_won_gives_everything_back(spent, disputed):
    balance, payment = granted(spent=spent)
    taken, open_case, _ = agree(balance, payment, None, disputed, NOON)
    after, won, _ = agree(taken, open_case, None, 0, NOON)
    assert (after.available(NOON), after.debt, won.taken) == (10 - spent, 0, 0)


def test_what_ended_unspent_is_not_taken_back_as_well():
    ends = NOON + timedelta(days=1)
    bucket = Bucket("pi_1", BucketKind.TOP_UP, 10, ends)
    balance, payment, _ = agree(Balance(), Payment("pi_1"), bucket, 0, NOON)
    balance, moves = ledger.expire(balance, ends, turn=1)
    payment = replace(payment, expired=sum(part.assets for move in moves for part in move.parts))
    after, refunded, moves = agree(balance, payment, None, 10, ends)
    assert (after.debt, refunded.taken, moves) == (0, 0, ())


def test_F51_what_was_paid_for_a_time_that_is_over_comes_and_ends_at_once():
    bucket = Bucket("in_1", BucketKind.PLAN, 10, NOON - timedelta(days=1))
    after, payment, moves = agree(Balance(), Payment("in_1"), bucket, 0, NOON)
    assert (after.available(NOON), after.debt, payment.granted, payment.expired) == (0, 0, 10, 10)
    assert [move.kind for move in moves] == [MoveKind.GRANT, MoveKind.EXPIRE]


def test_F42_a_refund_that_is_known_before_the_payment_waits_for_it():
    balance, payment, moves = agree(Balance(), Payment("pi_1"), None, 10, NOON)
    assert (balance, payment, moves) == (Balance(), Payment("pi_1"), ())
    balance, payment, moves = agree(balance, payment, Bucket("pi_1", BucketKind.TOP_UP, 10), 10, NOON)
    assert (balance.available(NOON), balance.debt, payment.taken) == (0, 0, 10)
    assert [move.kind for move in moves] == [MoveKind.GRANT, MoveKind.TAKE_BACK]


def test_what_is_given_back_after_its_bucket_ended_ends_at_once_and_is_not_taken_again():
    ends = NOON + timedelta(days=1)
    bucket = Bucket("pi_1", BucketKind.TOP_UP, 10, ends)
    balance, payment, _ = agree(Balance(), Payment("pi_1"), bucket, 10, NOON)
    balance, payment, (move,) = agree(balance, payment, None, 0, ends)
    assert move.lines == ((Account.REFUNDS, -10), (Account.EXPIRED, 10))
    assert agree(balance, payment, None, 10, ends) == (balance, payment, ())


@pytest.mark.parametrize(
    ("bucket", "taken"),
    [
        (Bucket("pi_2", BucketKind.TOP_UP, 10), 0),
        (Bucket("pi_1", BucketKind.BONUS, 10), 0),
        (None, -1),
    ],
)
def test_what_is_not_the_payments_own_is_refused(bucket, taken):
    with pytest.raises(ValueError, match="pi_1"):
        agree(Balance(), Payment("pi_1"), bucket, taken, NOON)
