"""What holds on every route: bodies, media types, ids, headers, methods."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.e2e.person import ATTESTATION, Person, stylizing
from tests.e2e.problems import expect_common_headers, expect_problem
from tests.e2e.routes import Route, routes
from tests.support.stack import Stack

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
MINTED = re.compile(r"req_[0-9A-HJKMNP-TV-Z]{26}")
DECLARED = {"content_type": "image/jpeg", "size_bytes": 9, "sha256": "0" * 64, "attestation": ATTESTATION}


@pytest.fixture(scope="module")
def known(document: dict[str, Any]) -> list[Route]:
    return list(routes(document))


def post(person: Person, body: Any, path: str = "/v1/uploads", **options: Any) -> requests.Response:
    return person.call("POST", path, json=body, **options)


@pytest.mark.parametrize("path", ["/nope", "/v1", "/v1/uploads/a/b", "/v1/%2e%2e/balance", "/%00", "/v1//balance"])
def test_an_unknown_route_is_404(stack: Stack, path: str) -> None:
    expect_problem(stack.api("GET", path), 404, "not-found")
    expect_problem(stack.api("POST", path, key="", json={}), 404, "not-found")


def test_a_known_route_with_another_method_is_405_and_says_what_it_allows(stack: Stack, known: list[Route]) -> None:
    served: dict[str, set[str]] = {}
    for route in known:
        served.setdefault(route.url(), set()).add(route.method)
    refused = 0
    for path, methods in served.items():
        for method in METHODS - methods:
            answer = stack.api(method, path)
            expect_problem(answer, 405, "method-not-allowed")
            allowed = set(answer.headers["Allow"].split(", "))
            assert allowed == methods | ({"HEAD"} if "GET" in methods else set())
            refused += 1
    assert refused > len(served)


def test_head_is_get_without_the_body(person: Person, known: list[Route]) -> None:
    looked = 0
    for route in known:
        if route.method != "GET" or (route.scopes is None and not route.is_public):
            continue
        got, head = (person.call(method, route.url()) for method in ("GET", "HEAD"))
        assert (head.status_code, head.content) == (got.status_code, b""), route.name
        assert head.headers["Content-Type"] == got.headers["Content-Type"]
        expect_common_headers(head)
        looked += 1
    assert looked > 8
    expect_missing = person.call("HEAD", "/nope")
    assert (expect_missing.status_code, expect_missing.content) == (404, b"")


@pytest.mark.parametrize("given", ["abcdefgh", "0193a8f2-7d0c-7000-8000-2b6ff1f6a001", "a.b_c-d" * 10])
def test_a_well_formed_request_id_is_kept(person: Person, given: str) -> None:
    for answer in (
        person.call("GET", "/v1/balance", headers={"Request-Id": given}),
        person.call("GET", "/nope", headers={"Request-Id": given}),
        person.stack.api("GET", "/v1/balance", key="", headers={"Request-Id": given}),
    ):
        assert answer.headers["Request-Id"] == given


@pytest.mark.parametrize("given", ["", "short", "a" * 129, "with space", "<script>alert(1)</script>", "a{b}c|d`e"])
def test_any_other_request_id_is_replaced(person: Person, given: str) -> None:
    minted = person.call("GET", "/v1/balance", headers={"Request-Id": given}).headers["Request-Id"]
    assert MINTED.fullmatch(minted)
    again = person.call("GET", "/v1/balance", headers={"Request-Id": given}).headers["Request-Id"]
    assert again != minted


def test_the_request_id_is_in_ledger_and_log(person: Person) -> None:
    made = person.order(stylizing(person.ready()), headers={"Request-Id": f"trace-{person.account.account_id}"})
    person.finished(made.json()["id"])
    entries = [entry for entry in person.ledger() if entry["cause"] == made.json()["id"]]
    assert {entry["request_id"] for entry in entries} == {made.headers["Request-Id"]}
    assert made.headers["Request-Id"] in person.stack.log("front")


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"extra": 1}, "unsupported-parameter", "extra"),
        ({"attestation": {**ATTESTATION, "note": ""}}, "unsupported-parameter", "attestation.note"),
        ({"size_bytes": "9"}, "validation", "size_bytes"),
        ({"size_bytes": 9.5}, "validation", "size_bytes"),
        ({"size_bytes": -1}, "validation", "size_bytes"),
        ({"size_bytes": 10**9}, "validation", "size_bytes"),
        ({"size_bytes": None}, "validation", "size_bytes"),
        ({"sha256": "0" * 63}, "validation", "sha256"),
        ({"content_type": "image/svg+xml"}, "validation", "content_type"),
        ({"attestation": {"basis": "own_work", "people_shown": "some"}}, "validation", "attestation.people_shown"),
        ({"attestation": []}, "validation", "attestation"),
    ],
)
def test_a_wrong_member_is_named_by_its_path(person: Person, change: dict[str, Any], code: str, param: str) -> None:
    body = expect_problem(post(person, DECLARED | change), 400, code)
    assert body["error"]["param"] == param
    assert body["detail"].startswith(f"{param}: ")


def test_all_wrong_members_are_listed(person: Person) -> None:
    answer = post(person, {"size_bytes": "9", "sha256": 5, "colour": "red"})
    body = expect_problem(answer, 400, answer.json()["error"]["code"])
    assert body["error"]["param"] == body["errors"][0]["param"]
    assert {error["param"] for error in body["errors"]} == {"content_type", "size_bytes", "sha256", "colour"}


@pytest.mark.parametrize(
    ("parameters", "param"),
    [
        ({"style": 99}, "parameters.style"),
        ({"style": 1, "speed": 2}, "parameters.speed"),
        ({"style": 1, "strength": 2}, "parameters.strength"),
        ({"style": 1, "strength": "1"}, "parameters.strength"),
        ({"style_upload_id": "upl_"}, "parameters.style_upload_id"),
        ({}, "parameters"),
        ({"style": 1, "style_upload_id": "upl_00000000000000000000000001"}, "parameters"),
    ],
)
def test_a_wrong_parameter_of_an_operation_is_named_by_its_path(
    person: Person, parameters: dict[str, Any], param: str
) -> None:
    answer = person.order({**stylizing("upl_00000000000000000000000001"), "parameters": parameters})
    assert answer.status_code == 400
    body = expect_problem(answer, 400, answer.json()["error"]["code"])
    assert body["error"]["param"] == param


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": "local/none"}, "model"),
        ({"operation": "upscale"}, "operation"),
        ({"operation": "none"}, "operation"),
        ({"upload_id": None}, "upload_id"),
        ({"prompt": "a castle"}, "prompt"),
        ({"n": 2}, "n"),
        ({"n": 0}, "n"),
        ({"seed": -1}, "seed"),
        ({"max_assets": -1}, "max_assets"),
    ],
)
def test_an_order_that_cannot_be_is_named_by_its_path(person: Person, change: dict[str, Any], param: str) -> None:
    answer = person.order({**stylizing("upl_00000000000000000000000001"), **change})
    body = expect_problem(answer, 400, answer.json()["error"]["code"])
    assert body["error"]["param"] == param


@pytest.mark.parametrize(
    "raw", [b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b"{}{}", b"[" * 100_000, b'{"name": "\\ud800"}']
)
def test_a_body_that_is_no_object_is_400(person: Person, raw: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    expect_problem(person.call("POST", "/v1/uploads", data=raw, headers=headers), 400, "validation")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_another_media_type_is_415(person: Person, kind: str) -> None:
    answer = person.call("POST", "/v1/uploads", data=b"{}", headers={"Content-Type": kind})
    expect_problem(answer, 415, "unsupported-media-type")


def test_a_charset_is_no_other_media_type(person: Person) -> None:
    headers = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert person.call("POST", "/v1/uploads", json=DECLARED, headers=headers).status_code == 201


def test_a_body_that_is_too_large_is_413(person: Person) -> None:
    body = expect_problem(post(person, {"sha256": "0" * 300_000}), 413, "payload-too-large")
    assert "262144" in body["detail"]


def test_a_body_beyond_what_the_gateway_takes_is_413_too(person: Person) -> None:
    answer = person.call("POST", "/v1/uploads", data=bytes(10 * 1024 * 1024 + 1))
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Request-Id"]
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}


def test_a_body_where_none_belongs_is_400(person: Person) -> None:
    expect_problem(person.call("GET", "/v1/balance", json={"a": 1}), 400, "validation")
    assert person.call("GET", "/v1/balance", json={}).status_code == 200


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("?limit=0", "limit"),
        ("?limit=101", "limit"),
        ("?limit=many", "limit"),
        ("?limit=1&limit=2", "limit"),
        ("?colour=red", "colour"),
        ("?after=nonsense", "after"),
        ("?after=" + "a" * 300, "after"),
        ("?after=%F0%9F%92%A9", "after"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/uploads", "/v1/generations", "/v1/ledger"])
def test_a_wrong_query_is_named(person: Person, path: str, query: str, param: str) -> None:
    answer = person.call("GET", path + query)
    assert expect_problem(answer, 400, answer.json()["error"]["code"])["error"]["param"] == param


def test_P17_an_upload_needs_its_attestation(person: Person) -> None:
    body = {name: value for name, value in DECLARED.items() if name != "attestation"}
    assert expect_problem(post(person, body), 403, "attestation-required")["error"]["param"] == "attestation"


def test_every_problem_links_to_a_page_that_explains_it(stack: Stack, document: dict[str, Any]) -> None:
    codes = {
        code
        for methods in document["paths"].values()
        for operation in methods.values()
        for status, response in operation["responses"].items()
        if status[0] in "45"
        for code in re.findall(r"`([a-z-]+)`", response["description"])
    }
    assert len(codes) > 15
    for code in codes:
        page = stack.api("GET", f"/problems/{code}", key="")
        assert page.status_code == 200, code
        assert page.headers["Content-Type"].startswith("text/html")
        assert code in page.text
    expect_problem(stack.api("GET", "/problems/none", key=""), 404, "not-found")


def test_the_type_of_a_problem_is_the_address_of_its_page(stack: Stack) -> None:
    for answer in (stack.api("GET", "/nope"), stack.api("GET", "/v1/balance", key=""), stack.api("PUT", "/healthz")):
        kind = answer.json()["type"]
        assert kind.startswith(stack.base_url)
        assert requests.get(kind, timeout=10).status_code == 200
    lured = stack.api("GET", "/nope", headers={"Host": "evil.example/<b>"})
    assert urlsplit(lured.json()["type"]).netloc == ""


def test_what_was_answered_to_one_is_kept_for_nobody(person: Person) -> None:
    for path in ("/v1/balance", "/v1/account", "/v1/uploads", "/v1/ledger", "/v1/generations"):
        assert person.call("GET", path).headers["Cache-Control"] == "no-store"
