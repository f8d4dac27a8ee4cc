"""How hosted providers are talked to, and which of our errors each silence and each refusal of theirs is: pure.

What decides is whether the other side may have worked. A request that `begin`s work is sent once: no connection, or a
refusal, proves that nothing was made; silence and a broken server prove nothing. One that only `ask`s may be repeated.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from chalicelib.outbound.request import NoReply, OutboundError, Reply, Request, Send
from chalicelib.outbound.saying import wait_seconds
from chalicelib.providers.job import (
    ContentBlocked,
    ProviderError,
    ProviderFailed,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUncertain,
)

#: Work that is done when the answer comes. A worker may hold a job for 120 seconds in all.
WORK_SECONDS = 90.0
#: Work that is only put into a queue.
QUEUE_SECONDS = 20.0
ASK_SECONDS = 15.0
MAX_JSON_BYTES = 1024 * 1024
#: Pictures come inside JSON, a third longer than they are.
MAX_WORK_BYTES = 96 * 1024 * 1024
MAX_RETRY_AFTER_SECONDS = 3600

#: Our credentials or our money, not the job: another provider may do it, and nothing was made.
_ACCOUNT = frozenset({401, 402, 403})
#: Turned away before any work: too early, too many, or not read to the end.
_NOT_NOW = frozenset({408, 425, 429, 529})
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,59}")

T = TypeVar("T", bound=BaseModel)


class Said(BaseModel):
    """The base of what a provider says: what we do not know of it is ignored, what we need is checked."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def nothing_blocked(_: Reply) -> bool:
    """Of a provider that refuses no content, or says so otherwise."""
    return False


def no_code(_: Reply) -> str:
    """Of a provider whose errors have no codes."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A provider as it is talked to. `called` is its name in sentences; `is_blocked` says of a refusal whether content
    was refused, `code_of` gives the provider's own code for it."""

    called: str
    send: Send
    is_blocked: Callable[[Reply], bool] = nothing_blocked
    code_of: Callable[[Reply], str] = no_code

    def begin(self, request: Request) -> Reply:
        """Has work begun, which may cost money. Raises every ProviderError but ProviderCanceled."""
        return self.begun(lambda: self.send(request))

    def begun(self, call: Callable[[], Reply]) -> Reply:
        """The same for work that is begun by a call of another kind."""
        try:
            reply = call()
        except NoReply:
            raise ProviderUncertain("no_answer", f"{self.called} did not answer, and may have done it.") from None
        except OutboundError:
            raise self._unreachable() from None
        if 200 <= reply.status < 300:
            return reply
        if reply.status >= 500 and not _is_overloaded(reply):
            raise ProviderUncertain("provider_error", f"{self.called} broke, and may have done it.")
        raise self._refusal(reply)

    def ask(self, request: Request) -> Reply:
        """Asks, or has something done that may be done twice. Raises ProviderUnavailable when it cannot be asked, the
        others for what it refuses."""
        return self.understood(self.heard(request))

    def heard(self, request: Request) -> Reply:
        """The answer to a question, whatever its status. Raises ProviderUnavailable."""
        try:
            return self.send(request)
        except OutboundError:
            raise self._unreachable() from None

    def understood(self, reply: Reply) -> Reply:
        """An answer to a question that is one. Raises what its status means."""
        if 200 <= reply.status < 300:
            return reply
        if reply.status >= 500:
            wait = retry_after_seconds(reply)
            raise ProviderUnavailable("provider_error", f"{self.called} does not work now.", retry_after_seconds=wait)
        raise self._refusal(reply)

    def _unreachable(self) -> ProviderUnavailable:
        return ProviderUnavailable("unreachable", f"{self.called} cannot be reached.")

    def _refusal(self, reply: Reply) -> ProviderError:
        """What a refusal means. Its text is never repeated, because it may quote what was sent."""
        code = self.code_of(reply)
        suffix = f" ({code})" if _CODE.fullmatch(code) else ""
        if self.is_blocked(reply):
            return ContentBlocked("content_blocked", f"{self.called} refuses this content.")
        if reply.status in _NOT_NOW or reply.status >= 500:
            wait = retry_after_seconds(reply)
            return ProviderUnavailable("busy", f"{self.called} takes no more now{suffix}.", retry_after_seconds=wait)
        if reply.status in _ACCOUNT:
            return ProviderUnavailable("account", f"{self.called} does not serve this deployment now{suffix}.")
        if 300 <= reply.status < 400:
            return ProviderFailed("malformed_answer", f"{self.called} answered what cannot be understood.")
        return ProviderRefused("refused", f"{self.called} does not take this job{suffix}.")

    def parsed(self, shape: type[T], reply: Reply) -> T:
        """The JSON of an answer. Raises ProviderFailed."""
        try:
            return shape.model_validate_json(reply.body)
        except ValidationError:
            raise self.malformed() from None

    def malformed(self) -> ProviderFailed:
        return ProviderFailed("malformed_answer", f"{self.called} answered what cannot be understood.")


def json_body(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def json_of(reply: Reply) -> dict[str, Any]:
    """The JSON object of a refusal; empty if it is none."""
    try:
        value = json.loads(reply.body)
    except (RecursionError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def retry_after_seconds(reply: Reply) -> int | None:
    """How long the provider asks to be left alone, an hour at most; None if it does not say so in seconds."""
    return wait_seconds(reply.headers.get("retry-after", ""), MAX_RETRY_AFTER_SECONDS)


def _is_overloaded(reply: Reply) -> bool:
    """Whether a broken server says that it turned the request away before it did anything."""
    return reply.status == 529 or (reply.status == 503 and b"overloaded" in reply.body[:4096].lower())
