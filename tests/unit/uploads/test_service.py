"""Uploads: processed once whatever comes twice, gone when they are said to be gone."""

import pytest

from chalicelib.kernel.errors import Conflict, Gone, NotFound, Validation
from chalicelib.uploads.service import Uploads
from chalicelib.uploads.upload import (
    NEXT,
    PENDING_LIFE,
    Basis,
    PeopleShown,
    Status,
    UploadNotReady,
    clean_key,
    incoming_key,
    parse_incoming,
)
from tests.support.fake_rooms import FakeCleaner, FakeUploadsStore, Missing
from tests.support.fakes import ManualClock, Memory, entropy
from tests.support.faults import Crash

ACCOUNT, OTHER = "acct_1", "acct_2"


class Room:
    def __init__(self):
        self.memory = Memory()
        self.clock = ManualClock()
        self.store = FakeUploadsStore(self.memory)
        self.uploads = Uploads(
            self.store,
            FakeCleaner(),
            self.clock,
            entropy(5),
            upload_of=lambda row: row,
            missing=Missing,
            retention_hours=lambda _: 48,
        )

    def declare(self):
        upload, _ = self.uploads.declare(ACCOUNT, "image/jpeg", 4, "0" * 64, Basis.OWN_WORK, PeopleShown.NONE)
        return upload.id

    def arrive(self, upload_id, data=b"bytes"):
        self.store.objects[incoming_key(ACCOUNT, upload_id)] = data

    def ready(self, data=b"bytes"):
        upload_id = self.declare()
        self.arrive(upload_id, data)
        assert self.uploads.process(ACCOUNT, upload_id) is Status.READY
        return upload_id

    def status(self, upload_id):
        return self.uploads.get(ACCOUNT, upload_id).status

    def require(self, upload_id, account_id=ACCOUNT, max_pixels=64 * 48):
        def build(tx):
            self.uploads.require_ready(tx, account_id, upload_id, "upload_id", max_pixels)

        self.memory.transact(build)


@pytest.fixture
def room():
    return Room()


def test_bytes_that_arrive_become_a_clean_photo_and_the_original_is_removed(room):
    upload_id = room.ready()
    assert room.uploads.photo(ACCOUNT, upload_id) == b"clean bytes"
    assert list(room.store.objects) == [clean_key(ACCOUNT, upload_id)]


def test_what_is_no_photo_is_rejected_with_the_reason_and_removed(room):
    upload_id = room.declare()
    room.arrive(upload_id, b"bad bytes")
    assert room.uploads.process(ACCOUNT, upload_id) is Status.REJECTED
    upload = room.uploads.get(ACCOUNT, upload_id)
    assert upload.reason == "undecodable"
    assert upload.message
    assert room.store.objects == {}


@pytest.mark.parametrize("data", [b"bytes", b"bad bytes"])
@pytest.mark.parametrize("dies_at", range(1, 7))
def test_a_worker_that_dies_at_any_step_leaves_nothing_that_its_repetition_does_not_finish(room, data, dies_at):
    upload_id = room.declare()
    room.arrive(upload_id, data)
    steps = []

    def die(step):
        steps.append(step)
        if len(steps) == dies_at:
            raise Crash(step)

    room.store.before = die
    try:
        room.uploads.process(ACCOUNT, upload_id)
    except Crash:
        assert len(steps) == dies_at
    room.store.before = lambda _: None
    room.uploads.process(ACCOUNT, upload_id)
    room.uploads.process(ACCOUNT, upload_id)
    rejected = data.startswith(b"bad")
    assert room.status(upload_id) is (Status.REJECTED if rejected else Status.READY)
    assert list(room.store.objects) == ([] if rejected else [clean_key(ACCOUNT, upload_id)])


def test_a_second_notification_does_nothing(room):
    upload_id = room.ready()
    before = room.uploads.get(ACCOUNT, upload_id)
    assert room.uploads.process(ACCOUNT, upload_id) is None
    assert room.uploads.get(ACCOUNT, upload_id) == before
    assert room.uploads.photo(ACCOUNT, upload_id) == b"clean bytes"


def test_bytes_that_arrive_again_after_the_photo_is_ready_are_removed_and_change_nothing(room):
    upload_id = room.ready()
    room.arrive(upload_id, b"other bytes")
    assert room.uploads.process(ACCOUNT, upload_id) is None
    assert room.uploads.photo(ACCOUNT, upload_id) == b"clean bytes"
    assert list(room.store.objects) == [clean_key(ACCOUNT, upload_id)]


def test_a_notification_of_something_that_was_never_declared_removes_it(room):
    room.arrive("upl_unknown")
    assert room.uploads.process(ACCOUNT, "upl_unknown") is None
    assert room.store.objects == {}


@pytest.mark.parametrize("step", ["fetch_incoming", "write_clean", "accept", "delete_incoming"])
def test_P5_an_upload_deleted_while_it_is_processed_leaves_no_bytes(room, step):
    upload_id = room.declare()
    room.arrive(upload_id)

    def delete_meanwhile(now):
        if now == step:
            room.store.before = lambda _: None
            room.uploads.delete(ACCOUNT, upload_id)

    room.store.before = delete_meanwhile
    room.uploads.process(ACCOUNT, upload_id)
    assert room.store.objects == {}
    with pytest.raises(Gone):
        room.uploads.get(ACCOUNT, upload_id)


def test_bytes_that_come_after_the_declaration_ended_are_removed(room):
    upload_id = room.declare()
    room.arrive(upload_id)
    room.clock.time += PENDING_LIFE
    assert room.uploads.process(ACCOUNT, upload_id) is None
    assert room.store.objects == {}
    assert room.status(upload_id) is Status.EXPIRED


def test_P7_an_upload_past_its_time_is_expired_though_its_row_is_still_there(room):
    upload_id = room.ready()
    room.clock.forward(hours=48)
    assert room.status(upload_id) is Status.EXPIRED
    assert room.uploads.newest(ACCOUNT, before=None, limit=10) == []
    with pytest.raises(Gone):
        room.uploads.photo(ACCOUNT, upload_id)


def test_P5_deletion_is_answered_when_the_bytes_are_gone(room):
    upload_id = room.ready()
    room.uploads.delete(ACCOUNT, upload_id)
    assert room.store.objects == {}
    with pytest.raises(Gone):
        room.uploads.delete(ACCOUNT, upload_id)


@pytest.mark.parametrize("dies_at", ["delete_incoming", "delete_clean"])
def test_P5_a_deletion_that_died_before_the_bytes_is_finished_by_its_repetition(room, dies_at):
    upload_id = room.ready()

    def die(step):
        if step == dies_at:
            raise Crash(step)

    room.store.before = die
    with pytest.raises(Crash):
        room.uploads.delete(ACCOUNT, upload_id)
    room.store.before = lambda _: None
    with pytest.raises(Gone):
        room.uploads.delete(ACCOUNT, upload_id)
    assert room.store.objects == {}


def test_P10_another_accounts_upload_is_not_found_and_not_deleted(room):
    upload_id = room.ready()
    for call in (room.uploads.get, room.uploads.delete, room.uploads.photo):
        with pytest.raises(NotFound):
            call(OTHER, upload_id)
    with pytest.raises(Validation):
        room.require(upload_id, OTHER)
    assert room.uploads.photo(ACCOUNT, upload_id) == b"clean bytes"


def test_only_a_ready_upload_in_its_time_can_be_used(room):
    ready = room.ready()
    room.require(ready)
    pending = room.declare()
    with pytest.raises(UploadNotReady) as refused:
        room.require(pending)
    assert refused.value.headers["Retry-After"] == "1"
    rejected = room.declare()
    room.arrive(rejected, b"bad")
    room.uploads.process(ACCOUNT, rejected)
    with pytest.raises(Conflict) as told:
        room.require(rejected)
    assert told.value.extra["reason"] == "undecodable"
    with pytest.raises(Validation):
        room.require("upl_" + "0" * 26)
    with pytest.raises(Validation):
        room.require("../etc/passwd")
    with pytest.raises(Validation, match="3072 pixels; this model takes at most 3071"):
        room.require(ready, max_pixels=64 * 48 - 1)
    room.clock.forward(hours=48)
    with pytest.raises(Gone):
        room.require(ready)


def test_keys_of_incoming_objects_are_read_and_others_are_not():
    assert parse_incoming(incoming_key("acct_1", "upl_1")) == ("acct_1", "upl_1")
    for key in ("clean/acct_1/upl_1", "incoming/acct_1", "incoming/a/b/c", "", "incoming"):
        assert parse_incoming(key) is None


def test_states_are_a_table_that_ends():
    assert set(NEXT) == set(Status)
    assert all(NEXT[status] <= set(Status) for status in Status)
    assert [status for status in Status if not NEXT[status]] == [Status.READY, Status.REJECTED, Status.EXPIRED]
