"""What a payment brought and what refunds and disputes took back: pure.

The ledger is made to agree with what the payment's provider says now, whatever events came, how often and in which
order. `version` orders the looks: whoever read it before another look was written has to look again.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib.credits import ledger
from chalicelib.credits.ledger import Account, Balance, Bucket, BucketKind, Move, MoveKind, Part


class PaymentMoved(Exception):
    """The payment was changed since it was read: read it and ask the provider again."""


#: How the ids of payments begin at Stripe: of a payment intent, of an invoice, of a checkout session.
PREFIXES = ("pi_", "in_", "cs_")


def is_payment(bucket_id: str) -> bool:
    """Whether a bucket was paid for: it has its payment's id. Other buckets have names of our own."""
    return bucket_id.startswith(PREFIXES)


@dataclass(frozen=True, slots=True)
class Payment:
    """What one payment brought. `version` 0: nothing was written yet.

    `id` is a payment intent's (`pi_…`), a plan's invoice's (`in_…`), or a checkout's that cost nothing (`cs_…`).
    `taken` of the `granted` assets were taken back; `expired` ended unspent. `kind` and `expires_at` are its bucket's.
    """

    id: str
    granted: int = 0
    taken: int = 0
    expired: int = 0
    version: int = 0
    kind: BucketKind = BucketKind.TOP_UP
    expires_at: datetime | None = None

    @property
    def may_take(self) -> int:
        """How much may be taken back in all: what was granted and has not ended unspent, which is gone already."""
        return max(0, self.granted - self.expired)


def agree(
    balance: Balance, payment: Payment, bucket: Bucket | None, taken: int, now: datetime, *, reason: str = ""
) -> tuple[Balance, Payment, tuple[Move, ...]]:
    """The balance and the payment once it was granted (`bucket`, if it was paid) and `taken` of it is taken back.

    No moves: they agree already. A payment is granted once, whatever bucket is given later. Raises ValueError for a
    bucket that is not the payment's, or for taking back less than nothing.
    """
    wrong = bucket is not None and (bucket.id != payment.id or bucket.kind is BucketKind.BONUS)
    if taken < 0 or wrong or not is_payment(payment.id):
        raise ValueError(f"{payment.id}: not a payment, not its bucket, or {taken} to take back")
    moves: list[Move] = []
    if bucket is not None and not payment.granted:
        balance, granted = ledger.grant(balance, bucket, now, cause=payment.id)
        payment = replace(payment, granted=bucket.assets, kind=bucket.kind, expires_at=bucket.expires_at)
        moves.append(granted)
        if not bucket.alive(now):
            # Paid for a time that is over: it comes and ends at once, so that the books say both.
            payment = replace(payment, expired=bucket.assets)
            balance, ended = ledger.expire(balance, now, turn=-1)
            moves += ended
    wanted = max(payment.taken, min(taken, payment.may_take)) if taken > payment.taken else taken
    if wanted > payment.taken:
        balance, move = _take_back(balance, payment, wanted - payment.taken, now)
    elif wanted < payment.taken:
        balance, move = _reinstate(balance, payment, payment.taken - wanted, now)
        late = sum(amount for account, amount in move.lines if account is Account.EXPIRED)
        payment = replace(payment, expired=payment.expired + late)
    else:
        move = None
    if move is not None:
        moves.append(move)
        payment = replace(payment, taken=wanted)
    if moves:
        payment = replace(payment, version=payment.version + 1)
    return balance, payment, tuple(replace(move, reason=reason) for move in moves)


def _take_back(balance: Balance, payment: Payment, amount: int, now: datetime) -> tuple[Balance, Move]:
    """From the payment's own bucket, then from any; what is spent already is owed."""
    after, parts, short = ledger.take(balance, amount, now, first=payment.id)
    told = ledger.lines((Account.AVAILABLE, short - amount), (Account.DEBT, -short), (Account.REFUNDS, amount))
    move = Move(_key(payment), MoveKind.TAKE_BACK, payment.id, told, parts)
    return replace(after, debt=after.debt + short), move


def _reinstate(balance: Balance, payment: Payment, amount: int, now: datetime) -> tuple[Balance, Move]:
    """Pays what is owed, and gives the rest back in the payment's bucket, if that has not ended."""
    paid = min(balance.debt, amount)
    back = amount - paid
    bucket = Bucket(payment.id, payment.kind, 0, payment.expires_at)
    alive = bucket.alive(now)
    if back and alive:
        buckets = balance.buckets if any(b.id == bucket.id for b in balance.buckets) else (*balance.buckets, bucket)
        buckets = tuple(replace(b, assets=b.assets + back) if b.id == bucket.id else b for b in buckets)
        balance = replace(balance, buckets=buckets)
    where = Account.AVAILABLE if alive else Account.EXPIRED
    told = ledger.lines((Account.REFUNDS, -amount), (Account.DEBT, paid), (where, back))
    parts = (Part(bucket.id, back),) if back and alive else ()
    return replace(balance, debt=balance.debt - paid), Move(_key(payment), MoveKind.REINSTATE, payment.id, told, parts)


def _key(payment: Payment) -> str:
    """One change of what is taken back for each version of the payment."""
    return f"taken#{payment.id}#{payment.version}"
