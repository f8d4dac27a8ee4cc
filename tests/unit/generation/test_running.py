"""Workers: claims, attempts, and an end that happens once with the charge that belongs to it."""

import pytest

from chalicelib.generation.generation import MAX_ATTEMPTS, MAX_TRIES, NEXT, OPEN, AssetStatus, Status
from chalicelib.generation.running.service import Outcome
from chalicelib.kernel.errors import Gone, NotFound
from chalicelib.providers.job import Done, ProviderFailed, ProviderRefused, ProviderUnavailable
from tests.support.faults import Crash
from tests.unit.generation.room import ACCOUNT, Room, die_at_commit, raising


@pytest.fixture
def room():
    return Room()


def test_rule_4_success_charges_what_was_posted_and_keeps_the_results(room):
    made = room.made(n=2)
    assert room.run(made) is Outcome.SUCCEEDED
    row = room.row(made)
    assert (row.status, row.charged, room.posted(made)) == (Status.SUCCEEDED, 4, 4)
    assert room.balance == (96, 0)
    assert [asset.key for asset in row.assets] == room.objects_of(made)
    assert sum(asset.charged for asset in row.assets) == row.charged


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ProviderRefused("not_depictable", "It cannot be drawn."), "not_depictable"),
        (ProviderFailed("engine_error", "It broke."), "engine_error"),
    ],
)
def test_rule_4_failure_charges_nothing_and_says_why(room, error, code):
    made = room.made()
    room.engine.does = raising(error)
    assert room.run(made) is Outcome.FAILED
    row = room.row(made)
    assert (row.status, row.charged, row.failure.code, room.posted(made)) == (Status.FAILED, 0, code, 0)
    assert row.failure.message == error.message
    assert {asset.status for asset in row.assets} == {AssetStatus.FAILED}
    assert room.balance == (100, 0)
    assert room.objects_of(made) == []


@pytest.mark.parametrize("why", [Gone, NotFound])
def test_a_photo_that_was_deleted_meanwhile_or_its_row_ends_it_uncharged(room, why):
    made = room.made()
    room.photos.gone.add("upl_1")
    room.photos.why = why
    assert room.run(made) is Outcome.FAILED
    assert room.row(made).failure.code == "upload_gone"
    assert room.balance == (100, 0)


def test_an_engine_that_makes_too_few_results_ends_it_uncharged(room):
    made = room.made(n=2)
    room.engine.outputs = lambda _: ()
    assert room.run(made) is Outcome.FAILED
    assert room.row(made).failure.code == "not_made"
    assert room.balance == (100, 0)


def test_an_unavailable_provider_is_tried_again_later_and_not_for_ever(room):
    made = room.made()
    room.engine.does = raising(ProviderUnavailable("busy", "Busy."))
    waits = []
    for _ in range(MAX_TRIES - 1):
        assert room.run(made) is Outcome.QUEUED_AGAIN
        assert room.row(made).status is Status.QUEUED
        waits.append(room.queued[-1][1])
        room.clock.forward(seconds=waits[-1] + 29)
        assert room.rescue() == {}
        room.clock.forward(seconds=1)
        assert room.rescue() == {made: Outcome.QUEUED_AGAIN}
    assert waits == [10, 20, 40, 80]
    assert room.run(made) is Outcome.FAILED
    assert room.row(made).failure.code == "provider_unavailable"
    assert room.balance == (100, 0)


def test_a_provider_that_comes_back_is_charged_once(room):
    made = room.made()
    room.engine.does = raising(ProviderUnavailable("busy", "Busy."))
    room.run(made)
    room.engine.does = lambda _: None
    assert room.run(made) is Outcome.SUCCEEDED
    assert room.balance == (98, 0)
    assert len(room.engine.jobs) == 2


def test_what_was_not_foreseen_is_raised_and_the_claim_given_back(room):
    made = room.made()
    room.engine.does = raising(ZeroDivisionError())
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(ZeroDivisionError):
            room.run(made)
        assert room.row(made).status is Status.QUEUED
    assert room.run(made) is Outcome.FAILED
    assert room.balance == (100, 0)


def test_a_storage_that_refuses_the_result_gives_the_claim_back_too(room):
    made = room.made()
    write, room.store.write_result = room.store.write_result, raising_anything
    with pytest.raises(OSError, match="no space"):
        room.run(made)
    room.store.write_result = write
    assert room.run(made) is Outcome.SUCCEEDED
    assert room.posted(made) == 2


def raising_anything(*_):
    raise OSError("no space")


def test_a_message_that_comes_again_does_nothing(room):
    made = room.made()
    outcomes = [room.run(made) for _ in range(3)]
    assert outcomes == [Outcome.SUCCEEDED, Outcome.NOTHING_TO_DO, Outcome.NOTHING_TO_DO]
    assert len(room.engine.jobs) == 1
    assert room.run("gen_unknown") is Outcome.NOTHING_TO_DO


def test_only_one_of_two_workers_gets_the_claim(room):
    made = room.made()
    outcomes = []
    room.engine.does = lambda _: outcomes.append(room.run(made))
    assert room.run(made) is Outcome.SUCCEEDED
    assert outcomes == [Outcome.NOTHING_TO_DO]


def test_a_worker_that_died_is_replaced_when_its_claim_has_run_out(room):
    made = room.made()
    room.engine.does = raising(Crash())
    with pytest.raises(Crash):
        room.run(made)
    room.engine.does = lambda _: None
    room.clock.forward(seconds=119)
    assert room.rescue() == {}
    assert room.run(made) is Outcome.NOTHING_TO_DO
    room.clock.forward(seconds=1)
    assert room.rescue() == {made: Outcome.QUEUED_AGAIN}
    assert room.queued[-1] == (made, 0)
    assert room.run(made) is Outcome.SUCCEEDED
    assert (room.row(made).attempt, room.balance) == (2, (98, 0))


@pytest.mark.parametrize("second", ["succeeds", "fails", "is still running"])
def test_a_stale_worker_that_finishes_late_loses_and_removes_its_own_results_only(room, second):
    made = room.made()

    def overtaken(_):
        room.clock.forward(seconds=121)
        if second == "succeeds":
            room.engine.does = lambda _: None
            assert room.run(made) is Outcome.SUCCEEDED
        elif second == "fails":
            room.engine.does = raising(ProviderFailed("engine_error", "It broke."))
            assert room.run(made) is Outcome.FAILED
        else:
            assert room.store.claim(ACCOUNT, made, room.clock.now(), room.clock.now(), waiting=True)

    room.engine.does = overtaken
    assert room.run(made) is Outcome.LOST
    row = room.row(made)
    kept = [asset.key for asset in row.assets if asset.key]
    assert room.objects_of(made) == kept
    assert len(kept) == (second == "succeeds")
    assert room.posted(made) == {"succeeds": 2, "fails": 0}.get(second)


def test_rule_3_a_stale_worker_loses_too_when_it_meets_the_resolution_before_the_row(room):
    """The ledger may say so first: the hold is resolved, whatever the row looked like when it was claimed."""
    made = room.made()
    claimed = room.store.claim(ACCOUNT, made, room.clock.now(), room.clock.now(), waiting=False)
    room.clock.forward(seconds=1)
    room.run(made)
    room.store.rows[ACCOUNT, made] = claimed  # as a worker would see it that read before and commits after
    room.store.due_at[ACCOUNT, made] = room.clock.now()
    assert room.running._finish(claimed, Done(outputs=(), request_id="", cost_microdollars=None)) is Outcome.LOST
    assert room.balance == (98, 0)


def test_results_of_attempts_that_died_are_gone_when_a_later_one_ends_it(room):
    for ends in (lambda _: None, raising(ProviderFailed("engine_error", "It broke."))):
        made = room.made(n=2)
        die_at_commit(room, made)
        assert len(room.objects_of(made)) == 2
        room.engine.does = ends
        room.clock.forward(seconds=121)
        room.run(made)
        row = room.row(made)
        assert room.objects_of(made) == [asset.key for asset in row.assets if asset.key]


def test_results_of_attempts_that_died_are_gone_when_the_rescue_gives_up(room):
    for reason, wait in (("engine_error", 0), ("deadline", 3600)):
        made = room.made()
        for _ in range(MAX_ATTEMPTS if reason == "engine_error" else 1):
            die_at_commit(room, made)
            room.clock.forward(seconds=121)
        room.clock.forward(seconds=wait)
        assert room.rescue()[made] is Outcome.FAILED
        assert room.row(made).failure.code == reason
        assert room.objects_of(made) == []
        assert room.posted(made) == 0
    assert room.balance == (100, 0)


def test_the_rescue_ends_nothing_that_a_worker_has_just_taken(room):
    made = room.made()
    room.clock.forward(seconds=3601)
    get = room.store.get

    def taken_meanwhile(*place):
        found = get(*place)
        room.store.get = get
        room.store.claim(*place, room.clock.now(), room.clock.now().replace(year=2030), waiting=False)
        return found

    room.store.get = taken_meanwhile
    assert room.running.look_after(ACCOUNT, made) is Outcome.LOST
    assert room.row(made).status is Status.RUNNING


def test_a_generation_that_no_worker_ever_took_ends_after_its_deadline_uncharged(room):
    made = room.made()
    room.clock.forward(seconds=59)
    assert room.rescue() == {made: Outcome.QUEUED_AGAIN}
    room.clock.forward(hours=1)
    assert room.rescue() == {made: Outcome.FAILED}
    assert (room.row(made).failure.code, room.balance) == ("deadline", (100, 0))
    assert room.rescue() == {}


def test_states_are_a_table_and_what_is_terminal_stays_so():
    assert set(NEXT) == set(Status)
    assert {Status.QUEUED, Status.RUNNING, Status.RECONCILING} == OPEN
    assert {status for status in Status if not NEXT[status]} == {Status.SUCCEEDED, Status.FAILED, Status.CANCELED}


def test_every_change_of_status_that_happens_is_in_the_table():
    """Runs each kind of end, and watches every row that is written."""
    seen = set()

    class Watched(dict):
        def __setitem__(self, place, row):
            if place in self:
                seen.add((self[place].status, row.status))
            super().__setitem__(place, row)

    for does, rounds in (
        (lambda _: None, 1),
        (raising(ProviderFailed("engine_error", "It broke.")), 1),
        (raising(ProviderUnavailable("busy", "Busy.")), MAX_TRIES),
        (raising(Crash()), MAX_ATTEMPTS + 1),
    ):
        room = Room()
        room.store.rows = Watched()
        made = room.made()
        room.engine.does = does
        for _ in range(rounds):
            try:
                room.run(made)
            except Crash:
                room.clock.forward(seconds=121)
        room.clock.forward(hours=2)
        room.rescue()
        assert room.row(made).status not in OPEN
    assert {pair for pair in seen if pair[1] not in NEXT[pair[0]]} == set()
    assert (Status.RUNNING, Status.RUNNING) in seen
    assert (Status.RUNNING, Status.QUEUED) in seen
