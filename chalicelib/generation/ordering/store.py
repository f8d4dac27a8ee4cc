"""What Idempotency-Keys stand for, in the generations table."""

from datetime import datetime, timedelta
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.aws.tables import bind, get
from chalicelib.kernel.clock import epoch_millis, epoch_seconds
from chalicelib.kernel.transaction import Transaction, Write

#: An Idempotency-Key is remembered this long.
IDEMPOTENCY_LIFE = timedelta(hours=24)


class KeyTaken(Exception):
    """The Idempotency-Key stands for another generation; `row` says which."""

    def __init__(self, row: Any) -> None:
        super().__init__("the Idempotency-Key is taken")
        self.row = row


class RequestRow(Model):
    """What an Idempotency-Key was used for, and what was answered."""

    account_id = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    fingerprint = UnicodeAttribute()
    generation_id = UnicodeAttribute()
    answer = UnicodeAttribute()
    expires_at = NumberAttribute()
    ttl = NumberAttribute()


class RequestStore:
    """All reads are consistent."""

    def __init__(self, table: str) -> None:
        self._requests = bind(RequestRow, table)

    def add_request(
        self,
        tx: Transaction,
        account_id: str,
        key_hash: str,
        fingerprint: str,
        generation_id: str,
        answer: str,
        now: datetime,
    ) -> None:
        """Binds the Idempotency-Key; the commit raises KeyTaken if it is bound and in its time."""
        ends = now + IDEMPOTENCY_LIFE
        row = self._requests(
            account_id,
            f"request#{key_hash}",
            fingerprint=fingerprint,
            generation_id=generation_id,
            answer=answer,
            expires_at=epoch_millis(ends),
            ttl=epoch_seconds(ends),
        )
        free = RequestRow.id.does_not_exist() | (RequestRow.expires_at <= epoch_millis(now))
        tx.add(Write("put", row, KeyTaken, free))

    def request(self, account_id: str, key_hash: str, now: datetime) -> tuple[str, str, str] | None:
        """(fingerprint, generation id, answer) of a key that is bound and in its time."""
        row = get(self._requests, account_id, f"request#{key_hash}")
        if row is None or int(row.expires_at) <= epoch_millis(now):
            return None
        return str(row.fingerprint), str(row.generation_id), str(row.answer)
