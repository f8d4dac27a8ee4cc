"""What one key may have open and may spend: pure rules over a counter that is written with the hold."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chalicelib.kernel.errors import ConcurrencyLimited, Problem


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

    def name(self, now: datetime) -> str:
        """The window that `now` is in: `2026-11-24`, `2026-11` or `lifetime`."""
        formats = {Window.DAY: f"{now:%Y-%m-%d}", Window.MONTH: f"{now:%Y-%m}", Window.LIFETIME: "lifetime"}
        return formats[self.window]


@dataclass(frozen=True, slots=True)
class Usage:
    """A key's counter: generations open, and assets held or posted in the window called `window`."""

    open: int = 0
    window: str = ""
    spent: int = 0


def take(usage: Usage, cap: Cap | None, assets: int, *, max_open: int, now: datetime) -> Usage:
    """The counter after one more hold. Raises KeyCapReached or ConcurrencyLimited."""
    if usage.open >= max_open:
        problem = ConcurrencyLimited(f"{usage.open} generations are open; at most {max_open} may be.")
        raise problem.with_headers(retry_after="2")
    window = _window(usage, cap, now) if cap else ""
    spent = usage.spent if usage.window == window else 0
    if cap and spent + assets > cap.assets:
        left = max(0, cap.assets - spent)
        raise KeyCapReached(
            f"This costs {assets}; {left} of {cap.assets} are left this {cap.window.value}.",
            cap=cap.assets,
            window=cap.window.value,
            left=left,
            needed=assets,
        ).with_headers(x_should_retry="false")
    return Usage(usage.open + 1, window, spent + assets)


def _window(usage: Usage, cap: Cap, now: datetime) -> str:
    """The window to count in. Names of one kind sort by time, and a clock that is behind reopens none that was left."""
    name = cap.name(now)
    return max(name, usage.window) if len(usage.window) == len(name) else name


def give_back(usage: Usage, window: str, assets: int) -> Usage:
    """The counter after a hold taken in `window` is resolved and `assets` of it were not used."""
    spent = usage.spent - assets if usage.window == window else usage.spent
    return replace(usage, open=max(0, usage.open - 1), spent=max(0, spent))
