"""The scheduled look: finds what no event brought."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.billing.event import Event, Subject
from chalicelib.billing.ports import EventStore, Ledger, Listings, OrderStore
from chalicelib.kernel.clock import Clock

#: So much of Stripe's past is looked through at once, when that much has passed.
STEP = timedelta(days=1)
#: How far a look reaches back before where the last one ended: payments are listed by when they were begun.
OVERLAP = timedelta(days=1)
MAX_ORDERS = 50


@dataclass(frozen=True, slots=True)
class Window:
    """`before`: where the last look ended, None at the first."""

    before: datetime | None
    since: datetime
    until: datetime


class Takes(Protocol):
    """What the sweep needs of `billing.events.service`."""

    def take(self, event: Event) -> bool: ...
    def process(self, event_id: str) -> str: ...


class Sweep:
    """`look(subject, object id, cause)` and `look_at_order(account id, order id)` settle; `configured()`: is there a
    payment provider at all."""

    def __init__(
        self,
        events: EventStore,
        orders: OrderStore,
        stripe: Listings,
        ledger: Ledger,
        takes: Takes,
        clock: Clock,
        *,
        look: Callable[[Subject, str, str], str],
        look_at_order: Callable[[str, str], str],
        configured: Callable[[], bool],
    ) -> None:
        self._events = events
        self._orders = orders
        self._stripe = stripe
        self._ledger = ledger
        self._takes = takes
        self._clock = clock
        self._look = look
        self._look_at_order = look_at_order
        self._configured = configured

    def open_orders(self) -> list[tuple[str, str]]:
        """(account id, order id) of orders whose time has come."""
        return self._orders.due_orders(self._clock.now(), MAX_ORDERS) if self._configured() else []

    def look_at_order(self, account_id: str, order_id: str) -> str:
        return str(self._look_at_order(account_id, order_id))

    def window(self) -> Window | None:
        """What is to be looked through now; None if the last look was not long ago, or there is nobody to ask.

        After a long silence each call gives the next STEP, until it has caught up.
        """
        if not self._configured():
            return None
        now, before = self._clock.now(), self._events.looked_until()
        if before is not None and now - before < STEP:
            return None
        since = before or now - STEP
        return Window(before, since - OVERLAP, min(now, since + STEP))

    def missing(self, window: Window) -> Iterator[tuple[str, str]]:
        """(what, id) of events that never came, and of what was paid and is not in the ledger."""
        since, until = window.since, window.until
        for event in self._stripe.events(since, until):
            known = self._events.event(event.id)
            if known is None or known.outcome is None:
                self._takes.take(event)
                yield "event", event.id
        for payment in self._stripe.payments_since(since, until):
            if payment.order_id and self._unknown(payment.customer_id, payment.id):
                yield Subject.PAYMENT.value, payment.id
        for session in self._stripe.free_sessions_since(since, until):
            if session.order_id and self._unknown(session.customer_id, session.id):
                yield Subject.SESSION.value, session.id
        for invoice in self._stripe.plan_invoices_since(since, until):
            if self._unknown(invoice.customer_id, invoice.id):
                yield Subject.INVOICE.value, invoice.id

    def settle(self, what: str, object_id: str) -> str:
        if what == "event":
            return self._takes.process(object_id)
        return str(self._look(Subject(what), object_id, "sweep"))

    def finish(self, window: Window) -> None:
        """The next look begins where this one ended. Of two that overlap, one moves it; both have looked."""
        self._events.set_looked_until(window.before, window.until)

    def _unknown(self, customer_id: str | None, payment_id: str) -> bool:
        """Whether a customer of ours paid what the ledger has never heard of."""
        account_id = self._orders.account_of(customer_id) if customer_id else None
        return account_id is not None and not self._ledger.payment(account_id, payment_id).version
