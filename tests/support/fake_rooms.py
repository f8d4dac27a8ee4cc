"""Fakes of the rooms' stores and gateways. See `tests.support.fakes` for what they stand on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from chalicelib.accounts.signin import CODE_TRIES, Profile
from chalicelib.kernel.transaction import Transaction
from chalicelib.media.photo import CleanPhoto, Reason, RejectedPhoto
from chalicelib.uploads import upload as uploads
from chalicelib.uploads.upload import Upload
from tests.support.fakes import Memory, write


class FakeAccountsStore:
    """`accounts.store` in memory. `work` counts what each call asked of the table, as a clock would see it."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.counters: dict[str, int] = {}
        self.codes: dict[str, dict[str, Any]] = {}
        self.addresses: dict[str, str] = {}
        self.profiles: dict[str, Profile] = {}
        self.sessions: dict[tuple[str, str], tuple[datetime, datetime]] = {}
        self.work: list[str] = []

    def count(self, name: str, hour: str, ttl: datetime) -> int:
        self.work.append("count")
        self.counters[f"{name}#{hour}"] = self.counters.get(f"{name}#{hour}", 0) + 1
        return self.counters[f"{name}#{hour}"]

    def ask_code(self, email_hash: str, email: str, *, expires_at: datetime, hour: str, per_hour: int) -> bool:
        self.work.append("ask_code")
        before = self.codes.get(email_hash, {})
        sent = before.get("sent", 0) if before.get("hour") == hour else 0
        if sent >= per_hour:
            return False
        fresh = {"email": email, "expires_at": expires_at, "hour": hour, "sent": sent + 1, "tries": 0, "code": None}
        self.codes[email_hash] = fresh
        return True

    def set_code(self, email_hash: str, code_hash: str, now: datetime) -> str | None:
        row = self.codes.get(email_hash)
        if row is None or row["email"] is None or row["expires_at"] <= now:
            return None
        row["code"] = code_hash
        return str(row["email"])

    def try_code(self, email_hash: str, now: datetime) -> str | None:
        self.work.append("try_code")
        row = self.codes.get(email_hash)
        if row is None or row["code"] is None or row["expires_at"] <= now or row["tries"] >= CODE_TRIES:
            return None
        row["tries"] += 1
        return str(row["code"])

    def use_code(self, email_hash: str, code_hash: str) -> bool:
        with self.memory.lock:
            row = self.codes[email_hash]
            if row["code"] != code_hash:
                return False
            row["code"] = row["email"] = None
            return True

    def account_of(self, email_hash: str) -> str | None:
        self.work.append("account_of")
        return self.addresses.get(email_hash)

    def add(self, tx: Transaction, account_id: str, email: str, email_hash: str, now: datetime) -> None:
        def apply() -> None:
            self.addresses[email_hash] = account_id
            self.profiles[account_id] = Profile(account_id, email, None, "en", None, now)

        tx.add(write(apply, lambda: (email_hash not in self.addresses, None)))

    def profile(self, account_id: str) -> Profile | None:
        return self.profiles.get(account_id)

    def retention_hours(self, account_id: str) -> int | None:
        found = self.profiles.get(account_id)
        return found.retention_hours if found else None

    def change(self, account_id: str, changes: dict[str, Any]) -> Profile | None:
        if account_id not in self.profiles:
            return None
        self.profiles[account_id] = replace(self.profiles[account_id], **changes)
        return self.profiles[account_id]

    def add_session(self, account_id: str, token_hash: str, now: datetime, expires_at: datetime) -> None:
        self.sessions[account_id, token_hash] = (expires_at, now)

    def session(self, account_id: str, token_hash: str) -> tuple[datetime, datetime] | None:
        return self.sessions.get((account_id, token_hash))

    def touch_session(self, account_id: str, token_hash: str, now: datetime) -> None:
        if (account_id, token_hash) in self.sessions:
            self.sessions[account_id, token_hash] = (self.sessions[account_id, token_hash][0], now)

    def end_session(self, account_id: str, token_hash: str) -> None:
        self.sessions.pop((account_id, token_hash), None)


class Missing(Exception):
    """There is no object under that key."""


class FakeUploadsStore:
    """`uploads.store` in memory: rows, and objects under the keys that the real one uses."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.rows: dict[tuple[str, str], Upload] = {}
        self.objects: dict[str, bytes] = {}
        #: Called by the name of each step before it is done: where a test has the worker die, or somebody interfere.
        self.before: Callable[[str], None] = lambda _: None

    def add(self, upload: Upload, attestation: dict[str, Any]) -> None:
        self.rows[upload.account_id, upload.id] = upload

    def form(self, upload: Upload, seconds: int) -> Any:
        return {"key": uploads.incoming_key(upload.account_id, upload.id), "seconds": seconds}

    def get(self, account_id: str, upload_id: str) -> Upload | None:
        return self.rows.get((account_id, upload_id))

    def newest(self, account_id: str, now: datetime, *, before: str | None, limit: int) -> list[Upload]:
        found = [u for (owner, _), u in self.rows.items() if owner == account_id and not u.deleted]
        return [u for u in found if u.expires_at > now and (before is None or u.id < before)][:limit]

    def begin(self, account_id: str, upload_id: str, now: datetime) -> Upload | None:
        waiting = (uploads.Status.PENDING, uploads.Status.PROCESSING)
        return self._step("begin", account_id, upload_id, waiting, now, status=uploads.Status.PROCESSING)

    def accept(self, account_id: str, upload_id: str, photo: CleanPhoto, *, now: datetime, until: datetime) -> bool:
        ready = {"status": uploads.Status.READY, "width": photo.width, "height": photo.height, "expires_at": until}
        return bool(self._step("accept", account_id, upload_id, (uploads.Status.PROCESSING,), now, **ready))

    def reject(
        self, account_id: str, upload_id: str, reason: str, message: str, *, now: datetime, until: datetime
    ) -> bool:
        told = {"status": uploads.Status.REJECTED, "reason": reason, "message": message, "expires_at": until}
        return bool(self._step("reject", account_id, upload_id, (uploads.Status.PROCESSING,), now, **told))

    def mark_deleted(self, account_id: str, upload_id: str, now: datetime) -> None:
        self._step("mark_deleted", account_id, upload_id, tuple(uploads.Status), now, deleted=True)

    def require_ready(
        self, tx: Transaction, account_id: str, upload_id: str, now: datetime, max_pixels: int, refusal: Any
    ) -> None:
        def ready() -> tuple[bool, Any]:
            row = self.rows.get((account_id, upload_id))
            if row is None or row.status is not uploads.Status.READY or row.deleted or row.expires_at <= now:
                return False, row
            return (row.width or 0) * (row.height or 0) <= max_pixels, row

        tx.add(write(lambda: None, ready, refusal))

    def write_incoming(self, account_id: str, upload_id: str, data: bytes, content_type: str) -> None:
        self.objects[uploads.incoming_key(account_id, upload_id)] = data

    def fetch_incoming(self, account_id: str, upload_id: str, to: Path, *, max_bytes: int) -> int:
        self.before("fetch_incoming")
        key = uploads.incoming_key(account_id, upload_id)
        if key not in self.objects:
            raise Missing
        return to.write_bytes(self.objects[key])

    def write_clean(self, account_id: str, upload_id: str, photo: CleanPhoto) -> None:
        self.before("write_clean")
        self.objects[uploads.clean_key(account_id, upload_id)] = photo.data

    def read_clean(self, account_id: str, upload_id: str) -> bytes:
        key = uploads.clean_key(account_id, upload_id)
        if key not in self.objects:
            raise Missing
        return self.objects[key]

    def delete_incoming(self, account_id: str, upload_id: str) -> None:
        self.before("delete_incoming")
        self.objects.pop(uploads.incoming_key(account_id, upload_id), None)

    def delete_clean(self, account_id: str, upload_id: str) -> None:
        self.before("delete_clean")
        self.objects.pop(uploads.clean_key(account_id, upload_id), None)

    def _step(
        self, name: str, account_id: str, upload_id: str, allowed: tuple[Any, ...], now: datetime, **members: Any
    ) -> Upload | None:
        self.before(name)
        row = self.rows.get((account_id, upload_id))
        if row is None or row.status not in allowed or row.deleted or row.expires_at <= now:
            return None
        self.rows[account_id, upload_id] = replace(row, **members)
        return self.rows[account_id, upload_id]


class FakeCleaner:
    """Cleans by saying so; bytes that begin with `bad` are rejected."""

    def clean(self, source: Path, declared_type: str) -> CleanPhoto:
        data = source.read_bytes()
        if data.startswith(b"bad"):
            raise RejectedPhoto(Reason.UNDECODABLE)
        return CleanPhoto(b"clean " + data, "image/jpeg", 64, 48, "0" * 64)
