"""Lanes opened and closed at any time, by services that know them, against a model that does not."""

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from chalicelib.credits import lanes
from chalicelib.credits.books import AlreadyDone
from chalicelib.credits.caps import Cap, KeyCapReached, Window
from chalicelib.credits.lanes import Spender
from chalicelib.credits.ledger import Account, Bucket, BucketKind
from chalicelib.kernel.errors import InsufficientAssets
from chalicelib.kernel.transaction import Contended, StaleRead
from tests.support.fake_credits import FakeCreditsStore
from tests.support.fake_ledgers import FakeLaneStore, Ledgers
from tests.support.fakes import ManualClock, Memory

ACCOUNT = "acct_1"
KEYS = st.sampled_from(["key_1", "key_2"])
AMOUNTS = st.one_of(st.integers(1, 4), st.integers(1, 4), st.integers(1, 300))


class Spending(RuleBasedStateMachine):
    """The real services over memory, with lanes opened and closed at any time, against a model that knows no lanes."""

    @initialize(assets=st.integers(0, 3000), limit=st.one_of(st.none(), st.integers(0, 2000)))
    def start(self, assets, limit):
        self.clock = ManualClock()
        self.store = FakeCreditsStore(Memory())
        self.all = Ledgers(self.store, self.clock, max_open=500)
        self.available, self.held, self.left, self.open, self.made = 0, 0, limit, {}, 0
        self.ended = set()
        if limit is not None:
            self._transact(lambda tx: self.all.credits.register_key(tx, ACCOUNT, "key_1", Cap(limit, Window.LIFETIME)))
        self.gives(assets)

    @rule(assets=st.integers(0, 400))
    def gives(self, assets):
        self.made += 1
        bucket = Bucket(f"bonus_{self.made}", BucketKind.BONUS, assets)
        assert self.all.credits.grant(ACCOUNT, bucket, cause=bucket.id, request_id="r")
        self.available += assets

    @rule(spender=KEYS, needed=st.integers(1, 9))
    def opens(self, spender, needed):
        self.all.laning.open(ACCOUNT, spender, needed)

    @rule(spender=KEYS)
    def closes(self, spender):
        self.all.laning.close(ACCOUNT, spender)

    @rule(
        spender=KEYS,
        amount=st.one_of(st.integers(1, 4), st.integers(1, 4), st.integers(1, 300)),
    )
    def holds(self, spender, amount):
        """What could be paid is never refused, what could not never taken."""
        self.made += 1
        name = f"gen_{self.made}"
        fits = self.left is None or spender != "key_1" or amount <= self.left
        who = {"spender": spender, "request_id": "r"}
        try:
            lane = self._transact(lambda tx: self.all.credits.hold(tx, ACCOUNT, name, amount, **who))
        except InsufficientAssets:
            assert amount > self.available
        except KeyCapReached:
            assert not fits
        else:
            assert amount <= self.available
            assert fits
            self.available -= amount
            self.held += amount
            if self.left is not None and spender == "key_1":
                self.left -= amount
            self.open[name] = (spender, amount, lane)

    @precondition(lambda self: bool(getattr(self, "open", None)))
    @rule(data=st.data())
    def settles(self, data):
        name = data.draw(st.sampled_from(sorted(self.open)))
        self.resolves(name, data.draw(st.integers(0, self.open[name][1])))

    def resolves(self, name, posted):
        spender, amount, lane = self.open.pop(name)
        who = {"spender": spender, "request_id": "r", "lane": lane, "model": "a/b"}
        self._transact(lambda tx: self.all.credits.settle(tx, ACCOUNT, name, posted, **who))
        for other in (0, amount):
            with pytest.raises(AlreadyDone):
                self._transact(lambda tx, other=other: self.all.credits.settle(tx, ACCOUNT, name, other, **who))
        self.available += amount - posted
        self.held -= amount
        if self.left is not None and spender == "key_1":
            self.left += amount - posted

    @rule(name=KEYS, half=st.integers(0, 31))
    def a_closer_dies_between_its_steps(self, name, half):
        """Some lanes are shut, and whoever shut them never came back."""
        open_now = self.store.spenders.get((ACCOUNT, name), Spender()).lanes
        if open_now is None:
            return
        for index in range(min(half, open_now.count)):
            self.all.laning.store.shut(ACCOUNT, name, open_now, index)

    @rule(hours=st.sampled_from([0.1, 0.1, 0.1, 30]))
    def waits(self, hours):
        self.clock.forward(hours=hours)

    @rule(spender=KEYS, count=st.integers(1, 6), amount=st.integers(1, 4), posted=st.integers(0, 4))
    def works(self, spender, count, amount, posted):
        """Small orders, each held and settled: what lanes are for."""
        self.opens(spender, amount)
        for _ in range(count):
            self.holds(spender, amount)
        for name in sorted(self.open)[-count:]:
            self.resolves(name, min(posted, self.open[name][1]))

    @invariant()
    def agrees(self):
        if not hasattr(self, "available"):
            return
        seen = self.all.credits.balance(ACCOUNT)
        assert (seen.available(self.clock.now()), seen.held) == (self.available, self.held)
        totals = dict.fromkeys(Account, 0)
        for entry, _ in self.store.written.values():
            for account, amount in entry.move.lines:
                totals[account] += amount
        assert sum(totals.values()) == 0
        assert (totals[Account.AVAILABLE], totals[Account.HELD]) == (self.available, self.held)
        for at, lane in self.store.lanes.values():
            assert min(at, lane.assets, lane.held, lane.slots) >= 0
        assert sum(charged for charged, _ in self.store.uses.values()) == totals[Account.USAGE]

    def _transact(self, build):
        return self.store.memory.transact(build)


Spending.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSpending = Spending.TestCase


@pytest.mark.parametrize("mistake", ["a closed lane is forgotten", "a lane gets back too much"])
def test_the_machine_finds_a_ledger_that_makes_this_mistake(monkeypatch, mistake):
    close, pays = lanes.close, FakeLaneStore.settle

    def forgetful(balance, spender, name, content):
        return close(balance, spender, name, content[1:])

    def generous(self, tx, account_id, spender, lanes, index, amount, back):
        pays(self, tx, account_id, spender, lanes, index, amount, back + 1)

    if mistake == "a closed lane is forgotten":
        monkeypatch.setattr(lanes, "close", forgetful)
    else:
        monkeypatch.setattr(FakeLaneStore, "settle", generous)
    found = settings(Spending.TestCase.settings, phases=[Phase.generate], database=None)
    with pytest.raises((AssertionError, StaleRead, Contended)):
        run_state_machine_as_test(Spending, settings=found)
