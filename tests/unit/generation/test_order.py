"""Ordering: committed together or not at all, once for each Idempotency-Key."""

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.generation.generation import NOTICE, Status
from chalicelib.generation.ordering.order import Order
from chalicelib.generation.ordering.store import IDEMPOTENCY_LIFE
from chalicelib.kernel.errors import (
    ConcurrencyLimited,
    Gone,
    IdempotencyKeyReused,
    InsufficientAssets,
    MaxAssetsExceeded,
    NotFound,
    UnsupportedParameter,
    Validation,
)
from chalicelib.kernel.principal import ALL_SCOPES, Principal
from tests.unit.generation.room import ACCOUNT, CALLER, ORDER, Room


@pytest.fixture
def room():
    return Room()


def test_an_order_takes_the_hold_commits_the_row_and_hints_a_worker(room):
    made = room.order(n=3)
    row = room.row(made.generation_id)
    assert (row.status, row.held, len(row.assets)) == (Status.QUEUED, 6, 3)
    assert room.balance == (94, 6)
    assert room.queued == [(made.generation_id, 0)]
    assert json.loads(made.answer)["charged"] == 0
    assert not made.replayed


def test_P11_the_notice_is_part_of_every_answer(room):
    assert json.loads(room.order().answer)["notice"] == NOTICE


def test_a_repetition_gets_the_same_answer_whatever_has_happened_since(room):
    first = room.order()
    room.run(first.generation_id)
    room.photos.gone.add("upl_1")
    again = room.order()
    assert (again.generation_id, again.answer, again.replayed) == (first.generation_id, first.answer, True)
    assert len(room.store.rows) == 1
    assert room.queued == [(first.generation_id, 0)]


def test_a_repetition_is_answered_where_a_new_order_could_not_be_paid():
    room = Room(assets=2)
    first = room.order()
    assert room.order().generation_id == first.generation_id
    with pytest.raises(InsufficientAssets):
        room.order("other")


@pytest.mark.parametrize("change", [{"n": 2}, {"seed": 5}, {"parameters": {"style": 4}}, {"upload_id": "upl_2"}])
def test_the_same_key_for_another_order_is_refused_and_leaves_nothing(room, change):
    room.order()
    before = room.balance
    with pytest.raises(IdempotencyKeyReused):
        room.order(**change)
    assert room.balance == before
    assert len(room.store.rows) == 1


def test_keys_are_forgotten_after_a_day_and_belong_to_one_account(room):
    first = room.order()
    room.clock.time += IDEMPOTENCY_LIFE
    assert room.order().generation_id != first.generation_id
    stranger = Principal("acct_2", ALL_SCOPES, key_id="key_2")
    with pytest.raises(InsufficientAssets):
        room.order(caller=stranger)


@pytest.mark.parametrize(
    ("change", "refusal", "param"),
    [
        ({"model": "no/such"}, Validation, "model"),
        ({"operation": "upscale"}, Validation, "operation"),
        ({"upload_id": None}, Validation, "upload_id"),
        ({"prompt": "a canary"}, UnsupportedParameter, "prompt"),
        ({"n": 5}, Validation, "n"),
        ({"parameters": {"style": 99}}, Validation, "parameters.style"),
        ({"parameters": {"style": 1, "colour": 1}}, UnsupportedParameter, "parameters.colour"),
        ({"max_assets": 1}, MaxAssetsExceeded, "max_assets"),
    ],
)
def test_a_refused_order_says_what_is_wrong_and_leaves_nothing_behind(room, change, refusal, param):
    with pytest.raises(refusal) as caught:
        room.order(**change)
    assert caught.value.param == param
    assert room.store.rows == {}
    assert room.store.requests == {}
    assert room.queued == []
    assert room.balance == (100, 0)
    assert room.order().generation_id  # the Idempotency-Key is still free


def test_an_upload_that_is_gone_and_a_balance_that_is_short_leave_nothing_behind():
    for room, refusal in ((Room(), Gone), (Room(assets=1), InsufficientAssets)):
        if refusal is Gone:
            room.photos.gone.add("upl_1")
        with pytest.raises(refusal):
            room.order()
        assert room.store.rows == {}
        assert room.store.requests == {}


def test_generations_in_flight_are_limited_and_finished_ones_make_room(room):
    made = [room.made() for _ in range(20)]
    with pytest.raises(ConcurrencyLimited):
        room.made()
    room.run(made[0])
    assert room.made()


def test_sixteen_threads_with_one_key_make_one_generation(room):
    ids, barrier = [], threading.Barrier(16)

    def one():
        barrier.wait()
        ids.append(room.order().generation_id)

    threads = [threading.Thread(target=one) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 16
    assert len(set(ids)) == 1
    assert room.balance == (98, 2)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner), max_leaves=5
)


@given(st.dictionaries(st.text(), JSON, max_size=4), st.randoms())
def test_the_canonical_order_ignores_the_order_of_members_and_nothing_else(parameters, random):
    members = list(parameters.items())
    random.shuffle(members)
    one, other = (Order("m", "o", given) for given in (parameters, dict(members)))
    assert one.canonical() == other.canonical()
    assert one.canonical() != Order("m", "o", {**parameters, "one more": 1}).canonical()


def test_waiting_returns_as_soon_as_it_is_finished_and_not_later_than_asked(room):
    generation_id = room.made()
    started = room.clock.now()
    assert room.generations.wait(ACCOUNT, generation_id, 5).status is Status.QUEUED
    assert 4 <= (room.clock.now() - started).total_seconds() <= 5
    room.run(generation_id)
    slept = len(room.slept)
    assert room.generations.wait(ACCOUNT, generation_id, 5).status is Status.SUCCEEDED
    assert len(room.slept) == slept


def test_P10_another_accounts_generation_and_assets_are_not_found(room):
    generation_id = room.made()
    room.run(generation_id)
    asset_id = room.row(generation_id).assets[0].id
    for call in (room.generations.get, room.generations.delete):
        with pytest.raises(NotFound):
            call("acct_2", generation_id)
    for call in (
        room.generations.asset,
        room.generations.content_url,
        room.generations.review,
        room.generations.delete_asset,
    ):
        with pytest.raises(NotFound):
            call("acct_2", asset_id)
    assert room.objects_of(generation_id)


def test_a_seed_is_drawn_and_answered_when_none_was_given(room):
    assert json.loads(room.order(seed=7).answer)["seed"] == 7
    drawn = {json.loads(room.order(f"k{number}").answer)["seed"] for number in range(2, 10)}
    assert len(drawn) == 8
    assert ORDER.seed is None
    assert CALLER.spender == "key_1"
