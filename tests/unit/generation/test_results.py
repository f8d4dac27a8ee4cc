"""Results: how long they live, and that they are gone when they are said to be gone."""

import pytest

from chalicelib.kernel.errors import Conflict, Gone
from tests.support.faults import Crash
from tests.unit.generation.room import ACCOUNT, Room, die_at_commit, raising


@pytest.fixture
def room():
    return Room()


def test_P7_results_expire_by_the_accounts_own_retention_and_answer_gone(room):
    made = room.made()
    room.run(made)
    asset_id = room.row(made).assets[0].id
    assert room.generations.content_url(ACCOUNT, asset_id).endswith(f"{asset_id}.jpg")
    room.clock.forward(hours=48)
    for call, thing in ((room.generations.get, made), (room.generations.content_url, asset_id)):
        with pytest.raises(Gone):
            call(ACCOUNT, thing)


def test_P5_a_deleted_asset_is_gone_with_every_copy_of_it(room):
    made = room.made(n=2)
    die_at_commit(room, made)
    room.clock.forward(seconds=121)
    room.run(made)
    first, second = room.row(made).assets
    assert len(room.objects_of(made)) == 2
    room.generations.delete_asset(ACCOUNT, first.id)
    assert {key.rpartition("-")[2] for key in room.objects_of(made)} == {"1"}
    with pytest.raises(Gone):
        room.generations.asset(ACCOUNT, first.id)
    assert room.generations.asset(ACCOUNT, second.id)[1] == second
    assert room.balance == (96, 0)


def test_P5_a_deletion_that_died_before_the_bytes_is_finished_by_its_repetition(room):
    made = room.made(n=2)
    room.run(made)
    asset_id = room.row(made).assets[0].id
    for delete, thing, method in (
        (room.generations.delete_asset, asset_id, "delete_result"),
        (room.generations.delete, made, "delete_results"),
    ):
        before = room.objects_of(made)
        setattr(room.store, method, raising(Crash()))
        with pytest.raises(Crash):
            delete(ACCOUNT, thing)
        delattr(room.store, method)
        assert room.objects_of(made) == before
        with pytest.raises(Gone):
            delete(ACCOUNT, thing)
        assert len(room.objects_of(made)) < len(before)
    assert room.objects_of(made) == []


def test_P5_what_cannot_be_marked_as_deleted_keeps_its_bytes_until_it_can(room):
    made = room.made()
    room.run(made)
    room.store.change_assets = raising(OSError("throttled"))
    with pytest.raises(OSError, match="throttled"):
        room.generations.delete_asset(ACCOUNT, room.row(made).assets[0].id)
    assert room.objects_of(made)


def test_only_a_finished_generation_can_be_deleted(room):
    made = room.made()
    with pytest.raises(Conflict):
        room.generations.delete(ACCOUNT, made)
    with pytest.raises(Conflict):
        room.generations.delete_asset(ACCOUNT, room.row(made).assets[0].id)
    room.run(made)
    room.generations.delete(ACCOUNT, made)
    with pytest.raises(Gone):
        room.generations.get(ACCOUNT, made)
    assert room.balance == (98, 0)


def test_P11_a_result_is_unreviewed_until_its_owner_says_otherwise(room):
    made = room.made(n=2)
    asset_id = room.row(made).assets[0].id
    with pytest.raises(Conflict):
        room.generations.review(ACCOUNT, asset_id)
    room.run(made)
    assert [asset.review for asset in room.row(made).assets] == ["unreviewed", "unreviewed"]
    assert room.generations.review(ACCOUNT, asset_id)[1].review == "reviewed"
    assert [asset.review for asset in room.row(made).assets] == ["reviewed", "unreviewed"]
