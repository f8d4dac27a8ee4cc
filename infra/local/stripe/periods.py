"""Billing periods: the same day of each month as the anchor, or the month's last. Pure.

https://docs.stripe.com/billing/subscriptions/billing-cycle
"""

from calendar import monthrange
from datetime import UTC, datetime, timedelta

_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}


def period_after(anchor: int, start: int, interval: str, count: int) -> int:
    """The end, in seconds since 1970, of the period that begins at `start`, in a cycle that began at `anchor`."""
    if interval in _DAYS:
        return start + int(timedelta(days=_DAYS[interval] * count).total_seconds())
    first, begin = (datetime.fromtimestamp(moment, UTC) for moment in (anchor, start))
    months = begin.year * 12 + begin.month - 1 + _MONTHS[interval] * count
    year, month = divmod(months, 12)
    day = min(first.day, monthrange(year, month + 1)[1])
    return int(begin.replace(year=year, month=month + 1, day=day).timestamp())
