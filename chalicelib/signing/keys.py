"""The deployment's signing keys: pure. Ed25519 (RFC 8032), one for each purpose, all derived from one secret.

Derived keys (HKDF-SHA-256, RFC 5869) need no store of their own, and a key of one purpose says nothing of the others.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SEED_BYTES = 32
#: A secret with less in it is no secret.
MIN_SECRET_CHARACTERS = 32


class Purpose(StrEnum):
    """What is signed. A new one has its own key from the start."""

    WEBHOOKS = "webhooks"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`public` are the 32 bytes that others verify with."""

    private: Ed25519PrivateKey
    public: bytes

    def sign(self, message: bytes) -> bytes:
        """64 bytes, the same for the same message."""
        return self.private.sign(message)

    @property
    def kid(self) -> str:
        """The thumbprint of the public key (RFC 7638, members as in RFC 8037, appendix A.3)."""
        members = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(self.public)}
        return _base64url(hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest())

    @property
    def x(self) -> str:
        """The public key as a JWK has it (RFC 8037, section 2)."""
        return _base64url(self.public)


def derive(secret: str, purpose: Purpose) -> SigningKey:
    """The key for a purpose. Raises ValueError for a secret that is too short to be one."""
    if len(secret) < MIN_SECRET_CHARACTERS:
        raise ValueError(f"a signing secret has at least {MIN_SECRET_CHARACTERS} characters")
    info = f"fotogenic/{purpose.value}/ed25519".encode()
    seed = HKDF(algorithm=SHA256(), length=SEED_BYTES, salt=None, info=info).derive(secret.encode())
    private = Ed25519PrivateKey.from_private_bytes(seed)
    return SigningKey(private, private.public_key().public_bytes_raw())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
