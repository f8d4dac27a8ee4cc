"""Somebody else's server on 127.0.0.1, which answers as it is told to: well, badly, slowly, or not at all."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

Behave = Callable[[socket.socket], None]
TICK_SECONDS = 0.05
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Got:
    """One request as it arrived. Header names are lower-case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Each connection gets one request read, then `behave` has the socket. `connections` counts all of them."""

    behave: Behave
    tls: ssl.SSLContext | None = None
    reads_request: bool = True
    got: list[Got] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> "Receiver":
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(TICK_SECONDS)
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        self._listener.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                accepted, _ = self._listener.accept()
            except TimeoutError:
                continue
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(accepted,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, accepted: socket.socket) -> None:
        accepted.settimeout(PATIENCE_SECONDS)
        try:
            if self.tls is not None:
                accepted = self.tls.wrap_socket(accepted, server_side=True)
            if self.reads_request and (request := read_request(accepted)) is not None:
                self.got.append(request)
            self.behave(accepted)
        except OSError:
            return  # the other side went away, which is what some tests are about
        finally:
            accepted.close()


def read_request(connection: socket.socket) -> Got | None:
    """One request with its body; None if the other side left first."""
    stream = connection.makefile("rb")
    first = stream.readline().decode("latin-1").split()
    if len(first) != 3:
        return None
    headers: dict[str, str] = {}
    while line := stream.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", "0")))
    return Got(first[0], first[1], headers, body)


def answering(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Behave:
    """A whole answer."""
    lines = {"Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return lambda connection: connection.sendall(f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + body)


def continuing(connection: socket.socket) -> None:
    """Says again and again that it will answer."""
    for _ in range(500):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.01)


def raw(text: bytes) -> Behave:
    """Those bytes, then the end."""
    return lambda connection: connection.sendall(text)


def hanging(connection: socket.socket) -> None:
    """Says nothing until the other side is gone."""
    while connection.recv(1024):
        continue


def dripping(text: bytes, seconds: float = 0.05) -> Behave:
    """A byte at a time for ever: each wait is short, the whole never ends."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(text)
        for _ in range(int(PATIENCE_SECONDS / seconds)):
            connection.sendall(b"x")
            time.sleep(seconds)

    return behave


def reset(connection: socket.socket) -> None:
    """Ends the connection with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def endless(connection: socket.socket) -> None:
    """Ten megabytes without saying so."""
    connection.sendall(b"HTTP/1.1 200 Said\r\n\r\n")
    for _ in range(160):
        connection.sendall(b"x" * 65536)


class Script:
    """Behaves as the next one of a list says; the last one stays."""

    def __init__(self, *behaviours: Behave) -> None:
        self._left = list(behaviours)

    def __call__(self, connection: socket.socket) -> None:
        behave = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        behave(connection)
