"""The uploads table and the uploads bucket."""

from datetime import datetime
from pathlib import Path
from typing import Any

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.aws.objects import Form, Objects
from chalicelib.aws.tables import ConditionFailed, bind, get, update
from chalicelib.kernel.clock import epoch_millis, epoch_seconds, from_epoch
from chalicelib.kernel.transaction import Transaction, Write
from chalicelib.media.photo import CleanPhoto
from chalicelib.uploads.upload import REMEMBERED, Status, Upload, clean_key, incoming_key


class UploadRow(Model):
    account_id = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    status = UnicodeAttribute()
    content_type = UnicodeAttribute()
    size_bytes = NumberAttribute()
    sha256 = UnicodeAttribute()
    attestation = JSONAttribute()
    created_at = NumberAttribute()
    expires_at = NumberAttribute()
    deleted = NumberAttribute(default=0)
    reason = UnicodeAttribute(null=True)
    message = UnicodeAttribute(null=True)
    width = NumberAttribute(null=True)
    height = NumberAttribute(null=True)
    pixels = NumberAttribute(null=True)
    stored_type = UnicodeAttribute(null=True)
    ttl = NumberAttribute()


class UploadsStore:
    """All reads are consistent."""

    def __init__(self, table: str, bucket: str) -> None:
        self._rows = bind(UploadRow, table)
        self._objects = Objects(bucket)

    def add(self, upload: Upload, attestation: dict[str, Any]) -> None:
        self._rows(
            upload.account_id,
            upload.id,
            status=upload.status.value,
            content_type=upload.content_type,
            size_bytes=upload.size_bytes,
            sha256=upload.sha256,
            attestation=attestation,
            created_at=epoch_millis(upload.created_at),
            expires_at=epoch_millis(upload.expires_at),
            ttl=epoch_seconds(upload.expires_at + REMEMBERED),
        ).save(condition=UploadRow.id.does_not_exist())

    def form(self, upload: Upload, seconds: int) -> Form:
        return self._objects.upload_form(
            incoming_key(upload.account_id, upload.id),
            content_type=upload.content_type,
            size_bytes=upload.size_bytes,
            sha256_hex=upload.sha256,
            seconds=seconds,
        )

    def get(self, account_id: str, upload_id: str) -> Upload | None:
        row = get(self._rows, account_id, upload_id)
        return _upload(row) if row else None

    def newest(self, account_id: str, now: datetime, *, before: str | None, limit: int) -> list[Upload]:
        """Newest first, older than the upload `before`; expired and deleted ones are left out."""
        condition = UploadRow.id < before if before else None
        found = self._rows.query(
            account_id,
            condition,
            filter_condition=(UploadRow.deleted == 0) & (UploadRow.expires_at > epoch_millis(now)),
            scan_index_forward=False,
            consistent_read=True,
            limit=limit,
        )
        return [_upload(row) for row in found]

    def begin(self, account_id: str, upload_id: str, now: datetime) -> Upload | None:
        """Pending or processing → processing; None when there is nothing (more) to process."""
        waiting = UploadRow.status.is_in(Status.PENDING.value, Status.PROCESSING.value)
        return self._step(account_id, upload_id, waiting, now, [UploadRow.status.set(Status.PROCESSING.value)])

    def accept(self, account_id: str, upload_id: str, photo: CleanPhoto, *, now: datetime, until: datetime) -> bool:
        """Processing → ready; False if it was deleted or expired meanwhile."""
        actions = [
            UploadRow.status.set(Status.READY.value),
            UploadRow.width.set(photo.width),
            UploadRow.height.set(photo.height),
            UploadRow.pixels.set(photo.width * photo.height),
            UploadRow.stored_type.set(photo.content_type),
            *_until(until),
        ]
        processing = UploadRow.status == Status.PROCESSING.value
        return self._step(account_id, upload_id, processing, now, actions) is not None

    def reject(
        self, account_id: str, upload_id: str, reason: str, message: str, *, now: datetime, until: datetime
    ) -> bool:
        """Processing → rejected; False if it was deleted or expired meanwhile."""
        actions = [
            UploadRow.status.set(Status.REJECTED.value),
            UploadRow.reason.set(reason),
            UploadRow.message.set(message),
            *_until(until),
        ]
        processing = UploadRow.status == Status.PROCESSING.value
        return self._step(account_id, upload_id, processing, now, actions) is not None

    def mark_deleted(self, account_id: str, upload_id: str, now: datetime) -> None:
        self._step(account_id, upload_id, UploadRow.id.exists(), now, [UploadRow.deleted.set(1)])

    def require_ready(
        self, tx: Transaction, account_id: str, upload_id: str, now: datetime, max_pixels: int, refusal: Any
    ) -> None:
        """The transaction holds only while the upload is ready, in its time, and not larger than that."""
        row = self._rows(account_id, upload_id)
        ready = (
            (UploadRow.status == Status.READY.value)
            & (UploadRow.deleted == 0)
            & (UploadRow.expires_at > epoch_millis(now))
            & (UploadRow.pixels <= max_pixels)
        )
        tx.add(Write("check", row, refusal, ready))

    def write_incoming(self, account_id: str, upload_id: str, data: bytes, content_type: str) -> None:
        """Bytes that came with a request: the notification of them starts their processing, as of any others."""
        self._objects.write(incoming_key(account_id, upload_id), data, content_type)

    def fetch_incoming(self, account_id: str, upload_id: str, to: Path, *, max_bytes: int) -> int:
        """Raises ObjectMissing."""
        return self._objects.fetch(incoming_key(account_id, upload_id), to, max_bytes=max_bytes)

    def write_clean(self, account_id: str, upload_id: str, photo: CleanPhoto) -> None:
        self._objects.write(clean_key(account_id, upload_id), photo.data, photo.content_type)

    def read_clean(self, account_id: str, upload_id: str) -> bytes:
        """Raises ObjectMissing."""
        return self._objects.read(clean_key(account_id, upload_id))

    def delete_incoming(self, account_id: str, upload_id: str) -> None:
        self._objects.delete(incoming_key(account_id, upload_id))

    def delete_clean(self, account_id: str, upload_id: str) -> None:
        self._objects.delete(clean_key(account_id, upload_id))

    def _step(
        self, account_id: str, upload_id: str, condition: Any, now: datetime, actions: list[Any]
    ) -> Upload | None:
        alive = condition & (UploadRow.deleted == 0) & (UploadRow.expires_at > epoch_millis(now))
        try:
            return _upload(update(self._rows, account_id, upload_id, actions=actions, condition=alive))
        except ConditionFailed:
            return None


def _until(moment: datetime) -> list[Any]:
    return [UploadRow.expires_at.set(epoch_millis(moment)), UploadRow.ttl.set(epoch_seconds(moment + REMEMBERED))]


def upload_of(row: Any | None) -> Upload | None:
    """The upload of a row that came back with a refused condition, if there was one."""
    return _upload(row) if row else None


def _upload(row: Any) -> Upload:
    return Upload(
        id=row.id,
        account_id=row.account_id,
        status=Status(row.status),
        content_type=row.content_type,
        size_bytes=int(row.size_bytes),
        sha256=row.sha256,
        created_at=from_epoch(int(row.created_at) / 1000),
        expires_at=from_epoch(int(row.expires_at) / 1000),
        deleted=bool(row.deleted),
        reason=row.reason,
        message=row.message,
        width=int(row.width) if row.width else None,
        height=int(row.height) if row.height else None,
        stored_type=row.stored_type,
    )
