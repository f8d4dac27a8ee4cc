"""Rules of signing in: pure values."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.kernel.principal import ALL_SCOPES, Principal

CODE_DIGITS = 8
CODE_LIFE = timedelta(minutes=10)
CODE_TRIES = 5
CODES_PER_HOUR = 10

SESSION_LIFE = timedelta(days=30)
SESSION_IDLE = timedelta(days=7)
#: A session's last use is written down at most this often.
SESSION_TOUCH = timedelta(hours=1)
TOKEN_PREFIX = "fts_"  # noqa: S105 (a prefix, not a secret)
TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that is in force."""

    principal: Principal
    csrf_token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Started:
    """A session just made. `token` is shown this once."""

    account_id: str
    token: str
    csrf_token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """What an account says about itself. `email` is opened from its seal for this answer only."""

    account_id: str
    email: str
    country: str | None
    locale: str
    retention_hours: int | None
    created_at: datetime


def hour(now: datetime) -> str:
    return f"{now:%Y-%m-%dT%H}"


def make_token(account_id: str, random: str) -> str:
    """The token carries its account's id, so that the session is found in the account's own partition."""
    return f"{TOKEN_PREFIX}{account_id.removeprefix('acct_')}_{random}"


def account_of(token: str) -> str:
    """The account that a token claims to be of; the claim is proved only by the session's row."""
    return "acct_" + token.removeprefix(TOKEN_PREFIX).partition("_")[0]


def principal(account_id: str, session_id: str) -> Principal:
    return Principal(account_id, ALL_SCOPES, session_id=session_id)
