"""Reading what every request has: headers, its id, and the base URL it came by."""

import re
from typing import Any

from chalicelib.aws.entropy import token_bytes
from chalicelib.kernel.clock import SystemClock
from chalicelib.kernel.ids import new_id

#: An incoming Request-Id is kept when it looks like one; anything else is replaced, so that logs stay clean.
WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,128}")
LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")
HOST = re.compile(r"[A-Za-z0-9.\-]+(:\d+)?|\[[0-9a-fA-F:]+\](:\d+)?")


def text_headers(request: Any) -> dict[str, str]:
    """The headers by lower-case name."""
    return {str(name).lower(): str(value) for name, value in (request.headers or {}).items()}


def request_id(headers: dict[str, str]) -> str:
    given = headers.get("request-id", "")
    return given if WELL_FORMED.fullmatch(given) else new_id("req", SystemClock().now(), token_bytes)


def base_url(headers: dict[str, str], request: Any) -> str:
    """`https://host` + the stage's path prefix on API Gateway; plain http only for loopback. Empty without a Host."""
    host = headers.get("host", "")
    if not HOST.fullmatch(host):
        return ""
    scheme = "http" if LOOPBACK.fullmatch(host) else "https"
    full = str(request.context.get("path") or "")
    resource = str(request.context.get("resourcePath") or "")
    for name, value in (request.uri_params or {}).items():
        resource = resource.replace("{" + name + "}", value)
    prefix = full.removesuffix(resource) if resource and full.endswith(resource) else ""
    return f"{scheme}://{host}{prefix.rstrip('/')}"
