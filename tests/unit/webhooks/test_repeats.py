"""What comes twice, at once, too early or again on request: at least one attempt, and one word that counts."""

import json
from datetime import timedelta

import pytest

from chalicelib.signing.service import NoSigningSecret
from chalicelib.webhooks.delivery import MAX_TRIES, Status
from tests.support.fake_webhooks import ACCOUNT, Room

OTHER = "https://other.example/in"


@pytest.fixture
def room() -> Room:
    return Room()


def test_F68_a_message_that_comes_twice_delivers_once(room: Room) -> None:
    endpoint = room.endpoint()
    room.tell()
    ((account_id, event_id),) = room.mailbox.take()
    room.delivering.spread(account_id, event_id)
    room.delivering.spread(account_id, event_id)
    messages = room.mailbox.take()
    assert [room.delivering.deliver(*ids) for ids in messages] == ["succeeded", "done_before"]
    assert len(room.receivers.requests) == 1
    assert room.delivery(endpoint).tries == 1


def test_a_message_that_comes_early_finds_nothing_to_do(room: Room) -> None:
    room.endpoint()
    room.receivers.will(500)
    room.tell()
    room.work()
    ((_, ids),) = room.mailbox.messages
    assert room.delivering.deliver(*ids) == "early"
    assert len(room.receivers.requests) == 1


def test_two_workers_at_one_delivery_make_one_attempt(room: Room) -> None:
    room.endpoint()
    room.tell()
    ((account_id, event_id),) = room.mailbox.take()
    room.delivering.spread(account_id, event_id)
    (ids,) = room.mailbox.take()
    second: list[str] = []

    def meanwhile(_: object) -> None:
        room.receivers.meanwhile = lambda _: None
        second.append(room.delivering.deliver(*ids))

    room.receivers.meanwhile = meanwhile
    assert room.delivering.deliver(*ids) == "succeeded"
    assert second == ["early"]


def test_whoever_comes_back_after_its_claim_ended_changes_nothing(room: Room) -> None:
    """A worker that hangs for longer than its claim: another delivers meanwhile, and the first one's word is void."""
    endpoint = room.endpoint()
    room.tell()
    ((account_id, event_id),) = room.mailbox.take()
    room.delivering.spread(account_id, event_id)
    (ids,) = room.mailbox.take()

    def meanwhile(_: object) -> None:
        room.receivers.meanwhile = lambda _: None
        room.clock.forward(seconds=61)
        assert room.delivering.deliver(*ids) == "succeeded"

    room.receivers.meanwhile = meanwhile
    room.receivers.will(200, 500)
    assert room.delivering.deliver(*ids) == "lost"
    assert room.delivery(endpoint).status is Status.SUCCEEDED


def test_F69_a_secret_that_is_rotated_between_attempts_signs_the_next_one(room: Room) -> None:
    endpoint = room.endpoint()
    room.receivers.will(500, 200)
    room.tell()
    room.work()
    room.endpoints.rotate(ACCOUNT, endpoint.id, timedelta(hours=1))
    room.clock.forward(seconds=5)
    room.work()
    counts = [request.headers["webhook-signature"].count("v1,") for request in room.receivers.requests]
    assert counts == [1, 2]


def test_what_cannot_be_signed_is_not_an_attempt(room: Room) -> None:
    endpoint = room.endpoint()
    good = room.keys

    def broken() -> list[object]:
        raise NoSigningSecret

    room.keys = broken  # type: ignore[assignment]
    room.tell()
    with pytest.raises(NoSigningSecret):
        room.work()
    assert room.delivery(endpoint).tries == 0
    room.keys = good
    assert "succeeded" in room.pass_time(minutes=5)


def test_an_attempt_that_kills_its_worker_each_time_comes_to_an_end(room: Room) -> None:
    class Died(BaseException):
        pass

    endpoint = room.endpoint()
    room.receivers.will(Died())
    room.tell()
    for _ in range(60):
        try:
            room.work()
        except Died:
            room.mailbox.messages.clear()
        room.clock.forward(minutes=4)
        room.sweep()
    assert room.delivery(endpoint).status is Status.FAILED
    assert len(room.receivers.requests) == MAX_TRIES


def test_an_event_or_delivery_that_is_gone_is_nothing_to_do(room: Room) -> None:
    assert room.delivering.spread(ACCOUNT, "evt_1") == "forgotten"
    assert room.delivering.deliver(ACCOUNT, "evt_1", "whe_1") == "forgotten"


def test_a_test_event_goes_to_its_endpoint_only_whatever_it_wants(room: Room) -> None:
    endpoint, other = room.endpoint(events=frozenset({"balance.low"})), room.endpoint(OTHER)
    event = room.endpoints.test(ACCOUNT, endpoint.id)
    assert room.work() == ["spread", "succeeded"]
    assert json.loads(room.receivers.requests[0].body)["type"] == "webhook_endpoint.test"
    assert room.delivery(endpoint).event_id == event.id
    assert room.endpoints.deliveries(ACCOUNT, other.id, before=None, limit=9) == []


def test_a_replay_sends_the_same_event_again_whether_it_was_taken_or_not(room: Room) -> None:
    endpoint = room.endpoint()
    room.tell()
    room.work()
    for _ in range(2):
        room.clock.forward(hours=1)
        assert room.endpoints.replay(ACCOUNT, endpoint.id, room.delivery(endpoint).event_id).status is Status.PENDING
        assert room.work() == ["succeeded"]
    ids = {request.headers["webhook-id"] for request in room.receivers.requests}
    bodies = {request.body for request in room.receivers.requests}
    stamps = {request.headers["webhook-timestamp"] for request in room.receivers.requests}
    assert (len(room.receivers.requests), len(ids), len(bodies), len(stamps)) == (3, 1, 1, 3)
    assert len(room.delivery(endpoint).log) == 3


def test_a_replay_after_everything_failed_begins_anew(room: Room) -> None:
    endpoint = room.endpoint()
    room.receivers.will(500)
    room.tell()
    room.work()
    room.pass_time(days=4)
    assert room.delivery(endpoint).status is Status.FAILED
    room.endpoints.change(ACCOUNT, endpoint.id, enabled=True)
    room.receivers.will(200)
    room.endpoints.replay(ACCOUNT, endpoint.id, room.delivery(endpoint).event_id)
    assert room.work() == ["succeeded"]
