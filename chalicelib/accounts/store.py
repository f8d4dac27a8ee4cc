"""The accounts table: profiles, the look-up by hashed address, sign-in codes and sessions."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.accounts.signin import CODE_TRIES, Profile
from chalicelib.aws.sealing import Sealer
from chalicelib.aws.tables import ConditionFailed, bind, get, update
from chalicelib.kernel.clock import epoch_millis, epoch_seconds, from_epoch
from chalicelib.kernel.transaction import Transaction, Write, stale

#: Owner of the data key that seals addresses to which no account belongs yet.
SIGN_IN = "sign-in"


class ProfileRow(Model):
    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="profile")
    email = BinaryAttribute(legacy_encoding=False)
    email_hash = UnicodeAttribute()
    country = UnicodeAttribute(null=True)
    locale = UnicodeAttribute(default="en")
    retention_hours = NumberAttribute(null=True)
    created_at = NumberAttribute()


class AddressRow(Model):
    """Which account an address belongs to, by its keyed hash."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="address")
    account_id = UnicodeAttribute()


class CodeRow(Model):
    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="code")
    email = BinaryAttribute(legacy_encoding=False, null=True)
    code_hash = UnicodeAttribute(null=True)
    tries = NumberAttribute(default=0)
    expires_at = NumberAttribute(default=0)
    hour = UnicodeAttribute(null=True)
    sent = NumberAttribute(default=0)
    ttl = NumberAttribute(null=True)


class SessionRow(Model):
    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    expires_at = NumberAttribute()
    used_at = NumberAttribute()
    ttl = NumberAttribute()


class CounterRow(Model):
    """How often something was asked for in an hour. The key is a keyed hash, never an address."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="counter")
    asked = NumberAttribute(default=0)
    ttl = NumberAttribute()


class AccountsStore:
    """All reads are consistent."""

    def __init__(self, table: str, sealer: Sealer) -> None:
        self._sealer = sealer
        self._profiles = bind(ProfileRow, table)
        self._addresses = bind(AddressRow, table)
        self._codes = bind(CodeRow, table)
        self._sessions = bind(SessionRow, table)
        self._counters = bind(CounterRow, table)

    def count(self, name: str, hour: str, ttl: datetime) -> int:
        """Adds one to the counter of that hour and returns it."""
        actions = [CounterRow.asked.add(1), CounterRow.ttl.set(epoch_seconds(ttl))]
        return int(update(self._counters, f"count#{name}#{hour}", "counter", actions=actions).asked)

    def ask_code(self, email_hash: str, email: str, *, expires_at: datetime, hour: str, per_hour: int) -> bool:
        """Makes room for a new code and forgets the one before. False if too many were asked for in this hour."""
        key = f"address#{email_hash}"
        sealed = self._sealer.seal(SIGN_IN, f"accounts/{key}/email", email)
        fresh: list[Any] = [
            CodeRow.email.set(sealed),
            CodeRow.code_hash.remove(),
            CodeRow.tries.set(0),
            CodeRow.expires_at.set(epoch_millis(expires_at)),
            CodeRow.hour.set(hour),
            CodeRow.ttl.set(epoch_seconds(expires_at) + 3600),
        ]
        try:
            more = (CodeRow.hour == hour) & (CodeRow.sent < per_hour)
            update(self._codes, key, "code", actions=[*fresh, CodeRow.sent.add(1)], condition=more)
        except ConditionFailed as refused:
            if refused.row is not None and refused.row.hour == hour:
                return False
            update(self._codes, key, "code", actions=[*fresh, CodeRow.sent.set(1)])
        return True

    def set_code(self, email_hash: str, code_hash: str, now: datetime) -> str | None:
        """Stores the code's hash and returns the address to send it to; None if nobody waits for a code any more."""
        key = f"address#{email_hash}"
        waiting = CodeRow.email.exists() & (CodeRow.expires_at > epoch_millis(now))
        try:
            row = update(self._codes, key, "code", actions=[CodeRow.code_hash.set(code_hash)], condition=waiting)
        except ConditionFailed:
            return None
        return self._sealer.open(SIGN_IN, f"accounts/{key}/email", row.email)

    def try_code(self, email_hash: str, now: datetime) -> str | None:
        """Counts one try and returns the code's hash; None if there is no code in force or no try left."""
        in_force = CodeRow.code_hash.exists() & (CodeRow.expires_at > epoch_millis(now)) & (CodeRow.tries < CODE_TRIES)
        try:
            row = update(
                self._codes, f"address#{email_hash}", "code", actions=[CodeRow.tries.add(1)], condition=in_force
            )
        except ConditionFailed:
            return None
        return str(row.code_hash)

    def use_code(self, email_hash: str, code_hash: str) -> bool:
        """Ends the code; true for exactly one caller."""
        actions: list[Any] = [CodeRow.code_hash.remove(), CodeRow.email.remove()]
        condition = CodeRow.code_hash == code_hash
        try:
            update(self._codes, f"address#{email_hash}", "code", actions=actions, condition=condition)
        except ConditionFailed:
            return False
        return True

    def account_of(self, email_hash: str) -> str | None:
        row = get(self._addresses, f"address#{email_hash}", "address")
        return str(row.account_id) if row else None

    def add(self, tx: Transaction, account_id: str, email: str, email_hash: str, now: datetime) -> None:
        """The rows of a new account; stale if the address got one meanwhile."""
        sealed = self._sealer.seal(account_id, f"accounts/{account_id}/email", email)
        profile = self._profiles(
            account_id, "profile", email=sealed, email_hash=email_hash, created_at=epoch_millis(now)
        )
        address = self._addresses(f"address#{email_hash}", "address", account_id=account_id)
        tx.add(Write("put", address, stale, AddressRow.pk.does_not_exist()))
        tx.add(Write("put", profile, stale, ProfileRow.pk.does_not_exist()))

    def profile(self, account_id: str) -> Profile | None:
        row = get(self._profiles, account_id, "profile")
        return self._profile(row) if row else None

    def retention_hours(self, account_id: str) -> int | None:
        """The account's own limit, if it has one."""
        row = get(self._profiles, account_id, "profile")
        return int(row.retention_hours) if row and row.retention_hours else None

    def change(self, account_id: str, changes: dict[str, str | int | None]) -> Profile | None:
        """Sets the named members (None removes one); None if there is no such account."""
        fields: dict[str, Any] = {name: getattr(ProfileRow, name) for name in ("country", "locale", "retention_hours")}
        actions = [fields[k].remove() if v is None else fields[k].set(v) for k, v in changes.items()]
        try:
            condition = ProfileRow.pk.exists()
            return self._profile(update(self._profiles, account_id, "profile", actions=actions, condition=condition))
        except ConditionFailed:
            return None

    def add_session(self, account_id: str, token_hash: str, now: datetime, expires_at: datetime) -> None:
        self._sessions(
            account_id,
            f"session#{token_hash}",
            expires_at=epoch_millis(expires_at),
            used_at=epoch_millis(now),
            ttl=epoch_seconds(expires_at),
        ).save()

    def session(self, account_id: str, token_hash: str) -> tuple[datetime, datetime] | None:
        """When it ends and when it was last seen."""
        row = get(self._sessions, account_id, f"session#{token_hash}")
        return (from_epoch(int(row.expires_at) / 1000), from_epoch(int(row.used_at) / 1000)) if row else None

    def touch_session(self, account_id: str, token_hash: str, now: datetime) -> None:
        self._if_there(account_id, token_hash, [SessionRow.used_at.set(epoch_millis(now))])

    def end_session(self, account_id: str, token_hash: str) -> None:
        self._sessions(account_id, f"session#{token_hash}").delete()

    def _if_there(self, account_id: str, token_hash: str, actions: Iterable[Any]) -> None:
        condition = SessionRow.pk.exists()
        try:
            update(self._sessions, account_id, f"session#{token_hash}", actions=actions, condition=condition)
        except ConditionFailed:
            return  # it ended meanwhile, which is what counts

    def _profile(self, row: Any) -> Profile:
        return Profile(
            account_id=row.pk,
            email=self._sealer.open(row.pk, f"accounts/{row.pk}/email", row.email),
            country=row.country,
            locale=row.locale,
            retention_hours=int(row.retention_hours) if row.retention_hours else None,
            created_at=from_epoch(int(row.created_at) / 1000),
        )
