"""When a pack is bought without anybody asking, and when not: pure.

It is off until a person turns it on, and says how much it may spend in a month. Before anything is charged the attempt
is written down: its order, its time and its sum. So a crash between the two charges nothing twice (the order is what
the charge is keyed by), an attempt that failed waits out its hour like one that did not, and the month's sum counts
what may have been charged. A sum is released only when the charge was refused for certain.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

#: So many refusals in a row turn it off; only a person turns it on again.
MAX_FAILURES = 3
#: Between the last time that one attempt was sent and the next attempt.
PAUSE = timedelta(hours=1)
#: An attempt whose answer was lost is sent again, as the same charge, after so long,
RESUME_AFTER = timedelta(minutes=1)
#: and for so long, which is shorter than the provider remembers what was sent.
RESUME_FOR = timedelta(hours=20)


class Because(StrEnum):
    """Why it is off."""

    OWNER = "owner"
    FAILURES = "failures"


class Telling(StrEnum):
    """Whose turn it is to tell an owner that little is left."""

    MINE = "mine"
    TAKEN = "taken"  # somebody else is about to
    DONE = "done"


class Step(StrEnum):
    """What is to be done now. All but CLAIM and RESUME send nothing."""

    OFF = "off"
    ENOUGH = "enough"
    CLAIM = "claim"
    RESUME = "resume"
    ABANDON = "abandon"
    PAUSED = "paused"
    CEILING = "ceiling"


@dataclass(frozen=True, slots=True)
class Wish:
    """What its owner asked for. `ceiling` is the most for a calendar month (UTC), in the smallest unit of the currency;
    it buys the pack when fewer than `below` assets are available."""

    pack: str
    below: int
    ceiling: int
    currency: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """`order_id` keys the charge of a `pack`. `at` is when it was sent last, `first_at` at first.

    It is `open` until its outcome is known; `payment_id` is known once it was charged.
    """

    order_id: str
    pack: str
    first_at: datetime
    at: datetime
    amount: int
    open: bool = True
    payment_id: str = ""


@dataclass(frozen=True, slots=True)
class AutoTopUp:
    """One account's. `spent` is what was claimed in `month` (`2026-11`) and not refused; `version` 0: never written.

    `told`: its owner knows that it turned itself off.
    """

    account_id: str
    wish: Wish
    on: bool = False
    because: Because | None = None
    told: bool = True
    failures: int = 0
    month: str = ""
    spent: int = 0
    attempt: Attempt | None = None
    version: int = 0


def turned_on(before: AutoTopUp | None, account_id: str, wish: Wish) -> AutoTopUp:
    """As its owner wants it. What was attempted and spent this month still counts."""
    known = before or AutoTopUp(account_id, wish)
    return replace(known, wish=wish, on=True, because=None, told=True, failures=0)


def turned_off(before: AutoTopUp, because: Because) -> AutoTopUp:
    """Whoever turns it off knows."""
    return replace(before, on=False, because=because, told=because is Because.OWNER)


def spent(known: AutoTopUp, now: datetime) -> int:
    """Of the present month's ceiling: what is still open from the month before counts here too, for it may be charged
    only now. A clock that is behind reopens no month that was left."""
    if f"{now:%Y-%m}" <= known.month:
        return known.spent
    attempt = known.attempt
    return attempt.amount if attempt is not None and attempt.open else 0


def step(known: AutoTopUp, *, price: int, available: int, now: datetime) -> Step:
    """What to do with `available` assets left, when the pack costs `price`."""
    attempt = known.attempt
    if not known.on:
        return Step.OFF
    if attempt is not None and attempt.open and now - attempt.first_at > RESUME_FOR:
        return Step.ABANDON
    if available >= known.wish.below:
        return Step.ENOUGH
    if attempt is not None and attempt.open:
        return Step.RESUME if now - attempt.at >= RESUME_AFTER and _fits(known, 0, now) else Step.PAUSED
    if attempt is not None and now - attempt.at < PAUSE:
        return Step.PAUSED
    return Step.CLAIM if _fits(known, price, now) else Step.CEILING


def _fits(known: AutoTopUp, more: int, now: datetime) -> bool:
    return spent(known, now) + more <= known.wish.ceiling


def claimed(known: AutoTopUp, order_id: str, price: int, now: datetime) -> AutoTopUp:
    """With a new attempt, to be written before it is sent. Only for Step.CLAIM."""
    month = max(f"{now:%Y-%m}", known.month)
    attempt = Attempt(order_id, known.wish.pack, now, now, price)
    return replace(known, month=month, spent=spent(known, now) + price, attempt=attempt)


def resumed(known: AutoTopUp, now: datetime) -> AutoTopUp:
    """About to send the open attempt again. Only for Step.RESUME."""
    assert known.attempt is not None
    month = max(f"{now:%Y-%m}", known.month)
    return replace(known, month=month, spent=spent(known, now), attempt=replace(known.attempt, at=now))


def charged(known: AutoTopUp, order_id: str, payment_id: str) -> AutoTopUp:
    """The provider has the money; the assets come with its event."""
    if not _is_open(known, order_id) or known.attempt is None:
        return known
    return replace(known, failures=0, attempt=replace(known.attempt, open=False, payment_id=payment_id))


def refused(known: AutoTopUp, order_id: str) -> AutoTopUp:
    """Nothing was charged, for certain: the sum is released, the time is kept. At MAX_FAILURES it turns itself off."""
    if not _is_open(known, order_id) or known.attempt is None:
        return known
    closed = replace(known.attempt, open=False)
    failures = known.failures + 1
    after = replace(known, failures=failures, spent=max(0, known.spent - closed.amount), attempt=closed)
    return turned_off(after, Because.FAILURES) if known.on and failures >= MAX_FAILURES else after


def abandoned(known: AutoTopUp) -> AutoTopUp:
    """Its outcome was never learned: it counts as charged, and what it brought comes with the provider's event."""
    return known if known.attempt is None else replace(known, attempt=replace(known.attempt, open=False))


def _is_open(known: AutoTopUp, order_id: str) -> bool:
    return known.attempt is not None and known.attempt.open and known.attempt.order_id == order_id
