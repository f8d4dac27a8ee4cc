"""Use cases of accounts: sign in with a code by e-mail, sessions, the profile."""

import hmac
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from chalicelib.accounts import signin
from chalicelib.accounts.signin import Profile, SignedIn, Started
from chalicelib.kernel.clock import Clock
from chalicelib.kernel.errors import InvalidCode, RateLimited, Unauthorized, Validation
from chalicelib.kernel.ids import Entropy, is_id, new_id
from chalicelib.kernel.transaction import Transact, Transaction


class Store(Protocol):
    """What the use cases need of `accounts.store`."""

    def count(self, name: str, hour: str, ttl: datetime) -> int: ...
    def ask_code(self, email_hash: str, email: str, *, expires_at: datetime, hour: str, per_hour: int) -> bool: ...
    def set_code(self, email_hash: str, code_hash: str, now: datetime) -> str | None: ...
    def try_code(self, email_hash: str, now: datetime) -> str | None: ...
    def use_code(self, email_hash: str, code_hash: str) -> bool: ...
    def account_of(self, email_hash: str) -> str | None: ...
    def add(self, tx: Transaction, account_id: str, email: str, email_hash: str, now: datetime) -> None: ...
    def profile(self, account_id: str) -> Profile | None: ...
    def retention_hours(self, account_id: str) -> int | None: ...
    def change(self, account_id: str, changes: dict[str, str | int | None]) -> Profile | None: ...
    def add_session(self, account_id: str, token_hash: str, now: datetime, expires_at: datetime) -> None: ...
    def session(self, account_id: str, token_hash: str) -> tuple[datetime, datetime] | None: ...
    def touch_session(self, account_id: str, token_hash: str, now: datetime) -> None: ...
    def end_session(self, account_id: str, token_hash: str) -> None: ...


class Ledger(Protocol):
    """What a new account needs of the credits room."""

    def open_account(self, tx: Transaction, account_id: str, *, bonus: int, request_id: str) -> None: ...


class Accounts:
    """`keyed_hash(purpose, value)` is what its name says; `queue_mail(email_hash)` has a code sent, elsewhere."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        transact: Transact,
        clock: Clock,
        entropy: Entropy,
        *,
        keyed_hash: Callable[[str, str], str],
        random_token: Callable[[int], str],
        random_digits: Callable[[int], str],
        queue_mail: Callable[[str], None],
        signup_bonus: int,
        codes_per_source: int,
        retention_hours: int,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._transact = transact
        self._clock = clock
        self._entropy = entropy
        self._hash = keyed_hash
        self._random_token = random_token
        self._random_digits = random_digits
        self._queue_mail = queue_mail
        self._signup_bonus = signup_bonus
        self._codes_per_source = codes_per_source
        self._retention_hours = retention_hours

    def ask_code(self, email: str, source_ip: str) -> None:
        """Has a code sent to the address. Does the same work whether or not an account exists.

        An address that asks too often gets no more mail this hour, and is not told so (nobody else may learn it);
        one source that asks for many addresses gets RateLimited.
        """
        now = self._clock.now()
        hour = signin.hour(now)
        source = self._hash("source", source_ip)
        if self._store.count(source, hour, now + timedelta(hours=2)) > self._codes_per_source:
            raise RateLimited("Too many codes were asked for from here.").with_headers(retry_after="3600")
        email_hash = self._hash("email", email)
        expires_at = now + signin.CODE_LIFE
        if self._store.ask_code(email_hash, email, expires_at=expires_at, hour=hour, per_hour=signin.CODES_PER_HOUR):
            self._queue_mail(email_hash)

    def issue_code(self, email_hash: str) -> tuple[str, str] | None:
        """Makes the code that is waited for: (address, code), or None if nobody waits any more.

        Called by the worker that mails it, so that a code in clear is never stored or queued.
        """
        code = self._random_digits(signin.CODE_DIGITS)
        email = self._store.set_code(email_hash, self._code_hash(email_hash, code), self._clock.now())
        return (email, code) if email else None

    def start_session(self, email: str, code: str, request_id: str) -> Started:
        """Signs in, making the account at the first time. Raises InvalidCode, whatever was wrong."""
        now = self._clock.now()
        email_hash = self._hash("email", email)
        given = self._code_hash(email_hash, code)
        expected = self._store.try_code(email_hash, now)
        if expected is None or not hmac.compare_digest(expected, given) or not self._store.use_code(email_hash, given):
            raise InvalidCode
        account_id = self._account(email, email_hash, request_id)
        token = signin.make_token(account_id, self._random_token(signin.TOKEN_BYTES))
        expires_at = now + signin.SESSION_LIFE
        self._store.add_session(account_id, self._hash("session", token), now, expires_at)
        return Started(account_id, token, self._hash("csrf", token), expires_at)

    def session(self, token: str) -> SignedIn:
        """The session of a token. Raises Unauthorized if it has ended, by time, idleness or sign-out."""
        now, account_id, token_hash = self._clock.now(), signin.account_of(token), self._hash("session", token)
        found = self._store.session(account_id, token_hash) if is_id("acct", account_id) else None
        if found is None or found[0] <= now or found[1] + signin.SESSION_IDLE <= now:
            raise Unauthorized("The session has ended; sign in again.")
        if found[1] + signin.SESSION_TOUCH <= now:
            self._store.touch_session(account_id, token_hash, now)
        return SignedIn(signin.principal(account_id, token_hash), self._hash("csrf", token), found[0])

    def end_session(self, account_id: str, session_id: str) -> None:
        """Signs out, effective at once."""
        self._store.end_session(account_id, session_id)

    def profile(self, account_id: str) -> Profile:
        """Raises Unauthorized if the account has been erased meanwhile."""
        return self._there(self._store.profile(account_id))

    def retention_hours(self, account_id: str) -> int:
        """How long new content of the account lives: the deployment's limit, or less if the account says so."""
        return min(self._retention_hours, self._store.retention_hours(account_id) or self._retention_hours)

    def change(self, account_id: str, changes: dict[str, str | int | None]) -> Profile:
        """Raises Validation for a retention above the deployment's; Unauthorized if the account has been erased."""
        hours = changes.get("retention_hours")
        if isinstance(hours, int) and hours > self._retention_hours:
            limit = f"retention_hours: can only shorten the {self._retention_hours} hours of this service"
            raise Validation(limit, param="retention_hours")
        return self._there(self._store.change(account_id, changes)) if changes else self.profile(account_id)

    def _account(self, email: str, email_hash: str, request_id: str) -> str:
        def build(tx: Transaction) -> str:
            known = self._store.account_of(email_hash)
            if known:
                return known
            now = self._clock.now()
            account_id = new_id("acct", now, self._entropy)
            self._store.add(tx, account_id, email, email_hash, now)
            self._ledger.open_account(tx, account_id, bonus=self._signup_bonus, request_id=request_id)
            return account_id

        return self._transact(build)

    def _code_hash(self, email_hash: str, code: str) -> str:
        return self._hash("code", f"{email_hash}:{code}")

    def _there(self, profile: Profile | None) -> Profile:
        if profile is None:
            raise Unauthorized("The account does not exist any more.")
        return profile
