"""The ledger's arithmetic: double entry, whole assets, append-only. Pure; the store makes each move atomic.

Rules that hold after every move (the tests name them so):

1. The lines of a move, and so of all moves, sum to 0.
2. `available` = Σ buckets, never below 0; what is held has left the buckets.
3. A hold resolves at most once, because post and void are the same move key.
5. A grant's key names what was paid for, so that it happens once.
6. Σ held or posted by a key in its window ≤ its cap.

An account of a customer is `available` or `held`; the others are the system's.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from chalicelib.kernel.errors import InsufficientAssets
from chalicelib.kernel.money import assets as checked


class Account(StrEnum):
    AVAILABLE = "available"
    HELD = "held"
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
    GRANT = "grant"
    HOLD = "hold"
    POST = "post"
    VOID = "void"


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
    """How much of a hold came from which bucket."""

    bucket_id: str
    assets: int


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account has: spendable assets by bucket, what open holds have set aside, and what it owes."""

    buckets: tuple[Bucket, ...] = ()
    held: int = 0
    debt: int = 0

    def available(self, now: datetime) -> int:
        return sum(bucket.assets for bucket in self.buckets if bucket.alive(now))


@dataclass(frozen=True, slots=True)
class Move:
    """One append-only entry. `key` names the thing that moved, so that the same move cannot be written twice.

    `cause` is the payment, generation or grant it happened for.
    """

    key: str
    kind: MoveKind
    cause: str
    lines: tuple[tuple[Account, int], ...]
    parts: tuple[Part, ...] = ()

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
    """Post and void share one key: whichever is written first is the only one."""
    return f"settle#{generation_id}"


def grant(balance: Balance, bucket: Bucket, *, key: str, cause: str) -> tuple[Balance, Move]:
    """Adds a bucket; never touches another."""
    amount = checked(bucket.assets)
    source = Account.GRANTS if bucket.kind is BucketKind.BONUS else Account.PURCHASES
    move = Move(f"grant#{key}", MoveKind.GRANT, cause, ((source, -amount), (Account.AVAILABLE, amount)))
    return replace(balance, buckets=(*balance.buckets, bucket)), move


def hold(balance: Balance, generation_id: str, amount: int, now: datetime) -> tuple[Balance, Move]:
    """Sets `amount` aside, from the buckets that expire soonest. Raises InsufficientAssets."""
    needed = checked(amount)
    available = balance.available(now)
    if available < needed:
        raise InsufficientAssets(balance=available, needed=needed)
    left, parts, kept = int(needed), [], {}
    for bucket in sorted(balance.buckets, key=_soonest):
        take = min(left, bucket.assets) if bucket.alive(now) else 0
        if take:
            parts.append(Part(bucket.id, take))
            left -= take
        kept[bucket.id] = replace(bucket, assets=bucket.assets - take)
    lines = ((Account.AVAILABLE, -needed), (Account.HELD, needed))
    move = Move(hold_key(generation_id), MoveKind.HOLD, generation_id, lines, tuple(parts))
    buckets = tuple(kept[bucket.id] for bucket in balance.buckets)
    return replace(balance, buckets=buckets, held=balance.held + needed), move


def settle(balance: Balance, held: Move, posted: int, now: datetime) -> tuple[Balance, Move]:
    """Resolves a hold: `posted` is used, the rest goes back to the buckets it came from.

    What came from buckets that have expired since is returned as expired, not as spendable. Posting takes the
    soonest-expiring parts first. Raises HoldMismatch.
    """
    amount = sum(part.assets for part in held.parts)
    if not 0 <= checked(posted) <= amount or amount > balance.held:
        raise HoldMismatch(f"{posted} of {amount} with {balance.held} held")
    left, back = posted, {}
    for part in held.parts:
        used = min(left, part.assets)
        left -= used
        back[part.bucket_id] = part.assets - used
    buckets = []
    for bucket in balance.buckets:
        returned = back.get(bucket.id, 0) if bucket.alive(now) else 0
        back[bucket.id] = back.get(bucket.id, 0) - returned
        buckets.append(replace(bucket, assets=bucket.assets + returned))
    expired = sum(back.values())
    lines = [(Account.HELD, -amount), (Account.USAGE, posted)]
    lines += [(Account.AVAILABLE, amount - posted - expired), (Account.EXPIRED, expired)]
    move = Move(
        settle_key(held.cause),
        MoveKind.POST if posted else MoveKind.VOID,
        held.cause,
        tuple(line for line in lines if line[1]),
    )
    return replace(balance, buckets=tuple(buckets), held=balance.held - amount), move


def _soonest(bucket: Bucket) -> tuple[bool, datetime | None, str]:
    return (bucket.expires_at is None, bucket.expires_at, bucket.id)
