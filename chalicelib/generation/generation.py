"""What a generation is, which states follow which, and its rules: pure."""

import hashlib
import json
from dataclasses import dataclass
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
#: A worker that finds a generation claimed this often gives up on it.
MAX_ATTEMPTS = 3
#: A committed generation whose message has not been taken by then is queued again.
QUEUE_PATIENCE = timedelta(seconds=30)
#: A generation that no worker took for this long is ended, and nothing is charged.
DEADLINE = timedelta(hours=1)
#: An Idempotency-Key is remembered this long.
IDEMPOTENCY_LIFE = timedelta(hours=24)
#: After its results expired, a row stays this long, so that reads can say 410 instead of 404.
REMEMBERED = timedelta(days=7)


class Status(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


NEXT: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.RUNNING, Status.FAILED}),
    Status.RUNNING: frozenset({Status.QUEUED, Status.RUNNING, Status.SUCCEEDED, Status.FAILED}),
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
}
OPEN = frozenset(status for status, after in NEXT.items() if after)


class AssetStatus(StrEnum):
    QUEUED = "queued"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DELETED = "deleted"


class Review(StrEnum):
    UNREVIEWED = "unreviewed"
    REVIEWED = "reviewed"


@dataclass(frozen=True, slots=True)
class Asset:
    """One result. `key` is its object's; width and height are pixels; `charged` is in assets."""

    id: str
    status: AssetStatus = AssetStatus.QUEUED
    key: str | None = None
    content_type: str | None = None
    width: int | None = None
    height: int | None = None
    size_bytes: int | None = None
    charged: int = 0
    review: Review = Review.UNREVIEWED


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a generation failed: a name for programs, a sentence for people."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Generation:
    """`expires_at` is of its results; before they exist, None. `price` is what one result costs. `lane` is where the
    ledger keeps its hold."""

    id: str
    account_id: str
    status: Status
    model: str
    operation: str
    parameters: dict[str, Any]
    upload_id: str | None
    price: int
    seed: int
    created_at: datetime
    spender: str
    request_id: str
    assets: tuple[Asset, ...] = ()
    charged: int = 0
    attempt: int = 0
    deleted: bool = False
    expires_at: datetime | None = None
    finished_at: datetime | None = None
    failure: Failure | None = None
    reference_upload_id: str | None = None
    lane: str = ""
    version: int = 1

    @property
    def cost(self) -> int:
        """What all its results cost."""
        return self.price * len(self.assets)

    @property
    def uploads(self) -> dict[str, str]:
        """The uploads it reads, by the parameter that named them."""
        named = {"upload_id": self.upload_id, "parameters.style_upload_id": self.reference_upload_id}
        return {param: upload for param, upload in named.items() if upload}

    def over(self, now: datetime) -> bool:
        """Whether its results have expired."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for, as it counts for idempotency."""

    model: str
    operation: str
    parameters: dict[str, Any]
    upload_id: str | None = None
    prompt: str | None = None
    n: int = 1
    seed: int | None = None
    max_assets: int | None = None

    def fingerprint(self) -> str:
        """SHA-256 of the canonical request: the same for the same request, however its JSON was spelled."""
        members = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return hashlib.sha256(json.dumps(members, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Listing:
    """Which generations to list: at most `limit`, older than the id `before`, of that status, made after `since`."""

    limit: int
    before: str | None = None
    status: Status | None = None
    since: datetime | None = None


def pending_assets(generation_id: str, n: int) -> tuple[Asset, ...]:
    return tuple(Asset(child_id("ast", generation_id, index)) for index in range(n))


def result_key(account_id: str, generation_id: str, attempt: int, index: int) -> str:
    """Where a worker's attempt writes a result: no two attempts share a key, so a stale one overwrites nothing."""
    return f"{result_prefix(account_id, generation_id)}{attempt}-{index}"


def abandoned_keys(made: Generation) -> list[str]:
    """Where attempts before the present one may have written results that were never published."""
    return [
        result_key(made.account_id, made.id, attempt, index)
        for attempt in range(1, made.attempt)
        for index in range(len(made.assets))
    ]


def result_prefix(account_id: str, generation_id: str) -> str:
    return f"results/{account_id}/{generation_id}/"
