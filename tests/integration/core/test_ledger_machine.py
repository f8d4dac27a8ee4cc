"""The ledger on its deployed table as a state machine: any order of moves, any fault at any call, checked after each.

Safety is checked after every step. Liveness at the end: once nothing fails any more, every hold can be settled.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from chalicelib.aws.tables import transact
from chalicelib.credits.caps import Cap, Window
from chalicelib.credits.ledger import Bucket, BucketKind, HoldMismatch
from chalicelib.credits.payments import PaymentMoved
from chalicelib.credits.service import AlreadyDone, NoHold
from chalicelib.credits.store import CreditsStore
from chalicelib.kernel.errors import InsufficientAssets, Problem
from chalicelib.kernel.transaction import Transaction
from tests.faults.sweep import EXPECTED
from tests.support.audit import Audit
from tests.support.deployed import Deployed
from tests.support.faults import Fault, Injector

FAULTS = st.sampled_from([None, None, *Fault])
AT = st.integers(1, 4)
TIMES = st.sampled_from([1, 1, 3])
AMOUNTS = st.sampled_from([1, 3, 20, 400])
LIVES = st.sampled_from([None, 1, 5])
SHARES = st.sampled_from([0, 0, 1, 4])
GENERATIONS = st.integers(0, 9)
KEYS = st.sampled_from(["key_a", "key_b", "session"])


class LedgerMachine(RuleBasedStateMachine):
    """What a step asked for is remembered by name, so that a repetition asks for the same.

    Lanes are opened and closed at any time, and whoever does it may die in the middle.
    """

    core: Deployed
    injector: Injector

    @initialize(assets=st.sampled_from([0, 20, 700, 700]))
    def open(self, assets: int) -> None:
        self.account_id = self.core.account(assets)
        self.upload_id = self.core.photo(self.account_id)
        self.grants: dict[int, Bucket] = {}
        self.paid: dict[int, Bucket] = {}
        self.taken: dict[int, int] = {}
        self.costs: dict[int, tuple[int, str]] = {}
        books = self.core.services.credits
        for name, limit, window in (("key_a", 9, Window.DAY), ("key_b", 300, Window.MONTH)):
            transact(partial(books.register_key, account_id=self.account_id, key_id=name, cap=Cap(limit, window)))

    @rule(number=st.integers(0, 4), amount=AMOUNTS, hours=LIVES, fault=FAULTS, at=AT)
    def grant(self, number: int, amount: int, hours: int | None, fault: Fault | None, at: int) -> None:
        bucket = self.grants.setdefault(number, Bucket(f"b_{number}", BucketKind.BONUS, amount, self.ends(hours)))
        books = self.core.services.credits
        self.attempt(fault, at, 1, lambda: books.grant(self.account_id, bucket, cause=bucket.id, request_id="r"))

    @rule(number=st.integers(0, 2), amount=AMOUNTS, hours=LIVES, taken=SHARES, fault=FAULTS, at=AT, times=TIMES)
    def pay(
        self, number: int, amount: int, hours: int | None, taken: int, fault: Fault | None, at: int, times: int
    ) -> None:
        """A payment's state as its provider tells it: paid, and so much refunded or disputed (which may shrink)."""
        self.paid.setdefault(number, Bucket(f"pi_{number}", BucketKind.TOP_UP, amount, self.ends(hours)))
        self.taken[number] = taken * self.paid[number].assets // 4
        self.attempt(fault, at, times, lambda: self.agree(number))

    @rule(spender=KEYS, needed=st.integers(1, 3), fault=FAULTS, at=AT, times=TIMES)
    def open_lanes(self, spender: str, needed: int, fault: Fault | None, at: int, times: int) -> None:
        self.attempt(fault, at, times, lambda: self.core.services._laning.open(self.account_id, spender, needed))

    @rule(spender=KEYS, posted=st.integers(0, 1), fault=FAULTS, at=AT, times=TIMES, late=st.booleans())
    def work(self, spender: str, posted: int, fault: Fault | None, at: int, times: int, *, late: bool) -> None:
        """What lanes are for: small orders one after another, the fault at the hold of one or at its settlement."""
        self.core.services._laning.open(self.account_id, spender, 1)
        for number in range(100 + len(self.costs), 103 + len(self.costs)):
            self.hold(number, 1, spender, None if late else fault, at, times)
            self.attempt(fault if late else None, at, times, partial(self.resolve, number, posted))

    @rule(spender=KEYS, fault=FAULTS, at=st.integers(1, 9), times=TIMES)
    def close_lanes(self, spender: str, fault: Fault | None, at: int, times: int) -> None:
        self.attempt(fault, at, times, lambda: self.core.services._laning.close(self.account_id, spender))

    @rule(limit=st.sampled_from([5, 100, None]), fault=FAULTS, at=AT)
    def change_cap(self, limit: int | None, fault: Fault | None, at: int) -> None:
        books, cap = self.core.services.credits, Cap(limit, Window.DAY) if limit else None

        def change() -> None:
            transact(partial(books.register_key, account_id=self.account_id, key_id="key_b", cap=cap))
            books.rein_in(self.account_id, "key_b")

        self.attempt(fault, at, 1, change)
        change()  # the caller who got no answer asks again

    @rule(fault=FAULTS, at=AT)
    def expire(self, fault: Fault | None, at: int) -> None:
        self.attempt(fault, at, 1, lambda: self.core.services.upkeep.expire(self.account_id))

    @rule(number=GENERATIONS, amount=st.integers(0, 15), spender=KEYS, fault=FAULTS, at=AT, times=TIMES)
    def order(self, number: int, amount: int, spender: str, fault: Fault | None, at: int, times: int) -> None:
        self.hold(number, amount, spender, fault, at, times)

    def hold(self, number: int, amount: int, spender: str, fault: Fault | None, at: int, times: int) -> None:
        cost, who = self.costs.setdefault(number, (amount, spender))
        available = self.core.services.credits.balance(self.account_id).available(self.core.clock.now())

        def build(tx: Transaction) -> None:
            self.core.services.credits.hold(tx, self.account_id, f"gen_{number}", cost, spender=who, request_id="r")

        refused = self.attempt(fault, at, times, lambda: transact(build))
        assert not isinstance(refused, InsufficientAssets) or available < cost, "refused what could be paid"

    @rule(number=GENERATIONS, quarters=st.integers(0, 4), fault=FAULTS, at=AT, times=TIMES)
    def settle(self, number: int, quarters: int, fault: Fault | None, at: int, times: int) -> None:
        if number in self.costs:
            posted = self.costs[number][0] * quarters // 4
            self.attempt(fault, at, times, lambda: self.resolve(number, posted))

    @rule(number=st.integers(0, 3), spender=KEYS, fault=FAULTS, at=st.integers(1, 5), times=TIMES)
    def generate(self, number: int, spender: str, fault: Fault | None, at: int, times: int) -> None:
        """A whole order: its generation, hold and Idempotency-Key, together or not at all."""
        order = partial(self.core.order, self.account_id, self.upload_id, f"k{number}", spender=spender)
        self.attempt(fault, at, times, order)

    @rule(fault=FAULTS, at=st.integers(1, 8), times=TIMES, twice=st.booleans())
    def deliver(self, fault: Fault | None, at: int, times: int, *, twice: bool) -> None:
        """Workers get a message for every generation there is, however often, whether it has ended or not."""
        for made in Audit(self.core, self.account_id).generations:
            self.attempt(fault, at, times, partial(self.core.running.run, self.account_id, made))
            if twice:
                self.attempt(None, 0, 1, partial(self.core.running.run, self.account_id, made))

    @rule()
    def rescue(self) -> None:
        for made in Audit(self.core, self.account_id).generations:
            self.attempt(None, 0, 1, partial(self.core.running.look_after, self.account_id, made))

    @rule(minutes=st.sampled_from([10, 10, 10, 90, 60 * 24]))
    def wait(self, minutes: int) -> None:
        self.core.clock.forward(minutes=minutes)

    @rule()
    def crash(self) -> None:
        self.core.restart()

    @invariant()
    def safe(self) -> None:
        if hasattr(self, "account_id"):
            Audit(self.core, self.account_id).check_safety()

    def teardown(self) -> None:
        if not hasattr(self, "account_id"):
            return
        self.core.settle_everything(self.account_id)
        for number in self.costs:
            try:
                self.resolve(number, 0)
            except (AlreadyDone, NoHold):
                continue
        self.core.services.upkeep.expire(self.account_id)
        for number, bucket in self.paid.items():
            self.agree(number)
            brought = self.core.services.paid.payment(self.account_id, bucket.id)
            assert brought.granted == bucket.assets
            assert brought.taken >= min(self.taken[number], brought.may_take)
        Audit(self.core, self.account_id).check_at_rest()

    def ends(self, hours: int | None) -> datetime | None:
        return self.core.clock.now() + timedelta(hours=hours) if hours else None

    def agree(self, number: int) -> None:
        paid, bucket = self.core.services.paid, self.paid[number]
        seen = paid.payment(self.account_id, bucket.id)
        paid.reconcile(self.account_id, seen, bucket=bucket, taken=self.taken[number], cause="evt_1", request_id="r")

    def resolve(self, number: int, posted: int) -> None:
        lane = self.core.lane_of(self.account_id, f"gen_{number}")

        def build(tx: Transaction) -> None:
            spender = self.costs[number][1]
            books = self.core.services.credits
            who: dict[str, Any] = {"spender": spender, "request_id": "r", "lane": lane, "model": "local/style-1"}
            books.settle(tx, self.account_id, f"gen_{number}", posted, **who)

        transact(build)

    def attempt(self, fault: Fault | None, at: int, times: int, move: Any) -> BaseException | None:
        """The refusal that the move met, or what the fault made of it."""
        self.core.clock.forward(seconds=0.001)
        try:
            if fault is None:
                move()
            else:
                with self.injector.plan(fault, at, times=times):
                    move()
        except (
            Problem,
            AlreadyDone,
            NoHold,
            PaymentMoved,
            *EXPECTED,
        ) as refused:
            return refused
        return None


def check(core: Deployed, injector: Injector, machine: type[LedgerMachine], examples: int) -> None:
    machine.core, machine.injector = core, injector
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],  # finding is enough: shrinking against a database takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(300)
def test_rules_1_to_6_and_8_hold_after_every_step_whatever_fails(core: Deployed, injector: Injector) -> None:
    check(core, injector, LedgerMachine, examples=40)


def test_the_machine_finds_a_ledger_that_can_resolve_a_hold_twice(
    core: Deployed, injector: Injector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two planted mistakes: the resolution is not looked for before it is written, and is written without condition."""
    snapshot, add_move = CreditsStore.snapshot, CreditsStore.add_move

    def forgetful(self: CreditsStore, account_id: str, *, moves: tuple[str, ...] = (), **what: Any) -> Any:
        return snapshot(self, account_id, moves=moves[:1], **what)

    def careless(self: CreditsStore, tx: Transaction, *arguments: Any, **named: Any) -> None:
        add_move(self, tx, *arguments, **named)
        tx.writes[-1] = replace(tx.writes[-1], condition=None)

    monkeypatch.setattr(CreditsStore, "snapshot", forgetful)
    monkeypatch.setattr(CreditsStore, "add_move", careless)
    with pytest.raises((AssertionError, HoldMismatch, ExceptionGroup)):
        check(core, injector, LedgerMachine, examples=40)
