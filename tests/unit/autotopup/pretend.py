"""What automatic top-ups work with, in memory: a provider whose answers get lost, a store that processes die at."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.billing.autotopup.rules import AutoTopUp, Telling
from chalicelib.billing.autotopup.service import AutoTopUps
from chalicelib.billing.catalog import Kind, find
from chalicelib.billing.problems import BillingUnavailable, PaymentRefused
from chalicelib.credits.ledger import Balance, Bucket, BucketKind
from chalicelib.credits.payments import Payment
from tests.support.fakes import ManualClock, entropy
from tests.support.faults import Crash

ACCOUNT = "acct_1"
#: So long the provider gives the first answer to a repetition; after that it would charge again.
KEY_LIFE = timedelta(hours=24)


class Fate(StrEnum):
    """What happens to one request to the provider."""

    CHARGED = "charged"
    DECLINED = "declined"
    NOT_SENT = "not_sent"
    ANSWER_LOST = "answer_lost"
    DECLINE_LOST = "decline_lost"
    CRASH_BEFORE = "crash_before"
    CRASH_AFTER = "crash_after"


@dataclass
class Charged:
    order_id: str
    at: datetime
    amount: int


@dataclass
class Provider:
    """Charges an order once for each idempotency key that it still remembers."""

    clock: ManualClock
    fate: Fate = Fate.CHARGED
    charges: list[Charged] = field(default_factory=list)
    sent: list[tuple[str, datetime]] = field(default_factory=list)
    watching: Callable[[], None] = lambda: None
    _answers: dict[str, tuple[datetime, str]] = field(default_factory=dict)

    def charge(self, account_id: str, *, pack: str, currency: str, order_id: str, request_id: str) -> str:
        self.watching()
        self.sent.append((order_id, self.clock.now()))
        if self.fate is Fate.CRASH_BEFORE:
            raise Crash("before the charge")
        if self.fate is Fate.NOT_SENT:
            raise BillingUnavailable(uncertain=True)
        answer = self._answer(order_id, pack, currency)
        if self.fate is Fate.CRASH_AFTER:
            raise Crash("after the charge")
        if self.fate in (Fate.ANSWER_LOST, Fate.DECLINE_LOST):
            raise BillingUnavailable(uncertain=True)
        if not answer:
            raise PaymentRefused("card_declined")
        return answer

    def _answer(self, order_id: str, pack: str, currency: str) -> str:
        now = self.clock.now()
        known = self._answers.get(order_id)
        if known is not None and now - known[0] < KEY_LIFE:
            return known[1]
        declined = self.fate in (Fate.DECLINED, Fate.DECLINE_LOST)
        answer = "" if declined else f"pi_{len(self.charges)}"
        if not declined:
            offer = find(Kind.PACK, pack)
            assert offer is not None
            self.charges.append(Charged(order_id, now, offer.prices[currency]))
        self._answers[order_id] = (now, answer)
        return answer


@dataclass
class FakeStore:
    """`autotopup.store` in memory. `before_save` is where a test has a process die, or another one be quicker."""

    row: AutoTopUp | None = None
    look_at: datetime | None = None
    below: int | None = None
    claimed_at: datetime | None = None
    told_at: datetime | None = None
    before_save: Callable[[], None] = lambda: None

    def get(self, account_id: str) -> AutoTopUp | None:
        return self.row

    def save(self, before: AutoTopUp | None, after: AutoTopUp, look_at: datetime | None) -> AutoTopUp | None:
        self.before_save()
        if (self.row.version if self.row else 0) != (before.version if before else 0):
            return None
        self.row = replace(after, version=after.version + 1)
        self.look_at = look_at
        return self.row

    def due(self, now: datetime, limit: int) -> list[str]:
        return [ACCOUNT] if self.look_at is not None and self.look_at <= now else []

    def alert(self, account_id: str) -> int | None:
        return self.below

    def set_alert(self, account_id: str, below: int | None) -> None:
        self.below = below

    def claim_telling(self, account_id: str, now: datetime, *, again: timedelta, lease: timedelta) -> Telling:
        if self.told_at is not None and self.told_at > now - again:
            return Telling.DONE
        if self.claimed_at is not None and self.claimed_at > now - lease:
            return Telling.TAKEN
        self.claimed_at = now
        return Telling.MINE

    def told(self, account_id: str, now: datetime) -> None:
        self.told_at = now


@dataclass
class Books:
    """The credits room: what is available, which payments have arrived, and what it was told to watch for."""

    available: int = 0
    arrived: set[str] = field(default_factory=set)
    low_at: int | None = None
    noticed: int = 0

    def balance(self, account_id: str) -> Balance:
        return Balance((Bucket("b", BucketKind.BONUS, self.available),))

    def payment(self, account_id: str, payment_id: str) -> Payment:
        return Payment(payment_id, version=int(payment_id in self.arrived))

    def set_low_balance(self, account_id: str, below: int | None) -> None:
        self.low_at = below

    def told_low(self, account_id: str) -> None:
        self.noticed += 1


class World:
    """One account's automatic top-up, and everything it touches."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.store = FakeStore()
        self.books = Books()
        self.provider = Provider(self.clock)
        self.mails: list[str] = []
        self.hints: list[str] = []
        self.service = AutoTopUps(
            self.store,
            self.books,
            self.books,
            self.books,
            self.clock,
            entropy(),
            charge=self.provider.charge,
            notify=lambda _, notice, __: self.mails.append(notice),
            hint=self.hints.append,
        )

    def deliver(self) -> None:
        """The provider's events of everything that was charged arrive."""
        for number, _ in enumerate(self.provider.charges):
            if f"pi_{number}" not in self.books.arrived:
                self.books.arrived.add(f"pi_{number}")
                self.books.available += 100
