"""Billing's stores and Stripe in memory. Conditions are kept as the real ones keep them; Stripe has one order's truth.

`before(name)` is called before each step that reads or writes: where a test has a process die, or another one work.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from chalicelib.billing.event import Event
from chalicelib.billing.order import Order
from chalicelib.billing.plan import Plan
from chalicelib.billing.problems import NoSuchObject
from chalicelib.billing.readings import Invoice, Payment, Session, Subscription
from chalicelib.credits.ledger import Balance, Bucket
from chalicelib.credits.payments import Payment as Booked
from chalicelib.credits.payments import PaymentMoved, agree
from tests.support.fakes import NOON, Memory, write

ACCOUNT, CUSTOMER = "acct_1", "cus_1"


class KeyTaken(Exception):
    """The Idempotency-Key is bound."""


def nothing(_: str) -> None:
    """The usual `before`."""


class FakeBillingStore:
    """`billing.store`, `billing.events.store` and `billing.subscription.store` in memory."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.before: Callable[[str], None] = nothing
        self.customers: dict[str, str] = {}
        self.links: dict[str, tuple[str, str]] = {}
        self.made: dict[tuple[str, str], Order] = {}
        self.due: dict[tuple[str, str], datetime | None] = {}
        self.requests: dict[tuple[str, str], tuple[str, str, datetime]] = {}
        self.plans: dict[str, tuple[Plan, int]] = {}
        self.events: dict[str, Event] = {}
        self.events_due: dict[str, datetime] = {}
        self.notices: set[tuple[str, str, str]] = set()
        self.cursor: datetime | None = None

    def customer(self, account_id: str) -> str | None:
        return self.customers.get(account_id)

    def account_of(self, customer_id: str) -> str | None:
        return next((account for account, customer in self.customers.items() if customer == customer_id), None)

    def set_customer(self, tx, account_id, customer_id):
        put = lambda: self.customers.__setitem__(account_id, customer_id)  # noqa: E731
        tx.add(write(put, lambda: (account_id not in self.customers, None)))

    def link(self, payment_id, account_id, order_id):
        self.before("link")
        self.links[payment_id] = (account_id, order_id)

    def linked(self, payment_id):
        return self.links.get(payment_id)

    def add_order(self, tx, order, due_at):
        place = (order.account_id, order.id)

        def put():
            self.made[place], self.due[place] = order, due_at

        tx.add(write(put, lambda: (place not in self.made, None)))

    def add_request(self, tx, order, key_hash, fingerprint, life):
        place = (order.account_id, key_hash)
        row = (fingerprint, order.id, order.created_at + life)

        def free():
            known = self.requests.get(place)
            return known is None or known[2] <= order.created_at, known

        tx.add(write(lambda: self.requests.__setitem__(place, row), free, lambda _: KeyTaken()))

    def request(self, account_id, key_hash, now):
        known = self.requests.get((account_id, key_hash))
        return known[:2] if known and known[2] > now else None

    def order(self, account_id, order_id):
        return self.made.get((account_id, order_id))

    def save_order(self, after, due_at):
        self.before("save_order")
        place = (after.account_id, after.id)
        if self.made[place].version != after.version:
            return False
        self.made[place], self.due[place] = replace(after, version=after.version + 1), due_at
        return True

    def orders(self, account_id, prefix, *, before, limit):
        found = [o for (owner, key), o in self.made.items() if owner == account_id and key.startswith(prefix)]
        older = [order for order in found if before is None or order.id < before]
        return sorted(older, key=lambda order: order.id, reverse=True)[:limit]

    def due_orders(self, now, limit):
        return [place for place, at in self.due.items() if at is not None and at <= now][:limit]

    def plan(self, account_id):
        return self.plans.get(account_id, (Plan(), 0))

    def save_plan(self, account_id, plan, version):
        self.before("save_plan")
        if self.plan(account_id)[1] != version:
            return False
        self.plans[account_id] = (plan, version + 1)
        return True

    def add_event(self, event, due_at):
        self.before("add_event")
        if event.id not in self.events:
            self.events[event.id], self.events_due[event.id] = event, due_at
        return self.events[event.id]

    def event(self, event_id):
        return self.events.get(event_id)

    def finish_event(self, event_id, outcome):
        self.before("finish_event")
        self.events[event_id] = replace(self.events[event_id], outcome=outcome)
        self.events_due.pop(event_id, None)

    def postpone_event(self, event, due_at):
        self.events[event.id] = replace(self.events[event.id], looks=event.looks + 1)
        self.events_due[event.id] = due_at

    def due_events(self, now, limit):
        return [event_id for event_id, at in self.events_due.items() if at <= now][:limit]

    def begin_notice(self, account_id, kind, ref):
        return (account_id, kind, ref) not in self.notices

    def end_notice(self, account_id, kind, ref, now):
        self.before("end_notice")
        self.notices.add((account_id, kind, ref))

    def looked_until(self):
        return self.cursor

    def set_looked_until(self, before, after):
        if self.cursor != before:
            return False
        self.cursor = after
        return True


class FakePaid:
    """`credits.paid.service`: the ledger's own rule over one balance, with its contract of versions."""

    def __init__(self) -> None:
        self.before: Callable[[str], None] = nothing
        self.balance = Balance()
        self.booked: dict[str, Booked] = {}
        self.grants: list[str] = []

    def payment(self, account_id: str, payment_id: str) -> Booked:
        self.before("payment")
        return self.booked.get(payment_id, Booked(payment_id))

    def reconcile(
        self, account_id: str, seen: Booked, *, bucket: Bucket | None, taken: int, cause: str, request_id: str
    ) -> Booked:
        self.before("reconcile")
        current = self.booked.get(seen.id, Booked(seen.id))
        if current.version != seen.version:
            raise PaymentMoved(seen.id)
        balance, after, moves = agree(self.balance, current, bucket, taken, NOON)
        if moves:
            self.balance, self.booked[seen.id] = balance, after
            self.grants += [move.key for move in moves if move.key.startswith("grant#")]
        return after


@dataclass
class FakeStripe:
    """What Stripe knows of one customer, read as the gateways read it."""

    before: Callable[[str], None] = nothing
    sessions: dict[str, Session] = field(default_factory=dict)
    payments: dict[str, Payment] = field(default_factory=dict)
    invoices: dict[str, Invoice] = field(default_factory=dict)
    plans: list[Subscription] = field(default_factory=list)
    behind: dict[str, str] = field(default_factory=dict)
    unit_amounts: dict[str, int] = field(default_factory=dict)

    def payment(self, payment_id):
        self.before("stripe.payment")
        return self._found(self.payments, payment_id)

    def payment_behind(self, kind, object_id):
        self.before("stripe.payment_behind")
        return self._found(self.behind, object_id)

    def session(self, session_id):
        self.before("stripe.session")
        return self._found(self.sessions, session_id)

    def session_of(self, payment_id):
        self.before("stripe.session_of")
        return next((each for each in self.sessions.values() if each.payment_id == payment_id), None)

    def invoice(self, invoice_id):
        self.before("stripe.invoice")
        return self._found(self.invoices, invoice_id)

    def invoice_of(self, payment_id):
        return next((each.id for each in self.invoices.values() if payment_id in each.payment_ids), None)

    def unit_amount(self, price_id, currency):
        return self.unit_amounts[price_id]

    def customer_behind(self, subscription_id):
        self.before("stripe.customer_behind")
        return next(each.customer_id for each in self.plans if each.id == subscription_id)

    def subscriptions(self, customer_id):
        self.before("stripe.subscriptions")
        return [each for each in self.plans if each.customer_id == customer_id]

    def find_checkout(self, order):
        return next((each for each in self.sessions.values() if each.order_id == order.id), None)

    def find_charge(self, order):
        return next((each for each in self.payments.values() if each.order_id == order.id), None)

    def _found(self, among, object_id):
        if object_id not in among:
            raise NoSuchObject("resource_missing")
        return among[object_id]
