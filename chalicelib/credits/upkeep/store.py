"""What the schedule finds in the credits table: buckets whose end has come, owners who are to be told."""

from datetime import datetime
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.aws.tables import ConditionFailed, Due, bind, update
from chalicelib.kernel.clock import epoch_millis
from chalicelib.kernel.transaction import Transaction, Write, stale

LOW = "notice#balance_low"
NOTICE = "notice"


class NoticeRow(Model):
    account_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True, default=LOW)
    due = UnicodeAttribute(default=NOTICE)
    due_at = NumberAttribute()
    by_due = Due()


class ExpiredRow(Model):
    """The two members of a payment that an end changes."""

    account_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True)
    expired = NumberAttribute(default=0)
    version = NumberAttribute(default=0)


class UpkeepStore:
    """What `due` finds may lag behind the table, so every finding is read again by its key."""

    def __init__(self, table: str) -> None:
        self._notices = bind(NoticeRow, table)
        self._expired = bind(ExpiredRow, table)

    def add_expired(self, tx: Transaction, account_id: str, payment_id: str, assets: int) -> None:
        """Counts what ended unspent of a payment, so that it is not taken back as well."""
        actions = (ExpiredRow.expired.add(assets), ExpiredRow.version.add(1))
        tx.add(Write("update", self._expired(account_id, f"payment#{payment_id}"), stale, None, actions))

    def add_notice(self, tx: Transaction, account_id: str, due_at: datetime) -> None:
        """Says that the owner is to be told, and when somebody should look whether they were."""
        tx.add(Write("put", self._notices(account_id, due_at=epoch_millis(due_at)), stale))

    def claim_notice(self, account_id: str, now: datetime, until: datetime) -> bool:
        """Whether the owner is still to be told, and nobody else will look before `until`."""
        return self._step(account_id, NoticeRow.due_at <= epoch_millis(now), NoticeRow.due_at.set(epoch_millis(until)))

    def drop_notice(self, account_id: str) -> None:
        """The owner was told."""
        self._notices(account_id).delete()

    def due(self, kind: str, now: datetime, limit: int) -> list[str]:
        """Ids of accounts for which something of that kind is due, `expiry` or `notice`."""
        found = self._notices.by_due.query(kind, Due.due_at <= epoch_millis(now), limit=limit)
        return [row.account_id for row in found]

    def _step(self, account_id: str, condition: Any, *actions: Any) -> bool:
        try:
            update(self._notices, account_id, LOW, actions=actions, condition=condition)
        except ConditionFailed:
            return False
        return True
