"""Use cases of automatic top-ups, and of telling an owner that little is left."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from chalicelib.billing.autotopup import rules
from chalicelib.billing.autotopup.rules import AutoTopUp, Because, Step, Telling, Wish
from chalicelib.billing.catalog import Kind, find
from chalicelib.billing.problems import BillingNotConfigured, BillingRefused, BillingUnavailable, PaymentRefused
from chalicelib.credits.ledger import Balance
from chalicelib.credits.payments import Payment
from chalicelib.kernel.clock import Clock
from chalicelib.kernel.errors import Conflict, Unavailable, Validation
from chalicelib.kernel.ids import Entropy, new_id

#: Whoever has little left and buys automatically is looked at again after so long.
LOOK_AGAIN = timedelta(minutes=5)
#: An owner is told at most so often, and whoever set out to tell them has so long for it.
TELL_AGAIN = timedelta(hours=1)
TELL_LEASE = timedelta(minutes=5)
TRIES = 8
BATCH = 100


class Outcome(StrEnum):
    """What came of one look."""

    OFF = "off"
    ENOUGH = "enough"
    PAUSED = "paused"
    CEILING = "ceiling"
    AWAITING_GRANT = "awaiting_grant"
    CHARGED = "charged"
    DECLINED = "declined"
    UNCERTAIN = "uncertain"
    TURNED_OFF = "turned_off"
    LOST = "lost"


class Store(Protocol):
    """What the use cases need of `autotopup.store`."""

    def get(self, account_id: str) -> AutoTopUp | None: ...
    def save(self, before: AutoTopUp | None, after: AutoTopUp, look_at: datetime | None) -> AutoTopUp | None: ...
    def due(self, now: datetime, limit: int) -> list[str]: ...
    def alert(self, account_id: str) -> int | None: ...
    def set_alert(self, account_id: str, below: int | None) -> None: ...
    def claim_telling(self, account_id: str, now: datetime, *, again: timedelta, lease: timedelta) -> Telling: ...
    def told(self, account_id: str, now: datetime) -> None: ...


class Ledger(Protocol):
    """What the use cases need of the credits room."""

    def balance(self, account_id: str) -> Balance: ...


class Paid(Protocol):
    """What the use cases need of what was paid for, in the credits room."""

    def payment(self, account_id: str, payment_id: str) -> Payment: ...


class Upkeep(Protocol):
    """What the use cases need of the upkeep of the credits room."""

    def set_low_balance(self, account_id: str, below: int | None) -> None: ...
    def told_low(self, account_id: str) -> None: ...


class Charge(Protocol):
    """Buys a pack with the payment method that the account's owner saved; the id of the payment.

    The same order is charged once, however often it is sent. Raises PaymentRefused or BillingRefused when nothing was
    charged for certain; BillingUnavailable or BillingNotConfigured when it has to be sent again to know.
    """

    def __call__(self, account_id: str, *, pack: str, currency: str, order_id: str, request_id: str) -> str: ...


class AutoTopUps:
    """`notify(account_id, notice, ref)` has a mail sent; `hint(account_id)` has an account looked at soon."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        paid: Paid,
        upkeep: Upkeep,
        clock: Clock,
        entropy: Entropy,
        *,
        charge: Charge,
        notify: Callable[[str, str, str], None],
        hint: Callable[[str], None],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._paid = paid
        self._upkeep = upkeep
        self._clock = clock
        self._entropy = entropy
        self._charge = charge
        self._notify = notify
        self._hint = hint

    def get(self, account_id: str) -> AutoTopUp | None:
        """None if it was never turned on."""
        return self._store.get(account_id)

    def turn_on(self, account_id: str, wish: Wish) -> AutoTopUp:
        """Raises Validation for a pack or currency that is not sold, or a ceiling that the pack does not fit under;
        Conflict for another currency than what was bought in this month."""
        price = _price(wish)
        if price is None:
            raise Validation("pack: there is no such pack in that currency", param="pack")
        if wish.ceiling < price:
            raise Validation(f"monthly_ceiling_minor: one pack costs {price}", param="monthly_ceiling_minor")
        now = self._clock.now()

        def change(known: AutoTopUp | None) -> AutoTopUp:
            if known is not None and known.wish.currency != wish.currency and rules.spent(known, now):
                raise Conflict("What was bought this month was in another currency: change it next month.")
            return rules.turned_on(known, account_id, wish)

        saved = self._change(account_id, change, now)
        self._watch(account_id, saved)
        self._hint(account_id)
        return saved

    def turn_off(self, account_id: str) -> AutoTopUp | None:
        """Afterwards nothing new is charged. None if it was never on."""
        if self._store.get(account_id) is None:
            return None
        saved = self._change(account_id, lambda known: rules.turned_off(_known(known), Because.OWNER), None)
        self._watch(account_id, saved)
        return saved

    def alert(self, account_id: str) -> int | None:
        """Below how many available assets the owner wants to be told; None: never."""
        return self._store.alert(account_id)

    def set_alert(self, account_id: str, below: int | None) -> None:
        self._store.set_alert(account_id, below)
        self._watch(account_id, self._store.get(account_id))

    def due(self) -> list[tuple[str]]:
        """(account id,) of those that are to be looked at now."""
        return [(account_id,) for account_id in self._store.due(self._clock.now(), BATCH)]

    def low(self, account_id: str) -> Outcome:
        """The ledger says that little is left: the owner is told, and a pack is bought if that is wanted."""
        outcome = self.look(account_id)
        if self._tell(account_id):
            self._upkeep.told_low(account_id)
        return outcome

    def look(self, account_id: str) -> Outcome:
        """Buys a pack if it is time to. Whatever it meets, nothing is charged twice for one attempt."""
        for _ in range(TRIES):
            known = self._store.get(account_id)
            if known is None:
                return Outcome.OFF
            outcome = self._step(known)
            if outcome is not Outcome.LOST:
                return outcome
        return Outcome.LOST

    def _step(self, known: AutoTopUp) -> Outcome:
        now, price = self._clock.now(), _price(known.wish)
        available = self._ledger.balance(known.account_id).available(now)
        if price is None:  # the pack is not sold any more, so nothing that was agreed to can be bought
            return self._end(known)
        match rules.step(known, price=price, available=available, now=now):
            case Step.OFF:
                return self._say_off(known) if not known.told else self._rest(known, Outcome.OFF, None)
            case Step.ABANDON:
                return self._rest(known, Outcome.LOST, now, rules.abandoned(known))
            case Step.ENOUGH:
                low_at = max(known.wish.below, self._store.alert(known.account_id) or 0)
                again = now + LOOK_AGAIN if available < low_at else None
                return self._rest(known, Outcome.ENOUGH, again)
            case Step.PAUSED:
                return self._rest(known, Outcome.PAUSED, now + LOOK_AGAIN)
            case Step.CEILING:
                return self._rest(known, Outcome.CEILING, now + LOOK_AGAIN)
            case Step.RESUME:
                return self._send(known, rules.resumed(known, now))
            case Step.CLAIM:
                if self._awaits_grant(known):
                    return self._rest(known, Outcome.AWAITING_GRANT, now + LOOK_AGAIN)
                order_id = new_id("top", now, self._entropy)
                return self._send(known, rules.claimed(known, order_id, price, now))

    def _awaits_grant(self, known: AutoTopUp) -> bool:
        """Whether the last pack was charged and has not arrived: another one would not help it."""
        paid_for = known.attempt.payment_id if known.attempt is not None else ""
        return bool(paid_for) and self._paid.payment(known.account_id, paid_for).version == 0

    def _send(self, before: AutoTopUp, after: AutoTopUp) -> Outcome:
        """Writes the attempt down, then sends it, then writes down what came of it."""
        again = self._clock.now() + LOOK_AGAIN
        written = self._store.save(before, after, again)
        if written is None or written.attempt is None:
            return Outcome.LOST
        account_id, attempt = written.account_id, written.attempt
        order_id, currency = attempt.order_id, written.wish.currency
        try:
            payment_id = self._charge(
                account_id, pack=attempt.pack, currency=currency, order_id=order_id, request_id=order_id
            )
        except (BillingUnavailable, BillingNotConfigured):
            return Outcome.UNCERTAIN
        except (PaymentRefused, BillingRefused):
            refused = self._change(account_id, lambda known: rules.refused(_known(known), order_id), again)
            return Outcome.DECLINED if refused.told else self._say_off(refused)
        self._change(account_id, lambda known: rules.charged(_known(known), order_id, payment_id), again)
        return Outcome.CHARGED

    def _end(self, known: AutoTopUp) -> Outcome:
        off = rules.turned_off(known, Because.FAILURES) if known.on else known
        if off.told:
            return self._rest(known, Outcome.OFF, None)
        saved = self._store.save(known, off, self._clock.now())
        return self._say_off(saved) if saved is not None else Outcome.LOST

    def _say_off(self, off: AutoTopUp) -> Outcome:
        """It stays due until its owner was told."""
        self._notify(off.account_id, "auto_top_up_failed", off.attempt.order_id if off.attempt else off.wish.pack)
        self._watch(off.account_id, off)
        return self._rest(off, Outcome.TURNED_OFF, None, replace(off, told=True))

    def _rest(
        self, known: AutoTopUp, outcome: Outcome, look_at: datetime | None, after: AutoTopUp | None = None
    ) -> Outcome:
        """Says when to look next."""
        return outcome if self._store.save(known, after or known, look_at) is not None else Outcome.LOST

    def _change(
        self, account_id: str, change: Callable[[AutoTopUp | None], AutoTopUp], look_at: datetime | None
    ) -> AutoTopUp:
        """Raises Unavailable if others kept changing it."""
        for _ in range(TRIES):
            before = self._store.get(account_id)
            saved = self._store.save(before, change(before), look_at)
            if saved is not None:
                return saved
        raise Unavailable().with_headers(retry_after="1")

    def _watch(self, account_id: str, known: AutoTopUp | None) -> None:
        """Has the ledger say so when less is available than either of the two wants to know of."""
        alert = self._store.alert(account_id)
        wanted = [below for below in (alert, known.wish.below if known and known.on else None) if below is not None]
        self._upkeep.set_low_balance(account_id, max(wanted, default=None))

    def _tell(self, account_id: str) -> bool:
        """Mails the owner, if they want to know of it and were not told just now. False: somebody is about to."""
        now, below = self._clock.now(), self._store.alert(account_id)
        if below is None or self._ledger.balance(account_id).available(now) >= below:
            return True
        turn = self._store.claim_telling(account_id, now, again=TELL_AGAIN, lease=TELL_LEASE)
        if turn is Telling.MINE:
            self._notify(account_id, "balance_low", account_id)
            self._store.told(account_id, now)
        return turn is not Telling.TAKEN


def _known(known: AutoTopUp | None) -> AutoTopUp:
    assert known is not None, "rows of automatic top-ups are never deleted"
    return known


def _price(wish: Wish) -> int | None:
    offer = find(Kind.PACK, wish.pack)
    return offer.prices.get(wish.currency) if offer is not None else None
