"""Requests over real sockets on 127.0.0.1: what is sent, what is refused, and that everything ends in time."""

import socket
import time
from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.outbound.gateway import Outbound, system_resolve
from chalicelib.outbound.policy import Public
from chalicelib.outbound.request import Forbidden, NoReply, NotSent, OutboundError, Reply, ReplyTooLarge
from tests.support.outgoing import Resolver, ask
from tests.support.receiver import (
    Behave,
    Receiver,
    answering,
    continuing,
    dripping,
    endless,
    hanging,
    raw,
    reset,
)

HOOKS = Public(loopback=True)
OK = answering(200, b"thanks", {"X-Kind": "Test"})


def sent(behave: Behave, **members: Any) -> Reply:
    with Receiver(behave) as receiver:
        return Outbound(HOOKS)(ask(receiver.url, **members))


def test_a_request_arrives_as_it_was_given_and_the_answer_comes_back() -> None:
    with Receiver(OK) as receiver:
        request = ask(
            receiver.url + "?a=1", headers={"Webhook-Id": "evt_1", "host": "evil", "Connection": "keep-alive"}
        )
        reply = Outbound(HOOKS)(request)
        (got,) = receiver.got
    assert (reply.status, reply.body, reply.headers["x-kind"]) == (200, b"thanks", "Test")
    assert (got.method, got.path, got.body) == ("POST", "/hook?a=1", b"{}")
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert (got.headers["webhook-id"], got.headers["connection"]) == ("evt_1", "close")
    assert (got.headers["content-length"], got.headers["accept-encoding"]) == ("2", "identity")


def test_every_request_has_a_connection_of_its_own() -> None:
    with Receiver(answering(200, b"", {"Connection": "keep-alive"})) as receiver:
        outbound = Outbound(HOOKS)
        for _ in range(3):
            outbound(ask(receiver.url))
        assert receiver.connections == 3


@pytest.mark.parametrize("status", [200, 204, 301, 302, 307, 400, 410, 429, 500, 503])
def test_every_status_is_an_answer(status: int) -> None:
    assert sent(answering(status)).status == status


def test_a_redirect_is_not_followed() -> None:
    with Receiver(OK) as elsewhere:
        reply = sent(answering(302, headers={"Location": elsewhere.url}))
        assert (reply.status, elsewhere.connections) == (302, 0)


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Receiver(answering(500)) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert sent(OK).status == 200
        assert proxy.connections == 0


def test_a_chunked_answer_is_put_together() -> None:
    body = b"4\r\nthan\r\n2\r\nks\r\n0\r\n\r\n"
    assert sent(raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)).body == b"thanks"


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    assert sent(raw(b"HTTP/1.1 200 OK\r\n\r\nthanks")).body == b"thanks"


def test_the_answer_may_have_exactly_as_many_bytes_as_the_caller_takes() -> None:
    assert len(sent(answering(200, b"x" * 100)).body) == 100
    with pytest.raises(ReplyTooLarge):
        sent(answering(200, b"x" * 101))


@pytest.mark.parametrize(
    "behave",
    [
        endless,
        answering(200, b"x" * 10_000_000),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFF\r\n" + b"x" * 100_000),
    ],
)
def test_F67_an_answer_that_is_too_large_is_not_read_to_its_end(behave: Behave) -> None:
    started = time.monotonic()
    with pytest.raises(ReplyTooLarge):
        sent(behave)
    assert time.monotonic() - started < 4


@pytest.mark.parametrize(
    "behave",
    [
        hanging,
        dripping(b""),
        dripping(b"HTTP/1.1 200 OK\r\nX-Long: "),
        dripping(b"HTTP/1.1 200 OK\r\n\r\n"),
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n"),
        dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFF\r\n"),
        continuing,
    ],
)  # fmt: skip
def test_F67_whoever_is_slow_is_left_at_the_deadline(behave: Behave) -> None:
    started = time.monotonic()
    with pytest.raises(NoReply):
        sent(behave, timeout_seconds=0.4, max_answer_bytes=100_000)
    assert 0.3 < time.monotonic() - started < 2


def test_F67_whoever_does_not_read_is_left_at_the_deadline() -> None:
    with Receiver(lambda _: time.sleep(1), reads_request=False) as receiver:
        started = time.monotonic()
        with pytest.raises(NoReply):
            Outbound(HOOKS)(ask(receiver.url, body=b"x" * 20_000_000, timeout_seconds=0.4))
        assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "behave",
    [
        reset,
        lambda _: None,
        raw(b"not http at all\r\n\r\n"),
        raw(b"HTTP/1.1 abc\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"),
        raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n"),
    ],
)
def test_an_answer_that_is_broken_off_or_makes_no_sense_is_none(behave: Behave) -> None:
    with pytest.raises(NoReply):
        sent(behave)


def test_where_nobody_listens_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotSent):
        Outbound(HOOKS)(ask(f"http://127.0.0.1:{port}/"))


def reset_unread(connection: socket.socket) -> None:
    """Once something of the request is there: sooner, there may be no connection yet."""
    connection.recv(1, socket.MSG_PEEK)
    reset(connection)


def test_a_reset_before_the_request_was_read_may_have_been_acted_on() -> None:
    with Receiver(reset_unread, reads_request=False) as receiver, pytest.raises(NoReply):
        Outbound(HOOKS)(ask(receiver.url, body=b"x" * 1_000_000))


@pytest.mark.parametrize("headers", [{"X": "a\r\nEvil: 1"}, {"X\r\nEvil": "1"}, {"X": "\u20ac"}])
def test_nothing_is_smuggled_in_by_a_header(headers: dict[str, str]) -> None:
    with Receiver(OK) as receiver:
        with pytest.raises(NotSent):
            Outbound(HOOKS)(ask(receiver.url, headers=headers))
        assert receiver.got == []


@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1"],
        ["8.8.8.8", "127.0.0.1"],
        ["127.0.0.1", "8.8.8.8"],
        ["169.254.169.254"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["fe80::1%eth0"],
        ["8.8.8.8"] * 65,
    ],
)
def test_one_bad_address_forbids_the_name(answer: list[str]) -> None:
    with Receiver(OK) as receiver:
        policy = Public(ports=frozenset({receiver.port}))
        with pytest.raises(Forbidden):
            Outbound(policy, resolve=Resolver(answer))(ask(f"https://hooks.example:{receiver.port}/"))
        assert receiver.connections == 0


def test_a_name_is_looked_up_once_and_cannot_change_in_between() -> None:
    """The second answer would be this machine: it is never asked for."""
    resolver = Resolver(["192.0.2.1"], ["127.0.0.1"])
    with Receiver(OK) as receiver:
        policy = Public(ports=frozenset({receiver.port}))
        outbound = Outbound(policy, resolve=resolver)
        with pytest.raises(Forbidden):
            outbound(ask(f"https://hooks.example:{receiver.port}/"))
        assert resolver.asked == 1
        with pytest.raises(Forbidden):
            outbound(ask(f"https://hooks.example:{receiver.port}/"))
        assert (resolver.asked, receiver.connections) == (2, 0)


def test_a_name_without_an_address_was_not_called() -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(8, "not known")

    for resolve in (unknown, Resolver([])):
        with pytest.raises(NotSent):
            Outbound(Public(), resolve=resolve)(ask("https://hooks.example/"))


def test_a_look_up_that_hangs_ends_at_the_deadline() -> None:
    def slow(host: str, port: int) -> Sequence[str]:
        time.sleep(1)
        return ["8.8.8.8"]

    started = time.monotonic()
    with pytest.raises(NotSent):
        Outbound(Public(), resolve=slow)(ask("https://hooks.example/", timeout_seconds=0.2))
    assert time.monotonic() - started < 0.9


def test_the_next_address_is_tried_when_one_takes_no_connection() -> None:
    with Receiver(OK) as receiver:
        resolver = Resolver(["::1", "127.0.0.1"])
        assert Outbound(HOOKS, resolve=resolver)(ask(f"http://localhost:{receiver.port}/")).status == 200


def test_a_mapped_address_of_this_machine_is_this_machine() -> None:
    with Receiver(OK) as receiver:
        outbound = Outbound(HOOKS, resolve=Resolver(["::ffff:127.0.0.1"]))
        assert outbound(ask(f"http://localhost:{receiver.port}/")).status == 200
        with pytest.raises(Forbidden):
            Outbound(Public())(ask("https://[::ffff:127.0.0.1]/"))


def test_the_systems_resolver_knows_this_machine() -> None:
    assert "127.0.0.1" in system_resolve("127.0.0.1", 80)


def test_errors_tell_nothing_of_the_url() -> None:
    said = []
    for behave in (reset, hanging, endless):
        with Receiver(behave) as receiver:
            request = ask(receiver.url + "?token=hidden", headers={"A": "hidden"}, timeout_seconds=0.2)
            with pytest.raises(OutboundError) as failed:
                Outbound(HOOKS)(request)
            said.append(str(failed.value))
    assert not [text for text in said if "hidden" in text or "hook" in text or "127" in text]
