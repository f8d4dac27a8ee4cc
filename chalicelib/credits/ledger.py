"""The ledger's arithmetic: double entry, whole assets, append-only. Pure; the store makes each move atomic.

Rules that hold after every move (the tests name them so):

1. The lines of a move, and so of all moves, sum to 0.
2. `available` = Σ buckets (those set aside in lanes included), never below 0; what is held has left the buckets.
3. A hold resolves at most once, because post, void and expiry are the same move key.
5. A grant's key names what was paid for, so that it happens once; while there is a debt, nothing is available.
6. Σ held or posted by a key in its window ≤ its cap.

An account of a customer is `available`, `held` or `debt` (what they owe, below 0); the others are the system's.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chalicelib.kernel.errors import InsufficientAssets
from chalicelib.kernel.money import assets as checked


class Account(StrEnum):
    AVAILABLE = "available"
    HELD = "held"
    DEBT = "debt"
    PURCHASES = "purchases"
    GRANTS = "grants"
    USAGE = "usage"
    REFUNDS = "refunds"
    EXPIRED = "expired"
    ADJUSTMENTS = "adjustments"


class BucketKind(StrEnum):
    BONUS = "bonus"
    TOP_UP = "top_up"
    PLAN = "plan"


class MoveKind(StrEnum):
    """`expire` is of a bucket's rest at its end, or of a hold whose generation nobody took in time."""

    GRANT = "grant"
    HOLD = "hold"
    POST = "post"
    VOID = "void"
    EXPIRE = "expire"
    TAKE_BACK = "take_back"
    REINSTATE = "reinstate"
    ADJUST = "adjust"


@dataclass(frozen=True, slots=True)
class Bucket:
    """Assets that came together and end together. `expires_at` None means never."""

    id: str
    kind: BucketKind
    assets: int
    expires_at: datetime | None = None

    def alive(self, now: datetime) -> bool:
        return self.expires_at is None or self.expires_at > now


@dataclass(frozen=True, slots=True)
class Part:
    """How much of a move came from, or went to, which bucket."""

    bucket_id: str
    assets: int


@dataclass(frozen=True, slots=True)
class Laned:
    """A spender whose lanes hold a part of a bucket: so many lanes of that epoch (see `lanes`).

    The bucket stays listed, even if empty, until they are closed.
    """

    spender: str
    epoch: int
    count: int
    bucket_id: str


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account has: spendable assets by bucket, what open holds have set aside, and what it owes.

    `laned` are the spenders with lanes, whose content is not in `buckets` and `held`. `spread`: there were lanes once,
    so there may be entries in their places. Below `low_at` available assets the owner is to be told, once: `low` says
    that they were.
    """

    buckets: tuple[Bucket, ...] = ()
    held: int = 0
    debt: int = 0
    laned: tuple[Laned, ...] = ()
    low_at: int | None = None
    low: bool = False
    spread: bool = False

    def available(self, now: datetime) -> int:
        return sum(bucket.assets for bucket in self.buckets if bucket.alive(now))


Lines = tuple[tuple[Account, int], ...]


@dataclass(frozen=True, slots=True)
class Move:
    """One append-only entry. `key` names the thing that moved, so that the same move cannot be written twice.

    `cause` is the payment, generation, bucket or ticket it happened for; `reason` an operator's own words.
    """

    key: str
    kind: MoveKind
    cause: str
    lines: Lines
    parts: tuple[Part, ...] = ()
    reason: str = ""

    @property
    def change(self) -> int:
        """What the move does to `available`."""
        return sum(amount for account, amount in self.lines if account is Account.AVAILABLE)


@dataclass(frozen=True, slots=True)
class Entry:
    """A move as its account sees it. `spender` is a key's id, `session`, or empty."""

    id: str
    at: datetime
    move: Move
    spender: str
    request_id: str


class HoldMismatch(Exception):
    """A settlement that does not fit its hold: more than was held, or a hold that is not open."""


def hold_key(generation_id: str) -> str:
    return f"hold#{generation_id}"


def settle_key(generation_id: str) -> str:
    """Post, void and expiry share one key: whichever is written first is the only one."""
    return f"settle#{generation_id}"


def lines(*given: tuple[Account, int]) -> Lines:
    """Those that say something."""
    return tuple(line for line in given if line[1])


def grant(balance: Balance, bucket: Bucket, now: datetime, *, cause: str) -> tuple[Balance, Move]:
    """Adds a bucket; never touches another. What is owed is paid from it first."""
    amount = checked(bucket.assets)
    source = Account.GRANTS if bucket.kind is BucketKind.BONUS else Account.PURCHASES
    added = replace(balance, buckets=(*balance.buckets, bucket))
    after, paid = pay_debt(added, now)
    told = lines((source, -amount), (Account.AVAILABLE, amount - paid), (Account.DEBT, paid))
    return after, Move(f"grant#{bucket.id}", MoveKind.GRANT, cause, told, (Part(bucket.id, amount),))


def hold(balance: Balance, generation_id: str, amount: int, now: datetime) -> tuple[Balance, Move]:
    """Sets `amount` aside, from the buckets that expire soonest. Raises InsufficientAssets."""
    needed = checked(amount)
    after, parts = spend(balance, needed, now)
    return replace(after, held=after.held + needed), hold_of(generation_id, parts)


def hold_of(generation_id: str, parts: tuple[Part, ...]) -> Move:
    """The entry of a hold of these parts."""
    amount = sum(part.assets for part in parts)
    told = lines((Account.AVAILABLE, -amount), (Account.HELD, amount))
    return Move(hold_key(generation_id), MoveKind.HOLD, generation_id, told, parts)


def settle(
    balance: Balance, held: Move, posted: int, now: datetime, *, lapsed: bool = False
) -> tuple[Balance, Move, tuple[Part, ...]]:
    """Resolves a hold: `posted` is used, the rest goes back to the buckets it came from; a debt is paid from that.

    What came from buckets that have expired since is returned as expired, not as spendable: the third of the answer
    says how much of which. Posting takes the soonest-expiring parts first. Raises HoldMismatch.
    """
    amount = sum(part.assets for part in held.parts)
    if not 0 <= checked(posted) <= amount or amount > balance.held:
        raise HoldMismatch(f"{posted} of {amount} with {balance.held} held")
    left, back = posted, dict[str, int]()
    for part in held.parts:
        used = min(left, part.assets)
        left -= used
        back[part.bucket_id] = part.assets - used
    buckets = []
    for bucket in balance.buckets:
        returned = back.pop(bucket.id, 0) if bucket.alive(now) else 0
        buckets.append(replace(bucket, assets=bucket.assets + returned))
    expired = tuple(Part(bucket_id, rest) for bucket_id, rest in back.items() if rest)
    lost = sum(part.assets for part in expired)
    after, paid = pay_debt(replace(balance, buckets=tuple(buckets), held=balance.held - amount), now)
    returns = ((Account.AVAILABLE, amount - posted - lost - paid), (Account.DEBT, paid), (Account.EXPIRED, lost))
    told = lines((Account.HELD, -amount), (Account.USAGE, posted), *returns)
    return after, settlement(held, told, posted, lapsed=lapsed), expired


def settlement(held: Move, told: Lines, posted: int, *, lapsed: bool = False) -> Move:
    """The entry of a hold's resolution."""
    kind = MoveKind.POST if posted else MoveKind.EXPIRE if lapsed else MoveKind.VOID
    return Move(settle_key(held.cause), kind, held.cause, told)


def expire(balance: Balance, now: datetime, *, turn: int) -> tuple[Balance, tuple[Move, ...]]:
    """Writes off what buckets hold past their end, an entry each. `turn` is the balance's version, which makes the
    keys unique: assets may come back to a bucket between two turns, when lanes are closed."""
    moves, kept = [], []
    for bucket in balance.buckets:
        if bucket.alive(now):
            kept.append(bucket)
            continue
        if bucket.assets:
            told = lines((Account.AVAILABLE, -bucket.assets), (Account.EXPIRED, bucket.assets))
            part = Part(bucket.id, bucket.assets)
            moves.append(Move(f"expire#{bucket.id}#{turn}", MoveKind.EXPIRE, bucket.id, told, (part,)))
        if balance.laned:  # its lanes may still return assets to it
            kept.append(replace(bucket, assets=0))
    return replace(balance, buckets=tuple(kept)), tuple(moves)


def pay_debt(balance: Balance, now: datetime) -> tuple[Balance, int]:
    """What is available pays what is owed, as far as it goes."""
    paid = min(balance.debt, balance.available(now))
    after, _ = spend(balance, paid, now)
    return replace(after, debt=balance.debt - paid), paid


def take(balance: Balance, amount: int, now: datetime, *, first: str) -> tuple[Balance, tuple[Part, ...], int]:
    """Takes up to `amount`: from the bucket `first`, then from those that expire soonest; how much of which, and how
    much was not to be had."""
    own = [bucket for bucket in balance.buckets if bucket.id == first]
    others = sorted((bucket for bucket in balance.buckets if bucket.id != first), key=_soonest)
    after, parts = _draw(balance, [*own, *others], amount, now)
    return after, parts, amount - sum(part.assets for part in parts)


def marked(balance: Balance, now: datetime) -> Balance:
    """With `low` set when less is available than the owner wants to know of, and cleared when it is not.

    Left as it is while lanes are open: what they hold is not known here, and they are open only when there is plenty.
    """
    if balance.laned:
        return balance
    low = balance.low_at is not None and balance.available(now) < balance.low_at
    return replace(balance, low=low)


def spend(balance: Balance, needed: int, now: datetime) -> tuple[Balance, tuple[Part, ...]]:
    """Takes `needed` from the buckets that expire soonest. Raises InsufficientAssets."""
    available = balance.available(now)
    if available < needed:
        raise InsufficientAssets(balance=available, needed=needed, debt=balance.debt)
    return _draw(balance, sorted(balance.buckets, key=_soonest), needed, now)


def _draw(balance: Balance, order: Iterable[Bucket], amount: int, now: datetime) -> tuple[Balance, tuple[Part, ...]]:
    left, parts, kept = amount, [], {}
    for bucket in order:
        drawn = min(left, bucket.assets) if bucket.alive(now) else 0
        if drawn:
            parts.append(Part(bucket.id, drawn))
            left -= drawn
        kept[bucket.id] = replace(bucket, assets=bucket.assets - drawn)
    return replace(balance, buckets=tuple(kept[bucket.id] for bucket in balance.buckets)), tuple(parts)


def overtakes(balance: Balance, move: Move) -> bool:
    """Whether the move spends from a bucket that ends later than one of which lanes still hold a part."""
    order = {bucket.id: _soonest(bucket) for bucket in balance.buckets}
    return any(order[laned.bucket_id] < order[part.bucket_id] for laned in balance.laned for part in move.parts)


def in_order(balance: Balance, now: datetime) -> list[Bucket]:
    """What can be spent, in the order it will be."""
    return sorted((bucket for bucket in balance.buckets if bucket.assets and bucket.alive(now)), key=_soonest)


def next_expiry(balance: Balance) -> datetime | None:
    """When a bucket ends next whose rest will have to be written off."""
    ends = [b.expires_at for b in balance.buckets if b.expires_at and (b.assets or balance.laned)]
    return min(ends, default=None)


def _soonest(bucket: Bucket) -> tuple[bool, datetime | None, str]:
    return (bucket.expires_at is None, bucket.expires_at, bucket.id)
