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
class Standing:
    """An owner's statement for every photo that comes with a request of the key: to which `version` of its wording
    (`ATTESTATION_VERSION`), and when."""

    attestation: Attestation
    version: int
    stated_at: datetime


@dataclass(frozen=True, slots=True)
class Key:
    """A key as its owner sees it. `hint` is all that is kept of the secret in clear."""

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
    standing: Standing | None = None

    def in_force(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)
