"""An event reaches every endpoint at least once, on its own, and stops where it should."""

import json
from datetime import timedelta

import pytest

from chalicelib.outbound.request import Forbidden, NoReply, NotSent, Reply, ReplyTooLarge
from chalicelib.webhooks.delivery import MAX_TRIES, Status
from chalicelib.webhooks.endpoint import Because
from tests.support.fake_webhooks import ACCOUNT, URL, Room

OTHER = "https://other.example/in"


@pytest.fixture
def room() -> Room:
    return Room()


def test_each_endpoint_gets_its_own_delivery(room: Room) -> None:
    first, second = room.endpoint(), room.endpoint(OTHER)
    room.receivers.will(500)
    room.tell()
    assert sorted(room.work()) == ["spread", "succeeded", "waiting"]
    assert room.delivery(first).status is Status.PENDING
    assert room.delivery(second).status is Status.SUCCEEDED


def test_what_is_sent_is_the_event_signed_for_this_endpoint(room: Room) -> None:
    room.endpoint()
    room.tell()
    room.work()
    (sent,) = room.receivers.requests
    assert (sent.method, sent.url, sent.timeout_seconds, sent.max_answer_bytes) == ("POST", URL, 10, 65536)
    assert json.loads(sent.body)["id"] == sent.headers["webhook-id"]
    assert sent.headers["Content-Type"] == "application/json"
    assert [part.split(",")[0] for part in sent.headers["webhook-signature"].split()] == ["v1", "v1a"]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_a_success(room: Room, status: int) -> None:
    endpoint = room.endpoint()
    room.receivers.will(status)
    room.tell()
    assert room.work() == ["spread", "succeeded"]
    assert room.now(endpoint).last_success_at == room.clock.now()
    assert room.pass_time(hours=2) == []


@pytest.mark.parametrize("status", [100, 300, 301, 302, 307, 308, 400, 401, 404, 418, 429, 500, 503])
def test_F67_anything_else_is_tried_again_and_a_redirect_is_not_followed(room: Room, status: int) -> None:
    endpoint = room.endpoint()
    room.receivers.will(Reply(status=status, headers={"location": OTHER}, body=b""), 200)
    room.tell()
    assert room.work() == ["spread", "waiting"]
    room.clock.forward(seconds=5)
    assert room.work() == ["succeeded"]
    assert [attempt.status for attempt in room.delivery(endpoint).log] == [status, 200]
    assert {request.url for request in room.receivers.requests} == {URL}
    assert len({request.headers["webhook-id"] for request in room.receivers.requests}) == 1


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (Forbidden("x"), "address_not_allowed"),
        (NotSent("x"), "no_connection"),
        (NoReply("x"), "no_answer"),
        (ReplyTooLarge("x"), "answer_too_large"),
    ],
)
def test_why_nothing_was_answered_is_in_the_log(room: Room, error: Exception, name: str) -> None:
    endpoint = room.endpoint()
    room.receivers.will(error)
    room.tell()
    assert room.work() == ["spread", "waiting"]
    (attempt,) = room.delivery(endpoint).log
    assert (attempt.status, attempt.error) == (None, name)


def test_how_long_it_took_is_in_the_log(room: Room) -> None:
    endpoint = room.endpoint()
    room.receivers.meanwhile = lambda _: room.clock.forward(milliseconds=1234)
    room.tell()
    room.work()
    assert room.delivery(endpoint).log[0].milliseconds == 1234


def test_short_waits_come_by_message_and_long_ones_by_the_sweep(room: Room) -> None:
    room.endpoint()
    room.receivers.will(500)
    room.tell()
    room.work()
    ((_, (*_, _)),) = room.mailbox.messages
    room.clock.forward(seconds=5)
    assert room.work() == ["waiting"]
    room.clock.forward(minutes=5)
    assert room.work() == ["waiting"]
    assert room.mailbox.messages == []
    room.clock.forward(minutes=29)
    assert room.sweep() == []
    room.clock.forward(minutes=1)
    assert room.sweep() == ["queued"]
    assert room.work() == ["waiting"]


def test_F66_a_receiver_that_comes_back_within_days_gets_everything(room: Room) -> None:
    endpoint = room.endpoint()
    room.receivers.will(NotSent("down"))
    room.tell()
    room.work()
    room.pass_time(days=2)
    assert room.delivery(endpoint).status is Status.PENDING
    room.receivers.will(200)
    assert room.pass_time(days=1).count("succeeded") == 1
    assert room.now(endpoint).enabled


def test_F66_a_receiver_that_stays_down_is_disabled_after_the_last_attempt_and_its_owner_told(room: Room) -> None:
    endpoint, other = room.endpoint(), room.endpoint(OTHER)
    room.receivers.will(NotSent("down"))
    room.tell()
    room.work()
    outcomes = room.pass_time(days=3, hours=12)
    assert outcomes.count("waiting") == MAX_TRIES - 2
    assert outcomes.count("given_up") == 1
    now = room.now(endpoint)
    assert (now.because, now.told) == (Because.FAILING, True)
    assert room.mailbox.mails == [(ACCOUNT, "webhook_endpoint_disabled", endpoint.id)]
    told = json.loads(room.receivers.requests[-1].body)
    assert (told["type"], told["data"]) == (
        "webhook_endpoint.disabled",
        {"id": endpoint.id, "object": "webhook_endpoint", "status": "disabled", "reason": "failing"},
    )
    assert room.receivers.requests[-1].url == OTHER
    assert room.now(other).enabled


def test_an_endpoint_that_took_something_lately_is_not_disabled_for_one_event(room: Room) -> None:
    endpoint = room.endpoint()
    room.receivers.will(500)
    room.tell()
    room.work()
    room.pass_time(days=3)
    room.receivers.will(200, 500)
    room.tell("another")
    room.work()
    assert "given_up" in room.pass_time(hours=12)
    assert room.now(endpoint).enabled
    assert room.mailbox.mails == []


def test_a_410_disables_at_once_and_tells_the_others(room: Room) -> None:
    endpoint = room.endpoint()
    room.endpoint(OTHER)
    room.receivers.will(410)
    room.tell()
    assert sorted(room.work()) == ["gone", "spread", "spread", "succeeded", "succeeded"]
    assert room.now(endpoint).because is Because.GONE
    assert room.delivery(endpoint).status is Status.FAILED
    assert room.mailbox.mails == [(ACCOUNT, "webhook_endpoint_disabled", endpoint.id)]
    assert room.endpoints.describe(ACCOUNT, endpoint.id) == {"endpoint": endpoint.id, "because": "gone"}
    assert room.pass_time(hours=3) == []


def test_what_an_owner_disabled_needs_no_mail(room: Room) -> None:
    endpoint = room.endpoint()
    room.endpoints.change(ACCOUNT, endpoint.id, enabled=False)
    assert room.endpoints.describe(ACCOUNT, endpoint.id) is None


def test_an_endpoint_that_its_owner_enabled_meanwhile_stays_enabled(room: Room) -> None:
    endpoint = room.endpoint()

    def meddle(_: object) -> None:
        room.clock.forward(seconds=1)
        room.endpoints.change(ACCOUNT, endpoint.id, enabled=False)
        room.endpoints.change(ACCOUNT, endpoint.id, enabled=True)

    room.receivers.meanwhile = meddle
    room.receivers.will(410)
    room.tell()
    room.work()
    assert room.now(endpoint).enabled


@pytest.mark.parametrize("how", ["disabled", "deleted"])
def test_what_waits_for_an_endpoint_that_is_no_more_is_closed(room: Room, how: str) -> None:
    endpoint = room.endpoint()
    room.receivers.will(500)
    room.tell()
    room.work()
    if how == "deleted":
        room.endpoints.delete(ACCOUNT, endpoint.id)
    else:
        room.endpoints.change(ACCOUNT, endpoint.id, enabled=False)
    room.clock.forward(seconds=5)
    assert room.work() == ["closed"]
    known = room.delivery(endpoint)
    assert (known.status, known.log[-1].error) == (Status.FAILED, "endpoint_disabled")
    assert len(room.receivers.requests) == 1


def test_retry_after_is_honoured(room: Room) -> None:
    endpoint = room.endpoint()
    room.receivers.will(Reply(status=503, headers={"retry-after": "7200"}, body=b""), 200)
    room.tell()
    room.work()
    assert room.delivery(endpoint).next_at == room.clock.now() + timedelta(hours=2)
    assert room.pass_time(minutes=119) == []
    assert room.pass_time(minutes=2) == ["succeeded"]


def test_jitter_is_added_to_the_wait() -> None:
    room = Room(extra=0.5)
    endpoint = room.endpoint()
    room.receivers.will(500)
    room.tell()
    room.work()
    assert room.delivery(endpoint).next_at == room.clock.now() + timedelta(seconds=5.5)
