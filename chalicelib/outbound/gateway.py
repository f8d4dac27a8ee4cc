"""HTTP to other systems: one request, one connection, one deadline for all of it.

A name is looked up once, every answer is checked, and one of exactly those addresses is connected to, so that a name
cannot change what it means in between. The certificate is still checked against the name. No redirects, no proxies of
the environment, no retries, no connection kept.
"""

import http.client
import io
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from functools import cache
from ipaddress import ip_address
from typing import Any

import certifi

from chalicelib.outbound.addresses import Address, Target
from chalicelib.outbound.policy import Policy
from chalicelib.outbound.request import (
    MAX_TIMEOUT_SECONDS,
    Forbidden,
    NoReply,
    NotSent,
    Reply,
    ReplyTooLarge,
    Request,
)

#: Addresses of one name that are tried at most. Nothing has been sent before one of them answers.
MAX_TRIED = 4
MAX_ADDRESSES = 64
CHUNK_BYTES = 64 * 1024
#: Ours to say: a caller's value for one of these would change what is sent or kept.
OWN_HEADERS = frozenset({"accept-encoding", "connection", "content-length", "host", "transfer-encoding"})

#: (host, port) → the addresses it has now. Raises OSError.
Resolve = Callable[[str, int], Sequence[str]]


def system_resolve(host: str, port: int) -> list[str]:
    """What the machine's resolver says, in its order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@cache
def system_tls() -> ssl.SSLContext:
    """Certificates and names are checked; the authorities are the system's and Mozilla's."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class Outbound:
    """`outbound.request.Send` under a policy."""

    def __init__(
        self,
        policy: Policy,
        *,
        resolve: Resolve = system_resolve,
        tls: Callable[[], ssl.SSLContext] = system_tls,
    ) -> None:
        self._policy = policy
        self._resolve = resolve
        self._tls = tls

    def __call__(self, request: Request) -> Reply:
        """Raises Forbidden, NotSent, NoReply or ReplyTooLarge."""
        target = self._policy.target(request.url)
        deadline = _Deadline(min(request.timeout_seconds, MAX_TIMEOUT_SECONDS))
        addresses = self._addresses(target, deadline)
        raw = self._connect(target, addresses, deadline)
        with raw:
            return _exchange(request, target, _Wire(raw, deadline))

    def _addresses(self, target: Target, deadline: "_Deadline") -> list[Address]:
        found = [target.literal] if target.literal is not None else self._look_up(target, deadline)
        if not all(self._policy.admits(target, address) for address in found):
            raise Forbidden("the host has an address that may not be called")
        return found[:MAX_TRIED]

    def _look_up(self, target: Target, deadline: "_Deadline") -> list[Address]:
        """In a thread of its own, because the system's resolver cannot be told how long it may take."""
        answers: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()

        def look_up() -> None:
            try:
                answers.put(self._resolve(target.host, target.port))
            except (OSError, UnicodeError) as error:
                answers.put(OSError(type(error).__name__))

        threading.Thread(target=look_up, daemon=True).start()
        try:
            answer = answers.get(timeout=deadline.left())
        except (queue.Empty, TimeoutError):
            raise NotSent("the name was not found in time") from None
        if isinstance(answer, OSError) or not answer:
            raise NotSent("the name has no address")
        # A name that has more is nobody's who is in earnest, and each has to be checked.
        if len(answer) > MAX_ADDRESSES:
            raise Forbidden("the name has too many addresses")
        try:
            return [ip_address(text) for text in answer]
        except ValueError:  # an address with a zone, which only a link-local one has
            raise Forbidden("the host has an address that may not be called") from None

    def _connect(self, target: Target, addresses: list[Address], deadline: "_Deadline") -> socket.socket:
        """A connection to the first address that takes one, with TLS done. Raises NotSent."""
        why = "no connection"
        for address in addresses:
            try:
                plain = socket.create_connection((str(address), target.port), timeout=deadline.left())
            except OSError as error:
                why = type(error).__name__
                continue
            if target.scheme == "http":
                return plain
            try:
                plain.settimeout(deadline.left())
                # The handshake has one time-out for all its messages.
                return self._tls().wrap_socket(plain, server_hostname=target.host)
            except (OSError, ValueError) as error:
                plain.close()
                why = type(error).__name__
        raise NotSent(f"no connection was made: {why}")


class _Deadline:
    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds until it; never 0, which sockets take for "do not wait". Raises TimeoutError after it."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time is over")
        return left


class _Wire:
    """A connected socket as `http.client` uses it, with each wait ending at the deadline."""

    def __init__(self, raw: socket.socket, deadline: _Deadline) -> None:
        self._raw = raw
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._raw.settimeout(self._deadline.left())
            view = view[self._raw.send(view[:CHUNK_BYTES]) :]

    def receive_into(self, buffer: Any) -> int:
        self._raw.settimeout(self._deadline.left())
        return self._raw.recv_into(buffer)

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self))

    def close(self) -> None:
        """The socket is closed by whoever opened it, after the answer was read."""


class _Incoming(io.RawIOBase):
    def __init__(self, wire: _Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._wire.receive_into(buffer)


def _exchange(request: Request, target: Target, wire: _Wire) -> Reply:
    """Sends the request and reads the answer. Raises NotSent for a request that HTTP cannot carry, NoReply."""
    headers = {name: value for name, value in request.headers.items() if name.lower() not in OWN_HEADERS}
    headers |= {"Host": target.authority, "Connection": "close", "Accept-Encoding": "identity"}
    connection = http.client.HTTPConnection(target.host)
    connection.sock = wire
    connection.auto_open = 0
    try:
        connection.request(request.method, target.path, body=request.body or None, headers=headers)
    except ValueError:
        # A line break in a header or a method that is none: seen before the first byte leaves.
        raise NotSent("a header or the method is malformed") from None
    except (OSError, http.client.HTTPException) as error:
        raise NoReply(f"the request was cut off: {type(error).__name__}") from None
    try:
        with connection.getresponse() as response:
            body = _read(response, request.max_answer_bytes)
            received = {name.lower(): value for name, value in response.getheaders()}
            return Reply(status=response.status, headers=received, body=body)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NoReply(f"no whole answer: {type(error).__name__}") from None


def _read(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    """The whole body. Raises ReplyTooLarge as soon as it is known to be, NoReply if it ends early."""
    if response.length is not None and response.length > max_bytes:
        raise ReplyTooLarge(f"the answer has more than {max_bytes} bytes")
    parts, size = [], 0
    while part := response.read(min(CHUNK_BYTES, max_bytes - size + 1)):
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise ReplyTooLarge(f"the answer has more than {max_bytes} bytes")
    if response.length:
        raise NoReply("the answer is shorter than it says")
    return b"".join(parts)
