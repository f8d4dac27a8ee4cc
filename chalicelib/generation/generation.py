"""What a generation is, which states follow which, and its rules: pure."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from chalicelib.kernel.ids import child_id

#: P11: said with every result.
NOTICE = (
    "AI output is probabilistic: it may be inaccurate, misleading, offensive or similar to other work. "
    "Review it before you publish it or use it commercially."
)

MAX_SEED = 2**31 - 1
#: A generation that was claimed this often in a row, with nothing to show for it, is given up.
MAX_ATTEMPTS = 3
#: So often a provider that was not to be had is tried again, before the next one or the end.
MAX_TRIES = 5
#: A committed generation whose message has not been taken by then is queued again.
QUEUE_PATIENCE = timedelta(seconds=30)
#: A generation that is not done so long after it was made is ended, and nothing is charged. Callers may shorten it.
DEADLINE = timedelta(hours=1)
LEAST_DEADLINE = timedelta(seconds=10)
#: Nobody but a worker may end what was sent to a provider; after this much more, the rescue does.
DEADLINE_GRACE = timedelta(minutes=10)
#: What is delivered once waits this long for whoever comes for it.
DELIVERY_LIFE = timedelta(hours=1)
#: What is delivered once goes into an answer whole, and Lambda answers at most 6 MB, a third of it lost to base64.
MAX_INLINE_BYTES = 4_000_000
#: After its results expired, a row stays this long, so that reads can say 410 instead of 404.
REMEMBERED = timedelta(days=7)


class Status(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    #: A provider may have done the work, and its answer was lost: it is asked until it is clear.
    RECONCILING = "reconciling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


_ENDS = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELED})
NEXT: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.RUNNING, Status.FAILED, Status.CANCELED}),
    Status.RUNNING: frozenset({Status.QUEUED, Status.RUNNING, Status.RECONCILING}) | _ENDS,
    Status.RECONCILING: frozenset({Status.QUEUED, Status.RUNNING, Status.RECONCILING}) | _ENDS,
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELED: frozenset(),
}
OPEN = frozenset(status for status, after in NEXT.items() if after)


class AssetStatus(StrEnum):
    QUEUED = "queued"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    BLOCKED = "blocked"
    CANCELED = "canceled"
    DELETED = "deleted"


class Review(StrEnum):
    UNREVIEWED = "unreviewed"
    REVIEWED = "reviewed"


class Retention(StrEnum):
    """How results are kept: until they expire, or not at all once they were handed over."""

    STANDARD = "standard"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Asset:
    """One result. `key` is its object's, None if there is none (any more); width and height are pixels, `seconds` is of
    a video or sound; `charged` is in assets. `sha256` (hexadecimal) is kept of what was delivered once. `code` says why
    there is no result."""

    id: str
    status: AssetStatus = AssetStatus.QUEUED
    key: str | None = None
    content_type: str | None = None
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    size_bytes: int | None = None
    seed: int | None = None
    charged: int = 0
    review: Review = Review.UNREVIEWED
    sha256: str | None = None
    delivered: bool = False
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a generation failed: a name for programs, a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A model that may make it, and what one result of it costs there."""

    model: str
    price: int


@dataclass(frozen=True, slots=True)
class Words:
    """What a person wrote, and where results are to be put: sealed wherever it is kept, and kept until the end only.

    `parameters` are those of the operation that hold words, by name.
    """

    prompt: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    deliver_to: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.prompt is not None or self.parameters or self.deliver_to)


@dataclass(frozen=True, slots=True)
class Sent:
    """How far the present submission has come. `number` counts submissions, `tries` how often the present provider was
    not to be had. `begun`: it may have reached the provider. `ticket` is the provider's word for the job it took."""

    number: int = 1
    tries: int = 0
    begun: bool = False
    ticket: str | None = None
    polls: int = 0


@dataclass(frozen=True, slots=True)
class Generation:
    """`model` and `price` are of whom it is with now, `others` who may make it instead, `held` what is set aside.

    `expires_at` is of its results; before they exist, None. `lane` is where the ledger keeps its hold. `attempt` counts
    claims, and fences: whoever does not hold the present one can write nothing. `idle` counts the claims in a row that
    came to nothing. `cost_microdollars` is what the provider bills, where that is known.
    """

    id: str
    account_id: str
    status: Status
    model: str
    operation: str
    parameters: dict[str, Any]
    upload_id: str | None
    price: int
    held: int
    seed: int
    created_at: datetime
    deadline_at: datetime
    spender: str
    request_id: str
    others: tuple[Choice, ...] = ()
    words: Words = Words()
    retention: Retention = Retention.STANDARD
    retention_hours: int | None = None
    assets: tuple[Asset, ...] = ()
    charged: int = 0
    attempt: int = 0
    idle: int = 0
    sent: Sent = Sent()
    cancel_requested: bool = False
    progress_percent: int | None = None
    queue_position: int | None = None
    provider_request_id: str | None = None
    cost_microdollars: int | None = None
    deleted: bool = False
    expires_at: datetime | None = None
    finished_at: datetime | None = None
    failure: Failure | None = None
    reference_upload_id: str | None = None
    lane: str = ""
    version: int = 1

    @property
    def provider(self) -> str:
        """Who makes it."""
        return self.model.partition("/")[0]

    @property
    def submission_key(self) -> str:
        """The idempotency key of the present submission: the same however often it is sent."""
        return f"{self.id}-{self.sent.number}"

    @property
    def uploads(self) -> dict[str, str]:
        """The uploads it reads, by the parameter that named them."""
        named = {"upload_id": self.upload_id, "parameters.style_upload_id": self.reference_upload_id}
        return {param: upload for param, upload in named.items() if upload}

    @property
    def prefix(self) -> str:
        """Under which its results lie."""
        return result_prefix(self.account_id, self.id, once=self.retention is Retention.NONE)

    def over(self, now: datetime) -> bool:
        """Whether its results have expired."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class Listing:
    """Which generations to list: at most `limit`, older than the id `before`, of that status, made after `since`."""

    limit: int
    before: str | None = None
    status: Status | None = None
    since: datetime | None = None


def pending_assets(generation_id: str, n: int) -> tuple[Asset, ...]:
    return tuple(Asset(child_id("ast", generation_id, index)) for index in range(n))


def result_key(account_id: str, generation_id: str, attempt: int, index: int, *, once: bool = False) -> str:
    """Where a worker's attempt writes a result: no two attempts share a key, so a stale one overwrites nothing."""
    return f"{result_prefix(account_id, generation_id, once=once)}{attempt}-{index}"


def result_prefix(account_id: str, generation_id: str, *, once: bool = False) -> str:
    """Under which its results lie. What is delivered `once` lies apart: the bucket itself ends that within a day."""
    return f"{'once' if once else 'results'}/{account_id}/{generation_id}/"
