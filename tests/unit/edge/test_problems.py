"""Errors as answers: three families of client can read them, and none learns what it should not."""

import json
import logging

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from pynamodb.exceptions import PutError

from chalicelib.edge import observe, problems
from chalicelib.kernel.errors import InternalError, MaxAssetsExceeded, Problem, RateLimited, Unavailable, all_problems
from chalicelib.kernel.transaction import Contended

URL = "http://127.0.0.1:1"


def refused(code):
    return ClientError({"Error": {"Code": code, "Message": "canary"}}, "PutItem")


@pytest.mark.parametrize("problem", all_problems().values(), ids=lambda problem: problem.code)
def test_a_body_has_the_members_of_rfc_9457_and_the_error_object(problem):
    made = problem(balance=1, needed=2) if problem.code == "insufficient-assets" else problem()
    body = json.loads(problems.as_response(made, "req_1", "https://api.example").body)
    assert {"type", "title", "status", "detail", "instance", "error"} <= set(body)
    assert body["type"] == f"https://api.example/problems/{problem.code}"
    assert body["status"] == problem.status
    assert body["instance"] == "/requests/req_1"
    assert body["error"] == {
        "message": body["detail"],
        "type": problem.kind,
        "param": None,
        "code": problem.code,
    }


def test_a_problem_has_its_own_headers_and_is_never_cached():
    answer = problems.as_response(RateLimited().with_headers(retry_after="7"), "req_1", "")
    assert answer.headers["Retry-After"] == "7"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_extension_members_and_the_path_at_fault_are_in_the_body():
    body = problems.problem_body(MaxAssetsExceeded("too much", param="max_assets", needed=4), "req_1", "")
    assert (body["needed"], body["error"]["param"]) == (4, "max_assets")


@pytest.mark.parametrize(
    "error",
    [
        Contended("busy"),
        ConnectTimeoutError(endpoint_url=URL),
        EndpointConnectionError(endpoint_url=URL),
        ReadTimeoutError(endpoint_url=URL),
        PutError("failed", refused("ProvisionedThroughputExceededException")),
        PutError("failed", ReadTimeoutError(endpoint_url=URL)),
        *(refused(code) for code in sorted(problems.THROTTLED)),
    ],
    ids=repr,
)
def test_what_passes_by_itself_is_503_with_retry_after(error):
    told = problems.problem_of(error)
    assert type(told) is Unavailable
    assert told.headers == {"Retry-After": "1"}


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("canary"), refused("ValidationException"), refused("AccessDeniedException"), KeyError()]
)
def test_what_does_not_is_500_and_gives_nothing_away(error):
    told = problems.problem_of(error)
    assert type(told) is InternalError
    assert "canary" not in json.dumps(problems.problem_body(told, "req_1", ""))


def test_a_failure_is_logged_by_type_and_place_never_by_text(caplog):
    def fails():
        raise ValueError("canary")

    with pytest.MonkeyPatch.context() as patch:
        logger = logging.getLogger("test")
        patch.setattr(observe, "_logger", lambda: logger)
        with caplog.at_level(logging.INFO):
            try:
                fails()
            except ValueError as error:
                observe.failure("it.failed", error, request_id="req_1")
    record = caplog.records[0]
    assert record.error_type == "ValueError"
    assert record.error_at.startswith("tests.unit.edge.test_problems:") or ":" in record.error_at
    assert "canary" not in str(vars(record))


def test_problems_are_refusals_not_bugs():
    assert issubclass(Unavailable, Problem)
    assert not issubclass(Contended, Problem)
