"""Time as an argument: the one place where the real clock is read."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Gives the current instant, always timezone-aware UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """RFC 3339 UTC with `Z`, to the millisecond: `2026-11-24T03:01:21.250Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_epoch(seconds: int | float) -> datetime:
    """The instant `seconds` after 1970-01-01T00:00:00Z."""
    return datetime.fromtimestamp(seconds, UTC)


def epoch_seconds(moment: datetime) -> int:
    """Whole seconds since 1970-01-01T00:00:00Z, rounded down (the unit of a DynamoDB TTL attribute)."""
    return int(moment.timestamp())


def epoch_millis(moment: datetime) -> int:
    """Whole milliseconds since 1970-01-01T00:00:00Z."""
    return int(moment.timestamp() * 1000)
