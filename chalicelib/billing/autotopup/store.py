"""Automatic top-ups and balance alerts, in the billing table: one row each for an account."""

from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError
from pynamodb.models import Model

from chalicelib.aws.tables import ConditionFailed, Due, bind, get, update
from chalicelib.billing.autotopup.rules import Attempt, AutoTopUp, Because, Telling, Wish
from chalicelib.kernel.clock import epoch_millis, from_epoch

AUTO = "auto-top-up"
ALERT = "balance-alert"


class AutoTopUpRow(Model):
    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default=AUTO)
    wish = JSONAttribute()
    on = NumberAttribute()
    because = UnicodeAttribute(null=True)
    told = NumberAttribute(default=1)
    failures = NumberAttribute(default=0)
    month = UnicodeAttribute(default="")
    spent = NumberAttribute(default=0)
    attempt = JSONAttribute(null=True)
    version = NumberAttribute()
    due = UnicodeAttribute(null=True)
    due_at = NumberAttribute(null=True)
    by_due = Due()


class AlertRow(Model):
    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default=ALERT)
    below = NumberAttribute(null=True)
    claimed_at = NumberAttribute(default=0)
    told_at = NumberAttribute(default=0)


class AutoTopUpStore:
    """Reads are consistent but those of the `due` index, whose findings are read again by key."""

    def __init__(self, table: str) -> None:
        self._rows = bind(AutoTopUpRow, table)
        self._alerts = bind(AlertRow, table)

    def get(self, account_id: str) -> AutoTopUp | None:
        row = get(self._rows, account_id, AUTO)
        return _read(row) if row else None

    def save(self, before: AutoTopUp | None, after: AutoTopUp, look_at: datetime | None) -> AutoTopUp | None:
        """Replaces `before`; None if somebody else has meanwhile. `look_at`: when it is due next."""
        version = before.version if before else 0
        attempt = after.attempt
        row = self._rows(
            after.account_id,
            AUTO,
            wish=[after.wish.pack, after.wish.below, after.wish.ceiling, after.wish.currency],
            on=int(after.on),
            because=after.because.value if after.because else None,
            told=int(after.told),
            failures=after.failures,
            month=after.month,
            spent=after.spent,
            attempt=_plain(attempt) if attempt else None,
            version=version + 1,
            due=AUTO if look_at else None,
            due_at=epoch_millis(look_at) if look_at else None,
        )
        same = AutoTopUpRow.version == version if version else AutoTopUpRow.pk.does_not_exist()
        try:
            row.save(condition=same)
        except PutError as error:
            refused = error.cause.response["Error"]["Code"] if isinstance(error.cause, ClientError) else None
            if refused != "ConditionalCheckFailedException":
                raise
            # A retry of the SDK after a lost answer meets its own first try.
            stored = self.get(after.account_id)
            return stored if stored is not None and stored == _read(row) else None
        return _read(row)

    def due(self, now: datetime, limit: int) -> list[str]:
        """Ids of accounts that are to be looked at."""
        return [row.pk for row in self._rows.by_due.query(AUTO, Due.due_at <= epoch_millis(now), limit=limit)]

    def alert(self, account_id: str) -> int | None:
        row = get(self._alerts, account_id, ALERT)
        return int(row.below) if row is not None and row.below is not None else None

    def set_alert(self, account_id: str, below: int | None) -> None:
        action = AlertRow.below.remove() if below is None else AlertRow.below.set(below)
        update(self._alerts, account_id, ALERT, actions=[action])

    def claim_telling(self, account_id: str, now: datetime, *, again: timedelta, lease: timedelta) -> Telling:
        """Whose turn it is: nobody is told twice within `again`; whoever set out to tell has `lease` for it."""
        free: Any = AlertRow.claimed_at.does_not_exist() | (AlertRow.claimed_at <= epoch_millis(now - lease))
        untold: Any = AlertRow.told_at.does_not_exist() | (AlertRow.told_at <= epoch_millis(now - again))
        try:
            update(
                self._alerts,
                account_id,
                ALERT,
                actions=[AlertRow.claimed_at.set(epoch_millis(now))],
                condition=free & untold,
            )
        except ConditionFailed as refused:
            told_at = int(refused.row.told_at or 0) if refused.row is not None else 0
            return Telling.DONE if told_at > epoch_millis(now - again) else Telling.TAKEN
        return Telling.MINE

    def told(self, account_id: str, now: datetime) -> None:
        update(self._alerts, account_id, ALERT, actions=[AlertRow.told_at.set(epoch_millis(now))])


def _plain(attempt: Attempt) -> list[Any]:
    times = [epoch_millis(attempt.first_at), epoch_millis(attempt.at)]
    return [attempt.order_id, attempt.pack, *times, attempt.amount, attempt.open, attempt.payment_id]


def _read(row: Any) -> AutoTopUp:
    attempt = None
    if row.attempt:
        order_id, pack, first_at, at, *rest = row.attempt
        attempt = Attempt(order_id, pack, from_epoch(first_at / 1000), from_epoch(at / 1000), *rest)
    return AutoTopUp(
        row.pk,
        Wish(*row.wish),
        bool(row.on),
        Because(row.because) if row.because else None,
        bool(row.told),
        int(row.failures),
        row.month,
        int(row.spent),
        attempt,
        int(row.version),
    )
