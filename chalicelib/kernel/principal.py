"""Who is calling. Comes only from credentials, never from a request's content."""

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What an API key may do. A signed-in session may do all of it."""

    GENERATIONS = "generations"
    UPLOADS = "uploads"
    BILLING_READ = "billing:read"
    BILLING = "billing"
    WEBHOOKS = "webhooks"


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class RateState:
    """How much of the request limit is left: `remaining` of `limit` until `reset_seconds` from now."""

    limit: int
    remaining: int
    reset_seconds: int


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. Exactly one of `key_id` and `session_id` is set."""

    account_id: str
    scopes: frozenset[Scope]
    key_id: str | None = None
    session_id: str | None = None
    rate: RateState | None = None

    @property
    def spender(self) -> str:
        """What a charge is attributed to: the key's id, or `session`."""
        return self.key_id or "session"
