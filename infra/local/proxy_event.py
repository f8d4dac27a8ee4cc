"""HTTP to API Gateway's proxy events and back. Pure.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

CATCH_ALL = "/{proxy+}"
STAGE = "api"
# API Gateway writes these itself; what a client claims in them is never passed on.
_NEVER_TRUSTED = ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-host", "forwarded")
_HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "proxy-connection")


class BadAnswer(Exception):
    """The function's result is not a proxy response."""


@dataclass(frozen=True)
class HttpRequest:
    """A request as received. `raw_path` is still percent-encoded; header names are lower-case."""

    method: str
    raw_path: str
    raw_query: str
    headers: list[tuple[str, str]]
    body: bytes
    source_ip: str
    port: int


@dataclass(frozen=True)
class HttpAnswer:
    """What goes back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Routes:
    """The API's resources; a literal segment wins over a parameter, as in API Gateway."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = sorted((p.split("/") for p in paths), key=lambda parts: [s.startswith("{") for s in parts])

    def match(self, raw_path: str) -> tuple[str, dict[str, str]]:
        """The resource and its decoded path parameters; the catch-all when no resource fits."""
        trimmed = raw_path.rstrip("/") or "/"
        parts = trimmed.split("/")
        for candidate in self._paths:
            if len(candidate) != len(parts):
                continue
            if all((c.startswith("{") and p) or c == p for c, p in zip(candidate, parts, strict=True)):
                pairs = zip(candidate, parts, strict=True)
                return "/".join(candidate), {c[1:-1]: unquote(p) for c, p in pairs if c.startswith("{")}
        return CATCH_ALL, {"proxy": unquote(trimmed.lstrip("/"))}


def to_event(
    request: HttpRequest, routes: Routes, binary_types: list[str], request_id: str, now: float
) -> dict[str, Any]:
    """The event of a request. `now` is Unix seconds."""
    resource, parameters = routes.match(request.raw_path)
    headers = _multi((n, v) for n, v in request.headers if n not in _NEVER_TRUSTED and n not in _HOP_BY_HOP)
    headers |= {"x-forwarded-for": [request.source_ip], "x-forwarded-proto": ["http"]}
    headers["x-forwarded-port"] = [str(request.port)]
    query = _multi(parse_qsl(request.raw_query, keep_blank_values=True))
    path = unquote(request.raw_path)
    binary = _is_binary(headers.get("content-type", [""])[-1], binary_types)
    body: str | None = None
    if request.body:
        body = base64.b64encode(request.body).decode() if binary else request.body.decode("utf-8", "replace")
    return {
        "resource": resource,
        "path": path,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": request.method,
            "path": path,
            "stage": STAGE,
            "protocol": "HTTP/1.1",
            "requestId": request_id,
            "requestTimeEpoch": int(now * 1000),
            "domainName": headers.get("host", [""])[-1],
            "identity": {"sourceIp": request.source_ip, "userAgent": headers.get("user-agent", [None])[-1]},
        },
        "body": body,
        "isBase64Encoded": bool(request.body) and binary,
    }


def _multi(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    joined: dict[str, list[str]] = {}
    for name, value in pairs:
        joined.setdefault(name, []).append(value)
    return joined


def _is_binary(content_type: str, binary_types: list[str]) -> bool:
    media_type = content_type.split(";")[0].strip().lower()
    return "*/*" in binary_types or media_type in binary_types


def from_result(result: Any, *, head: bool) -> HttpAnswer:
    """The answer of a function's result. Raises BadAnswer for what API Gateway would answer 502 to."""
    if not isinstance(result, dict) or not isinstance(result.get("statusCode"), int):
        raise BadAnswer("no statusCode")
    headers = [(name.lower(), str(value)) for name, value in (result.get("headers") or {}).items()]
    multi = result.get("multiValueHeaders") or {}
    headers = [(name, value) for name, value in headers if name not in {m.lower() for m in multi}]
    headers += [(name.lower(), str(value)) for name, values in multi.items() for value in values]
    body = result.get("body") or ""
    if not isinstance(body, str):
        raise BadAnswer("the body is no text")
    try:
        content = base64.b64decode(body, validate=True) if result.get("isBase64Encoded") else body.encode()
    except binascii.Error:
        raise BadAnswer("the body is not base64") from None
    headers = [(name, value) for name, value in headers if name not in (*_HOP_BY_HOP, "content-length")]
    if not head or content:
        headers.append(("content-length", str(len(content))))
    return HttpAnswer(result["statusCode"], headers, b"" if head else content)
