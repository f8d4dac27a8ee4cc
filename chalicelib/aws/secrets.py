"""Peppers: deployment-wide secrets for keyed hashes, kept in Secrets Manager and cached for minutes."""

import hashlib
import hmac
import json
from datetime import datetime, timedelta

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
