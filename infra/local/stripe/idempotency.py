"""Idempotency keys as Stripe documents them: https://docs.stripe.com/api/idempotent_requests.

The first answer to a key is kept for 24 hours, a 500 too, and given again to the same request; another request under
the same key is refused. A request that never began, because its parameters are wrong or the same key is at work, keeps
nothing.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from infra.local.stripe.account import Account
from infra.local.stripe.errors import StripeError, refused

KEPT_SECONDS = 24 * 3600
MAX_KEY_CHARS = 255


@dataclass(frozen=True)
class Kept:
    """An answer that was given before, and to which request."""

    status: int
    body: str
    request_id: str


def digest(method: str, path: str, nested: dict[str, Any]) -> str:
    """What makes two requests the same. Keeps nothing that could be read back."""
    whole = json.dumps([method, path, nested], sort_keys=True)
    return f"{method} {path} {hashlib.sha256(whole.encode()).hexdigest()}"


class Answers:
    """The answers of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._lock = threading.Lock()
        self._busy: set[str] = set()

    @contextmanager
    def at_work(self, key: str | None) -> Iterator[None]:
        """One request at a time under a key. Raises StripeError 409."""
        if key is None:
            yield
            return
        if len(key) > MAX_KEY_CHARS:
            raise refused(f"Idempotency keys can be up to {MAX_KEY_CHARS} characters long.")
        with self._lock:
            if key in self._busy:
                message = (
                    "There is currently another in-progress request using this Idempotent Key. Please try again later, "
                    "or use a different one."
                )
                raise StripeError(message, status=409, code="idempotency_key_in_use")
            self._busy.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(key)

    def given(self, key: str | None, request: str) -> Kept | None:
        """The answer to give again. Raises StripeError `idempotency_error` when the key belongs to another request."""
        if key is None:
            return None
        oldest = self._account.now() - KEPT_SECONDS
        self._account.store.execute("DELETE FROM answers WHERE at <= ?", (oldest,))
        rows = self._account.store.execute(
            "SELECT request, status, body, request_id FROM answers WHERE key = ?", (key,)
        )
        if not rows:
            return None
        known, status, body, request_id = rows[0]
        if known != request:
            raise StripeError(_mismatch(key, known, request), kind="idempotency_error")
        return Kept(status, body, request_id)

    def keep(self, key: str | None, request: str, kept: Kept) -> None:
        if key is not None:
            values = (key, self._account.now(), request, kept.status, kept.body, kept.request_id)
            self._account.store.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?)", values)


def _mismatch(key: str, known: str, request: str) -> str:
    (_, old, _), (_, new, _) = known.split(" "), request.split(" ")
    hint = f"Try using a key other than '{key}' if you meant to execute a different request."
    if old != new:
        rule = f"for the same endpoint they were first used for ('{new}' vs '{old}')"
        return f"Keys for idempotent requests can only be used {rule}. {hint}"
    return f"Keys for idempotent requests can only be used with the same parameters they were first used with. {hint}"
