"""One event on its way to one endpoint, and when it is tried again: pure.

The waits are those that Standard Webhooks recommends. They are at least what the list says, so that jitter never makes
a receiver that is coming back meet everybody at once, and at least what the receiver asked for by `Retry-After`.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

from chalicelib.kernel.clock import epoch_millis
from chalicelib.outbound.saying import wait_seconds
from chalicelib.webhooks.event import KEPT

#: Before the second attempt, the third, and so on: about three days and four hours in all.
WAITS_SECONDS = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
MAX_TRIES = len(WAITS_SECONDS) + 1
#: A wait is up to so much longer than the list says.
JITTER = 0.2
MAX_RETRY_AFTER_SECONDS = 86_400
#: No attempt later than this after the event, so that the event is still there when it is made.
LAST_TRY = KEPT - timedelta(days=1)
#: Whoever set out to deliver has so long for it; the request itself ends much sooner.
CLAIM = timedelta(seconds=60)
#: A wait of at most so long is a message that comes late (SQS); a longer one is for the schedule to end.
MESSAGE_WAIT = timedelta(seconds=900)
#: Attempts that the log shows.
MAX_LOGGED = 20
#: Clocks of different machines differ a little.
TOLERANCE = timedelta(seconds=2)

OK_STATUSES = range(200, 300)
GONE_STATUS = 410
ASKED_TO_WAIT = frozenset({429, 503})


class Status(StrEnum):
    """A replay makes any of them pending again."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Attempt:
    """`status` is what was answered; `error` names why nothing was."""

    at: datetime
    status: int | None = None
    error: str | None = None
    milliseconds: int = 0

    @property
    def succeeded(self) -> bool:
        return self.status in OK_STATUSES

    @property
    def gone(self) -> bool:
        """The receiver says that nothing more is wanted (410)."""
        return self.status == GONE_STATUS


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """`at` is when the event was made. `claim` is the token of whoever is delivering it until `claimed_until`."""

    account_id: str
    endpoint_id: str
    event_id: str
    type: str
    at: datetime
    status: Status = Status.PENDING
    tries: int = 0
    log: tuple[Attempt, ...] = ()
    next_at: datetime | None = None
    claim: str | None = None
    claimed_until: datetime | None = None
    version: int = 0

    def is_due(self, now: datetime) -> bool:
        """Whether it may be tried now: nobody else is at it, and its wait is over."""
        if self.status is not Status.PENDING or (self.claimed_until is not None and self.claimed_until > now):
            return False
        return self.next_at is None or self.next_at <= now + TOLERANCE


def place_of(event_id: str, at: datetime) -> str:
    """Where an event stands in its endpoint's list; sorts by when it was made."""
    return f"{epoch_millis(at):013d}#{event_id}"


def place(known: Delivery) -> str:
    """The position of a page that ends with it."""
    return place_of(known.event_id, known.at)


def claimed(known: Delivery, token: str, now: datetime) -> Delivery:
    """About to be tried: the attempt counts from now, also if whoever makes it dies."""
    return replace(known, tries=known.tries + 1, claim=token, claimed_until=now + CLAIM, next_at=None)


def succeeded(known: Delivery, attempt: Attempt) -> Delivery:
    return replace(_logged(known, attempt), status=Status.SUCCEEDED, next_at=None)


def failed(known: Delivery, attempt: Attempt | None) -> Delivery:
    """Not tried any more, unless it is replayed."""
    return replace(_logged(known, attempt), status=Status.FAILED, next_at=None)


def waiting(known: Delivery, attempt: Attempt, next_at: datetime) -> Delivery:
    return replace(_logged(known, attempt), next_at=next_at)


def replayed(known: Delivery, now: datetime) -> Delivery:
    """To be tried now, with all its tries before it."""
    return replace(known, status=Status.PENDING, tries=0, next_at=now, claim=None, claimed_until=None)


def next_try(known: Delivery, now: datetime, *, extra: float, asked_seconds: int | None = None) -> datetime | None:
    """When it is tried again; None: never. `extra` is from 0 to JITTER; `asked_seconds` is what the receiver wants."""
    if known.tries >= MAX_TRIES:
        return None
    listed = WAITS_SECONDS[known.tries - 1] * (1 + extra)
    at = now + timedelta(seconds=max(listed, min(asked_seconds or 0, MAX_RETRY_AFTER_SECONDS)))
    return at if at <= known.at + LAST_TRY else None


def asked_wait(status: int | None, value: str | None, now: datetime) -> int | None:
    """Seconds that an answer asks to wait (RFC 9110, section 10.2.3: a number, or a date); None if it does not."""
    if status not in ASKED_TO_WAIT or value is None:
        return None
    seconds = wait_seconds(value, MAX_RETRY_AFTER_SECONDS)
    if seconds is not None:
        return seconds
    try:
        until = parsedate_to_datetime(value.strip())
    except (TypeError, ValueError):
        return None
    moment = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0, min(int((moment - now).total_seconds()), MAX_RETRY_AFTER_SECONDS))


def _logged(known: Delivery, attempt: Attempt | None) -> Delivery:
    log = (*known.log, attempt) if attempt is not None else known.log
    return replace(known, log=log[-MAX_LOGGED:], claim=None, claimed_until=None)
