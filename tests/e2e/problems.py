"""What every refusal must look like, whoever refuses what (RFC 9457, and the `error` object of OpenAI's clients)."""

import re
from typing import Any

import requests

MEMBERS = {"type", "title", "status", "detail", "instance", "error"}
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")
#: What a stack trace, an ARN, a table or a secret would show.
LEAKS = re.compile(r'Traceback|File "|arn:aws|chalicelib|botocore|Exception\b|ftg_(?:live|test)_|fts_')


def expect_problem(answer: requests.Response, status: int, code: str) -> dict[str, Any]:
    """The body of an answer that must be this problem, with every member and header a client may rely on."""
    assert answer.status_code == status, f"{answer.status_code} instead of {status}: {answer.text}"
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body.keys() >= MEMBERS, body
    assert body["status"] == status
    assert body["type"].endswith(f"/problems/{code}"), body["type"]
    assert body["title"]
    assert body["detail"]
    assert body["error"].keys() == {"message", "type", "param", "code"}
    assert body["error"]["code"] == code
    assert body["error"]["message"] == body["detail"]
    assert body["error"]["type"].endswith(("_error", "_quota"))
    expect_common_headers(answer)
    assert body["instance"].endswith(answer.headers["Request-Id"])
    assert answer.headers["Cache-Control"] == "no-store"
    assert not LEAKS.search(answer.text), answer.text
    if status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    if status in (429, 503):
        assert 0 < int(answer.headers["Retry-After"]) <= 3600
    return body


def expect_common_headers(answer: requests.Response) -> None:
    """What every answer carries, whatever it says."""
    assert REQUEST_ID.fullmatch(answer.headers["Request-Id"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "Server" not in answer.headers
