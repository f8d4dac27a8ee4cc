"""Admission on the deployed generations table: races, lost answers, deaths, and the store in memory as its measure."""

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chalicelib.aws import session
from chalicelib.generation.admission.circuit import MAX_FAILURES, State
from chalicelib.generation.admission.slots import MAX_PURGE, MAX_SLOTS, Gate
from chalicelib.generation.admission.store import AdmissionStore
from chalicelib.kernel.clock import epoch_millis
from tests.support.deployed import Deployed
from tests.support.fake_admission import CLAIM, Cloud, FakeAdmissionStore
from tests.support.faults import Crash, Fault, Injector

THREADS = 16
NUMBERS = count()


@pytest.fixture
def cloud(core: Deployed) -> Cloud:
    """A provider that nobody has come to."""
    return Cloud(AdmissionStore(core.settings.generations_table), f"cloud-{next(NUMBERS)}")


def race(one, threads: int = THREADS) -> list[int | None]:
    """What so many threads that start together were answered."""
    said: list[int | None] = []
    barrier = threading.Barrier(threads)

    def run(number: int) -> None:
        barrier.wait()
        said.append(one(number))

    started = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    assert len(said) == threads, "a thread died"
    return said


@pytest.mark.parametrize("limit", [1, 5, 16, 20])
def test_F35_threads_get_exactly_the_slots_that_there_are_also_the_first_time(cloud: Cloud, limit: int) -> None:
    said = race(lambda number: cloud.enter(f"gen_{number}", limit))
    assert said.count(None) == len(cloud.live) == min(limit, THREADS)


def test_F35_threads_that_come_and_go_are_never_more_than_the_limit(cloud: Cloud) -> None:
    """The number inside is counted by the threads themselves, between coming in and leaving."""
    inside, most, passed, lock = 0, 0, Counter[int](), threading.Lock()

    def work(number: int) -> None:
        nonlocal inside, most
        for turn in range(12):
            if cloud.enter(f"gen_{number}_{turn}", 3) is not None:
                continue
            with lock:
                inside += 1
                most = max(most, inside)
            passed[number] += 1
            with lock:
                inside -= 1
            cloud.leave(f"gen_{number}_{turn}", worked=(True, False, None)[turn % 3] if turn < 2 else True)

    race(work, 12)
    assert 0 < most <= 3
    assert passed.total() > 12
    assert cloud.gate.slots == {}, "a slot leaked"


def test_F12_workers_that_die_inside_lose_their_slots_to_as_many_others(cloud: Cloud) -> None:
    for number in range(5):
        cloud.enter(f"gen_dead_{number}", 5, timedelta(seconds=10))
    cloud.clock.forward(seconds=10)
    said = race(lambda number: cloud.enter(f"gen_{number}", 5))
    assert said.count(None) == 5
    assert len(cloud.live) == len(cloud.gate.slots or {}) == 5


def test_threads_with_one_generation_take_one_slot(cloud: Cloud) -> None:
    assert race(lambda _: cloud.enter("gen_1", 1)) == [None] * THREADS
    assert cloud.live == {"gen_1"}


def test_a_slot_that_is_extended_while_it_is_being_freed_stays(cloud: Cloud) -> None:
    cloud.enter("gen_1", 1, timedelta(seconds=10))
    cloud.clock.forward(seconds=10)
    now = epoch_millis(cloud.clock.now())
    over = cloud.gate.over(now)
    cloud.extend("gen_1")
    cloud.store.purge(cloud.name, over, now)
    assert (over, cloud.live) == (["gen_1"], {"gen_1"})


def test_F17_the_most_slots_fit_an_item_and_are_freed_again(core: Deployed, cloud: Cloud) -> None:
    names = {f"gen_{number:026}": epoch_millis(cloud.clock.now()) for number in range(MAX_SLOTS)}
    slots = {"M": {name: {"N": str(until)} for name, until in names.items()}}
    keys = {"account_id": {"S": f"provider#{cloud.name}"}, "id": {"S": "admission"}}
    session.client("dynamodb").put_item(TableName=core.settings.generations_table, Item={**keys, "slots": slots})
    assert cloud.enter("gen_new", MAX_SLOTS) is None
    assert len(cloud.gate.slots or {}) == MAX_SLOTS - MAX_PURGE + 1
    assert cloud.live == {"gen_new"}


def test_F35_failures_at_the_same_time_are_all_counted_and_open_it_once(cloud: Cloud) -> None:
    race(lambda number: cloud.leave(f"gen_{number}", worked=False), MAX_FAILURES - 1)
    assert len(cloud.gate.circuit.failures) == MAX_FAILURES - 1
    race(lambda number: cloud.leave(f"gen_more_{number}", worked=False))
    assert cloud.gate.circuit.openings == 1
    assert cloud.is_open


def test_a_storm_of_failures_gives_every_slot_back(cloud: Cloud) -> None:
    for number in range(THREADS):
        cloud.enter(f"gen_{number}", THREADS)
    race(lambda number: cloud.leave(f"gen_{number}", worked=False))
    assert cloud.gate.slots == {}
    assert cloud.is_open


@pytest.mark.parametrize("limit", [0, 5])
def test_F35_threads_at_a_half_open_circuit_send_one_probe(cloud: Cloud, limit: int) -> None:
    cloud.fail()
    assert cloud.enter("gen_early", limit) == 10
    cloud.clock.forward(seconds=10)
    said = race(lambda number: cloud.enter(f"gen_{number}", limit))
    assert said.count(None) == 1
    assert min(seconds for seconds in said if seconds) >= 1
    probe = cloud.gate.circuit.probe
    assert cloud.live == ({probe} if limit else set())
    cloud.leave(probe)
    assert race(lambda number: cloud.enter(f"gen_{number}", limit)).count(None) == (limit or THREADS)


def test_a_probe_that_fails_keeps_it_open_and_one_that_dies_frees_itself(cloud: Cloud) -> None:
    cloud.fail()
    cloud.clock.forward(seconds=10)
    assert cloud.enter("gen_1") is None
    cloud.leave("gen_1", worked=False)
    assert (cloud.enter("gen_2"), cloud.live) == (20, set())
    cloud.clock.forward(seconds=20)
    assert cloud.enter("gen_2") is None
    cloud.clock.forward(seconds=CLAIM.total_seconds())
    assert cloud.enter("gen_3") is None
    assert cloud.live == {"gen_3"}


def test_one_that_holds_a_slot_and_worked_clears_what_was_counted(cloud: Cloud) -> None:
    cloud.enter("gen_1")
    cloud.fail(MAX_FAILURES - 1)
    cloud.leave("gen_1")
    assert (cloud.gate.circuit.failures, cloud.gate.slots) == ((), {})


def test_a_probe_takes_no_slot_above_the_limit_though_one_seemed_to_be_over(cloud: Cloud) -> None:
    """Its holder kept it after all, between the look at it and the write that would have freed it."""
    cloud.enter("gen_1", 1)
    cloud.fail()
    before = cloud.gate.circuit
    until_millis = epoch_millis(cloud.clock.now() + CLAIM)
    after = before.probed_by("gen_2", until_millis)
    stood = cloud.store.probe(cloud.name, "gen_2", before, after, limit=1, until_millis=until_millis)
    assert stood == cloud.gate == Gate({"gen_1": until_millis}, before)


def test_coming_in_and_leaving_is_two_calls(cloud: Cloud, injector: Injector) -> None:
    cloud.enter("gen_0")
    with injector.watch() as seen:
        cloud.enter("gen_1")
        cloud.leave("gen_1")
    assert seen.log == ["dynamodb.UpdateItem"] * 2


def test_without_a_limit_coming_in_is_one_read_and_leaving_writes_nothing(cloud: Cloud, injector: Injector) -> None:
    with injector.watch() as seen:
        assert cloud.enter("gen_1", 0) is None
        cloud.leave("gen_1")
    assert seen.log == ["dynamodb.GetItem", "dynamodb.UpdateItem"]
    assert cloud.gate == Gate()


def flow(cloud: Cloud, name: str) -> None:
    """Everything a worker does: in and out, in and accepted, in and failed, out once more."""
    for worked in (True, False, None):
        if cloud.enter(name, 1) is None:
            cloud.extend(name, CLAIM * 2)
        cloud.leave(name, worked)
        cloud.leave(name, worked)


def spoilt(cloud: Cloud, injector: Injector, fault: Fault) -> Iterator[int]:
    """Runs the flow with the fault at each call in turn, until there is no such call."""
    for at in range(1, 60):
        with injector.plan(fault, at) as seen:
            try:
                flow(cloud, f"gen_{at}")
            except Crash:
                assert fault in (Fault.CRASH_BEFORE, Fault.CRASH_AFTER)
        if not seen.reached:
            return
        yield at
    raise AssertionError("the flow has no end")


@pytest.mark.parametrize("fault", [Fault.LOSE_RESPONSE, Fault.DROP_REQUEST, Fault.THROTTLE])
def test_F02_an_answer_that_is_lost_at_any_call_leaks_and_doubles_nothing(
    cloud: Cloud, injector: Injector, fault: Fault
) -> None:
    for _ in spoilt(cloud, injector, fault):
        assert cloud.gate.slots == {}
        assert len(cloud.gate.circuit.failures) <= 1, "one failure was counted twice"
        assert cloud.gate.circuit.openings == 0


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
def test_F01_a_worker_that_dies_between_any_two_calls_holds_its_slot_for_its_time_and_no_longer(
    cloud: Cloud, injector: Injector, fault: Fault
) -> None:
    for at in spoilt(cloud, injector, fault):
        assert cloud.live <= {f"gen_{at}"}
        cloud.clock.forward(seconds=CLAIM.total_seconds() * 2)
        assert cloud.enter("gen_next", 1) is None
        assert cloud.live == {"gen_next"}
        cloud.leave("gen_next")


def test_F02_the_answer_to_a_probes_coming_that_is_lost_lets_it_in(cloud: Cloud, injector: Injector) -> None:
    for limit in (0, 2):
        cloud.fail()
        cloud.clock.forward(seconds=10)
        calls_before = 1 if limit == 0 else 2  # it is looked at, or refused and then made to have slots
        with injector.plan(Fault.LOSE_RESPONSE, calls_before + 1) as seen:
            assert cloud.enter("gen_1", limit) is None
        assert seen.reached
        assert cloud.state is State.PROBING
        with injector.plan(Fault.LOSE_RESPONSE, 1, operation="UpdateItem") as seen:
            cloud.leave("gen_1")
        assert seen.reached
        assert (cloud.gate.circuit.openings, cloud.live) == (0, set())


NAMES = st.sampled_from([f"gen_{number}" for number in range(5)])
STEPS = st.one_of(
    st.tuples(st.just("enter"), NAMES, st.integers(0, 3), st.sampled_from([5, 60])),
    st.tuples(st.just("enter"), NAMES, st.integers(0, 3), st.sampled_from([5, 60])),
    st.tuples(st.just("leave"), NAMES, st.sampled_from([True, False, None])),
    st.tuples(st.just("leave"), NAMES, st.just(False)),
    st.tuples(st.just("extend"), NAMES, st.sampled_from([10, 100])),
    st.tuples(st.just("wait"), st.sampled_from([1, 10, 60])),
)


def done(cloud: Cloud, step: tuple) -> object:
    """What was answered, or is true afterwards."""
    kind, *rest = step
    if kind == "enter":
        return cloud.enter(rest[0], rest[1], timedelta(seconds=rest[2]))
    if kind == "leave":
        cloud.leave(*rest)
    elif kind == "extend":
        cloud.extend(rest[0], timedelta(seconds=rest[1]))
    else:
        cloud.clock.forward(seconds=rest[0])
    return cloud.is_open


@given(steps=st.lists(STEPS, min_size=10, max_size=30))
@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_deployed_table_does_as_the_store_in_memory(core: Deployed, steps: list[tuple]) -> None:
    cloud = Cloud(AdmissionStore(core.settings.generations_table), f"cloud-{next(NUMBERS)}")
    memory = Cloud(FakeAdmissionStore(), cloud.name)
    for step in steps:
        assert done(cloud, step) == done(memory, step), step
        assert cloud.gate == memory.gate, step
