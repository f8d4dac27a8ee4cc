"""Signatures of webhooks: pure. Standard Webhooks 1.0
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

from chalicelib.kernel.clock import epoch_seconds
from chalicelib.kernel.ids import Entropy
from chalicelib.signing.keys import SigningKey

SECRET_PREFIX = "whsec_"  # noqa: S105 (a prefix, not a secret)
SECRET_BYTES = 32


def mint(entropy: Entropy) -> str:
    """A new secret of an endpoint: `whsec_` + base64 of 32 random bytes."""
    return SECRET_PREFIX + base64.b64encode(entropy(SECRET_BYTES)).decode()


def signed_headers(
    event_id: str, at: datetime, body: str, secrets: Iterable[str], keys: Iterable[SigningKey]
) -> dict[str, str]:
    """The three headers of one attempt: a `v1` (HMAC-SHA-256) for each secret, a `v1a` (Ed25519) for each key."""
    timestamp = str(epoch_seconds(at))
    message = f"{event_id}.{timestamp}.{body}".encode()
    symmetric = [f"v1,{_base64(hmac.digest(_key(secret), message, hashlib.sha256))}" for secret in secrets]
    asymmetric = [f"v1a,{_base64(key.sign(message))}" for key in keys]
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join([*symmetric, *asymmetric]),
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(SECRET_PREFIX))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
