"""The keys table. One row a key in its account's partition, and one look-up row a secret, found by its keyed hash."""

from datetime import datetime
from typing import Any

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.aws.tables import ConditionFailed, bind, get, read_items, update
from chalicelib.credits.caps import Cap, Window
from chalicelib.kernel.clock import epoch_millis, from_epoch
from chalicelib.kernel.errors import Conflict
from chalicelib.kernel.principal import Scope
from chalicelib.kernel.transaction import Transaction, Write, stale
from chalicelib.keys.key import MAX_SECRETS, Key, Standing
from chalicelib.uploads.upload import Attestation, Basis, PeopleShown

LOOK_UP = "look-up"
READ_BATCH = 100


class KeyRow(Model):
    """Everything about a key but its secret. `secrets` are the hashes of the secrets that may still be in force."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    name = UnicodeAttribute()
    scopes = JSONAttribute()
    hint = UnicodeAttribute()
    secrets = JSONAttribute()
    created_at = NumberAttribute()
    expires_at = NumberAttribute(null=True)
    revoked_at = NumberAttribute(null=True)
    cap = JSONAttribute(null=True)
    attestation = JSONAttribute(null=True)
    version = NumberAttribute(default=1)


class SecretRow(Model):
    """What a request needs to know of the key whose secret it brings, in the one item that it reads and counts on."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default=LOOK_UP)
    account_id = UnicodeAttribute()
    key_id = UnicodeAttribute()
    scopes = JSONAttribute()
    ends_at = NumberAttribute(null=True)
    minute = NumberAttribute(default=0)
    requests = NumberAttribute(default=0)
    used_on = UnicodeAttribute(null=True)


class KeysStore:
    """All reads are consistent, so that a revocation that was answered is seen by the next request."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._keys = bind(KeyRow, table)
        self._secrets = bind(SecretRow, table)

    def count_request(self, secret_hash: str, *, minute: int, day: str, limit: int) -> SecretRow | None:
        """Finds the secret and counts one request of this minute, in one write; None if there is no such secret.

        At the limit the row comes back with `requests` above it and nothing is written.
        """
        pk = f"secret#{secret_hash}"
        known = SecretRow.pk.exists()
        for _ in range(3):
            try:
                more = known & (SecretRow.minute == minute) & (SecretRow.requests < limit)
                return update(self._secrets, pk, LOOK_UP, actions=[SecretRow.requests.add(1)], condition=more)
            except ConditionFailed as refused:
                row = refused.row
            if row is None:
                return None
            if int(row.minute) >= minute:
                row.requests = int(row.requests) + 1
                return row
            fresh = [SecretRow.minute.set(minute), SecretRow.requests.set(1), SecretRow.used_on.set(day)]
            try:
                return update(self._secrets, pk, LOOK_UP, actions=fresh, condition=known & (SecretRow.minute < minute))
            except ConditionFailed:
                continue  # another request opened this minute first
        return None

    def add(self, tx: Transaction, key: Key, secret_hash: str) -> None:
        tx.add(Write("put", self._row(key, [secret_hash]), stale, KeyRow.pk.does_not_exist()))
        tx.add(Write("put", self._secret(key, secret_hash), stale, SecretRow.pk.does_not_exist()))

    def get(self, account_id: str, key_id: str) -> Key | None:
        row = get(self._keys, account_id, key_id)
        if row is None:
            return None
        days = [found.used_on for secret in row.secrets if (found := self._find(secret)) and found.used_on]
        return _key(row, max(days, default=None))

    def all(self, account_id: str) -> list[Key]:
        """All keys of the account, newest first, revoked ones included."""
        rows = list(self._keys.query(account_id, consistent_read=True, scan_index_forward=False))
        secrets = [secret for row in rows for secret in row.secrets]
        used: dict[str, str] = {}
        for start in range(0, len(secrets), READ_BATCH):
            keys = [{"pk": f"secret#{secret}", "sk": LOOK_UP} for secret in secrets[start : start + READ_BATCH]]
            for found in read_items(self._table, keys, lambda _: self._secrets):
                used[found.key_id] = max(used.get(found.key_id, ""), found.used_on or "")
        return [_key(row, used.get(row.sk)) for row in rows]

    def has_any(self, account_id: str) -> bool:
        """Whether there is a key, in force or not: one read of one row."""
        found = self._keys.query(account_id, consistent_read=True, limit=1, attributes_to_get=["pk", "sk"])
        return any(True for _ in found)

    def rename(self, account_id: str, key_id: str, name: str) -> bool:
        """False if there is no such key."""
        try:
            exists = KeyRow.pk.exists()
            update(self._keys, account_id, key_id, actions=[KeyRow.name.set(name)], condition=exists)
        except ConditionFailed:
            return False
        return True

    def attest(self, account_id: str, key_id: str, standing: Standing | None) -> bool:
        """False if there is no such key."""
        try:
            stated = KeyRow.attestation.set(_stated(standing)) if standing else KeyRow.attestation.remove()
            update(self._keys, account_id, key_id, actions=[stated], condition=KeyRow.pk.exists())
        except ConditionFailed:
            return False
        return True

    def set_cap(self, tx: Transaction, key: Key, cap: Cap | None) -> None:
        action = KeyRow.cap.set([cap.assets, cap.window.value]) if cap else KeyRow.cap.remove()
        self._change(tx, key, [action])

    def revoke(self, tx: Transaction, key: Key, now: datetime) -> None:
        """Ends the key and every secret of it."""
        row = get(self._keys, key.account_id, key.id)
        for secret_hash in row.secrets if row else ():
            tx.add(Write("delete", self._secrets(f"secret#{secret_hash}", LOOK_UP), stale))
        self._change(tx, key, [KeyRow.revoked_at.set(epoch_millis(now)), KeyRow.secrets.set([])], self._version(row))

    def rotate(
        self, tx: Transaction, key: Key, secret_hash: str, hint: str, *, now: datetime, old_ends_at: datetime
    ) -> None:
        """Adds a secret; the ones before it end at `old_ends_at` at the latest, and those that have ended are removed.

        Raises Conflict at MAX_SECRETS secrets in force.
        """
        row = get(self._keys, key.account_id, key.id)
        known = [found for secret in (row.secrets if row else ()) if (found := self._find(secret))]
        old = [found for found in known if not found.ends_at or int(found.ends_at) > epoch_millis(now)]
        if len(old) >= MAX_SECRETS:
            raise Conflict(f"At most {MAX_SECRETS} secrets of a key work at once; wait for an overlap to end.")
        for ended in known:
            if ended not in old:
                tx.add(Write("delete", ended, stale))
        for found in old:
            sooner = min(epoch_millis(old_ends_at), int(found.ends_at or epoch_millis(old_ends_at)))
            tx.add(Write("update", found, stale, SecretRow.pk.exists(), (SecretRow.ends_at.set(sooner),)))
        tx.add(Write("put", self._secret(key, secret_hash), stale, SecretRow.pk.does_not_exist()))
        actions = [
            KeyRow.secrets.set([*(found.pk.removeprefix("secret#") for found in old), secret_hash]),
            KeyRow.hint.set(hint),
        ]
        self._change(tx, key, actions, self._version(row))

    def _find(self, secret_hash: str) -> Any | None:
        return get(self._secrets, f"secret#{secret_hash}", LOOK_UP)

    def _version(self, row: Any | None) -> int:
        return int(row.version) if row else 0

    def _change(self, tx: Transaction, key: Key, actions: list[Any], version: int | None = None) -> None:
        row = self._keys(key.account_id, key.id)
        in_force: Any = KeyRow.pk.exists() & KeyRow.revoked_at.does_not_exist()
        if version is not None:
            in_force &= KeyRow.version == version
        actions.append(KeyRow.version.add(1))
        tx.add(Write("update", row, _refused, in_force, tuple(actions)))

    def _row(self, key: Key, secrets: list[str]) -> KeyRow:
        return self._keys(
            key.account_id,
            key.id,
            name=key.name,
            scopes=sorted(key.scopes),
            hint=key.hint,
            secrets=secrets,
            created_at=epoch_millis(key.created_at),
            expires_at=epoch_millis(key.expires_at) if key.expires_at else None,
            cap=[key.cap.assets, key.cap.window.value] if key.cap else None,
            attestation=_stated(key.standing) if key.standing else None,
        )

    def _secret(self, key: Key, secret_hash: str) -> SecretRow:
        return self._secrets(
            f"secret#{secret_hash}",
            LOOK_UP,
            account_id=key.account_id,
            key_id=key.id,
            scopes=sorted(key.scopes),
            ends_at=epoch_millis(key.expires_at) if key.expires_at else None,
        )


def _key(row: Any, used_on: str | None) -> Key:
    return Key(
        id=row.sk,
        account_id=row.pk,
        name=row.name,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        hint=row.hint,
        created_at=from_epoch(int(row.created_at) / 1000),
        expires_at=from_epoch(int(row.expires_at) / 1000) if row.expires_at else None,
        last_used_on=used_on or None,
        revoked_at=from_epoch(int(row.revoked_at) / 1000) if row.revoked_at else None,
        cap=Cap(row.cap[0], Window(row.cap[1])) if row.cap else None,
        standing=_standing(row.attestation) if row.attestation else None,
    )


def _stated(standing: Standing) -> list[Any]:
    attestation = standing.attestation
    stated_at = epoch_millis(standing.stated_at)
    return [standing.version, attestation.basis.value, attestation.people_shown.value, stated_at]


def _standing(stated: list[Any]) -> Standing:
    version, basis, people_shown, stated_at = stated
    attestation = Attestation(Basis(basis), PeopleShown(people_shown))
    return Standing(attestation, int(version), from_epoch(int(stated_at) / 1000))


def _refused(item: Any | None) -> Exception:
    """Why a key could not be changed: it is gone or revoked, or it changed since it was read."""
    if item is None or item.revoked_at is not None:
        return Conflict("The key has been revoked.")
    return stale(item)
