"""Pointers from requests to their generations, in the generations table."""

from datetime import datetime
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.aws.tables import bind, get
from chalicelib.generation.compat.pointer import LIFE, SLACK, Pointer
from chalicelib.kernel.clock import epoch_millis, epoch_seconds, from_epoch
from chalicelib.kernel.transaction import Transaction, Write


class PointerTaken(Exception):
    """The request has its generation already; `pointer` says which."""

    def __init__(self, pointer: Pointer) -> None:
        super().__init__("the request has its generation")
        self.pointer = pointer


class PointerRow(Model):
    account_id = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    generation_id = UnicodeAttribute()
    made_at = NumberAttribute()
    by_retry = NumberAttribute()
    expires_at = NumberAttribute()
    ttl = NumberAttribute()


class PointerStore:
    """All reads are consistent."""

    def __init__(self, table: str) -> None:
        self._rows = bind(PointerRow, table)

    def get(self, account_id: str, key_hash: str, now: datetime) -> Pointer | None:
        """The one that is in its time."""
        row = get(self._rows, account_id, f"compat#{key_hash}")
        pointer = _pointer(row) if row is not None else None
        return pointer if pointer is not None and pointer.alive(now) else None

    def put(
        self, tx: Transaction, account_id: str, key_hash: str, pointer: Pointer, *, arrived_at: datetime | None
    ) -> None:
        """Replaces what is there, unless that is for the same request: any that is in its time for a repetition
        (`arrived_at` None), one that a repetition made since it arrived for a first request. Then the commit raises
        PointerTaken."""
        ends, now = pointer.made_at + LIFE, epoch_millis(pointer.made_at)
        row = self._rows(
            account_id,
            f"compat#{key_hash}",
            generation_id=pointer.generation_id,
            made_at=now,
            by_retry=int(pointer.by_retry),
            expires_at=epoch_millis(ends),
            ttl=epoch_seconds(ends),
        )
        free: Any = PointerRow.id.does_not_exist() | (PointerRow.expires_at <= now)
        if arrived_at is not None:
            free = free | (PointerRow.by_retry == 0) | (PointerRow.made_at < epoch_millis(arrived_at - SLACK))
        tx.add(Write("put", row, lambda found: PointerTaken(_pointer(found)), free))


def _pointer(row: Any) -> Pointer:
    return Pointer(str(row.generation_id), from_epoch(int(row.made_at) / 1000), bool(row.by_retry))
