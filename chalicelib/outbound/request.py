"""A request to another system, what came back, and the four ways in which nothing did: pure.

What a caller may do next hangs on whether the other side can have acted, so that is what the errors say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

MAX_TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`timeout_seconds` is for the whole, from looking the name up to the last byte of the answer; an answer of more
    than `max_answer_bytes` is refused. Redirects are answers like any other: they are never followed."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout_seconds: float
    max_answer_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back, whatever its status. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class OutboundError(Exception):
    """No answer. The message is for an operator's log: it names no path, query, header or body."""


class Forbidden(OutboundError):
    """The address may not be called from here; nothing was sent."""


class NotSent(OutboundError):
    """No connection was made, so the other side cannot have acted."""


class NoReply(OutboundError):
    """The request went out, whole or in part, and no whole answer came: the other side may have acted."""


class ReplyTooLarge(NoReply):
    """The answer has more bytes than the caller takes."""


class Send(Protocol):
    """Sends one request once. Raises Forbidden, NotSent or NoReply."""

    def __call__(self, request: Request) -> Reply: ...
