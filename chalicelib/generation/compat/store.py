"""Pointers from requests to their generations and to the photos that came with them, in the generations table."""

from datetime import datetime
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.aws.tables import bind, get
from chalicelib.generation.compat.pointer import SLACK, Place, Pointer
from chalicelib.kernel.clock import epoch_millis, epoch_seconds
from chalicelib.kernel.transaction import Transaction, Write


class PointerTaken(Exception):
    """The request has its generation already; `pointer` says which."""

    def __init__(self, pointer: Pointer) -> None:
        super().__init__("the request has its generation")
        self.pointer = pointer


class PointerRow(Model):
    """The last generation of a request, and beside it the last that a repetition made: a first request that comes
    after its repetition must find that one, even where another first request has been in between."""

    account_id = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    generation_id = UnicodeAttribute()
    fingerprint = UnicodeAttribute()
    by_retry_id = UnicodeAttribute(null=True)
    by_retry_at = NumberAttribute(null=True)
    expires_at = NumberAttribute()
    ttl = NumberAttribute()


class PhotoRow(Model):
    """The upload that a photo became."""

    account_id = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    upload_id = UnicodeAttribute()
    expires_at = NumberAttribute()
    ttl = NumberAttribute()


class PointerStore:
    """All reads are consistent."""

    def __init__(self, table: str) -> None:
        self._rows = bind(PointerRow, table)
        self._photos = bind(PhotoRow, table)

    def get(self, account_id: str, place: Place, now: datetime) -> Pointer | None:
        """The one that is in its time."""
        row = get(self._rows, account_id, _id(place))
        if row is None or int(row.expires_at) <= epoch_millis(now):
            return None
        return Pointer(str(row.generation_id), str(row.fingerprint))

    def put(
        self,
        tx: Transaction,
        account_id: str,
        place: Place,
        generation_id: str,
        now: datetime,
        *,
        arrived_at: datetime | None,
    ) -> None:
        """Replaces what is there, unless that is for the same request: any that is in its time for a repetition
        (`arrived_at` None), what a repetition made since it arrived for a first request. Then the commit raises
        PointerTaken."""
        ends = now + place.life
        actions = [
            PointerRow.generation_id.set(generation_id),
            PointerRow.fingerprint.set(place.fingerprint),
            PointerRow.expires_at.set(epoch_millis(ends)),
            PointerRow.ttl.set(epoch_seconds(ends)),
        ]
        if arrived_at is None:
            actions += [PointerRow.by_retry_id.set(generation_id), PointerRow.by_retry_at.set(epoch_millis(now))]
            free = PointerRow.expires_at <= epoch_millis(now)
        else:
            free = PointerRow.by_retry_at.does_not_exist() | (PointerRow.by_retry_at < epoch_millis(arrived_at - SLACK))

        def taken(row: Any) -> PointerTaken:
            stands_for = row.generation_id if arrived_at is None else row.by_retry_id
            return PointerTaken(Pointer(str(stands_for), str(row.fingerprint)))

        row = self._rows(account_id, _id(place))
        tx.add(Write("update", row, taken, PointerRow.id.does_not_exist() | free, tuple(actions)))

    def photo(self, account_id: str, place: Place, now: datetime) -> str | None:
        """The upload of the photo that came with that request."""
        row = get(self._photos, account_id, _photo_id(place))
        return str(row.upload_id) if row is not None and int(row.expires_at) > epoch_millis(now) else None

    def put_photo(self, account_id: str, place: Place, upload_id: str, now: datetime) -> None:
        ends = now + place.life
        row = self._photos(
            account_id,
            _photo_id(place),
            upload_id=upload_id,
            expires_at=epoch_millis(ends),
            ttl=epoch_seconds(ends),
        )
        row.save()


def _id(place: Place) -> str:
    return f"compat#{place.id}"


def _photo_id(place: Place) -> str:
    """With the content: the same Idempotency-Key must not bring another photo."""
    return f"compat#{place.id}#photo#{place.fingerprint}"
