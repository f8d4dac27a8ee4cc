"""Other rooms tell; an event is kept only for somebody who wants it, and once."""

from datetime import timedelta

import pytest

from chalicelib.kernel.transaction import Transaction
from tests.support.fake_webhooks import ACCOUNT, Room
from tests.support.fakes import write


@pytest.fixture
def room() -> Room:
    return Room()


def test_nothing_is_written_where_nobody_listens(room: Room) -> None:
    tx = Transaction()
    room.outbox.tell(tx, ACCOUNT, "generation.succeeded", {}, key="k")
    room.tell()
    assert (tx.writes, room.event_store.rows, room.mailbox.messages) == ([], {}, [])


def test_an_event_commits_with_what_it_tells_of_and_is_hinted_afterwards(room: Room) -> None:
    room.endpoint()

    def build(tx: Transaction, holds: bool) -> None:
        tx.add(write(lambda: None, lambda: (holds, None), lambda _: ValueError("refused")))
        room.outbox.tell(tx, ACCOUNT, "generation.succeeded", {"id": "gen_1"}, key="k")

    with pytest.raises(ValueError, match="refused"):
        room.memory.transact(lambda tx: build(tx, False))
    assert (room.event_store.rows, room.mailbox.messages) == ({}, [])
    room.memory.transact(lambda tx: build(tx, True))
    ((_, event_id),) = room.event_store.rows
    assert room.mailbox.take() == [(ACCOUNT, event_id)]


def test_F68_what_is_told_twice_is_one_event_as_it_was_told_first(room: Room) -> None:
    room.endpoint()
    room.tell()
    (first,) = room.event_store.rows.values()
    room.clock.forward(seconds=9)
    room.tell()
    assert list(room.event_store.rows.values()) == [first]


def test_only_what_an_endpoint_wants_is_kept(room: Room) -> None:
    room.endpoint(events=frozenset({"generation.failed"}))
    room.tell()
    assert room.event_store.rows == {}
    room.tell("k2", "generation.failed")
    assert len(room.event_store.rows) == 1


def test_who_listens_is_asked_every_ten_seconds_at_most(room: Room) -> None:
    for _ in range(3):
        room.tell()
    assert room.endpoint_store.reads == 1
    room.clock.forward(seconds=10)
    room.tell()
    assert room.endpoint_store.reads == 1
    room.clock.forward(milliseconds=1)
    room.tell()
    assert room.endpoint_store.reads == 2


def test_a_change_in_this_process_counts_at_once(room: Room) -> None:
    room.tell()
    made = room.endpoint()
    room.tell()
    assert len(room.event_store.rows) == 1
    room.endpoints.change(ACCOUNT, made.id, enabled=False)
    room.tell("another")
    assert len(room.event_store.rows) == 1


def test_the_cache_does_not_grow_without_end(room: Room) -> None:
    for number in range(1100):
        room.outbox.tell_now(f"acct_{number}", "asset.deleted", {}, key="k")
    assert len(room.outbox._cache) == 1000


def test_an_unknown_type_is_told_to_nobody(room: Room) -> None:
    room.endpoint()
    with pytest.raises(ValueError):
        room.outbox.tell_now(ACCOUNT, "no.such", {}, key="k")


def test_a_lost_hint_is_found_by_the_sweep(room: Room) -> None:
    endpoint = room.endpoint()
    room.tell()
    room.mailbox.messages.clear()
    room.clock.forward(seconds=59)
    assert room.sweep() == []
    room.clock.forward(seconds=1)
    assert room.sweep() == ["queued"]
    assert room.work() == ["spread", "succeeded"]
    assert room.delivery(endpoint).tries == 1
    room.clock.time += timedelta(hours=1)
    assert room.sweep() == []
