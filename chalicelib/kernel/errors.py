"""What can go wrong, by name. Doors map these to RFC 9457 problems; nothing below a door knows about HTTP answers.

Every refusal a client can meet is a subclass of `Problem`. `code` is the last part of its `type` URL and never changes;
`status` is the HTTP status a door gives it; `kind` is the `error.type` that OpenAI-style clients read.
"""

from typing import Any, ClassVar


class Problem(Exception):
    """A refusal with a name. `detail` is for people; `extra` are extension members of the problem body."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong on our side"
    kind: ClassVar[str] = "server_error"
    advice: ClassVar[str] = "Try again; if it keeps happening, report it with the Request-Id of the answer."

    def __init__(self, detail: str | None = None, *, param: str | None = None, **extra: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.param = param
        self.extra = extra
        self.headers: dict[str, str] = {}

    def with_headers(self, **headers: str) -> "Problem":
        """The same problem, answered with these headers too (`retry_after="2"` becomes `Retry-After: 2`)."""
        self.headers |= {name.replace("_", "-").title(): value for name, value in headers.items()}
        return self


class InternalError(Problem):
    pass


class Validation(Problem):
    code, status, kind = "validation", 400, "invalid_request_error"
    title = "The request is not valid"
    advice = "The `error.param` member names the part of the request, and `detail` says what is wrong with it."


class UnsupportedParameter(Problem):
    code, status, kind = "unsupported-parameter", 400, "invalid_request_error"
    title = "A parameter is not supported"
    advice = (
        "Leave out the member that `error.param` names, or correct its spelling: unknown members are never ignored."
    )


class ConfirmationRequired(Problem):
    code, status, kind = "confirmation-required", 400, "invalid_request_error"
    title = "This action is permanent and cannot be undone"
    advice = 'Repeat the request with `confirm` naming the thing: `{"confirm": "<its id>"}` or `?confirm=<its id>`.'


class IdempotencyKeyMissing(Problem):
    code, status, kind = "idempotency-key-missing", 400, "invalid_request_error"
    title = "This request needs an Idempotency-Key header"
    advice = (
        "Send `Idempotency-Key` with a value of your own, new for each thing you want made, the same for each retry."
    )


class Unauthorized(Problem):
    code, status, kind = "unauthorized", 401, "authentication_error"
    title = "No valid credentials were given"
    advice = "Send `Authorization: Bearer <API key>`; make a key with `POST /v1/keys` after signing in."

    def __init__(self, detail: str | None = None, **extra: Any) -> None:
        super().__init__(detail, **extra)
        self.with_headers(www_authenticate='Bearer realm="fotogenic"')


class InvalidCode(Problem):
    code, status, kind = "invalid-code", 401, "authentication_error"
    title = "The code is wrong or has expired"
    advice = "Check the newest mail, or ask for a new code with `POST /v1/auth/codes`."

    def __init__(self, detail: str | None = None, **extra: Any) -> None:
        super().__init__(detail, **extra)
        self.with_headers(www_authenticate='Bearer realm="fotogenic"')


class InsufficientAssets(Problem):
    code, status, kind = "insufficient-assets", 402, "insufficient_quota"
    title = "Not enough assets"
    advice = "Top up, choose a plan, or ask for less. `balance` is what is available, `needed` what this request costs."

    def __init__(self, *, balance: int, needed: int, debt: int = 0) -> None:
        owed = f" {debt} are owed for what was refunded or disputed after it was spent." if debt else ""
        members: dict[str, Any] = {"balance": balance, "needed": needed, **({"debt": debt} if debt else {})}
        super().__init__(f"This costs {needed} and {balance} are available.{owed}", **members)
        self.with_headers(x_should_retry="false")


class MaxAssetsExceeded(Problem):
    code, status, kind = "max-assets-exceeded", 402, "insufficient_quota"
    title = "This costs more than the limit you set"
    advice = "Raise `max_assets` or ask for less; nothing was charged."


class Forbidden(Problem):
    code, status, kind = "insufficient-scope", 403, "permission_error"
    title = "This key does not have the scope that is needed"
    advice = "Use a key with the scope that `detail` names."


class CsrfRefused(Problem):
    code, status, kind = "csrf", 403, "permission_error"
    title = "The request did not come from the portal's own pages"
    advice = "Send the session's `X-CSRF-Token`, or use `Authorization: Bearer` instead of the cookie."


class AttestationRequired(Problem):
    code, status, kind = "attestation-required", 403, "permission_error"
    title = "An upload needs your statement that you may use it"
    advice = (
        "Send `attestation` with `basis` (own_work, licensed, public_domain) "
        "and `people_shown` (none, self, consented)."
    )


class NotFound(Problem):
    code, status, kind = "not-found", 404, "invalid_request_error"
    title = "There is no such thing here"
    advice = "Check the path and the id. Ids of other accounts are answered the same way."


class MethodNotAllowed(Problem):
    code, status, kind = "method-not-allowed", 405, "invalid_request_error"
    title = "This path does not answer that method"
    advice = "The `Allow` header lists what it answers."


class Conflict(Problem):
    code, status, kind = "conflict", 409, "conflict_error"
    title = "The thing is not in a state that allows this"
    advice = "Read it again; `detail` says what state it is in."


class ApiKeyRequired(Problem):
    """`href` is where a key is made."""

    code, status, kind = "api-key-required", 409, "conflict_error"
    title = "Create an API key first, then return here to manage balances and top ups"
    advice = "Make a key with `POST /v1/keys` (in the portal: API keys), then repeat this."

    def __init__(self) -> None:
        super().__init__(href="/v1/keys", method="POST")


class IdempotencyKeyInProgress(Problem):
    code, status, kind = "idempotency-key-in-progress", 409, "conflict_error"
    title = "A request with this Idempotency-Key is still being answered"
    advice = "Wait for `Retry-After` seconds and send the same request again."


class Gone(Problem):
    code, status, kind = "gone", 410, "invalid_request_error"
    title = "This was here and has expired or been deleted"
    advice = "Uploads and results are temporary: `expires_at` said until when. It cannot be brought back."


class PayloadTooLarge(Problem):
    code, status, kind = "payload-too-large", 413, "invalid_request_error"
    title = "The request body is too large"
    advice = "Bodies of the API are small JSON; files go to the URL that `POST /v1/uploads` answers."


class UnsupportedMediaType(Problem):
    code, status, kind = "unsupported-media-type", 415, "invalid_request_error"
    title = "The body is not of a type this route reads"
    advice = "Send `Content-Type: application/json`."


class IdempotencyKeyReused(Problem):
    code, status, kind = "idempotency-key-reused", 422, "invalid_request_error"
    title = "This Idempotency-Key was used for a different request"
    advice = "Use a new key for a new request, or repeat the first request unchanged."


class RateLimited(Problem):
    code, status, kind = "rate-limited", 429, "rate_limit_error"
    title = "Too many requests"
    advice = "Wait for `Retry-After` seconds. `RateLimit-Policy` and `RateLimit` say how much is allowed and left."


class ConcurrencyLimited(Problem):
    code, status, kind = "concurrency-limited", 429, "rate_limit_error"
    title = "Too many generations are running for this key"
    advice = "Wait for one to finish."


class Unavailable(Problem):
    code, status, kind = "unavailable", 503, "server_error"
    title = "The service cannot take this right now"
    advice = "Nothing was charged. Try again after `Retry-After` seconds with the same Idempotency-Key."


def all_problems() -> dict[str, type[Problem]]:
    """Every problem by its code, for `/problems/{code}` pages and the OpenAPI document."""
    found: dict[str, type[Problem]] = {}
    todo: list[type[Problem]] = [Problem]
    while todo:
        problem = todo.pop()
        todo += problem.__subclasses__()
        if problem is not Problem:
            found[problem.code] = problem
    return dict(sorted(found.items()))
