"""Whom events are sent to: pure."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.kernel.errors import Conflict
from chalicelib.webhooks.event import EventType

MAX_ENDPOINTS = 10
MAX_OVERLAP = timedelta(days=7)
#: So many secrets of one endpoint are valid at once.
MAX_SECRETS = 2
#: An endpoint that took nothing for so long, and fails the last attempt of a delivery, is disabled.
SILENCE = timedelta(days=3)
#: A success is written down at most this often.
TOUCH = timedelta(minutes=5)


class Because(StrEnum):
    """Why an endpoint is disabled."""

    OWNER = "owner"
    GONE = "gone"  # it answered 410
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Secret:
    """`ends_at` None: until it is rotated."""

    text: str = field(repr=False)
    ends_at: datetime | None = None

    def in_force(self, now: datetime) -> bool:
        return self.ends_at is None or self.ends_at > now


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """`events` None: all types, also those to come. `told`: its owner knows that it was disabled."""

    id: str
    account_id: str
    url: str = field(repr=False)
    events: frozenset[EventType] | None
    description: str
    secrets: tuple[Secret, ...]
    created_at: datetime
    enabled_at: datetime
    because: Because | None = None
    disabled_at: datetime | None = None
    told: bool = True
    last_success_at: datetime | None = None
    version: int = 0

    @property
    def enabled(self) -> bool:
        return self.because is None

    def valid_secrets(self, now: datetime) -> list[str]:
        """The newest first."""
        return [secret.text for secret in self.secrets if secret.in_force(now)]

    def is_silent(self, now: datetime) -> bool:
        """Whether it has taken nothing for SILENCE."""
        return now - max(self.enabled_at, self.last_success_at or self.enabled_at) >= SILENCE


@dataclass(frozen=True, slots=True)
class Subscription:
    """An enabled endpoint and what it wants; None: everything."""

    endpoint_id: str
    events: frozenset[EventType] | None

    def wants(self, event_type: str) -> bool:
        return self.events is None or event_type in self.events


def rotated(endpoint: Endpoint, secret: str, overlap: timedelta, now: datetime) -> Endpoint:
    """With a new secret; the one before stays valid for `overlap`. Raises Conflict if two would stay beside it."""
    ends_at = now + overlap
    old = [replace(known, ends_at=min(known.ends_at or ends_at, ends_at)) for known in endpoint.secrets]
    valid = [known for known in old if known.in_force(now)]
    if len(valid) >= MAX_SECRETS:
        raise Conflict(
            f"{MAX_SECRETS} secrets are valid already: wait for the older one to end, or rotate with overlap_hours 0."
        )
    return replace(endpoint, secrets=(Secret(secret), *valid))


def disabled(endpoint: Endpoint, because: Because, now: datetime) -> Endpoint:
    """Whoever disables it knows."""
    return replace(endpoint, because=because, disabled_at=now, told=because is Because.OWNER)


def enabled(endpoint: Endpoint, now: datetime) -> Endpoint:
    """In force again, with SILENCE counted from now."""
    return replace(endpoint, because=None, disabled_at=None, told=True, enabled_at=now)


def owner_told(endpoint: Endpoint) -> Endpoint:
    return replace(endpoint, told=True)
