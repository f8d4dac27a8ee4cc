"""What an API key is."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.credits.caps import Cap
from chalicelib.kernel.principal import Scope
from chalicelib.uploads.upload import Attestation

MAX_KEYS = 100
MAX_OVERLAP = timedelta(days=7)
#: So many secrets of one key work at once, those in their overlap included.
MAX_SECRETS = 10


@dataclass(frozen=True, slots=True)
class Key:
    """A key as its owner sees it. `hint` is all that is kept of the secret in clear. `attestation` is its owner's
    statement for every photo that comes with a request of this key."""

    id: str
    account_id: str
    name: str
    scopes: frozenset[Scope]
    hint: str
    created_at: datetime
    expires_at: datetime | None
    last_used_on: str | None
    revoked_at: datetime | None
    cap: Cap | None
    attestation: Attestation | None = None

    def in_force(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)
