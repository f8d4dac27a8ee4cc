"""What one key may have open and may spend: pure rules over a counter that is written with the hold."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chalicelib.kernel.errors import ConcurrencyLimited, Problem

MONTH_CHARACTERS = len("2026-11")


class Window(StrEnum):
    """Calendar windows in UTC."""

    DAY = "day"
    MONTH = "month"
    LIFETIME = "lifetime"


class KeyCapReached(Problem):
    code, status, kind = "key-cap-reached", 402, "insufficient_quota"
    title = "This key has reached its spending cap"
    advice = "Wait for the next window, raise the key's cap with `PATCH /v1/keys/{id}`, or use another key."


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `assets` held or posted in each `window`."""

    assets: int
    window: Window


@dataclass(frozen=True, slots=True)
class Usage:
    """A key's counter: generations open, and assets held or posted on `day`, in its month, and ever.

    All windows are counted whatever the cap, so that a cap set or changed later counts what was spent before it.
    """

    open: int = 0
    day: str = ""
    in_day: int = 0
    in_month: int = 0
    in_lifetime: int = 0

    def spent(self, window: Window) -> int:
        """Of the day, month or life that `day` is in."""
        return {Window.DAY: self.in_day, Window.MONTH: self.in_month, Window.LIFETIME: self.in_lifetime}[window]

    def plus(self, assets: int) -> "Usage":
        """With so many more (or fewer) spent in the present windows."""
        day, month, lifetime = self.in_day + assets, self.in_month + assets, self.in_lifetime + assets
        return replace(self, in_day=max(0, day), in_month=max(0, month), in_lifetime=max(0, lifetime))


def entered(usage: Usage, now: datetime) -> Usage:
    """The counter on the day that `now` is in: a new day or month begins at 0.

    Days sort as text, and a clock that is behind reopens none that was left.
    """
    day = max(f"{now:%Y-%m-%d}", usage.day)
    if day == usage.day:
        return usage
    same_month = day[:MONTH_CHARACTERS] == usage.day[:MONTH_CHARACTERS]
    return replace(usage, day=day, in_day=0, in_month=usage.in_month if same_month else 0)


def room(usage: Usage, cap: Cap | None) -> int | None:
    """How much the cap leaves; None without a cap."""
    return max(0, cap.assets - usage.spent(cap.window)) if cap else None


def take(usage: Usage, cap: Cap | None, assets: int, *, max_open: int, now: datetime) -> Usage:
    """The counter after one more hold. Raises KeyCapReached or ConcurrencyLimited."""
    if usage.open >= max_open:
        problem = ConcurrencyLimited(f"{usage.open} generations are open; at most {max_open} may be.")
        raise problem.with_headers(retry_after="2")
    counted = entered(usage, now)
    left = room(counted, cap)
    if cap and left is not None and assets > left:
        raise KeyCapReached(
            f"This costs {assets}; {left} of {cap.assets} are left this {cap.window.value}.",
            cap=cap.assets,
            window=cap.window.value,
            left=left,
            needed=assets,
        ).with_headers(x_should_retry="false")
    return replace(counted.plus(assets), open=usage.open + 1)


def returned(usage: Usage, day: str, assets: int) -> Usage:
    """The counter after `assets` taken on `day` turned out unused: they count no more in the windows they were in."""
    in_day = usage.in_day - assets if usage.day == day else usage.in_day
    same_month = usage.day[:MONTH_CHARACTERS] == day[:MONTH_CHARACTERS]
    in_month = usage.in_month - assets if same_month else usage.in_month
    lifetime = max(0, usage.in_lifetime - assets)
    return replace(usage, in_day=max(0, in_day), in_month=max(0, in_month), in_lifetime=lifetime)


def give_back(usage: Usage, day: str, assets: int) -> Usage:
    """The counter after a hold taken on `day` is resolved and `assets` of it were not used."""
    return replace(returned(usage, day, assets), open=max(0, usage.open - 1))
