"""F01 to F04 and F26: order → message → run → settle, with every fault at every call."""

from functools import partial

import pytest

from chalicelib.providers.job import ProviderFailed
from tests.faults.sweep import OUTLIVES_RETRIES, positions, spoiled
from tests.support.audit import Audit
from tests.support.deployed import Deployed
from tests.support.faults import Fault, Injector

CASES = [
    *((fault, 1, "succeeded") for fault in Fault),
    *((fault, OUTLIVES_RETRIES, "succeeded") for fault in (Fault.DROP_REQUEST, Fault.LOSE_RESPONSE, Fault.THROTTLE)),
    *((fault, 1, "failed") for fault in (Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.LOSE_RESPONSE)),
    (Fault.LOSE_RESPONSE, OUTLIVES_RETRIES, "failed"),
]


def breaks(_):
    raise ProviderFailed("engine_error", "It broke.")


@pytest.mark.parametrize(("fault", "times", "ends"), CASES)
def test_a_fault_at_any_call_leaves_one_end_and_one_charge(
    core: Deployed, injector: Injector, fault: Fault, times: int, ends: str
) -> None:
    core.engine.does = breaks if ends == "failed" else lambda _: None
    for at in positions(injector, fault):
        account_id = core.account(assets=10)
        upload_id = core.photo(account_id)
        made: list[str] = []

        def flow(account_id: str = account_id, upload_id: str = upload_id, made: list[str] = made) -> None:
            made.append(core.order(account_id, upload_id))
            core.running.run(account_id, made[0])

        spoiled(injector, fault, at, flow, times)
        Audit(core, account_id).check_safety()
        core.restart()
        again = core.order(account_id, upload_id)  # the client repeats its request, as it should
        assert made in ([], [again])
        core.running.run(account_id, again)
        core.running.run(account_id, again)
        core.settle_everything(account_id)
        audit = Audit(core, account_id)
        audit.check_at_rest()
        assert audit.status(again) == ends
        assert list(audit.generations) == [again]
        assert audit.spendable == (8 if ends == "succeeded" else 10)


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
def test_a_worker_that_dies_at_any_call_of_every_attempt_is_given_up_uncharged(
    core: Deployed, injector: Injector, fault: Fault
) -> None:
    """Each attempt dies at the same call. Those that die after the end have ended well; the others are given up."""
    core.engine.does = lambda _: None
    for at in positions(injector, fault):
        account_id = core.account(assets=10)
        made = core.order(account_id, core.photo(account_id), n=2)
        reached = False
        for _ in range(4):
            spoiled(injector, fault, at, partial(core.running.run, account_id, made))
            reached = reached or injector.reached
            core.restart()
            core.clock.forward(seconds=130)
        for _ in range(2):  # nobody reads the queue: the rescue alone must end it
            core.clock.forward(hours=1)
            core.rescue()
        audit = Audit(core, account_id)
        audit.check_at_rest()
        assert audit.spendable == (6 if audit.status(made) == "succeeded" else 10)
        injector.spoiled = ["reached"] if reached else []


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
def test_a_rescue_that_dies_at_any_call_is_repeated_by_the_next(
    core: Deployed, injector: Injector, fault: Fault
) -> None:
    """The rescue finds one generation that was never taken, and one to give up that left results behind."""
    core.engine.does = lambda _: None
    for at in positions(injector, fault):
        account_id = core.account(assets=10)
        upload_id = core.photo(account_id)
        lost = core.order(account_id, upload_id)
        spoiled(injector, Fault.CRASH_BEFORE, 5, partial(core.running.run, account_id, lost))
        core.clock.forward(hours=1)
        waiting = core.order(account_id, upload_id, "k2")
        core.clock.forward(seconds=31)
        spoiled(injector, fault, at, core.rescue)
        reached = list(injector.spoiled)
        Audit(core, account_id).check_safety()
        core.restart()
        core.settle_everything(account_id)
        audit = Audit(core, account_id)
        audit.check_at_rest()
        assert (audit.status(lost), audit.status(waiting)) == ("failed", "succeeded")
        assert audit.spendable == 8
        injector.spoiled = reached
