"""Signatures on what is sent to the webhook: https://docs.stripe.com/webhooks/signature. Pure.

`t=<seconds>,v1=<hex>`: HMAC-SHA256 of `<seconds>.<body>` under the endpoint's secret, once per secret while one is
being rolled. Test-mode events also carry a `v0` that proves nothing; whoever accepts it is wrong.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass

from infra.local.stripe.errors import ControlError, Object

#: Ways to make an event that must not be believed, or must be believed with care.
FORGERIES = frozenset({"secret", "stale", "future", "scheme", "body", "livemode", "version", "type"})
STALE_SECONDS = 301


@dataclass(frozen=True)
class Signed:
    """A body and the value of its `Stripe-Signature` header."""

    body: str
    header: str


def sign(body: str, at: int, secrets: Sequence[str]) -> Signed:
    """`at`: the real time in seconds, whatever the stand-in's clock says: receivers compare it with theirs."""
    signatures = [f"v1={_mac(secret, at, body)}" for secret in secrets]
    return Signed(body, ",".join([f"t={at}", *signatures, f"v0={_mac('v0', at, body)}"]))


def _mac(secret: str, at: int, body: str) -> str:
    return hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()


def forged(event: Object, at: int, secrets: Sequence[str], kind: str) -> Signed:
    """An event with something wrong. Raises ControlError.

    secret, stale, future, scheme, body: the signature does not hold. livemode, version, type: it holds, but the event
    is from live mode, of another API version, or of an unknown type.
    """
    if kind not in FORGERIES:
        raise ControlError(f"a forgery is one of {', '.join(sorted(FORGERIES))}")
    changes: dict[str, Object] = {
        "livemode": {"livemode": True},
        "version": {"api_version": "2019-12-03"},
        "type": {"type": "no.such.type"},
    }
    body = encoded(event | changes.get(kind, {}))
    if kind == "secret":
        return sign(body, at, ["whsec_wrong"])
    if kind in ("stale", "future"):
        return sign(body, at - STALE_SECONDS if kind == "stale" else at + STALE_SECONDS, secrets)
    if kind == "scheme":
        return Signed(body, f"t={at},v0={_mac(secrets[0], at, body)}")
    signed = sign(body, at, secrets)
    return Signed(body.replace(event["id"], event["id"] + "x"), signed.header) if kind == "body" else signed


def encoded(event: Object) -> str:
    """The body as it is sent: indented, as Stripe's are."""
    return json.dumps(event, indent=2)
