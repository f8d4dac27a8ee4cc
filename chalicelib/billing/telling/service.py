"""What a mail about money says: read when it is written, so that a late mail tells how it is then."""

from datetime import datetime
from typing import Protocol

from chalicelib.billing import catalog
from chalicelib.billing.autotopup.rules import MAX_FAILURES, AutoTopUp
from chalicelib.billing.catalog import Kind
from chalicelib.billing.order import PAID, Order, Status
from chalicelib.billing.plan import Plan
from chalicelib.billing.telling.amounts import money
from chalicelib.credits.ledger import Balance
from chalicelib.kernel.clock import Clock

Facts = dict[str, str]


class Orders(Protocol):
    """What these use cases need of `billing.store`."""

    def order(self, account_id: str, order_id: str) -> Order | None: ...


class Plans(Protocol):
    """What these use cases need of `billing.subscription.store`."""

    def plan(self, account_id: str) -> tuple[Plan, int]: ...


class Automatic(Protocol):
    """What these use cases need of `billing.autotopup.store`."""

    def get(self, account_id: str) -> AutoTopUp | None: ...
    def alert(self, account_id: str) -> int | None: ...


class Ledger(Protocol):
    """What these use cases need of the credits room."""

    def balance(self, account_id: str) -> Balance: ...


class Telling:
    """The facts of each notice, by their names."""

    def __init__(self, orders: Orders, plans: Plans, automatic: Automatic, ledger: Ledger, clock: Clock) -> None:
        self._orders = orders
        self._plans = plans
        self._automatic = automatic
        self._ledger = ledger
        self._clock = clock

    def describe(self, account_id: str, notice: str, ref: str) -> Facts | None:
        """What the notice is to say; None if it is not so any more. Raises LookupError for an unknown notice."""
        found = {
            "top_up_completed": self._completed,
            "top_up_failed": self._failed,
            "payment_failed": self._owed,
            "balance_low": self._low,
            "auto_top_up_failed": self._turned_off,
        }
        return found[notice](account_id, ref)

    def _completed(self, account_id: str, order_id: str) -> Facts | None:
        order = self._orders.order(account_id, order_id)
        if order is None or order.status not in PAID:
            return None
        return _bought(order) | {"receipt": order.invoice_url or order.receipt_url or ""}

    def _failed(self, account_id: str, order_id: str) -> Facts | None:
        order = self._orders.order(account_id, order_id)
        return _bought(order) if order is not None and order.status is Status.FAILED else None

    def _owed(self, account_id: str, _: str) -> Facts | None:
        plan, _version = self._plans.plan(account_id)
        if plan.dunning is None:
            return None
        offer = catalog.find(Kind.PLAN, plan.offer or "")
        again = plan.dunning.next_attempt_at
        return {
            "plan": offer.name if offer is not None else "plan",
            "invoice": plan.dunning.invoice_url or "",
            "again": _day(again) if again is not None else "",
        }

    def _low(self, account_id: str, _: str) -> Facts | None:
        below = self._automatic.alert(account_id)
        available = self._ledger.balance(account_id).available(self._clock.now())
        if below is None or available >= below:
            return None
        return {"available": str(available), "below": str(below)}

    def _turned_off(self, account_id: str, _: str) -> Facts | None:
        known = self._automatic.get(account_id)
        if known is None or known.on:
            return None
        offer = catalog.find(Kind.PACK, known.wish.pack)
        failures = str(known.failures) if known.failures >= MAX_FAILURES else ""
        return {"pack": offer.name if offer is not None else "", "failures": failures}


def _bought(order: Order) -> Facts:
    offer = catalog.find(Kind.PACK, order.offer)
    return {
        "pack": offer.name if offer is not None else order.offer,
        "assets": str(order.assets),
        "price": money(order.amount, order.currency),
    }


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
