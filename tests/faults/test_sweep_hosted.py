"""F01, F12, F31 to F34 at hosted providers: submit → poll → finish, with every fault at every call, on the real tables.

The provider keeps books of what it bills. Whatever fails, it bills at most once for one charge.
"""

from collections.abc import Iterator

import pytest

from chalicelib.generation.generation import Retention
from chalicelib.outbound.request import NoReply, Reply
from chalicelib.providers.capability import Proof
from chalicelib.providers.job import ContentBlocked, ProviderUncertain
from tests.faults.sweep import positions, spoiled
from tests.support.audit import Audit
from tests.support.deployed import Deployed
from tests.support.fake_clouds import FakeCloud
from tests.support.faults import Crash, Fault, Injector

CLOUD = "cloud/stylize-1"


@pytest.fixture(autouse=True)
def at_rest(core: Deployed) -> Iterator[None]:
    core.engine.does = lambda _: None
    core.settle_everything("what was there before")
    yield
    core.engine.clouds.clear()


def cloud(core: Deployed, **named: object) -> FakeCloud:
    core.engine.clouds["cloud"] = FakeCloud(**named)  # type: ignore[arg-type]
    return core.engine.clouds["cloud"]


def loses_one_answer(provider: FakeCloud) -> None:
    """The first submission is taken, and nobody hears of it."""

    def once(_: object) -> None:
        provider.after = lambda _: None
        raise ProviderUncertain("no_answer", "No answer came.")

    provider.after = once


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.LOSE_RESPONSE])
@pytest.mark.parametrize("answer", ["ticket", "lost"])
def test_L11_a_fault_at_any_call_leaves_one_end_one_charge_and_at_most_one_bill(
    core: Deployed, injector: Injector, fault: Fault, answer: str
) -> None:
    for at in positions(injector, fault):
        provider = cloud(core, polls=2)
        if answer == "lost":
            loses_one_answer(provider)
        account_id = core.account(assets=10)
        made = core.order(account_id, core.photo(account_id), model=CLOUD)

        def flow(account_id: str = account_id, made: str = made) -> None:
            for _ in range(4):
                core.running.run(account_id, made, waiting=True)
                core.clock.forward(seconds=20)

        spoiled(injector, fault, at, flow)
        reached = list(injector.spoiled)
        Audit(core, account_id).check_safety()
        core.restart()
        core.settle_everything(account_id)
        audit = Audit(core, account_id)
        audit.check_at_rest()
        assert audit.status(made) == "succeeded"
        assert (len(provider.billed), audit.spendable) == (1, 7)
        injector.spoiled = reached


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
def test_L11_a_provider_that_cannot_be_asked_is_never_sent_twice_what_it_may_have(
    core: Deployed, injector: Injector, fault: Fault
) -> None:
    for at in positions(injector, fault):
        provider = cloud(core, proof=Proof.NONE)
        account_id = core.account(assets=10)
        made = core.order(account_id, core.photo(account_id), model=CLOUD)
        spoiled(injector, fault, at, lambda a=account_id, m=made: core.running.run(a, m))  # type: ignore[misc]
        reached = list(injector.spoiled)
        core.restart()
        core.settle_everything(account_id)
        core.clock.forward(hours=1)
        core.settle_everything(account_id)
        audit = Audit(core, account_id)
        audit.check_at_rest()
        assert len(provider.submissions) <= 1
        assert audit.spendable == (7 if audit.status(made) == "succeeded" else 10)
        injector.spoiled = reached


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
def test_F57_a_cancel_that_dies_at_any_call_is_finished_by_its_repetition(
    core: Deployed, injector: Injector, fault: Fault
) -> None:
    for at in positions(injector, fault):
        provider = cloud(core, polls=90)
        account_id = core.account(assets=10)
        upload_id = core.photo(account_id)
        ours, theirs = core.order(account_id, upload_id), core.order(account_id, upload_id, "k2", model=CLOUD)
        core.running.run(account_id, theirs)

        def flow(account_id: str = account_id, both: tuple[str, ...] = (ours, theirs)) -> None:
            for made in both:
                core.generations.cancel(account_id, made)

        spoiled(injector, fault, at, flow)
        reached = list(injector.spoiled)
        Audit(core, account_id).check_safety()
        core.restart()
        flow()
        core.settle_everything(account_id)
        audit = Audit(core, account_id)
        audit.check_at_rest()
        assert (audit.status(ours), audit.status(theirs), audit.spendable) == ("canceled", "canceled", 10)
        assert len(provider.stopped) == 1
        injector.spoiled = reached


def test_a_worker_that_dies_in_the_middle_of_a_submission_leaves_word_of_it(core: Deployed) -> None:
    provider = cloud(core)

    def killed(_: object) -> None:
        raise Crash

    provider.after = killed
    account_id = core.account(assets=10)
    made = core.order(account_id, core.photo(account_id), model=CLOUD)
    with pytest.raises(Crash):
        core.running.run(account_id, made)
    provider.after = lambda _: None
    core.settle_everything(account_id)
    assert (len(provider.billed), len(provider.submissions)) == (1, 1)
    Audit(core, account_id).check_at_rest()


def test_F37_what_a_provider_refuses_to_show_is_not_charged(core: Deployed) -> None:
    provider = cloud(core)

    def refuses(_: object) -> None:
        raise ContentBlocked("policy", "Not this.")

    provider.before = refuses
    account_id = core.account(assets=10)
    made = core.order(account_id, core.photo(account_id), model=CLOUD)
    core.running.run(account_id, made)
    audit = Audit(core, account_id)
    audit.check_at_rest()
    assert (audit.status(made), audit.spendable) == ("failed", 10)


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.LOSE_RESPONSE])
def test_P7_a_delivery_that_dies_at_any_call_leaves_nothing_behind(
    core: Deployed, injector: Injector, fault: Fault
) -> None:
    """What is delivered once may be lost by a crash, and is never kept."""
    for at in positions(injector, fault):
        account_id = core.account(assets=10)
        made = core.order(account_id, core.photo(account_id), retention=Retention.NONE, n=2)
        core.running.run(account_id, made)
        spoiled(injector, fault, at, lambda a=account_id, m=made: collect(core, a, m))  # type: ignore[misc]
        reached = list(injector.spoiled)
        core.restart()
        collect(core, account_id, made)
        assert core.objects(core.settings.results_bucket, f"once/{account_id}/") == []
        audit = Audit(core, account_id)
        audit.check_at_rest()
        assert audit.spendable == 6
        injector.spoiled = reached


def collect(core: Deployed, account_id: str, generation_id: str) -> None:
    core.generations.collect(core.generations.get(account_id, generation_id))


def test_P7_a_put_whose_answer_is_lost_is_put_again_and_charged_once(
    core: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    puts = []

    def flaky(request):
        puts.append(request.url)
        if len(puts) == 1:
            raise NoReply("no answer")
        return Reply(status=200, headers={}, body=b"")

    core.restart()
    monkeypatch.setattr(core.running._handing, "_send", flaky)
    account_id = core.account(assets=10)
    to = ("https://bucket.example.com/once",)
    made = core.order(account_id, core.photo(account_id), retention=Retention.NONE, deliver_to=to)
    core.running.run(account_id, made)
    assert puts == [*to, *to]
    audit = Audit(core, account_id)
    audit.check_at_rest()
    assert (audit.spendable, core.rows_of_words()) == (8, [])
