"""Requests of an unmodified client on the deployed tables: repetitions that meet, and what a crash leaves."""

from typing import Any

import pytest

from chalicelib.generation.compat.problems import StillRunning
from chalicelib.generation.compat.service import Request
from chalicelib.generation.ordering.order import Order
from chalicelib.kernel.errors import Problem
from chalicelib.kernel.principal import ALL_SCOPES, Principal
from chalicelib.uploads.upload import Basis, PeopleShown
from tests.integration.core.test_races import race
from tests.support.audit import Audit
from tests.support.deployed import Deployed
from tests.support.fake_generations import MODEL
from tests.support.faults import Crash, Fault, Injector, injected

CONTENT = {"route": "edits", "prompt": "starry-strokes"}


class Caller:
    """One API key that sends the same request again and again."""

    def __init__(self, core: Deployed, assets: int = 100) -> None:
        self.core = core
        self.account_id = core.account(assets=assets)
        self.upload_id = core.photo(self.account_id)
        self.principal = Principal(self.account_id, ALL_SCOPES, key_id="key_1")

    def ask(self, retry: int = 0, arrived_at: Any = None) -> Any:
        return self.core.services.compat.run(self.request(retry, arrived_at), CONTENT, self.order).made

    def request(self, retry: int, arrived_at: Any = None) -> Request:
        return Request(
            principal=self.principal,
            arrived_at=arrived_at or self.core.clock.now(),
            retry=retry,
            idempotency_key="",
            request_id="req_1",
        )

    def order(self) -> Order:
        return Order(model=MODEL.id, operation="stylize", parameters={"style": 3}, upload_id=self.upload_id)

    @property
    def generations(self) -> list[str]:
        return list(Audit(self.core, self.account_id).generations)


@pytest.fixture
def caller(core: Deployed) -> Caller:
    core.engine.does = lambda _: None
    core.services.compat._seconds = 0.0
    return Caller(core)


def test_repetitions_that_meet_make_one_generation(caller: Caller) -> None:
    outcomes = race(lambda number: caller.ask(1 + number % 2), threads=8)
    assert {type(outcome) for outcome in outcomes} == {StillRunning}
    assert len(caller.generations) == 1


def test_a_first_request_and_its_repetitions_that_meet_make_one_generation(caller: Caller) -> None:
    """The client gave up on the first before it had committed."""
    arrived_at = caller.core.clock.now()
    caller.core.clock.forward(seconds=1)
    race(lambda number: caller.ask(number, arrived_at if number == 0 else None), threads=3)
    assert len(caller.generations) == 1


@pytest.mark.parametrize("_", range(5))
def test_a_repetition_that_meets_its_first_never_hears_that_the_assets_are_gone(core: Deployed, _: int) -> None:
    """There are assets for one, which either may take: the client listens to the repetitions only."""
    core.services.compat._seconds = 0.0
    caller, arrived_at, heard = Caller(core, assets=2), core.clock.now(), {}

    def ask(number: int) -> None:
        try:
            caller.ask(number, None if number else arrived_at)
        except Problem as problem:
            heard[number] = type(problem)

    race(ask, threads=3)
    assert (heard[1], heard[2], len(caller.generations)) == (StillRunning, StillRunning, 1)


def test_deliberate_requests_are_all_made(caller: Caller) -> None:
    race(lambda _: caller.ask(0), threads=4)
    assert len(caller.generations) == 4


def test_a_repetition_gets_what_the_first_made_and_its_charge(core: Deployed, caller: Caller) -> None:
    with pytest.raises(StillRunning):
        caller.ask()
    [generation_id] = caller.generations
    core.running.run(caller.account_id, generation_id)
    made = caller.ask(1)
    assert (made.id, made.charged) == (generation_id, 2)
    Audit(core, caller.account_id).check_at_rest()


def test_F70_a_crash_at_any_call_of_the_first_and_a_repetition_make_one(
    core: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with injected(monkeypatch) as injector:
        for fault in (Fault.CRASH_BEFORE, Fault.CRASH_AFTER, Fault.LOSE_RESPONSE):
            check_each_call(core, injector, fault)


def check_each_call(core: Deployed, injector: Injector, fault: Fault) -> None:
    for at in range(1, 20):
        caller = Caller(core)
        with injector.plan(fault, at):
            try:
                caller.ask()
            except (Crash, StillRunning):
                pass
            reached = injector.reached
        with pytest.raises(StillRunning):
            caller.ask(1)
        assert len(caller.generations) == 1
        Audit(core, caller.account_id).check_safety()
        if not reached:
            assert at > 3
            return
    raise AssertionError("more calls than there can be")


def test_a_first_request_finds_what_its_repetition_made_behind_another_first_request(caller: Caller) -> None:
    arrived_at = caller.core.clock.now()
    for retry, at, made in ((1, None, 1), (0, None, 2), (0, arrived_at, 2)):
        caller.core.clock.forward(seconds=5)
        with pytest.raises(StillRunning):
            caller.ask(retry, at)
        assert len(caller.generations) == made
    caller.core.clock.forward(minutes=31)
    with pytest.raises(StillRunning):
        caller.ask(1)
    assert len(caller.generations) == 3


def test_a_photo_is_uploaded_once_whatever_its_repetitions(core: Deployed, caller: Caller) -> None:
    made: list[str] = []

    def receive() -> str:
        stated = (Basis.OWN_WORK, PeopleShown.NONE)
        made.append(core.uploads.receive(caller.account_id, b"bytes", "image/jpeg", "0" * 64, *stated).id)
        return made[-1]

    compat = core.services.compat
    for retry in (0, 1):
        with pytest.raises(StillRunning):
            compat.photo(caller.request(retry), CONTENT, receive)
    core.uploads.process(caller.account_id, made[0])
    assert compat.photo(caller.request(2), CONTENT, receive) == made[0]
    assert len(made) == 1


def test_P17_a_photo_that_came_with_a_request_is_an_upload_like_any_other(core: Deployed, caller: Caller) -> None:
    stated = (Basis.OWN_WORK, PeopleShown.NONE)
    upload = core.uploads.receive(caller.account_id, b"bytes", "image/jpeg", "0" * 64, *stated)
    core.uploads.process(caller.account_id, upload.id)
    assert core.uploads.get(caller.account_id, upload.id).status == "ready"
