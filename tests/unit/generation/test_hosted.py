"""Generations at hosted providers: what is sent, asked, sent again and where else, and what is never done twice."""

from dataclasses import replace

import pytest

from chalicelib.generation.generation import DEADLINE, DEADLINE_GRACE, MAX_TRIES, AssetStatus, Status
from chalicelib.generation.running.service import Outcome
from chalicelib.providers.capability import Proof
from chalicelib.providers.job import (
    ContentBlocked,
    Done,
    Missing,
    ProviderFailed,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUncertain,
)
from tests.support.fake_generations import picture
from tests.support.faults import Crash
from tests.unit.generation.room import ACCOUNT, Room, raising

CLOUD, SPARE = "cloud/stylize-1", "spare/stylize-1"
BUSY = ProviderUnavailable("rate_limited", "Too much at once.", retry_after_seconds=7)
UNSURE = ProviderUncertain("no_answer", "No answer came.")


@pytest.fixture
def room():
    return Room()


def test_a_job_that_is_taken_is_asked_for_until_it_is_done_and_its_cost_is_recorded_beside_the_charge(room):
    cloud = room.cloud(polls=3)
    made = room.made(model=CLOUD, n=2)
    assert room.run(made) is Outcome.WAITING
    row = room.row(made)
    assert (row.status, row.sent.ticket, room.queued[-1]) == (Status.RUNNING, f"{made}-1", (made, 2))
    assert room.run(made, waiting=True) is Outcome.WAITING
    row = room.row(made)
    assert (row.progress_percent, row.queue_position) == (40, 1)
    room.run_until_done(made)
    row = room.row(made)
    assert (row.status, row.charged, row.cost_microdollars) == (Status.SUCCEEDED, 6, 80_000)
    assert row.provider_request_id == f"req-{made}-1"
    assert len(cloud.submissions) == 1
    assert room.doors.inside == set()


def test_L11_intent_is_written_before_anything_is_sent(room):
    cloud = room.cloud()
    made = room.made(model=CLOUD)
    seen = []
    cloud.before = lambda _: seen.append(room.row(made).sent.begun)
    room.run(made)
    assert seen == [True]


def test_vendors_never_see_who(room):
    cloud = room.cloud(calls_back=True)
    made = room.made(model=CLOUD)
    room.run(made)
    assert ACCOUNT not in repr(cloud.submissions)
    assert cloud.submissions[0].callback_url == f"https://here.example.com/{made}"


@pytest.mark.parametrize("proof", Proof)
def test_F32_an_answer_that_is_lost_is_settled_by_asking_or_by_the_deadline_and_nothing_is_made_twice(room, proof):
    cloud = room.cloud(proof=proof)
    cloud.after = raising(UNSURE)
    made = room.made(model=CLOUD)
    assert room.run(made) is Outcome.WAITING
    assert (room.row(made).status, room.balance) == (Status.RECONCILING, (97, 3))
    cloud.after = lambda _: None
    room.run_until_done(made)
    row = room.row(made)
    assert len(cloud.billed) == 1
    if proof is Proof.NONE:
        assert (row.status, row.failure.code, room.balance) == (Status.FAILED, "provider_unknown", (100, 0))
        assert row.finished_at >= row.deadline_at
    else:
        assert (row.status, room.balance) == (Status.SUCCEEDED, (97, 0))


@pytest.mark.parametrize("proof", Proof)
@pytest.mark.parametrize("point", ["before", "after"])
def test_F12_a_worker_that_dies_while_the_provider_has_it_leads_to_no_second_job(room, proof, point):
    cloud = room.cloud(proof=proof)
    setattr(cloud, point, raising(Crash()))
    made = room.made(model=CLOUD)
    with pytest.raises(Crash):
        room.run(made)
    setattr(cloud, point, lambda _: None)
    room.clock.forward(seconds=121)
    assert room.rescue() == {made: Outcome.QUEUED_AGAIN}
    room.run_until_done(made)
    assert len(cloud.billed) == (0 if (proof, point) == (Proof.NONE, "before") else 1)
    charged = 0 if proof is Proof.NONE else 3
    assert (room.row(made).charged, room.balance) == (charged, (100 - charged, 0))


def test_F31_what_was_never_sent_is_sent_again_and_the_provider_is_not_asked(room):
    cloud = room.cloud()
    cloud.before = raising(BUSY)
    cloud.asked = raising(AssertionError("nothing to ask for"))
    made = room.made(model=CLOUD)
    for tries in range(1, MAX_TRIES):
        assert room.run(made) is Outcome.QUEUED_AGAIN
        assert (room.row(made).sent.tries, room.queued[-1]) == (tries, (made, 7))
    assert room.run(made) is Outcome.FAILED
    assert room.row(made).failure.code == "provider_unavailable"
    assert (cloud.billed, room.balance) == ({}, (100, 0))


@pytest.mark.parametrize("error", [BUSY, ProviderRefused("not_enabled", "Not enabled.")])
def test_F35_another_model_makes_it_where_the_caller_named_one_and_nothing_can_exist(room, error):
    cloud, spare = room.cloud(price=5), room.cloud("spare", price=3)
    cloud.before = raising(error)
    made = room.made(model=CLOUD, fallback_models=(SPARE,))
    assert room.balance == (95, 5)
    room.run_until_done(made)
    row = room.row(made)
    assert (row.model, row.charged, room.balance) == (SPARE, 3, (97, 0))
    assert (len(cloud.billed), len(spare.billed)) == (0, 1)


@pytest.mark.parametrize(
    "error", [UNSURE, ProviderFailed("engine_error", "It broke."), ContentBlocked("policy", "Not this.")]
)
def test_F35_F37_nothing_goes_elsewhere_where_something_may_exist_or_the_content_was_refused(room, error):
    cloud, spare = room.cloud(proof=Proof.NONE), room.cloud("spare")
    cloud.after = raising(error)
    made = room.made(model=CLOUD, fallback_models=(SPARE,))
    room.run_until_done(made)
    assert (spare.submissions, room.row(made).status, room.balance) == ([], Status.FAILED, (100, 0))


def test_F35_no_provider_is_fallen_over_to_that_the_caller_did_not_name(room):
    cloud, spare = room.cloud(), room.cloud("spare")
    cloud.before = raising(BUSY)
    room.run_until_done(room.made(model=CLOUD))
    assert spare.submissions == []


def test_F37_what_a_provider_refuses_to_show_is_blocked_and_told(room):
    cloud = room.cloud()
    cloud.before = raising(ContentBlocked("policy", "Not this."))
    made = room.made(model=CLOUD)
    assert room.run(made) is Outcome.FAILED
    row = room.row(made)
    assert (row.assets[0].status, row.assets[0].code) == (AssetStatus.BLOCKED, "policy")
    assert f"asset.blocked:{row.assets[0].id}" in room.outbox.told


def test_F35_a_provider_with_enough_to_do_is_waited_for_and_one_that_is_down_is_passed_over(room):
    cloud, spare = room.cloud(), room.cloud("spare")
    room.doors.shut["cloud"] = 9
    waits = room.made(model=CLOUD)
    assert room.run(waits) is Outcome.QUEUED_AGAIN
    assert (room.queued[-1], room.row(waits).sent.tries) == ((waits, 9), 0)
    moves = room.made(model=CLOUD, fallback_models=(SPARE,))
    room.run_until_done(moves)
    assert (room.row(moves).model, cloud.submissions, len(spare.submissions)) == (SPARE, [], 1)


@pytest.mark.parametrize(
    ("does", "worked"),
    [
        (lambda _: None, True),
        (raising(BUSY), False),
        (raising(UNSURE), False),
        (raising(ContentBlocked("policy", "Not this.")), True),
        (raising(ProviderFailed("engine_error", "It broke.")), None),
    ],
)
def test_every_way_out_gives_the_slot_back_and_says_how_the_provider_did(room, does, worked):
    room.cloud().before = does
    room.run(room.made(model=CLOUD))
    assert (room.doors.inside, room.doors.words) == (set(), [("cloud", worked)])


def test_F39_of_three_results_that_came_three_are_charged_and_each_says_its_own(room):
    cloud = room.cloud()
    made = room.made(model=CLOUD, n=4)
    lost = Missing(code="too_dark", message="Nothing to see.", blocked=False)

    def some(key):
        job = cloud.billed[key]
        outputs = (picture(job), lost, replace(lost, code="policy", blocked=True), picture(job, 3))
        return Done(outputs=outputs, request_id="r", cost_microdollars=None)

    cloud._done = some
    assert room.run(made) is Outcome.SUCCEEDED
    row = room.row(made)
    assert [(asset.status.value, asset.charged, asset.code) for asset in row.assets] == [
        ("succeeded", 3, None),
        ("failed", 0, "too_dark"),
        ("blocked", 0, "policy"),
        ("succeeded", 3, None),
    ]
    assert (row.charged, room.posted(made), room.balance) == (6, 6, (94, 0))
    assert [asset.seed for asset in row.assets] == [row.seed, None, None, row.seed + 3]


def test_F38_a_job_that_hangs_is_stopped_at_its_deadline_and_not_charged(room):
    cloud = room.cloud(polls=10_000)
    made = room.made(model=CLOUD, deadline_seconds=300)
    room.run_until_done(made, looks=200)
    row = room.row(made)
    assert (row.status, row.failure.code, room.balance) == (Status.FAILED, "deadline", (100, 0))
    assert cloud.stopped == {f"{made}-1"}
    assert (row.finished_at - row.deadline_at).total_seconds() < 60


def test_what_is_done_by_the_time_it_is_asked_for_is_delivered_though_its_deadline_has_passed(room):
    room.cloud(polls=1)
    made = room.made(model=CLOUD, deadline_seconds=10)
    room.run(made)
    room.clock.forward(seconds=11)
    assert room.run(made) is Outcome.SUCCEEDED


def test_L9_when_no_worker_lives_the_rescue_ends_it_after_its_grace(room):
    room.cloud(polls=5)
    made = room.made(model=CLOUD)
    room.run(made)
    room.clock.time += DEADLINE + DEADLINE_GRACE
    assert room.rescue() == {made: Outcome.FAILED}
    assert room.balance == (100, 0)


def test_a_provider_that_cannot_be_asked_is_asked_again_and_ever_more_rarely(room):
    cloud = room.cloud(polls=1)
    made = room.made(model=CLOUD)
    room.run(made)
    cloud.asked = raising(ProviderUnavailable("down", "Down."))
    waits = []
    for _ in range(4):
        assert room.run(made) is Outcome.WAITING
        waits.append(room.queued[-1][1])
    assert waits == [5, 10, 20, 40]
    cloud.asked = lambda _: None
    assert room.run(made) is Outcome.SUCCEEDED


def test_a_model_that_is_taken_out_of_the_catalog_ends_what_was_not_begun_and_waits_for_what_was(room):
    cloud = room.cloud(polls=1)
    fresh, begun = room.made(model=CLOUD), room.made(model=CLOUD)
    room.run(begun)
    del room.engine.clouds["cloud"]
    assert (room.run(fresh), room.row(fresh).failure.code) == (Outcome.FAILED, "model_gone")
    assert room.run(begun) is Outcome.WAITING
    room.engine.clouds["cloud"] = cloud
    assert room.run(begun) is Outcome.SUCCEEDED


def test_cancel_ends_at_once_what_no_provider_has_and_charges_nothing(room):
    room.cloud()
    for made in (room.made(), room.made(model=CLOUD)):
        canceled = room.generations.cancel(ACCOUNT, made)
        assert (canceled.status, canceled.charged) == (Status.CANCELED, 0)
        assert room.run(made) is Outcome.NOTHING_TO_DO
        assert room.generations.cancel(ACCOUNT, made).status is Status.CANCELED
    assert room.balance == (100, 0)


def test_cancel_of_what_our_own_engine_runs_ends_it_and_its_worker_loses(room):
    made = room.made()
    room.engine.does = lambda _: room.generations.cancel(ACCOUNT, made)
    assert room.run(made) is Outcome.LOST
    assert (room.row(made).status, room.objects_of(made), room.balance) == (Status.CANCELED, [], (100, 0))


def test_cancel_of_what_a_provider_has_is_asked_of_it(room):
    cloud = room.cloud(polls=50)
    made = room.made(model=CLOUD)
    room.run(made)
    asked = room.generations.cancel(ACCOUNT, made)
    assert (asked.status, asked.cancel_requested, room.queued[-1]) == (Status.RUNNING, True, (made, 0))
    room.run_until_done(made)
    assert (room.row(made).status, cloud.stopped, room.balance) == (Status.CANCELED, {f"{made}-1"}, (100, 0))


def test_a_cancel_that_comes_too_late_delivers_and_charges_what_was_made(room):
    room.cloud(polls=1)
    made = room.made(model=CLOUD)
    room.run(made)
    room.generations.cancel(ACCOUNT, made)
    room.run_until_done(made)
    finished = room.generations.cancel(ACCOUNT, made)
    assert (finished.status, finished.charged) == (Status.SUCCEEDED, 3)
