"""Who may come through which door."""

import hmac
from enum import StrEnum
from http.cookies import CookieError, SimpleCookie

from chalicelib.kernel.errors import CsrfRefused, Forbidden, Unauthorized
from chalicelib.kernel.principal import Principal, Scope
from chalicelib.wiring import services

COOKIE = "__Host-session"
SAFE_METHODS = {"GET", "HEAD"}


class Access(StrEnum):
    """What a route asks for."""

    PUBLIC = "public"
    SESSION = "session"
    KEY_OR_SESSION = "key or session"


def authenticate(access: Access, headers: dict[str, str], method: str) -> Principal:
    """The caller. Raises Unauthorized, CsrfRefused, or RateLimited for a key over its limit."""
    return Principal("", frozenset()) if access is Access.PUBLIC else _principal(headers, method)


def authorise(principal: Principal, access: Access, scope: Scope | None) -> None:
    """Raises Forbidden for a caller who is known and may not do this."""
    if access is Access.SESSION and principal.session_id is None:
        raise Forbidden("This needs a signed-in session; an API key cannot do it.")
    if scope is not None and scope not in principal.scopes:
        raise Forbidden(f"This needs a key with the scope {scope.value!r}.")


def _principal(headers: dict[str, str], method: str) -> Principal:
    kind, _, token = headers.get("authorization", "").partition(" ")
    token = token.strip()
    if kind.lower() == "bearer" and token:
        if token.startswith("fts_"):
            return services().accounts.session(token).principal
        return services().keys.authenticate(token)
    cookie = _cookie(headers.get("cookie", ""))
    if not cookie:
        raise Unauthorized
    session = services().accounts.session(cookie)
    if method not in SAFE_METHODS:
        given = headers.get("x-csrf-token", "")
        if not hmac.compare_digest(given.encode(), session.csrf_token.encode()):
            raise CsrfRefused
    return session.principal


def _cookie(header: str) -> str:
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(header)
    except CookieError:
        return ""
    return jar[COOKIE].value if COOKIE in jar else ""


def session_cookie(token: str, seconds: int) -> str:
    """The Set-Cookie value of a session; an empty token ends it."""
    return f"{COOKIE}={token}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax"
