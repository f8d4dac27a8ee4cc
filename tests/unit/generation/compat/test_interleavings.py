"""Never more than was asked for, whenever what an unmodified client sends arrives, and wherever it crashes."""

import itertools

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chalicelib.generation.compat.problems import StillRunning
from tests.support.faults import Crash
from tests.unit.generation.compat.images import Images
from tests.unit.generation.room import raising

CRASHES = st.sampled_from([None, "before", "after"])


class Client(RuleBasedStateMachine):
    """A client that sends requests, gives up on some, and repeats them; requests arrive late, and crash anywhere."""

    def __init__(self):
        super().__init__()
        self.images = Images(assets=1000)
        self.deliberate = 0
        self.late = []
        self.repetitions = 0

    @rule(crash=CRASHES)
    def it_asks(self, crash):
        self.deliberate += 1
        self.repetitions = 0
        self.send(0, None, crash)

    @rule()
    def it_asks_and_that_is_slow(self):
        self.deliberate += 1
        self.repetitions = 0
        self.late.append(self.images.clock.now())

    @precondition(lambda self: self.deliberate and self.repetitions < 2)
    @rule(crash=CRASHES)
    def it_repeats(self, crash):
        self.repetitions += 1
        self.images.clock.forward(seconds=3)
        self.send(self.repetitions, None, crash)

    @precondition(lambda self: self.late)
    @rule()
    def what_was_slow_gets_on(self):
        self.send(0, self.late.pop(0), None)

    @rule(seconds=st.sampled_from([1, 5]))
    def time_passes(self, seconds):
        self.images.clock.forward(seconds=seconds)

    @rule()
    def workers_work(self):
        self.images.run_all()

    def send(self, retry, arrived_at, crash):
        memory = self.images.memory
        if crash == "before":
            memory.before_commit = raising(Crash())
        elif crash == "after":
            self.images.ordering._queue = raising(Crash())
        try:
            self.images.ask(retry, arrived_at)
        except (Crash, StillRunning):
            pass
        finally:
            memory.before_commit = lambda: None
            self.images.ordering._queue = lambda *_: None

    @invariant()
    def no_more_is_made_than_was_asked_for(self):
        assert len(self.images.store.rows) <= self.deliberate

    @invariant()
    def no_more_is_set_aside_or_charged_than_that(self):
        available, _ = self.images.balance
        assert 1000 - available <= 2 * len(self.images.store.rows)


def test_every_order_of_five_steps_makes_no_more_than_was_asked_for():
    for steps in itertools.product("arsg", repeat=5):
        client = Client()
        for step in steps:
            if step == "a":
                client.it_asks(None)
            elif step == "s":
                client.it_asks_and_that_is_slow()
            elif step == "r" and client.deliberate and client.repetitions < 2:
                client.it_repeats(None)
            elif step == "g" and client.late:
                client.what_was_slow_gets_on()
        assert len(client.images.store.rows) <= client.deliberate, steps


TestClient = Client.TestCase
TestClient.settings = settings(
    max_examples=150, stateful_step_count=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
