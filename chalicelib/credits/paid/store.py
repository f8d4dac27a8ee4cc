"""What each payment brought, in the credits table."""

from collections.abc import Callable
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.aws.tables import bind, get
from chalicelib.credits.ledger import BucketKind
from chalicelib.credits.payments import Payment
from chalicelib.kernel.clock import from_epoch
from chalicelib.kernel.transaction import Transaction, Write


class PaymentRow(Model):
    account_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    granted = NumberAttribute(default=0)
    taken = NumberAttribute(default=0)
    expired = NumberAttribute(default=0)
    version = NumberAttribute(default=0)
    kind = UnicodeAttribute(default=BucketKind.TOP_UP.value)
    ends = NumberAttribute(null=True)


class PaymentStore:
    """Reads are consistent."""

    def __init__(self, table: str) -> None:
        self._payments = bind(PaymentRow, table)

    def payment(self, account_id: str, payment_id: str) -> Payment:
        row = get(self._payments, account_id, _item(payment_id))
        if row is None:
            return Payment(payment_id)
        ends = from_epoch(int(row.ends)) if row.ends else None
        counts = (int(row.granted), int(row.taken), int(row.expired), int(row.version))
        return Payment(payment_id, *counts, BucketKind(row.kind), ends)

    def set_payment(
        self, tx: Transaction, account_id: str, before: Payment, after: Payment, refusal: Callable[[Any], Exception]
    ) -> None:
        """The commit raises the refusal unless the payment still is as `before` says."""
        ends = int(after.expires_at.timestamp()) if after.expires_at else None
        counts: dict[str, Any] = {
            "granted": after.granted,
            "taken": after.taken,
            "expired": after.expired,
            "version": after.version,
        }
        row = self._payments(account_id, _item(after.id), **counts, kind=after.kind.value, ends=ends)
        same: Any = PaymentRow.account_id.does_not_exist()
        if before.version:
            same = PaymentRow.version == before.version
        tx.add(Write("put", row, refusal, same))


def _item(payment_id: str) -> str:
    return f"payment#{payment_id}"
