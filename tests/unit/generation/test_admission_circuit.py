"""A provider's circuit, by examples and against a model that keeps everything that ever happened."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chalicelib.generation.admission.circuit import (
    FIRST_OPEN_MILLIS,
    MAX_FAILURES,
    MAX_OPEN_MILLIS,
    PROBE_LOOK_MILLIS,
    WINDOW_MILLIS,
    Circuit,
    State,
)

NOW = 1_000_000


def failed(count, at=NOW, circuit=None, step=0):
    made = circuit or Circuit()
    for number in range(count):
        made = made.told(f"gen_{number}", False, at + number * step)
    return made


def test_it_opens_at_the_fifth_failure_in_a_row():
    assert failed(MAX_FAILURES - 1).state(NOW) is State.CLOSED
    assert failed(MAX_FAILURES).state(NOW) is State.OPEN


def test_something_that_worked_in_between_clears_what_was_counted():
    almost = failed(MAX_FAILURES - 1).told("gen_w", True, NOW)
    assert failed(MAX_FAILURES - 1, circuit=almost).state(NOW) is State.CLOSED


def test_failures_that_are_spread_out_do_not_open_it():
    assert failed(50, step=WINDOW_MILLIS // (MAX_FAILURES - 1)).state(NOW) is State.CLOSED
    assert failed(50, step=WINDOW_MILLIS // MAX_FAILURES).openings == 1


def test_one_generation_that_fails_again_and_again_does_not_shut_the_provider_to_others():
    circuit = Circuit()
    for attempt in range(100):
        circuit = circuit.told("gen_bad", False, NOW + attempt * 100)
    assert (circuit.state(NOW + 10_000), len(circuit.failures)) == (State.CLOSED, 1)


def test_a_generation_that_fails_again_after_the_window_counts_again():
    late = NOW + WINDOW_MILLIS
    circuit = failed(1).told("gen_0", False, late)
    assert circuit.failures == (("gen_0", late),)


def test_its_time_doubles_with_each_probe_that_fails_up_to_five_minutes():
    circuit, now, times = failed(MAX_FAILURES), NOW, []
    for _ in range(8):
        times.append(circuit.open_until_millis - now)
        now = circuit.open_until_millis
        circuit = circuit.probed_by("gen_p", now + 1000).told("gen_p", False, now)
    assert times == [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000]


def test_an_open_circuit_says_when_to_come_back_and_then_lets_one_in():
    circuit = failed(MAX_FAILURES)
    assert circuit.shut_to("gen_x", NOW + 4_000) == FIRST_OPEN_MILLIS - 4_000
    later = NOW + FIRST_OPEN_MILLIS
    assert (circuit.state(later), circuit.shut_to("gen_x", later)) == (State.HALF_OPEN, 0)
    probing = circuit.probed_by("gen_x", later + 60_000)
    assert probing.shut_to("gen_x", later) == 0
    assert probing.shut_to("gen_y", later) == PROBE_LOOK_MILLIS
    assert probing.shut_to("gen_y", later + 59_000) == 1_000


def test_a_probe_that_dies_frees_itself_by_time():
    later = NOW + FIRST_OPEN_MILLIS
    probing = failed(MAX_FAILURES).probed_by("gen_x", later + 60_000)
    assert probing.shut_to("gen_y", later + 60_000) == 0
    taken_over = probing.probed_by("gen_y", later + 120_000)
    assert taken_over.told("gen_x", True, later + 61_000) is taken_over


@pytest.mark.parametrize(("worked", "state"), [(True, State.CLOSED), (False, State.OPEN), (None, State.HALF_OPEN)])
def test_a_probes_outcome_decides_also_when_its_time_is_over(worked, state):
    later = NOW + FIRST_OPEN_MILLIS
    probing = failed(MAX_FAILURES).probed_by("gen_x", later + 1_000)
    for now in (later, later + 2_000):
        assert probing.told("gen_x", worked, now).state(now) is state


@pytest.mark.parametrize("worked", [True, False, None])
def test_those_let_in_before_it_opened_are_not_heard(worked):
    circuit = failed(MAX_FAILURES)
    assert circuit.told("gen_old", worked, NOW) is circuit


def test_after_it_closed_it_opens_for_the_first_time_again():
    later = NOW + FIRST_OPEN_MILLIS
    closed = failed(MAX_FAILURES).probed_by("gen_x", later + 1_000).told("gen_x", True, later)
    assert failed(MAX_FAILURES, later, closed).open_until_millis == later + FIRST_OPEN_MILLIS


class Anything(RuleBasedStateMachine):
    """Generations come, and say how it went, in any order and at any time."""

    @initialize()
    def start(self):
        self.circuit, self.now = Circuit(), NOW
        self.failures, self.openings, self.open_until, self.probe = {}, 0, 0, None

    @rule(who=st.integers(0, 9), seconds=st.sampled_from([1, 20, 400]))
    def comes(self, who, seconds):
        name, before = f"gen_{who}", self.circuit
        shut_millis = before.shut_to(name, self.now)
        if shut_millis:
            assert self.openings
            assert self.now < self.open_until or (self.probe and self.probe[0] != name and self.now < self.probe[1])
            return
        if not self.openings:
            return
        assert self.now >= self.open_until, "came into an open circuit"
        assert not self.probe or self.probe[0] == name or self.now >= self.probe[1], "two probes at a time"
        until = self.now + seconds * 1000
        self.circuit, self.probe = before.probed_by(name, until), (name, until)

    @rule(who=st.integers(0, 9), worked=st.sampled_from([True, False, False, False, None]))
    def tells(self, who, worked):
        name, before = f"gen_{who}", self.circuit
        self.circuit = before.told(name, worked, self.now)
        if self.openings:
            self._probe_tells(name, worked)
        elif worked:
            self.failures = {}
        elif worked is False:
            if name not in self._recent():
                self.failures[name] = self.now
            if len(self._recent()) >= MAX_FAILURES:
                self._opens()
        assert self.circuit.told(name, worked, self.now) == self.circuit, "told twice is more than told once"
        assert self.circuit.turn - before.turn == (self.circuit != before)

    def _probe_tells(self, name, worked):
        if not self.probe or self.probe[0] != name:
            return
        self.probe = None
        if worked:
            self.failures, self.openings, self.open_until = {}, 0, 0
        elif worked is False:
            self._opens()

    def _recent(self):
        return [name for name, at in self.failures.items() if at > self.now - WINDOW_MILLIS]

    def _opens(self):
        self.open_until = self.now + min(MAX_OPEN_MILLIS, FIRST_OPEN_MILLIS * 2**self.openings)
        self.openings, self.failures = self.openings + 1, {}

    @rule(millis=st.sampled_from([1, 999, 9_999, 10_000, 20_000, 60_000, 300_000]))
    def waits(self, millis):
        self.now += millis

    @invariant()
    def is_as_the_model_says(self):
        if not hasattr(self, "circuit"):
            return
        probing = self.probe is not None and self.now < self.probe[1]
        opened = State.OPEN if self.now < self.open_until else State.PROBING if probing else State.HALF_OPEN
        assert self.circuit.state(self.now) is (opened if self.openings else State.CLOSED)
        assert (self.circuit.openings, self.circuit.open_until_millis) == (self.openings, self.open_until)
        assert len(self.circuit.failures) < MAX_FAILURES, "what is kept has no bound"


TestF35Circuit = Anything.TestCase
TestF35Circuit.settings = settings(max_examples=60, stateful_step_count=50, deadline=None, derandomize=True)
