"""The billing table: customers, orders, and whose payment is whose."""

from datetime import datetime, timedelta
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.aws.tables import ConditionFailed, Due, bind, get, update
from chalicelib.billing.order import How, Order, Status
from chalicelib.kernel.clock import epoch_millis, epoch_seconds, from_epoch
from chalicelib.kernel.transaction import Transaction, Write, stale

#: Members of an order that Stripe decides, and what the row calls when it was made.
CHANGING = ("attempt", "session_id", "checkout_url", "payment_id", "receipt_url", "invoice_url")
ORDER = "order"


class OrderKeyTaken(Exception):
    """The Idempotency-Key stands for another order; `row` says which."""

    def __init__(self, row: Any) -> None:
        super().__init__("the Idempotency-Key is taken")
        self.row = row


class OrderRow(Model):
    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    how = UnicodeAttribute()
    offer = UnicodeAttribute()
    assets = NumberAttribute()
    amount = NumberAttribute()
    currency = UnicodeAttribute()
    created_at = NumberAttribute()
    customer_id = UnicodeAttribute()
    price_id = UnicodeAttribute()
    success_url = UnicodeAttribute(null=True)
    cancel_url = UnicodeAttribute(null=True)
    save_card = BooleanAttribute(default=False)
    request_id = UnicodeAttribute(null=True)
    status = UnicodeAttribute()
    attempt = NumberAttribute(default=1)
    session_id = UnicodeAttribute(null=True)
    checkout_url = UnicodeAttribute(null=True)
    payment_id = UnicodeAttribute(null=True)
    receipt_url = UnicodeAttribute(null=True)
    invoice_url = UnicodeAttribute(null=True)
    version = NumberAttribute(default=1)
    due = UnicodeAttribute(null=True)
    due_at = NumberAttribute(null=True)
    by_due = Due()


class RequestRow(Model):
    """What an Idempotency-Key was used for."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    fingerprint = UnicodeAttribute()
    order_id = UnicodeAttribute()
    expires_at = NumberAttribute()
    ttl = NumberAttribute()


class NameRow(Model):
    """Which is whose: an account's customer, a customer's account, the account and order of a payment."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    account_id = UnicodeAttribute(null=True)
    customer_id = UnicodeAttribute(null=True)
    order_id = UnicodeAttribute(null=True)


class BillingStore:
    """All reads are consistent but those of the `due` index, whose findings are read again by key."""

    def __init__(self, table: str) -> None:
        self._orders = bind(OrderRow, table)
        self._requests = bind(RequestRow, table)
        self._names = bind(NameRow, table)

    def customer(self, account_id: str) -> str | None:
        row = get(self._names, account_id, "customer")
        return str(row.customer_id) if row else None

    def account_of(self, customer_id: str) -> str | None:
        row = get(self._names, f"customer#{customer_id}", "account")
        return str(row.account_id) if row else None

    def set_customer(self, tx: Transaction, account_id: str, customer_id: str) -> None:
        """Both ways; stale if the account has a customer, or the customer an account, already."""
        there = self._names(account_id, "customer", customer_id=customer_id)
        back = self._names(f"customer#{customer_id}", "account", account_id=account_id)
        for row in (there, back):
            tx.add(Write("put", row, stale, NameRow.pk.does_not_exist()))

    def link(self, payment_id: str, account_id: str, order_id: str) -> None:
        """Says whose payment it is; the same however often it is said."""
        self._names(f"payment#{payment_id}", "payment", account_id=account_id, order_id=order_id).save()

    def linked(self, payment_id: str) -> tuple[str, str] | None:
        """(account id, order id) of a payment that was linked."""
        row = get(self._names, f"payment#{payment_id}", "payment")
        return (str(row.account_id), str(row.order_id)) if row else None

    def add_order(self, tx: Transaction, order: Order, due_at: datetime | None) -> None:
        row = self._orders(
            order.account_id,
            order.id,
            how=order.how.value,
            offer=order.offer,
            assets=order.assets,
            amount=order.amount,
            currency=order.currency,
            created_at=epoch_millis(order.created_at),
            customer_id=order.customer_id,
            price_id=order.price_id,
            success_url=order.success_url or None,
            cancel_url=order.cancel_url or None,
            save_card=order.save_card,
            request_id=order.request_id or None,
            status=order.status.value,
            due=ORDER if due_at else None,
            due_at=epoch_millis(due_at) if due_at else None,
        )
        tx.add(Write("put", row, stale, OrderRow.pk.does_not_exist()))

    def add_request(self, tx: Transaction, order: Order, key_hash: str, fingerprint: str, life: timedelta) -> None:
        """Binds the Idempotency-Key; the commit raises OrderKeyTaken if it is bound and in its time."""
        ends = order.created_at + life
        row = self._requests(
            order.account_id,
            f"request#{key_hash}",
            fingerprint=fingerprint,
            order_id=order.id,
            expires_at=epoch_millis(ends),
            ttl=epoch_seconds(ends),
        )
        free = RequestRow.pk.does_not_exist() | (RequestRow.expires_at <= epoch_millis(order.created_at))
        tx.add(Write("put", row, OrderKeyTaken, free))

    def request(self, account_id: str, key_hash: str, now: datetime) -> tuple[str, str] | None:
        """(fingerprint, order id) of a key that is bound and in its time."""
        row = get(self._requests, account_id, f"request#{key_hash}")
        if row is None or int(row.expires_at) <= epoch_millis(now):
            return None
        return str(row.fingerprint), str(row.order_id)

    def order(self, account_id: str, order_id: str) -> Order | None:
        row = get(self._orders, account_id, order_id)
        return _order(row) if row else None

    def save_order(self, after: Order, due_at: datetime | None) -> bool:
        """Writes what Stripe decides, if nobody did since it was read; False if somebody did."""
        actions: list[Any] = [OrderRow.status.set(after.status.value), OrderRow.version.add(1)]
        for name in CHANGING:
            attribute, value = getattr(OrderRow, name), getattr(after, name)
            actions.append(attribute.remove() if value is None else attribute.set(value))
        if due_at is None:
            actions += [OrderRow.due.remove(), OrderRow.due_at.remove()]
        else:
            actions += [OrderRow.due.set(ORDER), OrderRow.due_at.set(epoch_millis(due_at))]
        try:
            same = OrderRow.version == after.version
            update(self._orders, after.account_id, after.id, actions=actions, condition=same)
        except ConditionFailed:
            return False
        return True

    def orders(self, account_id: str, prefix: str, *, before: str | None, limit: int) -> list[Order]:
        """Those whose ids begin so, newest first: `top_` for packs, `sub_` for plans."""
        between = OrderRow.sk.between(prefix, before or f"{prefix}~")
        # One more, because `between` includes the one that is not wanted.
        found = self._orders.query(account_id, between, scan_index_forward=False, consistent_read=True, limit=limit + 1)
        return [_order(row) for row in found if row.sk != before][:limit]

    def due_orders(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """(account id, order id) of open orders that somebody should look after."""
        found = self._orders.by_due.query(ORDER, Due.due_at <= epoch_millis(now), limit=limit)
        return [(row.pk, row.sk) for row in found]


def _order(row: Any) -> Order:
    return Order(
        id=row.sk,
        account_id=row.pk,
        how=How(row.how),
        offer=row.offer,
        assets=int(row.assets),
        amount=int(row.amount),
        currency=row.currency,
        created_at=from_epoch(int(row.created_at) / 1000),
        customer_id=row.customer_id,
        price_id=row.price_id,
        success_url=row.success_url or "",
        cancel_url=row.cancel_url or "",
        save_card=bool(row.save_card),
        request_id=row.request_id or "",
        status=Status(row.status),
        attempt=int(row.attempt),
        session_id=row.session_id,
        checkout_url=row.checkout_url,
        payment_id=row.payment_id,
        receipt_url=row.receipt_url,
        invoice_url=row.invoice_url,
        version=int(row.version),
    )
