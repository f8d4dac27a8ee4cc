"""Use cases of uploads: declare, process, read, delete."""

import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from chalicelib.kernel.clock import Clock
from chalicelib.kernel.errors import Conflict, Gone, NotFound, Validation
from chalicelib.kernel.ids import Entropy, is_id, new_id
from chalicelib.kernel.transaction import Transaction
from chalicelib.media.limits import MAX_UPLOAD_BYTES
from chalicelib.media.photo import CleanPhoto, RejectedPhoto
from chalicelib.uploads.upload import (
    ATTESTATION_VERSION,
    FORM_LIFE,
    PENDING_LIFE,
    Basis,
    PeopleShown,
    Status,
    Upload,
    UploadNotReady,
)


class Store(Protocol):
    """What the use cases need of `uploads.store`."""

    def add(self, upload: Upload, attestation: dict[str, Any]) -> None: ...
    def form(self, upload: Upload, seconds: int) -> Any: ...
    def get(self, account_id: str, upload_id: str) -> Upload | None: ...
    def newest(self, account_id: str, now: datetime, *, before: str | None, limit: int) -> list[Upload]: ...
    def begin(self, account_id: str, upload_id: str, now: datetime) -> Upload | None: ...
    def accept(self, account_id: str, upload_id: str, photo: CleanPhoto, *, now: datetime, until: datetime) -> bool: ...
    def reject(
        self, account_id: str, upload_id: str, reason: str, message: str, *, now: datetime, until: datetime
    ) -> bool: ...
    def mark_deleted(self, account_id: str, upload_id: str, now: datetime) -> None: ...
    def require_ready(
        self, tx: Transaction, account_id: str, upload_id: str, now: datetime, max_pixels: int, refusal: Any
    ) -> None: ...
    def write_incoming(self, account_id: str, upload_id: str, data: bytes, content_type: str) -> None: ...
    def fetch_incoming(self, account_id: str, upload_id: str, to: Path, *, max_bytes: int) -> int: ...
    def write_clean(self, account_id: str, upload_id: str, photo: CleanPhoto) -> None: ...
    def read_clean(self, account_id: str, upload_id: str) -> bytes: ...
    def delete_incoming(self, account_id: str, upload_id: str) -> None: ...
    def delete_clean(self, account_id: str, upload_id: str) -> None: ...


class Cleaner(Protocol):
    """What the use cases need of `media.gateway`. Raises RejectedPhoto."""

    def clean(self, source: Path, declared_type: str) -> CleanPhoto: ...


class Uploads:
    """`upload_of` reads the row that comes back with a refused condition; `missing` is what the store raises for a
    missing object; `retention_hours(account_id)` is how long that account's content lives."""

    def __init__(
        self,
        store: Store,
        cleaner: Cleaner,
        clock: Clock,
        entropy: Entropy,
        *,
        upload_of: Callable[[Any], Upload | None],
        missing: type[Exception],
        retention_hours: Callable[[str], int],
    ) -> None:
        self._store = store
        self._cleaner = cleaner
        self._clock = clock
        self._entropy = entropy
        self._upload_of = upload_of
        self._missing = missing
        self._retention_hours = retention_hours

    def declare(
        self, account_id: str, content_type: str, size_bytes: int, sha256: str, basis: Basis, people: PeopleShown
    ) -> tuple[Upload, Any]:
        """A pending upload and the form for its bytes."""
        now = self._clock.now()
        upload = Upload(
            id=new_id("upl", now, self._entropy),
            account_id=account_id,
            status=Status.PENDING,
            content_type=content_type,
            size_bytes=size_bytes,
            sha256=sha256,
            created_at=now,
            expires_at=now + PENDING_LIFE,
        )
        attestation = {"v": ATTESTATION_VERSION, "basis": basis.value, "people_shown": people.value}
        self._store.add(upload, attestation)
        return upload, self._store.form(upload, int(FORM_LIFE.total_seconds()))

    def receive(
        self, account_id: str, data: bytes, content_type: str, sha256: str, basis: Basis, people: PeopleShown
    ) -> Upload:
        """An upload whose bytes came with the request: from here on it is processed like any other."""
        upload, _ = self.declare(account_id, content_type, len(data), sha256, basis, people)
        self._store.write_incoming(account_id, upload.id, data, content_type)
        return upload

    def get(self, account_id: str, upload_id: str) -> Upload:
        """Raises NotFound, for another account's upload too; Gone once deleted."""
        upload = self._store.get(account_id, upload_id) if is_id("upl", upload_id) else None
        if upload is None:
            raise NotFound
        if upload.deleted:
            raise Gone("The upload was deleted.")
        return upload.at(self._clock.now())

    def newest(self, account_id: str, *, before: str | None, limit: int) -> list[Upload]:
        """Newest first; those that have expired or were deleted are left out."""
        return self._store.newest(account_id, self._clock.now(), before=before, limit=limit)

    def delete(self, account_id: str, upload_id: str) -> None:
        """Afterwards the bytes are gone and the upload answers 410. Raises NotFound, Gone."""
        try:
            self.get(account_id, upload_id)
        except Gone:
            # Also when it was marked before: the earlier call may have died before it came to the bytes.
            self._delete_bytes(account_id, upload_id)
            raise
        self._store.mark_deleted(account_id, upload_id, self._clock.now())
        self._delete_bytes(account_id, upload_id)

    def process(self, account_id: str, upload_id: str) -> Status | None:
        """Turns the bytes that arrived into a clean photo, or a rejection; None if there was nothing to do.

        Safe to repeat at any point: the outcome is written last, and the same bytes give the same outcome.
        """
        now = self._clock.now()
        upload = self._store.begin(account_id, upload_id, now)
        outcome: Status | None = None
        if upload is not None:
            outcome = self._outcome(upload, now)
        if outcome is None:
            # Deleted, expired, or processed before: whatever arrived since must not stay, nor what was written late.
            known = self._store.get(account_id, upload_id)
            if known is None or known.deleted or known.expires_at <= now:
                self._store.delete_clean(account_id, upload_id)
        self._store.delete_incoming(account_id, upload_id)
        return outcome

    def require_ready(self, tx: Transaction, account_id: str, upload_id: str, param: str, max_pixels: int) -> None:
        """Adds the condition that the upload is ready, and has at most `max_pixels`, when the transaction commits.

        The commit raises Validation (no such upload, too large), Gone, Conflict (rejected, with the reason) or
        UploadNotReady.
        """
        now = self._clock.now()
        if not is_id("upl", upload_id):
            raise Validation(f"{param}: there is no such upload", param=param)

        def refusal(row: Any | None) -> Exception:
            upload = self._upload_of(row)
            if upload is None:
                return Validation(f"{param}: there is no such upload", param=param)
            if upload.deleted or upload.expires_at <= now:
                return Gone(f"{param}: the upload has expired or been deleted.", param=param)
            if upload.status is Status.REJECTED:
                return Conflict(
                    f"{param}: the upload was rejected: {upload.message}", param=param, reason=upload.reason
                )
            pixels = (upload.width or 0) * (upload.height or 0)
            if upload.status is Status.READY and pixels > max_pixels:
                too_large = f"{param}: the photo has {pixels} pixels; this model takes at most {max_pixels}"
                return Validation(too_large, param=param)
            not_ready = UploadNotReady(f"{param}: the upload is {upload.status}.", param=param)
            return not_ready.with_headers(retry_after="1")

        self._store.require_ready(tx, account_id, upload_id, now, max_pixels, refusal)

    def photo(self, account_id: str, upload_id: str) -> bytes:
        """The cleaned photo's bytes. Raises Gone if it expired or was deleted meanwhile."""
        if self.get(account_id, upload_id).status is not Status.READY:
            raise Gone("The upload has expired.")
        try:
            return self._store.read_clean(account_id, upload_id)
        except self._missing:
            raise Gone("The upload has expired or been deleted.") from None

    def _delete_bytes(self, account_id: str, upload_id: str) -> None:
        self._store.delete_incoming(account_id, upload_id)
        self._store.delete_clean(account_id, upload_id)

    def _outcome(self, upload: Upload, now: datetime) -> Status | None:
        until = now + timedelta(hours=self._retention_hours(upload.account_id))
        where = (upload.account_id, upload.id)
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "incoming"
            try:
                self._store.fetch_incoming(*where, source, max_bytes=MAX_UPLOAD_BYTES)
                photo = self._cleaner.clean(source, upload.content_type)
            except self._missing:
                return None
            except RejectedPhoto as rejected:
                done = self._store.reject(*where, rejected.reason.value, rejected.sentence, now=now, until=until)
                return Status.REJECTED if done else None
        self._store.write_clean(*where, photo)
        return Status.READY if self._store.accept(*where, photo, now=now, until=until) else None
