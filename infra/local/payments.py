"""Who takes the money: a stand-in on this machine, or Stripe itself in test mode when its key is in the environment."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.datadir import LaptopError
from infra.local.stripe.credentials import Keeper

STRIPE_URL = "https://api.stripe.com"
EVENTS_PATH = "/v1/stripe/events"
_TEST_KEY = re.compile(r"(?:sk|rk)_test_[A-Za-z0-9]{8,250}")
_LIVE = re.compile(r"\w+_live_")
_SIGNING = re.compile(r"whsec_[A-Za-z0-9]{8,250}")


@dataclass(frozen=True)
class StripeKeys:
    """What the functions find in their secret. Neither is ever shown."""

    api_key: str = field(repr=False)
    webhook_secrets: tuple[str, ...] = field(repr=False)

    def stored(self) -> str:
        """The value of the secret: JSON `{"api_key", "webhook_secrets"}`."""
        return json.dumps({"api_key": self.api_key, "webhook_secrets": list(self.webhook_secrets)})

    def digest(self) -> str:
        """Tells one Stripe account from another without holding its key."""
        return hashlib.sha256(self.api_key.encode()).hexdigest()


def keys_in(environment: Mapping[str, str]) -> StripeKeys | None:
    """Stripe's test keys that the user gave; None means the stand-in. Raises LaptopError: never with a live key."""
    key = environment.get("STRIPE_API_KEY", "").strip()
    signing = environment.get("STRIPE_WEBHOOK_SECRET", "").strip()
    if _LIVE.match(key):
        raise LaptopError("STRIPE_API_KEY is a live key: the laptop moves no real money, give it one of test mode")
    if key and not _TEST_KEY.fullmatch(key):
        raise LaptopError("STRIPE_API_KEY is no test key of Stripe (sk_test_…): correct it, or unset it")
    if signing and not _SIGNING.fullmatch(signing):
        raise LaptopError("STRIPE_WEBHOOK_SECRET is no signing secret of Stripe (whsec_…): correct it, or unset it")
    if signing and not key:
        raise LaptopError("STRIPE_WEBHOOK_SECRET is set without STRIPE_API_KEY: set both, or neither")
    return StripeKeys(key, (signing,) if signing else ()) if key else None


def keys_of_stand_in(folder: Path) -> StripeKeys:
    """The stand-in's own, with the signing secret that it replaced today, if it did. Raises LaptopError."""
    try:
        keeper = Keeper(folder)
    except ValueError as error:
        raise LaptopError(str(error)) from None
    return StripeKeys(keeper.api_key, tuple(keeper.signing_secrets()))
