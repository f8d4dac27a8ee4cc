"""Use cases of the routes that speak OpenAI's language: one generation and one charge for one request, whatever a
client repeats, and an answer only when it is done.

Invariants, for requests of one API key with the same canonical content, while pointers live:

1. A first request (count 0) makes one generation, or attaches to one that a repetition made since it arrived.
2. A repetition (count > 0) makes one only where none is pointed to, and then any other repetition attaches to it.
3. So there are never more generations than first requests that were sent: one that a repetition made stands for its
   first request, which attaches to it whenever it gets on.

Where first requests with the same content overlap, a repetition may attach to the other's generation, and a first
request to one that the other's repetition made: nobody is charged more often than they asked.

An Idempotency-Key of the client's own rules instead: it stands for one generation, whatever the count says.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from chalicelib.generation.compat.pointer import KEYED_LIFE, LIFE, Place, Pointer
from chalicelib.generation.compat.problems import ContentBlocked, GenerationFailed, ProviderUnavailable, StillRunning
from chalicelib.generation.generation import AssetStatus, Generation, Status
from chalicelib.generation.ordering.order import Order
from chalicelib.generation.ordering.service import Made
from chalicelib.kernel.clock import Clock
from chalicelib.kernel.errors import Conflict, Gone, IdempotencyKeyReused, NotFound, Problem, Validation
from chalicelib.kernel.principal import Principal
from chalicelib.kernel.transaction import Transaction
from chalicelib.uploads.upload import Status as UploadStatus
from chalicelib.uploads.upload import Upload

#: Failures that are the provider's or ours and not the request's.
TROUBLE = frozenset(
    {"deadline", "engine_error", "engine_failed", "model_gone", "provider_unavailable", "provider_unknown"}
)
POLL = timedelta(milliseconds=200)
#: API Gateway answers for us after 29 seconds; what is sent back takes some of them.
WAIT_SECONDS = 24.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """How a request came. `retry` counts what the client sent before; `idempotency_key` is its own, or empty."""

    principal: Principal
    arrived_at: datetime
    retry: int
    idempotency_key: str
    request_id: str

    @property
    def repeats(self) -> bool:
        """Whether it may be one that was sent before."""
        return bool(self.idempotency_key) or self.retry > 0


@dataclass(frozen=True, slots=True)
class Finished:
    """`replayed`: the request's Idempotency-Key stood for it already."""

    made: Generation
    replayed: bool


class Pointers(Protocol):
    """What these use cases need of `compat.store`."""

    def get(self, account_id: str, place: Place, now: datetime) -> Pointer | None: ...
    def put(
        self,
        tx: Transaction,
        account_id: str,
        place: Place,
        generation_id: str,
        now: datetime,
        *,
        arrived_at: datetime | None,
    ) -> None: ...
    def photo(self, account_id: str, place: Place, now: datetime) -> str | None: ...
    def put_photo(self, account_id: str, place: Place, upload_id: str, now: datetime) -> None: ...


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
    """`token()` is like no other. `taken` is what the commit raises when the request has its generation already.
    A request is waited for `wait_seconds` in all."""

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
        wait_seconds: float = WAIT_SECONDS,
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
        self._seconds = wait_seconds

    def run(self, request: Request, content: dict[str, Any], order: Callable[[], Order]) -> Finished:
        """The finished generation of a request. `content` is what makes it the same request as another, its `route`
        included; `order()` is called only where one has to be made.

        Raises StillRunning when the time is over first, IdempotencyKeyReused, what ordering raises, and for one that
        gave nothing ContentBlocked, GenerationFailed, ProviderUnavailable or Conflict.
        """
        place = self._place(request, content)
        known = self._known(request, place)
        generation_id = known or self._make(request, place, order)
        made = self._waiting.wait(request.principal.account_id, generation_id, self._left(request))
        if made.finished_at is None:
            raise StillRunning().with_headers(retry_after="1", x_should_retry="true")
        if made.status is not Status.SUCCEEDED:
            raise _failed(made).with_headers(x_should_retry="false")
        return Finished(made, replayed=bool(known and request.idempotency_key))

    def photo(self, request: Request, content: dict[str, Any], receive: Callable[[], str]) -> str:
        """The id of the upload of a photo that came with a request, once it is ready. `receive()` makes one, and is
        called only where none is known of an earlier sending.

        Raises StillRunning, or Validation for a photo that was rejected.
        """
        account_id, place = request.principal.account_id, self._place(request, content)
        upload_id = self._received(request, place)
        if upload_id is None:
            upload_id = receive()
            self._pointers.put_photo(account_id, place, upload_id, self._clock.now())
        while True:
            upload = self._uploads.get(account_id, upload_id)
            if upload.status is UploadStatus.READY:
                return upload_id
            if upload.status in (UploadStatus.REJECTED, UploadStatus.EXPIRED):
                raise Validation(f"image: {upload.message or 'the upload has expired'}", param="image")
            if self._left(request) <= POLL.total_seconds():
                raise StillRunning().with_headers(retry_after="1", x_should_retry="true")
            self._sleep(POLL.total_seconds())

    def _place(self, request: Request, content: dict[str, Any]) -> Place:
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        if request.idempotency_key:
            key = self._hash("compat-key", f"{content['route']}\n{request.idempotency_key}")
            return Place(key, self._hash("compat", canonical), KEYED_LIFE)
        fingerprint = self._hash("compat", f"{request.principal.spender}\n{canonical}")
        return Place(fingerprint, fingerprint, LIFE)

    def _known(self, request: Request, place: Place) -> str | None:
        """What a repetition stands for, if its first request came to something. Raises IdempotencyKeyReused."""
        if not request.repeats:
            return None
        found = self._pointers.get(request.principal.account_id, place, self._clock.now())
        return _same(place, found) if found is not None else None

    def _make(self, request: Request, place: Place, order: Callable[[], Order]) -> str:
        def beside(tx: Transaction, made: Generation) -> None:
            arrived_at = None if request.repeats else request.arrived_at
            self._pointers.put(tx, made.account_id, place, made.id, self._clock.now(), arrived_at=arrived_at)

        try:
            key = f"compat:{self._token()}"
            return self._ordering.order(
                request.principal, order(), key, request.request_id, beside=beside
            ).generation_id
        except self._taken as taken:
            return _same(place, taken.pointer)  # type: ignore[attr-defined]
        except Problem:
            # What stands in the way, like too few assets, may be what the first request came to meanwhile.
            known = self._known(request, place)
            if known is None:
                raise
            return known

    def _received(self, request: Request, place: Place) -> str | None:
        """The upload of an earlier sending, if it is still there."""
        account_id = request.principal.account_id
        upload_id = self._pointers.photo(account_id, place, self._clock.now()) if request.repeats else None
        if upload_id is None:
            return None
        try:
            is_over = self._uploads.get(account_id, upload_id).status is UploadStatus.EXPIRED
        except (Gone, NotFound):
            is_over = True
        return None if is_over else upload_id

    def _left(self, request: Request) -> float:
        passed = (self._clock.now() - request.arrived_at).total_seconds()
        return max(0.0, self._seconds - passed)


def digest(data: bytes) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _same(place: Place, found: Pointer) -> str:
    """Its generation, if it was made for the same content. Raises IdempotencyKeyReused."""
    if found.fingerprint != place.fingerprint:
        raise IdempotencyKeyReused
    return found.generation_id


def _failed(made: Generation) -> ContentBlocked | GenerationFailed | ProviderUnavailable | Conflict:
    if made.status is Status.CANCELED or made.failure is None:
        return Conflict("The generation was canceled.")
    code, message = made.failure.code, made.failure.message
    if any(asset.status is AssetStatus.BLOCKED for asset in made.assets):
        return ContentBlocked(message, id=made.id, reason=code)
    if code in TROUBLE:
        return ProviderUnavailable(message, id=made.id, reason=code)
    return GenerationFailed(message, id=made.id, reason=code)
