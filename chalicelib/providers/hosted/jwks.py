"""Callbacks signed with Ed25519 (RFC 8032), whose public keys their sender publishes as JSON Web Keys (RFC 8037)."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from threading import Lock
from typing import Any

from chalicelib.outbound.request import OutboundError, Reply, Request, Send
from chalicelib.outbound.saying import whole_number
from chalicelib.providers.hosted.talking import ASK_SECONDS, MAX_JSON_BYTES, json_of
from chalicelib.providers.job import BadCallback

MAX_AGE_SECONDS = 300
#: How long keys are believed, and how soon they are fetched again because none of them fits: forgeries must not make
#: us call.
KEYS_LIFE_SECONDS = 24 * 3600
KEYS_REST_SECONDS = 300
MAX_KEYS = 10


class Keys:
    """The keys at one address, fetched when the first callback comes."""

    def __init__(self, url: str, send: Send) -> None:
        self._url = url
        self._send = send
        self._lock = Lock()
        self._keys: list[bytes] = []
        self._fetched_at: int | None = None

    def check(self, lines: Sequence[str], signature: str, body: bytes, now_seconds: int) -> None:
        """Raises BadCallback unless one of the keys signed `lines`, the last of which is when it was sent, in seconds,
        and the SHA-256 of the body, each in a line of its own."""
        sent_at = whole_number(lines[-1])
        if sent_at is None or not all(lines):
            raise BadCallback("it is not signed")
        if abs(now_seconds - sent_at) > MAX_AGE_SECONDS:
            raise BadCallback("it is too old, or from the future")
        try:
            signed = bytes.fromhex(signature)
        except ValueError:
            raise BadCallback("the signature is not hexadecimal") from None
        message = "\n".join([*lines, hashlib.sha256(body).hexdigest()]).encode()
        with self._lock:
            known = self._known(now_seconds, KEYS_LIFE_SECONDS)
            if not _is_signed(known, signed, message):
                known = self._known(now_seconds, KEYS_REST_SECONDS)
        if not _is_signed(known, signed, message):
            raise BadCallback("the signature is another's")

    def _known(self, now_seconds: int, life_seconds: int) -> list[bytes]:
        if self._fetched_at is None or now_seconds - self._fetched_at >= life_seconds:
            self._keys, self._fetched_at = self._fetch() or self._keys, now_seconds
        return self._keys

    def _fetch(self) -> list[bytes]:
        """The keys as they are now; none if they cannot be had."""
        request = Request(method="GET", url=self._url, timeout_seconds=ASK_SECONDS, max_answer_bytes=MAX_JSON_BYTES)
        try:
            reply: Reply = self._send(request)
        except OutboundError:
            return []
        listed = json_of(reply).get("keys") if reply.status == 200 else None
        found = [_key(each) for each in listed[:MAX_KEYS]] if isinstance(listed, list) else []
        return [key for key in found if key is not None]


def _key(value: Any) -> bytes | None:
    """The 32 bytes of an Ed25519 key."""
    point = value.get("x") if isinstance(value, dict) else None
    if not isinstance(point, str):
        return None
    try:
        key = base64.b64decode(point + "=" * (-len(point) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == 32 else None


def _is_signed(keys: Sequence[bytes], signature: bytes, message: bytes) -> bool:
    # Loaded only where a callback came.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    for key in keys:
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        except (InvalidSignature, ValueError):
            continue
        return True
    return False
