"""Stripe: the connection. The one place that knows its package, its errors and its key."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Protocol, TypeVar

from chalicelib.billing.problems import (
    BillingNotConfigured,
    BillingRefused,
    BillingUnavailable,
    NoSuchObject,
    PaymentRefused,
    SignatureRefused,
)
from chalicelib.billing.signature import holds
from chalicelib.kernel.clock import Clock

#: The version that our readings are written for, whatever version the account or an event has.
API_VERSION = "2026-10-28.endive"
CONNECT_SECONDS, READ_SECONDS = 3, 15
#: Tries beyond the first, by the package, under the same idempotency key.
RETRIES = 2
#: Whoever sends us forged events must not have us read the secret each time.
REFRESH_PAUSE = timedelta(seconds=30)

Answered = TypeVar("Answered")


class Secret(Protocol):
    """`aws.secrets.JsonSecret`."""

    def read(self) -> dict[str, Any]: ...
    def refresh(self) -> dict[str, Any]: ...


class Connection:
    """Calls Stripe with the key that the secret holds: `{"api_key": "…", "webhook_secrets": ["…"]}`."""

    def __init__(self, secret: Secret, base_url: str, clock: Clock) -> None:
        self._secret = secret
        self._base_url = base_url
        self._clock = clock
        self._client: tuple[str, Any] | None = None
        self._refreshed_at: datetime | None = None
        self._making = Lock()

    def call(self, ask: Callable[[Any], Answered]) -> Answered:
        """`ask(stripe)` with the package's client. A key that is not accepted is read again, once.

        Raises BillingNotConfigured, BillingUnavailable, BillingRefused, PaymentRefused, NoSuchObject.
        """
        import stripe

        try:
            return ask(self._stripe(self._key(self._secret.read())))
        except stripe.AuthenticationError:
            fresh = self._refresh()
        except stripe.StripeError as error:
            raise _told(error) from None
        try:
            return ask(self._stripe(self._key(fresh)))
        except (stripe.AuthenticationError, stripe.PermissionError):
            raise BillingNotConfigured("The payment provider does not accept this service's key.") from None
        except stripe.StripeError as error:
            raise _told(error) from None

    def configured(self) -> bool:
        """Whether there is a key at all."""
        return bool(self._secret.read().get("api_key"))

    def livemode(self) -> bool:
        """Whether the key moves real money. Raises BillingNotConfigured."""
        return self._key(self._secret.read()).split("_")[1:2] == ["live"]

    def verified(self, body: bytes, header: str) -> dict[str, Any]:
        """The event in a signed body. Raises SignatureRefused, whatever was wrong, and BillingNotConfigured."""
        now = self._clock.now()
        secret = self._secret.read()
        self._key(secret)
        if not holds(body, header, _signers(secret), now) and not holds(body, header, _signers(self._refresh()), now):
            raise SignatureRefused
        try:
            event = json.loads(body)
        except ValueError:
            raise SignatureRefused from None
        if not isinstance(event, dict):
            raise SignatureRefused
        return event

    def _refresh(self) -> dict[str, Any]:
        now = self._clock.now()
        if self._refreshed_at is not None and now - self._refreshed_at < REFRESH_PAUSE:
            return self._secret.read()
        self._refreshed_at = now
        return self._secret.refresh()

    def _key(self, secret: dict[str, Any]) -> str:
        key = secret.get("api_key")
        if not isinstance(key, str) or not key:
            raise BillingNotConfigured
        return key

    def _stripe(self, key: str) -> Any:
        with self._making:
            if self._client is None or self._client[0] != key:
                import stripe

                http = stripe.RequestsClient(timeout=(CONNECT_SECONDS, READ_SECONDS))
                made = stripe.StripeClient(
                    key,
                    stripe_version=API_VERSION,
                    base_addresses={"api": self._base_url},
                    max_network_retries=RETRIES,
                    http_client=http,
                )
                self._client = (key, made)
            return self._client[1]


def _signers(secret: dict[str, Any]) -> list[str]:
    given = secret.get("webhook_secrets")
    return [each for each in given if isinstance(each, str)] if isinstance(given, list) else []


def _told(error: Any) -> Exception:
    """What one of the package's errors means here. Its own words may hold personal data and are left out."""
    import stripe

    if isinstance(error, stripe.CardError):
        intent = (error.error.to_dict() if error.error else {}).get("payment_intent") or {}
        decline = getattr(error.error, "decline_code", None) if error.error else None
        return PaymentRefused(str(decline or error.code or ""), payment_id=str(intent.get("id", "")))
    if isinstance(error, stripe.APIConnectionError):
        return BillingUnavailable(uncertain=True)
    status = error.http_status or 500
    if isinstance(error, stripe.RateLimitError) or status in (409, 429):
        return BillingUnavailable()
    if status >= 500:
        return BillingUnavailable(uncertain=True, answered=True)
    if isinstance(error, stripe.PermissionError):
        return BillingNotConfigured("The payment provider does not let this service's key do that.")
    if status == 404:
        return NoSuchObject(str(error.code))
    return BillingRefused(str(error.code or getattr(error, "param", "") or type(error).__name__))
