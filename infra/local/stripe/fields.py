"""Changing an object by parameters, as every update at Stripe does. Pure."""

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from infra.local.stripe.errors import Object, refused

#: A host with or without a port, in a URL that may stand in a header: no spaces, no control characters.
_HOST = re.compile(r"[\w.-]+(?::\d+)?", re.ASCII)
_PRINTABLE = re.compile(r"[!-~]+")


def assign(body: Object, params: Object, names: Iterable[str]) -> Object:
    """Sets the named fields from the parameters that are there; an empty string unsets. Metadata is merged."""
    for name in names:
        if name in params:
            body[name] = None if params[name] == "" else params[name]
    if "metadata" in params:
        body["metadata"] = merged(body.get("metadata") or {}, params["metadata"])
    return body


def web_url(url: str, param: str) -> str:
    """An address that a browser may be sent to. Raises StripeError."""
    fits = _PRINTABLE.fullmatch(url) is not None
    parts = urlsplit(url if fits else "")
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.netloc):
        raise refused("Not a valid URL", param, "url_invalid")
    return url


def merged(old: dict[str, str], new: Any) -> dict[str, str]:
    """Metadata after an update: empty values unset a key, an empty string instead of a map unsets all."""
    if new == "":
        return {}
    both = old | new
    return {name: value for name, value in both.items() if value != ""}
