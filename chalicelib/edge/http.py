"""The HTTP door: declare a route with what it takes and answers; parsing, authentication, errors and logs happen here.

Each declared route is registered on a Chalice Blueprint and in `ROUTES`, from which OpenAPI is generated, so the
document cannot differ from what serves.
"""

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, TypeVar

from chalice import Response
from chalice.app import Blueprint, Request
from pydantic import BaseModel, ValidationError

from chalicelib.edge import observe
from chalicelib.edge.identity import Access, authenticate, authorise
from chalicelib.edge.problems import as_response, problem_of
from chalicelib.edge.requests import base_url, request_id, text_headers
from chalicelib.kernel.errors import (
    IdempotencyKeyMissing,
    PayloadTooLarge,
    Problem,
    UnsupportedMediaType,
    Validation,
)
from chalicelib.kernel.principal import Principal, RateState, Scope
from chalicelib.kernel.shapes import Body, Query, View, refusal

MAX_BODY_BYTES = 256 * 1024
MAX_IDEMPOTENCY_KEY = 255

B = TypeVar("B")
Q = TypeVar("Q")


@dataclass(frozen=True, slots=True)
class Call(Generic[B, Q]):
    """A parsed request. `body` and `query` are instances of the models that the route declares, else None.

    `raw_body` is there only for a route that is declared `raw`: what a signature covers is not JSON but bytes.
    """

    body: B
    query: Q
    path: dict[str, str]
    headers: dict[str, str]
    request_id: str
    base_url: str
    principal: Principal
    source_ip: str
    idempotency_key: str = ""
    raw_body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send back: a view as JSON, or ready bytes or text with their own Content-Type in `headers`."""

    body: View | str | bytes | None = None
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()


class Content(Enum):
    """What a route answers with, for the OpenAPI document."""

    JSON = "application/json"
    HTML = "text/html"
    NONE = ""


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path, as declared."""

    method: str
    path: str
    summary: str
    access: Access
    scope: Scope | None
    body: type[Body] | None
    query: type[Query] | None
    status: int
    answer: type[View] | None
    content: Content
    problems: tuple[type[Problem], ...]
    idempotent: bool
    raw: bool
    media: str
    max_body_bytes: int
    form: type[Body] | None
    room: str
    name: str
    description: str


ROUTES: dict[tuple[str, str], Route] = {}


class Door:
    """The routes of one room. `blueprint` is what app.py registers."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.blueprint = Blueprint(room)

    def route(
        self,
        method: str,
        path: str,
        *,
        summary: str,
        access: Access = Access.KEY_OR_SESSION,
        scope: Scope | None = None,
        body: type[Body] | None = None,
        query: type[Query] | None = None,
        status: int = 200,
        answer: type[View] | None = None,
        content: Content = Content.JSON,
        problems: tuple[type[Problem], ...] = (),
        idempotent: bool = False,
        raw: bool = False,
        media: str = "application/json",
        max_body_bytes: int = MAX_BODY_BYTES,
        form: type[Body] | None = None,
    ) -> Callable[[Callable[[Any], Answer | View]], Callable[..., Response]]:
        """Declares a route. The function gets a Call and returns a view (answered with `status`) or an Answer.

        A `raw` route gets bytes of the type `media`, and parses them itself; `form` is what it parses them into.
        """

        def declare(serve: Callable[[Any], Answer | View]) -> Callable[..., Response]:
            route = Route(
                method=method,
                path=path,
                summary=summary,
                access=access,
                scope=scope,
                body=body,
                query=query,
                status=status,
                answer=answer,
                content=content,
                problems=problems,
                idempotent=idempotent,
                raw=raw,
                media=media,
                max_body_bytes=max_body_bytes,
                form=form,
                room=self.room,
                name=serve.__name__,
                description=(serve.__doc__ or "").strip(),
            )
            ROUTES[(method, path)] = route

            @functools.wraps(serve)
            def view(**path_parameters: str) -> Response:
                return _serve(route, serve, self.blueprint.current_request, path_parameters)

            # Chalice would refuse other content types with a body of its own; an empty list leaves that to us.
            self.blueprint.route(path, methods=[method], content_types=[])(view)
            return view

        return declare


def _serve(route: Route, serve: Callable[[Any], Answer | View], request: Request, path: dict[str, str]) -> Response:
    started = time.perf_counter()
    headers = text_headers(request)
    rid = request_id(headers)
    log: observe.Fields = {"request_id": rid, "method": route.method, "route": route.path}
    rate: RateState | None = None
    try:
        principal = authenticate(route.access, headers, route.method)
        rate = principal.rate
        if principal.account_id:
            log["account_id"] = principal.account_id
        if principal.key_id:
            log["key_id"] = principal.key_id
        authorise(principal, route.access, route.scope)
        answer = serve(_parse(route, request, path, headers, rid, principal))
        response = _respond(route, answer)
    except Problem as problem:
        log["problem"] = problem.code
        response = as_response(problem, rid, base_url(headers, request))
    except Exception as error:
        # The last door: what was not foreseen is a 500 or 503 that gives nothing away; the log says where it happened.
        observe.failure("request.crashed", error, request_id=rid, route=route.path)
        told = problem_of(error)
        log["problem"] = told.code
        response = as_response(told, rid, base_url(headers, request))
    common_headers(response, rid, rate)
    log["status"] = response.status_code
    log["milliseconds"] = int((time.perf_counter() - started) * 1000)
    observe.event("request", **log)
    return response


def _parse(
    route: Route, request: Request, path: dict[str, str], headers: dict[str, str], rid: str, principal: Principal
) -> Call[Any, Any]:
    key = headers.get("idempotency-key", "")
    if route.idempotent and not key:
        raise IdempotencyKeyMissing
    if len(key) > MAX_IDEMPOTENCY_KEY or not key.isprintable():
        raise Validation(
            f"Idempotency-Key: at most {MAX_IDEMPOTENCY_KEY} printable characters", param="Idempotency-Key"
        )
    return Call(
        body=None if route.raw else _body(route, request, headers),
        query=_query(route, request),
        path=path,
        headers=headers,
        request_id=rid,
        base_url=base_url(headers, request),
        principal=principal,
        source_ip=str(request.context.get("identity", {}).get("sourceIp") or "unknown"),
        idempotency_key=key,
        raw_body=_bytes(route, request, headers) if route.raw else b"",
    )


def _bytes(route: Route, request: Request, headers: dict[str, str], *, read: bool = True) -> bytes:
    """The body as it came; a type is asked of one that is `read`."""
    raw: Any = request.raw_body or b""
    if len(raw) > route.max_body_bytes:
        raise PayloadTooLarge(f"The body has {len(raw)} bytes; at most {route.max_body_bytes} are read.")
    kind = headers.get("content-type", "application/json").split(";")[0].strip().lower()
    if read and raw and kind != route.media:
        raise UnsupportedMediaType(f"This route reads {route.media}, not {kind!r}.")
    return bytes(raw)


def _body(route: Route, request: Request, headers: dict[str, str]) -> Body | None:
    raw = _bytes(route, request, headers, read=route.body is not None)
    if route.body is None:
        if raw.strip() not in (b"", b"{}"):
            raise Validation("This request takes no body.")
        return None
    try:
        return route.body.model_validate_json(raw or b"{}")
    except ValidationError as error:
        raise refusal(error) from None


def _query(route: Route, request: Request) -> Query | None:
    given: dict[str, str] = {}
    sent = request.query_params
    for name, value in sent.items() if sent else ():
        given[name] = value
        if sent and len(sent.getlist(name)) > 1:
            raise Validation(f"{name}: is given more than once", param=name)
    try:
        return (route.query or Query).model_validate(given) if given or route.query else None
    except ValidationError as error:
        raise refusal(error) from None


def _respond(route: Route, answer: Answer | View) -> Response:
    if isinstance(answer, BaseModel):
        answer = Answer(answer)
    headers: dict[str, Any] = {"Cache-Control": "no-store", **answer.headers}
    body: Any = answer.body
    if isinstance(body, BaseModel):
        headers.setdefault("Content-Type", "application/json")
        body = body.model_dump_json()
    elif body is None:
        body = ""
    if answer.cookies:
        headers["Set-Cookie"] = list(answer.cookies)
    return Response(body=body, headers=headers, status_code=answer.status or route.status)


def common_headers(response: Response, rid: str, rate: RateState | None = None) -> None:
    """Sets what every answer carries, whatever it says."""
    response.headers["Request-Id"] = rid
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    if rate is not None:
        response.headers["RateLimit-Policy"] = f'"requests";q={rate.limit};w=60'
        response.headers["RateLimit"] = f'"requests";r={rate.remaining};t={rate.reset_seconds}'
