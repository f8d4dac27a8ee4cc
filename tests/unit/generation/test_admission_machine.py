"""Workers over one provider, in any order and at any time, against a model that keeps who should be inside."""

from datetime import timedelta

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from chalicelib.generation.admission.circuit import State
from chalicelib.generation.admission.slots import Gate
from chalicelib.kernel.clock import epoch_millis
from tests.support.fake_admission import Cloud, FakeAdmissionStore


class Workers(RuleBasedStateMachine):
    """They come, die, leave and extend, with a limit that changes."""

    @initialize()
    def start(self):
        self.cloud, self.inside = Cloud(FakeAdmissionStore()), {}
        self.cloud.drawn = 1

    @property
    def now(self):
        return self.cloud.clock.now()

    def _expected(self):
        return {name for name, until in self.inside.items() if until > self.now}

    @rule(who=st.integers(0, 7), limit=st.integers(0, 4), seconds=st.sampled_from([5, 30, 300]))
    def comes(self, who, limit, seconds):
        name, circuit = f"gen_{who}", self.cloud.gate.circuit
        before, state = self._expected(), circuit.state(epoch_millis(self.now))
        said = self.cloud.enter(name, limit, claim=timedelta(seconds=seconds))
        mine = state is State.PROBING and circuit.probe == name
        again = self.inside.get(name) == self.now + timedelta(seconds=seconds)
        if said is not None:
            full = limit and name not in self.inside and len(before) >= limit
            assert said >= 1
            assert full or state is State.OPEN or (state is State.PROBING and not mine), "refused for nothing"
            return
        assert again or mine or state in (State.CLOSED, State.HALF_OPEN), "came in though it is spared"
        if limit:
            assert name in self.inside or len(before) < limit, "more than the limit"
            self.inside[name] = self.now + timedelta(seconds=seconds)

    @rule(who=st.integers(0, 7), worked=st.sampled_from([True, False, False, None]))
    def leaves(self, who, worked):
        self.inside.pop(f"gen_{who}", None)
        self.cloud.leave(f"gen_{who}", worked)

    @rule(who=st.integers(0, 7), seconds=st.sampled_from([10, 100]))
    def extends(self, who, seconds):
        name, until = f"gen_{who}", self.now + timedelta(seconds=seconds)
        self.cloud.extend(name, timedelta(seconds=seconds))
        if name in self.inside:
            self.inside[name] = max(self.inside[name], until)

    @rule()
    def a_storm_breaks(self):
        """Others fail, who are inside without a slot."""
        self.cloud.fail()

    @rule(seconds=st.sampled_from([1, 5, 20, 60]))
    def waits(self, seconds):
        self.cloud.clock.forward(seconds=seconds)

    @invariant()
    def those_are_inside_who_should_be(self):
        if hasattr(self, "cloud"):
            slots = self.cloud.gate.slots or {}
            self.inside = {name: until for name, until in self.inside.items() if name in slots or until > self.now}
            assert self.cloud.live == self._expected()


Workers.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None, derandomize=True)
TestF35Workers = Workers.TestCase


@pytest.mark.parametrize("mistake", ["there is always room", "a leaver keeps its slot", "a probe is not alone"])
def test_the_machine_finds_an_admission_that_makes_this_mistake(monkeypatch, mistake):
    if mistake == "there is always room":
        monkeypatch.setattr(FakeAdmissionStore, "take", _take_always)
    elif mistake == "a leaver keeps its slot":
        monkeypatch.setattr(FakeAdmissionStore, "leave_calm", lambda *_: None)
    else:
        monkeypatch.setattr("chalicelib.generation.admission.circuit.Circuit.shut_to", lambda *_: 0)
    found = settings(
        Workers.TestCase.settings, max_examples=400, derandomize=True, phases=[Phase.generate], database=None
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Workers, settings=found)


def _take_always(store, provider, generation_id, *, limit, until_millis):
    """Forgets to look at the limit."""
    gate = store.read(provider)
    store.gates[provider] = Gate({**(gate.slots or {}), generation_id: until_millis}, gate.circuit)
