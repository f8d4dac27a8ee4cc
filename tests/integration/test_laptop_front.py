"""The HTTP front stands where API Gateway stands: same events, same limits, same refusals."""

import json
import socket
import time

import pytest

from infra.local.proxy_event import CATCH_ALL, BadAnswer, HttpRequest, Routes, from_result, to_event
from tests.support.stack import Stack, wait_until

PROBLEM = "application/problem+json"


def test_an_unknown_route_is_the_applications_404(stack: Stack) -> None:
    answer = stack.api("GET", "/no/such/thing")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith(PROBLEM)
    assert answer.headers["request-id"]


def test_another_method_is_the_applications_405(stack: Stack) -> None:
    answer = stack.api("PATCH", "/v1/balance")
    assert answer.status_code == 405
    assert answer.headers["content-type"].startswith(PROBLEM)
    assert "GET" in answer.headers["allow"]


def test_head_is_get_without_the_body(stack: Stack) -> None:
    answer = stack.api("HEAD", "/healthz")
    assert answer.status_code == 200
    assert answer.content == b""


def test_a_declared_giant_is_refused_before_it_is_sent(stack: Stack) -> None:
    with socket.create_connection(("127.0.0.1", int(stack.base_url.rpartition(":")[2]))) as connection:
        connection.sendall(b"POST /v1/uploads HTTP/1.1\r\nHost: x\r\nContent-Length: 10485761\r\n\r\n")
        connection.settimeout(10)
        assert connection.recv(4096).startswith(b"HTTP/1.1 413")


def test_a_chunked_giant_is_refused_while_it_is_sent(stack: Stack) -> None:
    def chunks():
        for _ in range(12):
            yield b"x" * 1024 * 1024

    try:
        answer = stack.api("POST", "/v1/uploads", data=chunks())
    except OSError:
        return  # the front closed the connection under our hands, which is a refusal as well
    assert answer.status_code == 413
    assert answer.headers["content-type"].startswith(PROBLEM)


def test_a_client_that_hangs_up_does_not_stop_its_request(stack: Stack) -> None:
    account = stack.new_account()
    body = json.dumps({"name": "made by a request nobody waited for", "scopes": ["uploads"]}).encode()
    head = (
        f"POST /v1/keys HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {account.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(stack.base_url.rpartition(":")[2]))) as connection:
        connection.sendall(head.encode() + body)
        time.sleep(0.005)

    def made() -> bool:
        keys = stack.api("GET", "/v1/keys", key=account.token).json()["data"]
        return any("nobody waited" in key["name"] for key in keys)

    assert wait_until(made, "the key", seconds=10)


def request(headers: dict[str, str], body: bytes = b"") -> HttpRequest:
    return HttpRequest("POST", "/", "", list(headers.items()), body, "127.0.0.1", 8000)


ROUTES = Routes(["/", "/v1/items", "/v1/items/{id}", "/v1/items/search", "/v1/items/{id}/content"])


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("/", "/", {}),
        ("/v1/items", "/v1/items", {}),
        ("/v1/items/", "/v1/items", {}),
        ("/v1/items/search", "/v1/items/search", {}),
        ("/v1/items/a%2Fb", "/v1/items/{id}", {"id": "a/b"}),
        ("/v1/items/x/content", "/v1/items/{id}/content", {"id": "x"}),
        ("/v1/items//content", CATCH_ALL, {"proxy": "v1/items//content"}),
        ("/v2", CATCH_ALL, {"proxy": "v2"}),
    ],
)
def test_routes(path: str, resource: str, parameters: dict[str, str]) -> None:
    assert ROUTES.match(path) == (resource, parameters)


def test_the_event_has_what_api_gateway_sends() -> None:
    sent = HttpRequest(
        "POST", "/v1/items/a%20b", "x=1&x=2&y=", [("host", "h"), ("a", "1"), ("a", "2")], b"{}", "1.2.3.4", 80
    )
    event = to_event(sent, ROUTES, [], "rid", 1.5)
    assert event["resource"] == event["requestContext"]["resourcePath"] == "/v1/items/{id}"
    assert event["pathParameters"] == {"id": "a b"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"], "y": [""]}
    assert event["queryStringParameters"] == {"x": "2", "y": ""}
    assert event["multiValueHeaders"]["a"] == ["1", "2"]
    assert event["headers"]["a"] == "2"
    assert event["requestContext"]["identity"]["sourceIp"] == "1.2.3.4"
    assert (event["body"], event["isBase64Encoded"]) == ("{}", False)


def test_a_claimed_origin_is_not_believed() -> None:
    claims = {"x-forwarded-for": "8.8.8.8", "x-forwarded-proto": "https", "forwarded": "for=8.8.8.8"}
    event = to_event(request(claims), ROUTES, [], "rid", 0)
    assert event["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert event["headers"]["x-forwarded-proto"] == "http"
    assert "forwarded" not in event["headers"]


def test_binary_bodies_are_base64() -> None:
    event = to_event(request({"content-type": "image/png"}, b"\xff\x00"), ROUTES, ["*/*"], "rid", 0)
    assert (event["body"], event["isBase64Encoded"]) == ("/wA=", True)


def test_answers_keep_every_cookie_and_binary_bytes() -> None:
    answer = from_result(
        {
            "statusCode": 200,
            "headers": {"Content-Type": "image/png", "Content-Length": "999"},
            "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
            "body": "/wA=",
            "isBase64Encoded": True,
        },
        head=False,
    )
    assert answer.body == b"\xff\x00"
    assert [value for name, value in answer.headers if name == "set-cookie"] == ["a=1", "b=2"]
    assert [value for name, value in answer.headers if name == "content-length"] == ["2"]


@pytest.mark.parametrize("result", [None, {}, {"statusCode": "200"}, {"statusCode": 200, "body": [1]}, [1]])
def test_what_is_no_answer_is_said_so(result: object) -> None:
    with pytest.raises(BadAnswer):
        from_result(result, head=False)
