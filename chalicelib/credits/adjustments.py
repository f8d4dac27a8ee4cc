"""What an operator gives or takes by hand, with a reason: pure."""

from dataclasses import replace
from datetime import datetime

from chalicelib.credits import ledger
from chalicelib.credits.ledger import Account, Balance, Bucket, BucketKind, Move, MoveKind, Part
from chalicelib.kernel.money import assets as checked


def adjust(balance: Balance, amount: int, now: datetime, *, key: str, reason: str) -> tuple[Balance, Move]:
    """An operator gives assets (a bucket that never expires), or takes some that are available.

    Raises InsufficientAssets when more is to be taken than there is; ValueError for nothing at all.
    """
    size = checked(abs(amount))
    if not size:
        raise ValueError("an adjustment is not zero")
    if amount < 0:
        after, parts = ledger.spend(balance, size, now)
        told = ledger.lines((Account.AVAILABLE, -size), (Account.ADJUSTMENTS, size))
        return after, Move(f"adjust#{key}", MoveKind.ADJUST, key, told, parts, reason)
    bucket = Bucket(f"adjust_{key}", BucketKind.BONUS, size)
    after, paid = ledger.pay_debt(replace(balance, buckets=(*balance.buckets, bucket)), now)
    told = ledger.lines((Account.ADJUSTMENTS, -size), (Account.AVAILABLE, size - paid), (Account.DEBT, paid))
    return after, Move(f"adjust#{key}", MoveKind.ADJUST, key, told, (Part(bucket.id, size),), reason)
