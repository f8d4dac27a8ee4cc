"""The signature of Stripe's events: https://docs.stripe.com/webhooks#verify-manually. Pure.

Done here and not by Stripe's package, which looks at the machine's clock, lets a time in the future pass, and takes
long to import in a function that is cold.
"""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime

from chalicelib.kernel.clock import epoch_seconds

TOLERANCE_SECONDS = 300
MAX_HEADER = 4096
SCHEME = "v1"


def holds(body: bytes, header: str, secrets: Iterable[str], now: datetime) -> bool:
    """Whether one of the secrets signed exactly this body, no longer than TOLERANCE_SECONDS ago or ahead."""
    at, given = _parts(header)
    if at is None or not given:
        return False
    signed = str(at).encode() + b"." + body
    expected = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode() for secret in secrets if secret]
    # Every pair is compared, so that the time taken says nothing of which was right.
    right = sum(hmac.compare_digest(each, one) for each in expected for one in given)
    return right > 0 and abs(epoch_seconds(now) - at) <= TOLERANCE_SECONDS


def _parts(header: str) -> tuple[int | None, list[bytes]]:
    """The time and the signatures of the scheme that counts; a header that says its time twice has none."""
    pairs = [part.strip().partition("=") for part in header[:MAX_HEADER].split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    given = [value.encode() for name, _, value in pairs if name == SCHEME]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit() and len(times[0]) <= 12):
        return None, []
    return int(times[0]), given
