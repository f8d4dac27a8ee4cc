"""Who may be sent to a provider: slots and circuit through the use cases, over a store in memory."""

from datetime import timedelta

import pytest

from chalicelib.generation.admission.circuit import MAX_FAILURES, State
from chalicelib.generation.admission.service import FULL_MILLIS, TRIES
from chalicelib.generation.admission.slots import MAX_PURGE, MAX_SLOTS
from tests.support.fake_admission import CLAIM, Cloud, FakeAdmissionStore


@pytest.fixture
def cloud():
    """Somebody has come and gone before."""
    made = Cloud(FakeAdmissionStore())
    made.enter("gen_first")
    made.leave("gen_first")
    made.store.calls.clear()
    return made


def test_as_many_come_in_as_there_are_slots_and_one_more_when_one_leaves(cloud):
    assert [cloud.enter(f"gen_{number}") for number in range(3)] == [None, None, FULL_MILLIS // 1000]
    cloud.leave("gen_0")
    assert cloud.enter("gen_2") is None
    assert cloud.live == {"gen_1", "gen_2"}


def test_coming_in_and_leaving_is_two_calls(cloud):
    cloud.enter("gen_1")
    cloud.leave("gen_1")
    assert cloud.store.calls == ["take", "leave_calm"]


def test_the_very_first_one_comes_in_too(cloud):
    new = Cloud(cloud.store, "new")
    assert new.enter("gen_1") is None
    assert new.live == {"gen_1"}
    assert not cloud.live


def test_the_same_generation_again_keeps_its_one_slot(cloud):
    assert cloud.enter("gen_1", claim=timedelta(seconds=1)) is None
    assert cloud.enter("gen_1") is None
    cloud.clock.forward(seconds=60)
    assert cloud.live == {"gen_1"}
    assert [cloud.enter("gen_2"), cloud.enter("gen_3")] == [None, FULL_MILLIS // 1000]
    assert cloud.enter("gen_1") is None, "full, but it has a slot"


def test_the_slot_of_a_worker_that_died_is_free_when_its_time_has_passed(cloud):
    cloud.enter("gen_dead", 1, claim=timedelta(seconds=10))
    cloud.clock.forward(seconds=9.999)
    assert cloud.enter("gen_1", 1) is not None
    cloud.clock.forward(seconds=0.001)
    assert cloud.enter("gen_1", 1) is None
    assert cloud.live == {"gen_1"}


@pytest.mark.parametrize("purges", [1, 3, TRIES])
def test_slots_of_many_that_died_are_freed_so_many_at_a_time(cloud, purges):
    many = purges * MAX_PURGE
    for number in range(many):
        cloud.enter(f"gen_{number}", many, claim=timedelta(seconds=10))
    cloud.clock.forward(seconds=10)
    assert cloud.enter("gen_new", 3) is None, "also when the limit has become lower"
    assert cloud.store.calls.count("purge") == purges
    assert cloud.live == {"gen_new"}


def test_slots_of_more_that_died_than_are_freed_in_one_go_are_freed_in_two(cloud):
    for number in range(MAX_SLOTS):
        cloud.enter(f"gen_{number}", MAX_SLOTS, claim=timedelta(seconds=10))
    cloud.clock.forward(seconds=10)
    said = [cloud.enter("gen_new", 1) for _ in range(3)]
    assert said == [1, 1, None]
    assert set(cloud.gate.slots) == {"gen_new"}


def test_an_accepted_job_keeps_its_slot_and_never_a_shorter_time(cloud):
    cloud.enter("gen_1", 1)
    cloud.extend("gen_1", CLAIM * 3)
    cloud.extend("gen_1", CLAIM * 2)
    cloud.clock.forward(seconds=CLAIM.total_seconds() * 3 - 1)
    assert cloud.live == {"gen_1"}
    cloud.clock.forward(seconds=1)
    assert cloud.live == set()


def test_a_slot_that_was_lost_is_not_taken_again_by_extending(cloud):
    cloud.enter("gen_late", 1)
    cloud.clock.forward(minutes=10)
    cloud.enter("gen_1", 1)
    cloud.extend("gen_late", CLAIM)
    assert cloud.live == {"gen_1"}


def test_leaving_twice_or_without_having_come_changes_nothing(cloud):
    cloud.enter("gen_1")
    for worked in (True, False, None):
        cloud.leave("gen_2", worked)
        Cloud(cloud.store, f"new_{worked}").leave("gen_2", worked)
    before = cloud.gate
    assert before.holds("gen_1")
    cloud.leave("gen_2", False)
    assert cloud.gate == before


def test_without_a_limit_no_slots_are_kept_and_nothing_is_written(cloud):
    assert [cloud.enter(f"gen_{number}", 0) for number in range(50)] == [None] * 50
    assert set(cloud.store.calls) == {"glance"}
    assert not cloud.live
    cloud.leave("gen_1")
    assert cloud.gate.circuit.turn == 0


@pytest.mark.parametrize("limit", [-1, MAX_SLOTS + 1])
def test_F17_a_limit_that_an_item_might_not_hold_is_refused(cloud, limit):
    with pytest.raises(ValueError, match=f"cloud: a limit is 0 to {MAX_SLOTS}"):
        cloud.enter("gen_1", limit)


@pytest.mark.parametrize("limit", [0, 2])
def test_F35_after_five_failures_nobody_comes_in_and_other_providers_are_not_affected(cloud, limit):
    cloud.fail()
    assert cloud.enter("gen_1", limit) == 10
    assert cloud.is_open
    other = Cloud(cloud.store, "other")
    assert not other.is_open
    assert other.enter("gen_1", limit) is None


@pytest.mark.parametrize("limit", [0, 2])
def test_F35_one_at_a_time_probes_and_closes_it(cloud, limit):
    cloud.fail()
    cloud.clock.forward(seconds=10)
    assert not cloud.is_open, "one may try"
    assert cloud.enter("gen_1", limit) is None
    assert cloud.is_open, "and one does"
    assert cloud.enter("gen_2", limit) == 10
    assert cloud.enter("gen_1", limit) is None, "its message came twice"
    cloud.leave("gen_1")
    assert cloud.enter("gen_2", limit) is None
    assert cloud.state is State.CLOSED


def test_F35_a_probe_that_fails_leaves_it_open_for_twice_as_long(cloud):
    cloud.fail()
    cloud.clock.forward(seconds=10)
    cloud.enter("gen_1")
    cloud.leave("gen_1", False)
    assert cloud.enter("gen_2") == 20
    assert not cloud.live


def test_a_probe_whose_job_is_accepted_closes_it_and_keeps_its_slot(cloud):
    cloud.fail()
    cloud.clock.forward(seconds=10)
    cloud.enter("gen_1", 3)
    cloud.extend("gen_1", CLAIM * 2)
    assert cloud.enter("gen_2", 3) is None
    assert cloud.live == {"gen_1", "gen_2"}


def test_accepted_jobs_clear_what_was_counted(cloud):
    cloud.fail(MAX_FAILURES - 1)
    cloud.enter("gen_1")
    cloud.extend("gen_1", CLAIM)
    cloud.fail(MAX_FAILURES - 1, prefix="more")
    assert not cloud.is_open


def test_a_probe_that_learnt_nothing_lets_another_try(cloud):
    cloud.fail()
    cloud.clock.forward(seconds=10)
    cloud.enter("gen_1")
    cloud.leave("gen_1", None)
    assert cloud.enter("gen_2") is None
    assert cloud.live == {"gen_2"}


def test_a_probe_that_dies_frees_itself_by_time(cloud):
    cloud.fail()
    cloud.clock.forward(seconds=10)
    cloud.enter("gen_1", 1)
    cloud.clock.forward(seconds=CLAIM.total_seconds() - 1)
    assert cloud.enter("gen_2", 1) == 1
    cloud.clock.forward(seconds=1)
    assert cloud.enter("gen_2", 1) is None
    assert cloud.live == {"gen_2"}


def test_a_probe_needs_a_slot_like_everybody(cloud):
    cloud.enter("gen_1", 1)
    cloud.fail()
    cloud.clock.forward(seconds=10)
    assert cloud.enter("gen_2", 1) == FULL_MILLIS // 1000
    cloud.leave("gen_1", None)
    assert cloud.enter("gen_2", 1) is None


def test_an_answer_that_was_lost_while_the_circuit_opened_leaks_no_slot(cloud):
    """The write got through, somebody opened the circuit, and the same write came again."""
    cloud.enter("gen_1")
    cloud.fail()
    assert cloud.enter("gen_1") is None
    cloud.leave("gen_1", None)
    assert not cloud.live


def test_workers_that_were_sent_away_do_not_come_back_together(cloud):
    cloud.fail()
    cloud.drawn = 3
    assert cloud.enter("gen_1") == 13
    cloud.clock.forward(seconds=9.5)
    assert cloud.enter("gen_1") == 4
    assert cloud.below == [7, 2]


def test_in_a_crowd_the_slot_is_given_back_though_nothing_could_be_told(cloud, monkeypatch):
    cloud.enter("gen_1")
    monkeypatch.setattr(cloud.store, "tell", lambda provider, *_, **__: cloud.store.read(provider))
    cloud.store.calls.clear()
    cloud.leave("gen_1", False)
    assert cloud.store.calls.count("read") == 1 + TRIES
    assert not cloud.live
