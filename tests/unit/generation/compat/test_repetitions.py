"""One charge for one request, whatever an unmodified client repeats."""

import pytest

from chalicelib.generation.compat.problems import ContentBlocked, GenerationFailed, ProviderUnavailable, StillRunning
from chalicelib.kernel.errors import IdempotencyKeyReused, InsufficientAssets
from chalicelib.providers.job import ContentBlocked as Blocked
from chalicelib.providers.job import ProviderRefused
from tests.unit.generation.compat.images import CONTENT, Images
from tests.unit.generation.room import ACCOUNT, ORDER, raising


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


def test_a_first_request_finds_what_its_repetition_made_behind_another_first_request(images):
    arrived_at = images.clock.now()
    for retry, at in ((1, None), (0, None), (0, arrived_at)):
        images.clock.forward(seconds=5)
        with pytest.raises(StillRunning):
            images.ask(retry, at)
    assert len(images.store.rows) == 2


@pytest.mark.parametrize(("seconds", "made"), [(600, 1), (1205, 1), (1801, 2)])
def test_a_client_may_wait_ten_minutes_for_an_answer_before_it_repeats(images, seconds, made):
    with pytest.raises(StillRunning):
        images.ask()
    images.clock.forward(seconds=seconds)
    with pytest.raises(StillRunning):
        images.ask(1)
    assert len(images.store.rows) == made


def test_a_key_of_the_clients_own_rules(images):
    for retry in (0, 0, 1):
        with pytest.raises(StillRunning):
            images.ask(retry, key="mine")
    assert len(images.store.rows) == 1
    images.run_all()
    images.clock.forward(hours=23)
    assert images.compat.run(images.request(key="mine"), CONTENT, lambda: ORDER).replayed


def test_a_key_of_the_clients_own_stands_for_one_content_only(images):
    with pytest.raises(StillRunning):
        images.ask(key="mine")
    with pytest.raises(IdempotencyKeyReused):
        images.ask(key="mine", content={**CONTENT, "prompt": "a dog"})
    with pytest.raises(StillRunning):
        images.ask(key="mine", content={**CONTENT, "route": "edits"})
    assert len(images.store.rows) == 2


def test_a_repetition_that_the_first_leaves_too_little_attaches_to_it():
    """The first commits between the repetition's look and its commit, and takes the last assets."""
    images = Images(assets=2)

    def first():
        images.memory.before_commit = lambda: None
        with pytest.raises(StillRunning):
            images.ask()

    def order():
        first()
        return ORDER

    with pytest.raises(StillRunning):
        images.compat.run(images.request(1), CONTENT, order)
    assert (len(images.store.rows), images.balance) == (1, (0, 2))


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


def test_the_generation_belongs_to_the_account(images):
    with pytest.raises(StillRunning):
        images.ask()
    [(account_id, _)] = images.store.rows
    assert account_id == ACCOUNT
