"""A fake of `keys.store`. See `tests.support.fakes` for what it stands on."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib.credits.caps import Cap
from chalicelib.kernel.errors import Conflict
from chalicelib.kernel.transaction import Transaction, stale
from chalicelib.keys.key import MAX_SECRETS, Key, Standing
from tests.support.fakes import Memory, write


@dataclass
class SecretRow:
    account_id: str
    key_id: str
    scopes: list[str]
    ends_at: int | None
    minute: int = 0
    requests: int = 0


class FakeKeysStore:
    """`keys.store` in memory. `secrets` is what a stolen table would hold."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.keys: dict[str, Key] = {}
        self.secrets: dict[str, SecretRow] = {}

    def count_request(self, secret_hash: str, *, minute: int, day: str, limit: int) -> SecretRow | None:
        row = self.secrets.get(secret_hash)
        if row is None:
            return None
        if row.minute < minute:
            row.minute, row.requests = minute, 0
        if row.requests >= limit:
            return replace(row, requests=row.requests + 1)
        row.requests += 1
        return replace(row)

    def add(self, tx: Transaction, key: Key, secret_hash: str) -> None:
        def apply() -> None:
            self.keys[key.id] = key
            self.secrets[secret_hash] = self._secret(key)

        tx.add(write(apply, lambda: (key.id not in self.keys, None)))

    def get(self, account_id: str, key_id: str) -> Key | None:
        return next((key for key in self.all(account_id) if key.id == key_id), None)

    def all(self, account_id: str) -> list[Key]:
        return sorted((k for k in self.keys.values() if k.account_id == account_id), key=lambda k: k.id, reverse=True)

    def has_any(self, account_id: str) -> bool:
        return any(key.account_id == account_id for key in self.keys.values())

    def rename(self, account_id: str, key_id: str, name: str) -> bool:
        self.keys[key_id] = replace(self.keys[key_id], name=name)
        return True

    def attest(self, account_id: str, key_id: str, standing: Standing | None) -> bool:
        self.keys[key_id] = replace(self.keys[key_id], standing=standing)
        return True

    def set_cap(self, tx: Transaction, key: Key, cap: Cap | None) -> None:
        tx.add(write(lambda: self._change(key, cap=cap), lambda: self._in_force(key), _refused))

    def revoke(self, tx: Transaction, key: Key, now: datetime) -> None:
        def apply() -> None:
            self._change(key, revoked_at=now)
            self.secrets = {name: row for name, row in self.secrets.items() if row.key_id != key.id}

        tx.add(write(apply, lambda: self._in_force(key), _refused))

    def rotate(
        self, tx: Transaction, key: Key, secret_hash: str, hint: str, *, now: datetime, old_ends_at: datetime
    ) -> None:
        ends, present = int(old_ends_at.timestamp() * 1000), int(now.timestamp() * 1000)
        own = {name: row for name, row in self.secrets.items() if row.key_id == key.id}
        old = {name: row for name, row in own.items() if row.ends_at is None or row.ends_at > present}
        if len(old) >= MAX_SECRETS:
            raise Conflict

        def apply() -> None:
            for name, row in own.items():
                if name in old:
                    row.ends_at = min(ends, row.ends_at or ends)
                else:
                    del self.secrets[name]
            self.secrets[secret_hash] = self._secret(key)
            self._change(key, hint=hint)

        tx.add(write(apply, lambda: self._in_force(key), _refused))

    def _secret(self, key: Key) -> SecretRow:
        ends = int(key.expires_at.timestamp() * 1000) if key.expires_at else None
        return SecretRow(key.account_id, key.id, sorted(key.scopes), ends)

    def _in_force(self, key: Key) -> tuple[bool, Any]:
        return self.keys[key.id].revoked_at is None, self.keys[key.id]

    def _change(self, key: Key, **members: Any) -> None:
        self.keys[key.id] = replace(self.keys[key.id], **members)


def _refused(row: Any) -> Exception:
    return Conflict("The key has been revoked.") if row.revoked_at else stale(row)
