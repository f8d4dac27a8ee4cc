"""The ledger on its deployed table as a state machine: any order of moves, any fault at any call, checked after each.

Safety is checked after every step. Liveness at the end: once nothing fails any more, every hold can be settled.
"""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from chalicelib.aws.tables import transact
from chalicelib.credits.caps import Cap, KeyCapReached, Window
from chalicelib.credits.ledger import Bucket, BucketKind, HoldMismatch
from chalicelib.credits.service import AlreadyDone, NoHold
from chalicelib.credits.store import CreditsStore
from chalicelib.kernel.errors import InsufficientAssets, Unauthorized
from chalicelib.kernel.transaction import Transaction
from tests.faults.sweep import EXPECTED
from tests.support.audit import Audit
from tests.support.deployed import Deployed
from tests.support.faults import Fault, Injector

FAULTS = st.sampled_from([None, None, *Fault])
AT = st.integers(1, 4)
TIMES = st.sampled_from([1, 1, 3])
GENERATIONS = st.integers(0, 6)
KEYS = st.sampled_from(["key_a", "key_b", "session"])


class LedgerMachine(RuleBasedStateMachine):
    """What a step asked for is remembered by name, so that a repetition asks for the same."""

    core: Deployed
    injector: Injector

    @initialize()
    def open(self) -> None:
        self.account_id = self.core.account(assets=0)
        self.grants: dict[int, Bucket] = {}
        self.costs: dict[int, tuple[int, str]] = {}
        books = self.core.services.credits
        for name, limit in (("key_a", 9), ("key_b", 25)):
            transact(partial(books.register_key, account_id=self.account_id, key_id=name, cap=Cap(limit, Window.DAY)))

    @rule(number=st.integers(0, 4), amount=st.integers(1, 20), hours=st.sampled_from([None, 1, 5]), fault=FAULTS, at=AT)
    def grant(self, number: int, amount: int, hours: int | None, fault: Fault | None, at: int) -> None:
        ends = self.core.clock.now() + timedelta(hours=hours) if hours else None
        bucket = self.grants.setdefault(number, Bucket(f"pi_{number}", BucketKind.TOP_UP, amount, ends))
        books = self.core.services.credits
        self.attempt(fault, at, 1, lambda: books.grant(self.account_id, bucket, cause=bucket.id, request_id="r"))

    @rule(number=GENERATIONS, amount=st.integers(0, 15), spender=KEYS, fault=FAULTS, at=AT, times=TIMES)
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

    @rule(minutes=st.sampled_from([10, 90, 60 * 24]))
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
        audit = Audit(self.core, self.account_id)
        for name in [name for name in audit.moves if name.startswith("hold#")]:
            try:
                self.resolve(int(name.rpartition("_")[2]), 0)
            except AlreadyDone:
                continue
        Audit(self.core, self.account_id).check_at_rest()

    def resolve(self, number: int, posted: int) -> None:
        def build(tx: Transaction) -> None:
            spender = self.costs[number][1]
            books = self.core.services.credits
            books.settle(tx, self.account_id, f"gen_{number}", posted, spender=spender, request_id="r")

        transact(build)

    def attempt(self, fault: Fault | None, at: int, times: int, move: Any) -> BaseException | None:
        """The refusal that the move met, or what the fault made of it."""
        try:
            if fault is None:
                move()
            else:
                with self.injector.plan(fault, at, times=times):
                    move()
        except (InsufficientAssets, KeyCapReached, AlreadyDone, NoHold, Unauthorized, *EXPECTED) as refused:
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


def test_rules_1_2_3_5_6_hold_after_every_step_whatever_fails(core: Deployed, injector: Injector) -> None:
    check(core, injector, LedgerMachine, examples=40)


def test_the_machine_finds_a_ledger_that_can_resolve_a_hold_twice(
    core: Deployed, injector: Injector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two planted mistakes: the resolution is not looked for before it is written, and is written without condition."""
    snapshot, add_move = CreditsStore.snapshot, CreditsStore.add_move

    def forgetful(self: CreditsStore, account_id: str, *, spender: str = "", moves: tuple[str, ...] = ()) -> Any:
        return snapshot(self, account_id, spender=spender, moves=moves[:1])

    def careless(self: CreditsStore, tx: Transaction, *arguments: Any, **named: Any) -> None:
        add_move(self, tx, *arguments, **named)
        tx.writes[-1] = replace(tx.writes[-1], condition=None)

    monkeypatch.setattr(CreditsStore, "snapshot", forgetful)
    monkeypatch.setattr(CreditsStore, "add_move", careless)
    with pytest.raises((AssertionError, HoldMismatch)):
        check(core, injector, LedgerMachine, examples=40)
