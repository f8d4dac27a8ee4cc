"""Makes orders, plans and the ledger agree with what Stripe says now.

Whatever event came, and how often, and in which order: the answer is always read from Stripe after what we know was
read, and written only if nobody wrote meanwhile. So there is nothing to put in order, and nothing to count.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from chalicelib.billing.event import Subject
from chalicelib.billing.order import (
    PAGE_LIFE,
    PAID,
    How,
    Order,
    Status,
    mismatch,
    pack_bucket,
    plan_bucket,
    status_of,
    taken,
)
from chalicelib.billing.plan import Plan
from chalicelib.billing.ports import Ledger, NoticeStore, OrderStore, Readings
from chalicelib.billing.readings import Invoice, Payment, Session
from chalicelib.credits.ledger import Bucket
from chalicelib.credits.payments import PaymentMoved
from chalicelib.kernel.clock import Clock
from chalicelib.kernel.transaction import Contended

#: Of an order whose money went back, in part at least, or may.
GONE = frozenset({Status.REFUNDED, Status.PARTIALLY_REFUNDED, Status.DISPUTED})
#: Looks at one thing, when others write what was read before.
TRIES = 5


class Outcome(StrEnum):
    SETTLED = "settled"
    MISMATCH = "mismatch"
    NOT_OURS = "not_ours"
    NOTHING = "nothing_to_do"


class Finder(Protocol):
    """What settling needs of `billing.checkout.gateway`."""

    def find_checkout(self, order: Order) -> Session | None: ...
    def find_charge(self, order: Order) -> Payment | None: ...


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told what: `notice(account_id, kind, ref)` and `refunded(order)` a customer; `mismatch(account_id, ref,
    what)` the operator."""

    notice: Callable[[str, str, str], None]
    mismatch: Callable[[str, str, str], None]
    refunded: Callable[[Order], None]


class Settling:
    """`refresh_plan(account_id, customer_id)` looks at the account's plan and returns it."""

    def __init__(
        self,
        store: OrderStore,
        notices: NoticeStore,
        stripe: Readings,
        finder: Finder,
        ledger: Ledger,
        clock: Clock,
        *,
        refresh_plan: Callable[[str, str], Plan],
        told: Told,
    ) -> None:
        self._store = store
        self._notices = notices
        self._stripe = stripe
        self._finder = finder
        self._ledger = ledger
        self._clock = clock
        self._refresh_plan = refresh_plan
        self._told = told

    def look(self, subject: Subject, object_id: str, cause: str) -> Outcome:
        """`cause` is the event's id, or what else had us look; it is named in the ledger's entries.

        Raises NoSuchObject, BillingUnavailable, BillingNotConfigured, Contended.
        """
        if subject is Subject.SESSION:
            return self.session(object_id, cause)
        if subject is Subject.PAYMENT:
            return self.payment(object_id, cause)
        if subject is Subject.INVOICE:
            return self.invoice(object_id, cause)
        if subject is Subject.SUBSCRIPTION:
            return self._plan(self._stripe.customer_behind(object_id))
        payment_id = self._stripe.payment_behind(subject.value, object_id)
        return self.payment(payment_id, cause) if payment_id else Outcome.NOT_OURS

    def session(self, session_id: str, cause: str) -> Outcome:
        found = self._stripe.session(session_id)
        if found.payment_id is not None:
            return self.payment(found.payment_id, cause)
        order = self._store.order(found.account_id, found.order_id) if found.account_id and found.order_id else None
        if order is None:
            return Outcome.NOT_OURS
        if found.mode == "subscription":
            self._close(order, found)
            return self._plan(found.customer_id or order.customer_id)
        return self._settle(order.account_id, order.id, None, session_id, cause)

    def payment(self, payment_id: str, cause: str) -> Outcome:
        account_id, order_id = self._store.linked(payment_id) or ("", "")
        if not order_id:
            found = self._stripe.payment(payment_id)
            account_id, order_id = found.account_id, found.order_id
            if not (account_id and order_id):
                order_id = self._stripe.invoice_of(payment_id) or ""
        if not order_id:
            return Outcome.NOT_OURS
        if not order_id.startswith("top_"):
            return self.invoice(order_id, cause)
        return self._settle(account_id, order_id, payment_id, None, cause)

    def invoice(self, invoice_id: str, cause: str) -> Outcome:
        """A plan's invoice. The one that a top-up comes with is only its receipt."""
        found = self._stripe.invoice(invoice_id)
        if found.subscription_id is None:
            return Outcome.NOTHING
        account_id = self._store.account_of(found.customer_id or "")
        if account_id is None:
            return Outcome.NOT_OURS
        for _ in range(TRIES):
            seen = self._ledger.payment(account_id, invoice_id)
            found = self._stripe.invoice(invoice_id)
            try:
                bucket = self._bought(found) if found.paid else None
            except LookupError:
                self._told.mismatch(account_id, invoice_id, "offer")
                return Outcome.MISMATCH
            granted = seen.granted or (bucket.assets if bucket else 0)
            gone = taken(granted, amount=found.amount_paid, gone=found.refunded + found.disputed)
            try:
                if granted:
                    self._ledger.reconcile(account_id, seen, bucket=bucket, taken=gone, cause=cause, request_id="")
            except PaymentMoved:
                continue
            for payment_id in found.payment_ids:
                self._store.link(payment_id, account_id, invoice_id)
            plan = self._refresh_plan(account_id, found.customer_id or "")
            if plan.dunning is not None and found.status == "open" and found.attempts:
                self._notify(account_id, "payment_failed", invoice_id)
            return Outcome.SETTLED
        raise Contended(invoice_id)

    def order(self, account_id: str, order_id: str) -> Outcome:
        """An order that has been open for long: no event may ever come for what was never made, or was lost."""
        order = self._store.order(account_id, order_id)
        if order is None or order.status is not Status.OPEN:
            return Outcome.NOTHING
        if order.how is How.SAVED_CARD:
            paid_by = order.payment_id or _id(self._finder.find_charge(order))
            return self._settle(account_id, order_id, paid_by, None, "sweep") if paid_by else self._over(order)
        session_id = order.session_id or _id(self._finder.find_checkout(order))
        if session_id is None:
            return self._over(order)
        return self.session(session_id, "sweep")

    def _over(self, order: Order) -> Outcome:
        """Nothing was made at Stripe, and when it can no longer be, nothing will be."""
        late = self._clock.now() > order.created_at + PAGE_LIFE
        self._save(replace(order, status=Status.EXPIRED) if late else order)
        return Outcome.SETTLED if late else Outcome.NOTHING

    def _settle(
        self, account_id: str, order_id: str, payment_id: str | None, session_id: str | None, cause: str
    ) -> Outcome:
        for _ in range(TRIES):
            order = self._store.order(account_id, order_id)
            if order is None:
                self._told.mismatch(account_id, payment_id or session_id or "", "no such order")
                return Outcome.MISMATCH
            booked_as = payment_id or session_id or ""
            seen = self._ledger.payment(account_id, booked_as)
            payment = self._stripe.payment(payment_id) if payment_id else None
            session = self._session_for(order, payment, session_id)
            status = status_of(order, session, payment)
            if status in PAID:
                wrong = mismatch(order, session, payment)
                if wrong is not None:
                    self._told.mismatch(account_id, booked_as, wrong)
                    return Outcome.MISMATCH
                bucket = _pack(order, session, payment)
                amount, gone = (payment.amount, payment.refunded + payment.disputed) if payment else (0, 0)
                back = taken(seen.granted or bucket.assets, amount=amount, gone=gone)
                try:
                    self._ledger.reconcile(
                        account_id, seen, bucket=bucket, taken=back, cause=cause, request_id=order.request_id
                    )
                except PaymentMoved:
                    continue
                self._store.link(booked_as, account_id, order_id)
            after = replace(
                order,
                status=status,
                session_id=session.id if session else order.session_id,
                payment_id=booked_as if status in PAID or payment else order.payment_id,
                receipt_url=payment.receipt_url if payment and payment.receipt_url else order.receipt_url,
                invoice_url=session.invoice_url if session and session.invoice_url else order.invoice_url,
            )
            if status in GONE and status is not order.status:
                self._told.refunded(after)
            if (after != order or status is Status.OPEN) and not self._save(after):
                continue
            self._tell(after)
            return Outcome.SETTLED
        raise Contended(order_id)

    def _session_for(self, order: Order, payment: Payment | None, session_id: str | None) -> Session | None:
        """The checkout that the payment was made at, else the one that the order has."""
        if order.how is How.SAVED_CARD:
            return None
        made_at = self._stripe.session_of(payment.id) if payment else None
        last = session_id or order.session_id
        return made_at or (self._stripe.session(last) if last else None)

    def _tell(self, order: Order) -> None:
        if order.status in PAID:
            self._notify(order.account_id, "top_up_completed", order.id)
        elif order.status is Status.FAILED and order.how is How.CHECKOUT:
            self._notify(order.account_id, "top_up_failed", order.id)

    def _notify(self, account_id: str, kind: str, ref: str) -> None:
        """Once, but twice rather than never: a crash after the notice and before its row repeats it."""
        if self._notices.begin_notice(account_id, kind, ref):
            self._told.notice(account_id, kind, ref)
            self._notices.end_notice(account_id, kind, ref, self._clock.now())

    def _close(self, order: Order, session: Session) -> None:
        """What became of the page where a plan could be paid."""
        status = {"complete": Status.PAID, "expired": Status.EXPIRED}.get(session.status, Status.OPEN)
        for _ in range(TRIES):
            if order.status is status and status is not Status.OPEN:
                return
            if self._save(replace(order, status=status, session_id=session.id)):
                return
            order = self._store.order(order.account_id, order.id) or order
        raise Contended(order.id)

    def _plan(self, customer_id: str) -> Outcome:
        account_id = self._store.account_of(customer_id)
        if account_id is None:
            return Outcome.NOT_OURS
        self._refresh_plan(account_id, customer_id)
        return Outcome.SETTLED

    def _bought(self, found: Invoice) -> Bucket | None:
        """Raises LookupError for what is no offer of ours, or has no price in that currency."""
        parts = {line.price_id for line in found.lines if line.proration}
        return plan_bucket(found, {price: self._stripe.unit_amount(price, found.currency) for price in parts})

    def _save(self, after: Order) -> bool:
        return self._store.save_order(after, after.waits_until(self._clock.now()))


def _pack(order: Order, session: Session | None, payment: Payment | None) -> Bucket:
    if payment is not None:
        return pack_bucket(order, payment.id, payment.paid_at or payment.created_at)
    if session is None:
        raise ValueError(f"{order.id} is paid by nothing")
    return pack_bucket(order, session.id, session.created_at)


def _id(found: Session | Payment | None) -> str | None:
    return found.id if found else None
