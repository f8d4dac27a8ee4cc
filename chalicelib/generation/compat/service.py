"""Use cases of the routes that speak OpenAI's language: one generation and one charge for one request, whatever a
client repeats, and an answer only when it is done.

Invariants, for requests of one API key with the same canonical content, while a pointer lives:

1. A first request (count 0) makes one generation, or attaches to one that a repetition of it made: never two.
2. A repetition (count > 0) makes one only where none is pointed to, and then any other repetition attaches to it.
3. So there are never more generations than first requests that were sent.

Where two first requests with the same content overlap, a repetition may attach to the other's generation: each is
charged once, and both are in the account's list.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from chalicelib.generation.compat.pointer import Pointer
from chalicelib.generation.compat.problems import ContentBlocked, GenerationFailed, ProviderUnavailable, StillRunning
from chalicelib.generation.generation import Generation, Status
from chalicelib.generation.ordering.order import Order
from chalicelib.generation.ordering.service import Made
from chalicelib.kernel.clock import Clock
from chalicelib.kernel.errors import Conflict, Validation
from chalicelib.kernel.principal import Principal
from chalicelib.kernel.transaction import Transaction
from chalicelib.uploads.upload import Status as UploadStatus
from chalicelib.uploads.upload import Upload

#: Failures that are the provider's or ours and not the request's.
TROUBLE = frozenset(
    {"deadline", "engine_error", "engine_failed", "model_gone", "provider_unavailable", "provider_unknown"}
)
POLL = timedelta(milliseconds=200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """How a request came. `seconds` is how long it may wait in all; `retry` counts what the client sent before."""

    principal: Principal
    arrived_at: datetime
    retry: int
    idempotency_key: str
    request_id: str
    seconds: float


class Pointers(Protocol):
    """What these use cases need of `compat.store`."""

    def get(self, account_id: str, key_hash: str, now: datetime) -> Pointer | None: ...
    def put(
        self, tx: Transaction, account_id: str, key_hash: str, pointer: Pointer, *, arrived_at: datetime | None
    ) -> None: ...


class Ordering(Protocol):
    """What these use cases need of ordering."""

    def order(
        self,
        principal: Principal,
        order: Order,
        idempotency_key: str,
        request_id: str,
        *,
        beside: Callable[[Transaction, Generation], None],
    ) -> Made: ...


class Waiting(Protocol):
    """What these use cases need of `generation.service`."""

    def wait(self, account_id: str, generation_id: str, seconds: float) -> Generation: ...


class Uploads(Protocol):
    """What these use cases need of the uploads room."""

    def get(self, account_id: str, upload_id: str) -> Upload: ...


class Compat:
    """`token()` is like no other. `taken` is what the commit raises when the request has its generation already."""

    def __init__(
        self,
        pointers: Pointers,
        ordering: Ordering,
        waiting: Waiting,
        uploads: Uploads,
        clock: Clock,
        *,
        keyed_hash: Callable[[str, str], str],
        token: Callable[[], str],
        sleep: Callable[[float], None],
        taken: type[Exception],
    ) -> None:
        self._pointers = pointers
        self._ordering = ordering
        self._waiting = waiting
        self._uploads = uploads
        self._clock = clock
        self._hash = keyed_hash
        self._token = token
        self._sleep = sleep
        self._taken = taken

    def run(self, request: Request, content: dict[str, Any], order: Callable[[], Order]) -> Generation:
        """The finished generation of a request. `content` is what makes it the same request as another; `order()` is
        called only where one has to be made.

        Raises StillRunning when the time is over first, what ordering raises, and for one that gave nothing
        ContentBlocked, GenerationFailed, ProviderUnavailable or Conflict.
        """
        account_id = request.principal.account_id
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        key_hash = self._hash("compat", f"{request.principal.spender}\n{canonical}")
        generation_id = self._known(request, key_hash) or self._make(request, key_hash, order)
        made = self._waiting.wait(account_id, generation_id, self._left(request))
        if made.finished_at is None:
            raise StillRunning().with_headers(retry_after="1", x_should_retry="true")
        if made.status is not Status.SUCCEEDED:
            raise _failed(made).with_headers(x_should_retry="false")
        return made

    def ready(self, request: Request, upload_id: str) -> str:
        """The id of an upload once it is ready. Raises StillRunning, or Validation for one that was rejected."""
        while True:
            upload = self._uploads.get(request.principal.account_id, upload_id)
            if upload.status is UploadStatus.READY:
                return upload_id
            if upload.status in (UploadStatus.REJECTED, UploadStatus.EXPIRED):
                raise Validation(f"image: {upload.message or 'the upload has expired'}", param="image")
            if self._left(request) <= POLL.total_seconds():
                raise StillRunning().with_headers(retry_after="1", x_should_retry="true")
            self._sleep(POLL.total_seconds())

    def _known(self, request: Request, key_hash: str) -> str | None:
        """What a repetition stands for, if its first request came to something."""
        if request.idempotency_key or not request.retry:
            return None
        found = self._pointers.get(request.principal.account_id, key_hash, self._clock.now())
        return found.generation_id if found is not None else None

    def _make(self, request: Request, key_hash: str, order: Callable[[], Order]) -> str:
        if request.idempotency_key:
            key = f"compat:{request.idempotency_key}"
            return self._order(request, order(), key, lambda *_: None)
        by_retry = request.retry > 0

        def beside(tx: Transaction, made: Generation) -> None:
            pointer = Pointer(made.id, self._clock.now(), by_retry)
            arrived_at = None if by_retry else request.arrived_at
            self._pointers.put(tx, made.account_id, key_hash, pointer, arrived_at=arrived_at)

        try:
            return self._order(request, order(), f"compat:{self._token()}", beside)
        except self._taken as taken:
            pointer: Pointer = taken.pointer  # type: ignore[attr-defined]
            return pointer.generation_id

    def _order(
        self, request: Request, order: Order, key: str, beside: Callable[[Transaction, Generation], None]
    ) -> str:
        made = self._ordering.order(request.principal, order, key, request.request_id, beside=beside)
        return made.generation_id

    def _left(self, request: Request) -> float:
        passed = (self._clock.now() - request.arrived_at).total_seconds()
        return max(0.0, request.seconds - passed)


def digest(data: bytes) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _failed(made: Generation) -> ContentBlocked | GenerationFailed | ProviderUnavailable | Conflict:
    if made.status is Status.CANCELED or made.failure is None:
        return Conflict("The generation was canceled.")
    code, message = made.failure.code, made.failure.message
    if any(asset.status.value == "blocked" for asset in made.assets):
        return ContentBlocked(message, id=made.id, reason=code)
    if code in TROUBLE:
        return ProviderUnavailable(message, id=made.id, reason=code)
    return GenerationFailed(message, id=made.id, reason=code)
