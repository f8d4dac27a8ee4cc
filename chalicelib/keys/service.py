"""Use cases of API keys."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from chalicelib.credits.caps import Cap
from chalicelib.kernel.clock import Clock, epoch_seconds, from_epoch
from chalicelib.kernel.errors import ApiKeyRequired, Conflict, NotFound, RateLimited, Unauthorized
from chalicelib.kernel.ids import Entropy, is_id, new_id
from chalicelib.kernel.principal import Principal, RateState, Scope
from chalicelib.kernel.transaction import Transact, Transaction
from chalicelib.keys import secret as secrets
from chalicelib.keys.key import MAX_KEYS, Key, Standing
from chalicelib.uploads.upload import ATTESTATION_VERSION, Attestation


class Store(Protocol):
    """What the use cases need of `keys.store`."""

    def count_request(self, secret_hash: str, *, minute: int, day: str, limit: int) -> Any | None: ...
    def add(self, tx: Transaction, key: Key, secret_hash: str) -> None: ...
    def get(self, account_id: str, key_id: str) -> Key | None: ...
    def all(self, account_id: str) -> list[Key]: ...
    def has_any(self, account_id: str) -> bool: ...
    def rename(self, account_id: str, key_id: str, name: str) -> bool: ...
    def attest(self, account_id: str, key_id: str, standing: Standing | None) -> bool: ...
    def set_cap(self, tx: Transaction, key: Key, cap: Cap | None) -> None: ...
    def revoke(self, tx: Transaction, key: Key, now: datetime) -> None: ...
    def rotate(
        self, tx: Transaction, key: Key, secret_hash: str, hint: str, *, now: datetime, old_ends_at: datetime
    ) -> None: ...


class Spending(Protocol):
    """What keys need of the credits room."""

    def register_key(self, tx: Transaction, account_id: str, key_id: str, cap: Cap | None) -> None: ...
    def end_key(self, tx: Transaction, account_id: str, key_id: str, cap: Cap | None) -> None: ...
    def rein_in(self, account_id: str, key_id: str) -> None: ...


class Keys:
    """`keyed_hash(purpose, value)`: secrets are stored and found by it only."""

    def __init__(
        self,
        store: Store,
        spending: Spending,
        transact: Transact,
        clock: Clock,
        entropy: Entropy,
        *,
        keyed_hash: Callable[[str, str], str],
        mode: str,
        requests_per_minute: int,
    ) -> None:
        self._store = store
        self._spending = spending
        self._transact = transact
        self._clock = clock
        self._entropy = entropy
        self._hash = keyed_hash
        self._mode = mode
        self._limit = requests_per_minute

    def authenticate(self, secret: str) -> Principal:
        """The caller behind a secret. Raises Unauthorized, or RateLimited over the limit of requests a minute.

        One DynamoDB write: it finds the key, counts the request and notes the day of use.
        """
        now = self._clock.now()
        if not secrets.well_formed(secret):
            raise Unauthorized("That is not an API key of this service.")
        minute, second = divmod(epoch_seconds(now), 60)
        row = self._store.count_request(
            self._hash("key", secret), minute=minute, day=f"{now:%Y-%m-%d}", limit=self._limit
        )
        if row is None or (row.ends_at is not None and from_epoch(int(row.ends_at) / 1000) <= now):
            raise Unauthorized("The API key is unknown, revoked or expired.")
        used = int(row.requests)
        if used > self._limit:
            limited = RateLimited(f"This key may make {self._limit} requests a minute.")
            raise limited.with_headers(
                retry_after=str(60 - second),
                ratelimit_policy=f'"requests";q={self._limit};w=60',
                ratelimit=f'"requests";r=0;t={60 - second}',
            )
        rate = RateState(self._limit, self._limit - used, 60 - second)
        return Principal(row.account_id, frozenset(Scope(s) for s in row.scopes), key_id=row.key_id, rate=rate)

    def create(
        self,
        account_id: str,
        name: str,
        scopes: frozenset[Scope],
        *,
        expires_at: datetime | None,
        cap: Cap | None,
        attestation: Attestation | None = None,
    ) -> tuple[Key, str]:
        """A new key and its secret, which cannot be read again. Raises Conflict at MAX_KEYS keys in force."""
        now = self._clock.now()
        if sum(key.in_force(now) for key in self._store.all(account_id)) >= MAX_KEYS:
            raise Conflict(f"An account has at most {MAX_KEYS} keys in force; revoke one first.")
        secret = secrets.mint(self._mode, self._entropy)
        key = Key(
            id=new_id("key", now, self._entropy),
            account_id=account_id,
            name=name,
            scopes=scopes,
            hint=secrets.hint(secret),
            created_at=now,
            expires_at=expires_at,
            last_used_on=None,
            revoked_at=None,
            cap=cap,
            standing=_standing(attestation, now),
        )

        def build(tx: Transaction) -> None:
            self._store.add(tx, key, self._hash("key", secret))
            self._spending.register_key(tx, account_id, key.id, cap)

        self._transact(build)
        return key, secret

    def get(self, account_id: str, key_id: str) -> Key:
        """Raises NotFound, for another account's key too."""
        return self._there(self._store.get(account_id, key_id) if is_id("key", key_id) else None)

    def all(self, account_id: str) -> list[Key]:
        """Newest first, revoked ones included."""
        return self._store.all(account_id)

    def has_any(self, account_id: str) -> bool:
        """Whether a key was ever made, revoked ones included."""
        return self._store.has_any(account_id)

    def require_any(self, principal: Principal) -> None:
        """Raises ApiKeyRequired before the account's first key. A caller who has come by a key needs no look."""
        if principal.key_id is None and not self.has_any(principal.account_id):
            raise ApiKeyRequired

    def attest(self, account_id: str, key_id: str, attestation: Attestation | None) -> Key:
        """From now on that, or nothing, is stated of every photo that comes with a request of this key. Raises
        NotFound."""
        key = self.get(account_id, key_id)
        self._store.attest(account_id, key.id, _standing(attestation, self._clock.now()))
        return self.get(account_id, key_id)

    def attestation_of(self, principal: Principal) -> Attestation | None:
        """What the caller's key states of photos that come with its requests. A session states nothing, and what was
        stated to an earlier wording has to be stated again."""
        standing = self.get(principal.account_id, principal.key_id).standing if principal.key_id else None
        return standing.attestation if standing is not None and standing.version == ATTESTATION_VERSION else None

    def change(self, account_id: str, key_id: str, *, name: str | None, cap: Cap | None, set_cap: bool) -> Key:
        """Raises NotFound; Conflict if the key has been revoked and its cap is to be set."""
        key = self.get(account_id, key_id)
        if set_cap:

            def build(tx: Transaction) -> None:
                self._store.set_cap(tx, key, cap)
                self._spending.register_key(tx, account_id, key.id, cap)

            self._transact(build)
            self._spending.rein_in(account_id, key.id)
        if name is not None:
            self._store.rename(account_id, key_id, name)
        return self.get(account_id, key_id)

    def rotate(self, account_id: str, key_id: str, overlap: timedelta) -> tuple[Key, str]:
        """A new secret for the same key; the old one works on for `overlap`. Raises NotFound, Conflict."""
        key = self.get(account_id, key_id)
        now = self._clock.now()
        if not key.in_force(now):
            raise Conflict("The key has been revoked or has expired.")
        secret = secrets.mint(self._mode, self._entropy)

        def build(tx: Transaction) -> None:
            hashed = self._hash("key", secret)
            self._store.rotate(tx, key, hashed, secrets.hint(secret), now=now, old_ends_at=now + overlap)

        self._transact(build)
        return self.get(account_id, key_id), secret

    def revoke(self, account_id: str, key_id: str) -> None:
        """Afterwards no request and no hold is accepted from any secret of the key. Revoking twice is no error."""
        key = self.get(account_id, key_id)

        def build(tx: Transaction) -> None:
            self._store.revoke(tx, key, self._clock.now())
            self._spending.end_key(tx, account_id, key_id, key.cap)

        if key.revoked_at is None:
            try:
                self._transact(build)
            except Conflict:
                if self.get(account_id, key_id).revoked_at is None:
                    raise
        # Also when it was revoked before: the earlier call may have died before it came to this.
        self._spending.rein_in(account_id, key_id)

    def _there(self, key: Key | None) -> Key:
        if key is None:
            raise NotFound
        return key


def _standing(attestation: Attestation | None, now: datetime) -> Standing | None:
    return Standing(attestation, ATTESTATION_VERSION, now) if attestation is not None else None
