"""Sealing of personal fields: AES-256-GCM (NIST SP 800-38D) under a data key that KMS wraps (envelope encryption).

The associated data names table, item and field, so that a sealed value moved elsewhere does not open. Each account has
its own data key in the vault table, which has no backups: destroying that row ends every copy of what it sealed.
"""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pynamodb.attributes import BinaryAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError
from pynamodb.models import Model

from chalicelib.aws.entropy import token_bytes
from chalicelib.aws.session import client
from chalicelib.aws.tables import bind
from chalicelib.kernel.clock import Clock

NONCE_BYTES = 12
CACHED_KEYS = 256
CACHE = timedelta(minutes=5)


class KeyDestroyed(Exception):
    """The data key is gone, and with it everything it sealed."""


class Unreadable(Exception):
    """The sealed value was altered, or belongs to another place."""


class DataKeyRow(Model):
    """One wrapped data key. `owner` is an account id, or the name of a purpose of the whole deployment."""

    owner = UnicodeAttribute(hash_key=True)
    wrapped = BinaryAttribute(legacy_encoding=False)


class Sealer:
    """Seals and opens fields. Data keys in clear live in memory only: at most CACHED_KEYS, for at most CACHE."""

    def __init__(self, vault_table: str, kms_key: str, clock: Clock) -> None:
        self._rows = bind(DataKeyRow, vault_table)
        self._kms_key = kms_key
        self._clock = clock
        self._cache: OrderedDict[str, tuple[datetime, bytes]] = OrderedDict()

    def seal(self, owner: str, place: str, text: str) -> bytes:
        """`place` is `table/item/field`. The answer is nonce + ciphertext + tag."""
        nonce = token_bytes(NONCE_BYTES)
        return nonce + AESGCM(self._key(owner, create=True)).encrypt(nonce, text.encode(), place.encode())

    def open(self, owner: str, place: str, sealed: bytes) -> str:
        """Raises KeyDestroyed if the owner's key is gone, Unreadable if the value was not sealed for this place."""
        cipher = AESGCM(self._key(owner, create=False))
        try:
            return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode()).decode()
        except InvalidTag:
            raise Unreadable(place) from None

    def _key(self, owner: str, *, create: bool) -> bytes:
        now = self._clock.now()
        cached = self._cache.get(owner)
        if cached and now - cached[0] <= CACHE:
            self._cache.move_to_end(owner)
            return cached[1]
        key = self._load(owner) or (self._create(owner) if create else None)
        if key is None:
            self._cache.pop(owner, None)
            raise KeyDestroyed(owner)
        self._cache[owner] = (now, key)
        while len(self._cache) > CACHED_KEYS:
            self._cache.popitem(last=False)
        return key

    def _load(self, owner: str) -> bytes | None:
        try:
            row = self._rows.get(owner, consistent_read=True)
        except self._rows.DoesNotExist:
            return None
        answer = client("kms").decrypt(
            CiphertextBlob=row.wrapped, KeyId=self._kms_key, EncryptionContext=_context(owner)
        )
        return bytes(answer["Plaintext"])

    def _create(self, owner: str) -> bytes:
        made: dict[str, Any] = client("kms").generate_data_key(
            KeyId=self._kms_key, KeySpec="AES_256", EncryptionContext=_context(owner)
        )
        row = self._rows(owner, wrapped=made["CiphertextBlob"])
        try:
            row.save(condition=DataKeyRow.owner.does_not_exist())
        except PutError as error:
            # Not `error.cause_response_code`, which breaks when the cause is a lost answer: those have no response.
            refused = error.cause.response["Error"]["Code"] if isinstance(error.cause, ClientError) else None
            if refused != "ConditionalCheckFailedException":
                raise
            return self._winner(owner)
        return bytes(made["Plaintext"])

    def _winner(self, owner: str) -> bytes:
        """The key that another process made first; gone again means that the owner is being erased."""
        key = self._load(owner)
        if key is None:
            raise KeyDestroyed(owner)
        return key


def _context(owner: str) -> dict[str, str]:
    """The KMS encryption context: a wrapped key copied to another owner's row does not unwrap."""
    return {"fotogenic:owner": owner}
