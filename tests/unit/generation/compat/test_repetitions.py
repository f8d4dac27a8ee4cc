"""One charge for one request, whatever an unmodified client repeats, and whenever what it sent first arrives."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chalicelib.generation.compat.problems import ContentBlocked, GenerationFailed, ProviderUnavailable, StillRunning
from chalicelib.generation.compat.service import Compat, Request
from chalicelib.generation.compat.store import PointerTaken
from chalicelib.kernel.errors import InsufficientAssets
from chalicelib.providers.job import ContentBlocked as Blocked
from chalicelib.providers.job import ProviderRefused
from tests.support.fakes import write
from tests.support.faults import Crash
from tests.unit.generation.room import ACCOUNT, CALLER, ORDER, Room, raising

CONTENT = {"route": "generations", "prompt": "a cat"}
WAIT = 24.0


class Pointers:
    """`compat.store` in memory."""

    def __init__(self):
        self.known = {}

    def get(self, account_id, key_hash, now):
        found = self.known.get((account_id, key_hash))
        return found if found and found.alive(now) else None

    def put(self, tx, account_id, key_hash, pointer, *, arrived_at):
        place = (account_id, key_hash)

        def free():
            known = self.known.get(place)
            if known is None or not known.alive(pointer.made_at):
                return True, known
            return (arrived_at is not None and not known.is_mine(arrived_at)), known

        tx.add(write(lambda: self.known.__setitem__(place, pointer), free, PointerTaken))


class NoUploads:
    """Nobody asks for one."""

    def get(self, account_id, upload_id):
        raise AssertionError(upload_id)


class Images(Room):
    def __init__(self, assets=100):
        super().__init__(assets)
        self.pointers = Pointers()
        self.tokens = iter(range(10_000))
        self.compat = Compat(
            self.pointers,
            self.ordering,
            self.generations,
            NoUploads(),
            self.clock,
            keyed_hash=lambda purpose, value: f"{purpose}:{value}",
            token=lambda: str(next(self.tokens)),
            sleep=self.sleep,
            taken=PointerTaken,
        )

    def request(self, retry=0, arrived_at=None, key=""):
        return Request(
            principal=CALLER,
            arrived_at=arrived_at or self.clock.now(),
            retry=retry,
            idempotency_key=key,
            request_id="req_1",
            seconds=WAIT,
        )

    def ask(self, retry=0, arrived_at=None, key="", content=CONTENT):
        return self.compat.run(self.request(retry, arrived_at, key), content, lambda: ORDER)

    def run_all(self):
        for _, generation_id in list(self.store.rows):
            self.run(generation_id)


@pytest.fixture
def images():
    return Images()


def test_a_request_waits_says_that_it_still_runs_and_its_repetition_gets_the_same(images):
    for retry in range(2):
        with pytest.raises(StillRunning) as caught:
            images.ask(retry)
        assert caught.value.headers == {"Retry-After": "1", "X-Should-Retry": "true"}
    images.run_all()
    made = images.ask(2)
    assert (made.charged, len(images.store.rows), images.balance) == (2, 1, (98, 0))


def test_two_requests_that_are_the_same_are_two(images):
    for _ in range(2):
        with pytest.raises(StillRunning):
            images.ask()
    assert len(images.store.rows) == 2


def test_a_repetition_of_what_never_arrived_makes_it_and_another_waits_for_that(images):
    for retry in (1, 2):
        with pytest.raises(StillRunning):
            images.ask(retry)
    assert len(images.store.rows) == 1


def test_a_first_request_that_commits_after_its_repetition_attaches_to_it(images):
    arrived_at = images.clock.now()
    images.clock.forward(seconds=5)
    for retry, at in ((1, None), (0, arrived_at)):
        with pytest.raises(StillRunning):
            images.ask(retry, at)
    assert len(images.store.rows) == 1


def test_after_ten_minutes_a_repetition_is_a_request_of_its_own(images):
    with pytest.raises(StillRunning):
        images.ask()
    images.clock.forward(seconds=601)
    with pytest.raises(StillRunning):
        images.ask(1)
    assert len(images.store.rows) == 2


def test_a_key_of_the_clients_own_rules(images):
    for retry in (0, 0, 1):
        with pytest.raises(StillRunning):
            images.ask(retry, key="mine")
    assert len(images.store.rows) == 1


def test_another_content_is_another_request(images):
    for content in (CONTENT, {**CONTENT, "prompt": "a dog"}):
        with pytest.raises(StillRunning):
            images.ask(1, content=content)
    assert len(images.store.rows) == 2


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (Blocked("policy", "Not this."), ContentBlocked),
        (ProviderRefused("not_depictable", "It cannot be drawn."), GenerationFailed),
        (ProviderRefused("provider_unavailable", "Not there."), ProviderUnavailable),
    ],
)
def test_one_that_gave_nothing_says_why_and_is_not_to_be_repeated(images, error, problem):
    images.engine.does = raising(error)
    images.sleep = lambda _: (images.clock.forward(seconds=1), images.run_all())
    images.generations._sleep = images.sleep
    with pytest.raises(problem) as caught:
        images.ask()
    assert caught.value.headers["X-Should-Retry"] == "false"
    assert images.balance == (100, 0)


def test_too_few_assets_are_said_once():
    images = Images(assets=1)
    with pytest.raises(InsufficientAssets) as caught:
        images.ask()
    assert caught.value.headers["X-Should-Retry"] == "false"


class Client(RuleBasedStateMachine):
    """A client that sends requests, gives up on some, and repeats them; requests arrive late, and crash anywhere."""

    def __init__(self):
        super().__init__()
        self.images = Images()
        self.deliberate = 0
        self.late = []
        self.repetitions = 0

    @rule(arrives=st.booleans(), crash=st.sampled_from([None, "before", "after"]))
    def it_asks(self, arrives, crash):
        self.deliberate += 1
        self.repetitions = 0
        if arrives:
            self.send(0, None, crash)
        else:
            self.late.append(self.images.clock.now())

    @rule(crash=st.sampled_from([None, "before", "after"]))
    def it_repeats(self, crash):
        if self.deliberate and self.repetitions < 2:
            self.repetitions += 1
            self.images.clock.forward(seconds=3)
            self.send(self.repetitions, None, crash)

    @rule()
    def what_was_slow_gets_on(self):
        if self.late:
            self.send(0, self.late.pop(), None)

    @rule(seconds=st.sampled_from([1, 5, 30]))
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
        assert 100 - available <= 2 * self.deliberate


TestClient = Client.TestCase
TestClient.settings = settings(
    max_examples=150, stateful_step_count=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def test_the_generation_belongs_to_the_account(images):
    with pytest.raises(StillRunning):
        images.ask()
    [(account_id, _)] = images.store.rows
    assert account_id == ACCOUNT
