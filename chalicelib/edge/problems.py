"""Problems as answers: RFC 9457 members, and the `error` object that OpenAI's clients read, in one body."""

import json
from typing import Any

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError
from chalice import Response

from chalicelib.kernel.errors import InternalError, Problem, Unavailable
from chalicelib.kernel.transaction import Contended

MEDIA_TYPE = "application/problem+json"


def problem_body(problem: Problem, request_id: str, base_url: str) -> dict[str, Any]:
    """The JSON members of the answer. `instance` is the request's id as a URN-like reference."""
    return {
        "type": f"{base_url}/problems/{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": f"/requests/{request_id}",
        **problem.extra,
        "error": {
            "message": problem.detail,
            "type": problem.kind,
            "param": problem.param,
            "code": problem.code,
        },
    }


THROTTLED = {
    "ThrottlingException",
    "Throttling",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "SlowDown",
    "ServiceUnavailable",
    "TransactionConflictException",
    "TransactionInProgressException",
    "KMSInvalidStateException",
    "KeyUnavailableException",
    "DependencyTimeoutException",
    "DisabledException",
    "InternalServerError",
    "InternalError",
    "RequestTimeout",
    "RequestTimeTooSkewed",
}


def problem_of(error: BaseException) -> Problem:
    """What a client is told of an error that is no problem of its own: 503 if trying again can help, else 500."""
    cause = getattr(error, "cause", None) or error
    code = cause.response.get("Error", {}).get("Code") if isinstance(cause, ClientError) else None
    passing = isinstance(cause, (Contended, ConnectionError, HTTPClientError)) or code in THROTTLED
    return Unavailable().with_headers(retry_after="1") if passing else InternalError()


def as_response(problem: Problem, request_id: str, base_url: str) -> Response:
    headers: dict[str, Any] = {"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store", **problem.headers}
    body = json.dumps(problem_body(problem, request_id, base_url))
    return Response(body=body, status_code=problem.status, headers=headers)
