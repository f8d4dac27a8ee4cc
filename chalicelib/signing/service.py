"""Use cases of the deployment's signing keys."""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.signing.keys import Purpose, SigningKey, derive


class NoSigningSecret(Exception):
    """The secret does not hold what keys are derived from; nothing is signed until an operator has put it right."""


class Signing:
    """`read()` is the secret: `current`, and `previous` for as long as a rotation takes."""

    def __init__(self, read: Callable[[], Mapping[str, Any]]) -> None:
        self._read = read

    def keys(self, purpose: Purpose) -> list[SigningKey]:
        """The keys to sign with, the current one first. Raises NoSigningSecret."""
        secret = self._read()
        texts = [secret.get("current"), *([secret["previous"]] if secret.get("previous") else [])]
        try:
            return [derive(str(text or ""), purpose) for text in texts]
        except ValueError as error:
            raise NoSigningSecret(str(error)) from None

    def published(self) -> list[tuple[Purpose, SigningKey]]:
        """Every key that a signature may still be checked with."""
        return [(purpose, key) for purpose in Purpose for key in self.keys(purpose)]
