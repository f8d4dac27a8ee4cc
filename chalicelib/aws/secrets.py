"""Secrets of the deployment, kept in Secrets Manager and cached for minutes; peppers are those of keyed hashes."""

import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any

from chalicelib.aws.session import client
from chalicelib.kernel.clock import Clock

CACHE = timedelta(minutes=5)


class Peppers:
    """Keyed hashes (HMAC-SHA-256, RFC 2104), one derived key per purpose so that hashes never match across purposes."""

    def __init__(self, secret_id: str, clock: Clock) -> None:
        self._secret_id = secret_id
        self._clock = clock
        self._read_at: datetime | None = None
        self._root = b""

    def hash(self, purpose: str, value: str) -> str:
        """64 hexadecimal digits; the same value gives the same hash for the same purpose only."""
        derived = hmac.digest(self._secret(), f"fotogenic/{purpose}".encode(), hashlib.sha256)
        return hmac.digest(derived, value.encode(), hashlib.sha256).hex()

    def _secret(self) -> bytes:
        now = self._clock.now()
        if self._read_at is None or now - self._read_at > CACHE:
            answer = client("secretsmanager").get_secret_value(SecretId=self._secret_id)
            self._root = json.loads(answer["SecretString"])["pepper"].encode()
            self._read_at = now
        return self._root


class JsonSecret:
    """A secret that is a JSON object which an operator may change at any time."""

    def __init__(self, secret_id: str, clock: Clock) -> None:
        self._secret_id = secret_id
        self._clock = clock
        self._read_at: datetime | None = None
        self._value: dict[str, Any] = {}

    def read(self) -> dict[str, Any]:
        """As it was at most CACHE ago. Empty if it is no JSON object: what is missing is for callers to say."""
        if self._read_at is None or self._clock.now() - self._read_at > CACHE:
            return self.refresh()
        return self._value

    def refresh(self) -> dict[str, Any]:
        """As it is now."""
        now = self._clock.now()
        answer = client("secretsmanager").get_secret_value(SecretId=self._secret_id)
        try:
            value = json.loads(answer["SecretString"])
        except ValueError:
            value = None
        self._value = value if isinstance(value, dict) else {}
        self._read_at = now
        return self._value
