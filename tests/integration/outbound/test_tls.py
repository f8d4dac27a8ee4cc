"""Certificates are checked against names though addresses are called, over real sockets."""

import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib.outbound.gateway import Outbound, system_tls
from chalicelib.outbound.policy import Hosts, Public
from chalicelib.outbound.request import NoReply, NotSent, Reply
from tests.support.outgoing import Authority, Resolver, ask
from tests.support.receiver import Behave, Receiver, answering, hanging, reset

HOOKS = Public(loopback=True)
OK = answering(200, b"thanks")


class Here(Hosts):
    """A register whose hosts may be this machine, so that TLS can be seen without the internet."""

    def admits(self, target: Any, address: Any) -> bool:
        return True


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def secure(authority: Authority) -> Callable[..., Reply]:
    """Calls https://hooks.example, which is a server here with a certificate for `names`."""

    def call(names: tuple[str, ...], tls: Callable[[], ssl.SSLContext], behave: Behave = OK) -> Reply:
        with Receiver(behave, tls=authority.server(*names)) as receiver:
            policy = Here((f"hooks.example:{receiver.port}",))
            outbound = Outbound(policy, resolve=Resolver(["127.0.0.1"]), tls=tls)
            try:
                return outbound(ask(f"https://hooks.example:{receiver.port}/", timeout_seconds=3))
            finally:
                call.got = list(receiver.got)  # type: ignore[attr-defined]

    return call


def test_the_certificate_is_checked_against_the_name_though_an_address_is_called(
    secure: Any, authority: Authority
) -> None:
    assert secure(("hooks.example",), authority.trusted).status == 200
    assert secure.got[0].headers["host"].startswith("hooks.example:")
    with pytest.raises(NotSent):
        secure(("other.example",), authority.trusted)
    assert secure.got == []


def test_a_certificate_of_nobody_we_trust_is_refused_before_anything_is_sent(secure: Any) -> None:
    with pytest.raises(NotSent):
        secure(("hooks.example",), system_tls)
    assert secure.got == []


def test_an_answer_broken_off_under_tls_is_none(secure: Any, authority: Authority) -> None:
    with pytest.raises(NoReply):
        secure(("hooks.example",), authority.trusted, reset)


def test_a_handshake_that_hangs_ends_at_the_deadline() -> None:
    with Receiver(hanging, reads_request=False) as receiver:
        started = time.monotonic()
        with pytest.raises(NotSent):
            Outbound(HOOKS)(ask(f"https://127.0.0.1:{receiver.port}/", timeout_seconds=0.3))
        assert time.monotonic() - started < 2


def test_an_end_without_tls_is_not_spoken_to() -> None:
    with Receiver(OK) as receiver:
        with pytest.raises(NotSent):
            Outbound(HOOKS)(ask(f"https://127.0.0.1:{receiver.port}/", timeout_seconds=1))
        assert [got.method for got in receiver.got if got.method == "POST"] == []
