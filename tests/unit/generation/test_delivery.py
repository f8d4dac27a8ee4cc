"""Results that are not kept: delivered once, in an answer or to an address, and then nothing but a hash."""

import hashlib
import threading

import pytest

from chalicelib.generation.generation import DELIVERY_LIFE, MAX_INLINE_BYTES, AssetStatus, Retention, Status
from chalicelib.generation.running.service import Outcome
from chalicelib.generation.views import GenerationView
from chalicelib.kernel.errors import Gone, UnsupportedParameter, Validation
from chalicelib.outbound.request import Forbidden, NoReply, NotSent, Reply
from chalicelib.providers.job import Done, Output
from tests.support.fake_clouds import FakeCloud
from tests.support.fake_generations import capability, model, picture
from tests.support.faults import Crash
from tests.unit.generation.room import ACCOUNT, Room, raising

PUT_TO = ("https://bucket.example.com/a?signature=1", "https://bucket.example.com/b?signature=2")


@pytest.fixture
def room():
    return Room()


def once(room, **changes):
    return room.made(retention=Retention.NONE, **changes)


def test_P7_with_no_retention_the_first_answer_has_the_bytes_and_nothing_is_left(room):
    made = once(room, n=2)
    room.run(made)
    assert all(key.startswith(f"once/{ACCOUNT}/") for key in room.objects_of(made))
    first = GenerationView.of(room.row(made), room.generations.collect(room.row(made)))
    data = picture(room.engine.jobs[0]).data
    assert all(asset.b64_json for asset in first.assets)
    assert room.objects_of(made) == []
    row = room.row(made)
    assert [asset.sha256 for asset in row.assets] == [hashlib.sha256(data).hexdigest()] * 2
    assert room.generations.collect(row) == {}
    assert [asset.b64_json for asset in GenerationView.of(row).assets] == [None, None]
    assert (row.charged, room.balance) == (4, (96, 0))
    for call in (room.generations.content_url, room.generations.bytes_of):
        with pytest.raises(Gone):
            call(ACCOUNT, row.assets[0].id)


def test_P7_of_two_that_collect_at_once_one_gets_the_bytes(room):
    made = once(room)
    room.run(made)
    row, got, barrier = room.row(made), [], threading.Barrier(2)
    read = room.store.read_result

    def together(key):
        data = read(key)
        barrier.wait()
        return data

    room.store.read_result = together
    threads = [threading.Thread(target=lambda: got.append(room.generations.collect(row))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(len(found) for found in got) == [0, 1]


def test_P7_a_delivery_that_died_before_the_bytes_were_deleted_is_finished_by_the_next_read(room):
    made = once(room)
    room.run(made)
    delete, room.store.delete_results = room.store.delete_results, raising(Crash())
    with pytest.raises(Crash):
        room.generations.collect(room.row(made))
    room.store.delete_results = delete
    assert room.objects_of(made)
    assert room.generations.collect(room.row(made)) == {}
    assert room.objects_of(made) == []


def test_P7_what_nobody_comes_for_is_gone_after_an_hour(room):
    made = once(room)
    room.run(made)
    room.clock.time += DELIVERY_LIFE
    with pytest.raises(Gone):
        room.generations.get(ACCOUNT, made)


def test_what_is_too_large_for_an_answer_is_not_charged_and_says_what_to_do(room):
    made = once(room, n=2)
    big = [picture_of(MAX_INLINE_BYTES - 10), picture_of(11)]
    room.engine.outputs = lambda _: tuple(big)
    room.run(made)
    row = room.row(made)
    assert [(asset.status, asset.code) for asset in row.assets] == [
        (AssetStatus.SUCCEEDED, None),
        (AssetStatus.FAILED, "too_large_to_deliver"),
    ]
    assert (row.charged, room.balance) == (2, (98, 0))


def picture_of(size_bytes):
    return Output(data=b"x" * size_bytes, content_type="image/png", width=1, height=1, seconds=None, seed=1)


def test_P7_results_go_to_the_callers_own_addresses_and_are_never_written_here(room):
    made = once(room, n=2, deliver_to=PUT_TO)
    room.store.write_result = raising(AssertionError("written"))
    assert room.run(made) is Outcome.SUCCEEDED
    assert [(put.method, put.url) for put in room.puts] == [("PUT", url) for url in PUT_TO]
    assert room.puts[0].headers == {"Content-Type": "image/jpeg"}
    row = room.row(made)
    assert [asset.delivered for asset in row.assets] == [True, True]
    assert (row.words.deliver_to, row.charged) == ((), 4)


@pytest.mark.parametrize(
    "answer",
    [
        raising(NotSent("no")),
        raising(NoReply("no")),
        raising(Forbidden("a private address")),
        lambda _: Reply(status=403, headers={}, body=b""),
        lambda _: Reply(status=307, headers={"location": "https://elsewhere.example.com"}, body=b""),
    ],
)
def test_an_address_that_does_not_take_a_result_is_not_charged(room, answer):
    room.answers_put = lambda request: (
        answer(request) if request.url == PUT_TO[0] else Reply(status=200, headers={}, body=b"")
    )
    made = once(room, n=2, deliver_to=PUT_TO)
    assert room.run(made) is Outcome.SUCCEEDED
    row = room.row(made)
    assert [(asset.charged, asset.code) for asset in row.assets] == [(0, "delivery_failed"), (2, None)]
    assert len(room.puts) == 4
    assert room.balance == (98, 0)


def test_P7_words_and_addresses_are_forgotten_when_it_ends(room):
    made = once(room, deliver_to=PUT_TO[:1])
    assert room.row(made).words
    room.run(made)
    assert not room.row(made).words


@pytest.mark.parametrize(("asked", "lives"), [(None, 48), (1, 1), (48, 48)])
def test_P7_an_order_may_shorten_how_long_its_results_are_kept(room, asked, lives):
    made = room.made(retention_hours=asked)
    room.run(made)
    row = room.row(made)
    assert (row.expires_at - row.finished_at).total_seconds() == lives * 3600


@pytest.mark.parametrize(
    ("change", "refusal", "param"),
    [
        ({"retention_hours": 49}, Validation, "retention_hours"),
        ({"retention": Retention.NONE, "retention_hours": 1}, Validation, "retention_hours"),
        ({"deliver_to": PUT_TO[:1]}, Validation, "deliver_to"),
        ({"retention": Retention.NONE, "deliver_to": PUT_TO}, Validation, "deliver_to"),
        ({"fallback_models": ("no/such",)}, Validation, "fallback_models"),
        ({"fallback_models": ("fake/stylize-1",)}, Validation, "fallback_models"),
        ({"parameters": {"style": 3, "strength": 0.5}, "model": "plain/stylize-1"}, UnsupportedParameter, None),
    ],
)
def test_an_order_that_cannot_be_kept_is_refused_and_leaves_nothing(room, change, refusal, param):
    room.engine.clouds["plain"] = FakeCloud("plain")
    room.engine.clouds["plain"].capability = capability(model("plain/stylize-1", takes=("style",)))
    with pytest.raises(refusal) as caught:
        room.order(**change)
    assert param is None or caught.value.param == param
    assert (room.store.rows, room.balance) == ({}, (100, 0))


def test_states_are_told_once_each_with_ids_only(room):
    made = room.made()
    room.run(made)
    assert [kind for kind, _ in room.outbox.told.values()] == [
        "generation.queued",
        "generation.running",
        "generation.succeeded",
    ]
    assert [data["seq"] for _, data in room.outbox.told.values()] == [1, 2, 3]
    assert "https" not in repr(room.outbox.told)


def test_P5_what_is_deleted_is_told(room):
    made = room.made(n=2)
    room.run(made)
    room.outbox.told.clear()
    first, second = room.row(made).assets
    room.generations.delete_asset(ACCOUNT, first.id)
    room.generations.delete(ACCOUNT, made)
    assert list(room.outbox.told) == [f"asset.deleted:{first.id}", f"asset.deleted:{second.id}"]


def test_more_results_than_were_asked_for_are_dropped(room):
    made = room.made(n=1)
    room.engine.submit = lambda job: Done(outputs=(picture(job), picture(job)), request_id="", cost_microdollars=None)
    room.run(made)
    row = room.row(made)
    assert (row.status, row.charged, len(row.assets)) == (Status.SUCCEEDED, 2, 1)
