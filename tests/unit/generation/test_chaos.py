"""A generation at a provider that may do anything, with workers that may die anywhere, checked after every step."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chalicelib.generation.generation import OPEN, Status
from chalicelib.providers.capability import Proof
from chalicelib.providers.job import (
    ContentBlocked,
    ProviderCanceled,
    ProviderFailed,
    ProviderUnavailable,
    ProviderUncertain,
)
from tests.support.faults import Crash
from tests.unit.generation.room import ACCOUNT, Room, raising

CLOUD, SPARE = "cloud/stylize-1", "spare/stylize-1"
BUSY = ProviderUnavailable("rate_limited", "Too much at once.", retry_after_seconds=7)
UNSURE = ProviderUncertain("no_answer", "No answer came.")


class Chaos(RuleBasedStateMachine):
    """One generation at a provider that may do anything, workers that may die anywhere, a caller who may cancel."""

    proof = Proof.LOOKUP

    def __init__(self):
        super().__init__()
        self.room = Room()
        self.cloud = self.room.cloud(proof=self.proof, polls=2)
        self.spare = self.room.cloud("spare", proof=self.proof)
        self.made = self.room.made(model=CLOUD, n=2, fallback_models=(SPARE,))

    @property
    def row(self):
        return self.room.row(self.made)

    @rule(
        where=st.sampled_from(["before", "after", "asked"]),
        what=st.sampled_from(
            [
                None,
                Crash(),
                UNSURE,
                BUSY,
                ProviderFailed("engine_error", "It broke."),
                ProviderCanceled("canceled", "Canceled."),
                ContentBlocked("policy", "Not this."),
                OSError("unforeseen"),
            ]
        ),
        who=st.sampled_from(["cloud", "spare"]),
    )
    def a_worker_looks(self, where, what, who):
        # A provider that took a job can only fail to say so: no caller could see through a refusal that is a lie.
        if where == "after" and not isinstance(what, Crash | ProviderUncertain | OSError | None):
            what = UNSURE
        provider = getattr(self, who)
        if what is not None:
            setattr(provider, where, raising(what))
        try:
            self.room.run(self.made, waiting=self.row.status is not Status.QUEUED)
        except (Crash, OSError):
            pass
        finally:
            setattr(provider, where, lambda _: None)

    @rule(seconds=st.sampled_from([1, 30, 130, 900]))
    def time_passes(self, seconds):
        self.room.clock.forward(seconds=seconds)
        self.room.rescue()

    @precondition(lambda self: self.row.status in OPEN)
    @rule()
    def its_owner_cancels(self):
        self.room.generations.cancel(ACCOUNT, self.made)

    @invariant()
    def L11_nothing_is_billed_twice_for_one_charge(self):
        billed = [*self.cloud.billed, *self.spare.billed]
        assert len(billed) <= 1, billed

    @invariant()
    def L8_an_end_and_its_charge_go_together(self):
        row = self.row
        available, held = self.room.balance
        if row.status in OPEN:
            assert (available, held, self.room.posted(self.made)) == (94, 6, None)
        else:
            assert (available, held, self.room.posted(self.made)) == (100 - row.charged, 0, row.charged)
            assert (row.charged > 0) == (row.status is Status.SUCCEEDED)
            assert [asset.key for asset in row.assets if asset.key] == self.room.objects_of(self.made)

    def teardown(self):
        """L9: nothing fails any more, and it comes to its end."""
        self.room.run_until_done(self.made, looks=400)
        self.L8_an_end_and_its_charge_go_together()
        self.L11_nothing_is_billed_twice_for_one_charge()


class ChaosWithoutProof(Chaos):
    proof = Proof.NONE


class ChaosWithReplay(Chaos):
    proof = Proof.REPLAY


QUICK = settings(
    max_examples=200,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestChaos = Chaos.TestCase
TestChaosWithoutProof = ChaosWithoutProof.TestCase
TestChaosWithReplay = ChaosWithReplay.TestCase
TestChaos.settings = TestChaosWithoutProof.settings = TestChaosWithReplay.settings = QUICK
