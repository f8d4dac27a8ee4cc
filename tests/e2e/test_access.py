"""Who may do what: each route with no credentials, a missing scope, another tenant's ids; cookies and their token."""

import itertools
from typing import Any

import pytest
import requests

from infra.local import demo
from tests.e2e.person import Person, stylizing
from tests.e2e.problems import expect_problem
from tests.e2e.routes import MISSING, Route, routes
from tests.support.stack import Stack

SCOPES = {"generations", "uploads", "billing:read", "billing", "webhooks"}
PUBLIC = {
    "GET /.well-known/jwks.json",
    "GET /healthz",
    "GET /openapi.json",
    "GET /docs",
    "GET /problems/{code}",
    "GET /v1/models",
    "GET /v1/plans",
    "GET /v1/prices",
    "GET /v1/providers",
    "GET /v1/models/{provider}",
    "GET /v1/models/{provider}/{name}",
    "POST /v1/auth/codes",
    "POST /v1/auth/sessions",
    "POST /v1/content_provenance_checks",
    "POST /v1/provider-callbacks/{provider}/{handle}",
    "POST /v1/stripe/events",
}


@pytest.fixture(scope="module")
def known(document: dict[str, Any]) -> list[Route]:
    return list(routes(document))


@pytest.fixture(scope="module")
def victim(stranger: Person) -> dict[str, str]:
    """The ids of somebody's things, one of each kind."""
    upload_id = stranger.ready()
    made = stranger.stylize(upload_id)
    return {
        "upload_id": upload_id,
        "generation_id": made["id"],
        "asset_id": made["assets"][0]["id"],
        "key_id": stranger.new_key()["id"],
        "top_up_id": stranger.top_up()["id"],
        **webhook(stranger),
    }


def webhook(owner: Person) -> dict[str, str]:
    """An endpoint that is nowhere, which was sent something, and is left alone now."""
    made = owner.call("POST", "/v1/webhook-endpoints", json={"url": "https://hooks.invalid/"}).json()["id"]
    sent = owner.call("POST", f"/v1/webhook-endpoints/{made}/test").json()["id"]
    assert owner.call("PATCH", f"/v1/webhook-endpoints/{made}", json={"enabled": False}).status_code == 200
    return {"endpoint_id": made, "event_id": sent}


def test_only_these_routes_are_public(known: list[Route]) -> None:
    assert {route.name for route in known if route.is_public} == PUBLIC
    assert len(known) > len(PUBLIC)


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Basic dXNlcjpwYXNz",
        "Bearer nonsense",
        "Bearer ftg_test_" + "0" * 30 + "_000000",
        "Bearer fts_01ARZ3NDEKTSV4RRFFQ69G5FAV_nonsense",
        "Bearer fts_",
        "Bearer fts_../../x_y",
    ],
)
def test_every_route_without_valid_credentials_is_401(
    stack: Stack, known: list[Route], authorization: str | None
) -> None:
    closed = [route for route in known if not route.is_public]
    for route in closed:
        options = route.safe_to_send_empty
        if authorization is not None:
            options["headers"]["Authorization"] = authorization
        expect_problem(stack.api(route.method, route.url(), key="", **options), 401, "unauthorized")
    assert len(closed) > 10


def test_P4_every_route_refuses_a_key_without_its_scope(person: Person, known: list[Route]) -> None:
    """Each key here lacks one scope and has all others, so that nothing but that scope can be what is missing."""
    needed: set[str] = set()
    for scope in sorted(SCOPES):
        holder = person.with_key(person.new_key(scopes=sorted(SCOPES - {scope}))["secret"])
        for route in known:
            if route.scopes is None or scope not in route.scopes:
                continue
            needed.add(scope)
            answer = holder.call(route.method, route.url(), **route.safe_to_send_empty)
            body = expect_problem(answer, 403, "insufficient-scope")
            assert f"'{scope}'" in body["detail"], route.name
    assert needed == SCOPES


def test_P4_a_scope_opens_its_own_routes_only(person: Person, known: list[Route]) -> None:
    for scope in sorted(SCOPES):
        holder = person.with_key(person.new_key(scopes=[scope])["secret"])
        for route in known:
            if route.is_public:
                continue
            answer = holder.call(route.method, route.url(), **route.safe_to_send_empty)
            is_open = route.scopes is not None and route.scopes <= {scope}
            assert (answer.status_code == 403) != is_open, f"{route.name} with {scope}: {answer.status_code}"


def test_P4_no_key_opens_what_needs_a_signed_in_person(person: Person, known: list[Route]) -> None:
    closed = [route for route in known if route.scopes is None and not route.is_public]
    for route in closed:
        answer = person.call(route.method, route.url(), **route.safe_to_send_empty)
        assert "signed-in session" in expect_problem(answer, 403, "insufficient-scope")["detail"]
    assert {route.path for route in closed} == {
        "/v1/auth/sessions",
        "/v1/keys",
        "/v1/keys/{key_id}",
        "/v1/keys/{key_id}/rotate",
        "/v1/auto-top-up",
        "/v1/billing-portal",
        "/v1/subscription",
    }


def test_P10_anothers_ids_answer_like_missing_ones_on_every_route(
    person: Person, known: list[Route], victim: dict[str, str]
) -> None:
    """Byte for byte, headers too; and confirming the right id helps no more than confirming a wrong one."""
    bodies: list[dict[str, Any]] = [{}, {"name": "mine"}, {"overlap_hours": 0}]
    tried = 0
    for route in known:
        if not route.has_id:
            continue
        for body in bodies if route.body else [None]:
            answers = [look(person, route, ids, body) for ids in (victim, MISSING)]
            if route.body and answers[0].status_code == 400:
                continue  # not a body that this route reads
            tried += 1
            expect_problem(answers[0], 404, "not-found")
            assert answers[0].content == answers[1].content, route.name
            assert alike(answers[0]) == alike(answers[1]), route.name
    assert tried >= sum(route.has_id for route in known)


def look(person: Person, route: Route, ids: dict[str, str], body: dict[str, Any] | None) -> requests.Response:
    options: dict[str, Any] = {"headers": {"Request-Id": "the-same-for-both"}}
    if body is not None:
        options["json"] = {**body, "confirm": ids[route.places[0]]} if route.body == "Confirm" else body
    act = person.as_session if route.scopes is None else person.call
    return act(route.method, route.at(ids), **options)


def alike(answer: requests.Response) -> dict[str, str]:
    """The headers without those that count or tell the time."""
    return {name: value for name, value in answer.headers.items() if name.lower() not in ("date", "ratelimit")}


def test_P10_anothers_upload_cannot_be_generated_from(person: Person, victim: dict[str, str]) -> None:
    mine = person.ready()
    for place in ("upload_id", "style_upload_id"):
        answers = []
        for named in (victim["upload_id"], MISSING["upload_id"]):
            photo_of_another, style_of_another = stylizing(named), stylizing(mine)
            style_of_another["parameters"] = {"style_upload_id": named}
            body = photo_of_another if place == "upload_id" else style_of_another
            answers.append(person.order(body, headers={"Request-Id": "the-same-for-both"}))
        refused = expect_problem(answers[0], 400, "validation")
        assert refused["error"]["param"].endswith(place)
        assert answers[0].content == answers[1].content


def test_P10_lists_show_ones_own_only(person: Person, stranger: Person, victim: dict[str, str]) -> None:
    for path in ("/v1/uploads", "/v1/generations", "/v1/ledger"):
        theirs = {item["id"] for item in stranger.get(path)["data"]}
        assert theirs
        assert not theirs & {item["id"] for item in person.get(path)["data"]}
    cursor = stranger.get("/v1/ledger?limit=1")["next_cursor"]
    borrowed = {item["id"] for item in person.get(f"/v1/ledger?after={cursor}")["data"]}
    assert borrowed <= {item["id"] for item in person.get("/v1/ledger")["data"]}
    theirs = {key["id"] for key in stranger.as_session("GET", "/v1/keys").json()["data"]}
    assert not theirs & {key["id"] for key in person.as_session("GET", "/v1/keys").json()["data"]}


def test_a_cookie_reads_but_writes_only_with_its_token(stack: Stack) -> None:
    account = stack.new_account()
    cookie = {"Cookie": f"other=1; __Host-session={account.token}"}

    def write(**headers: str) -> requests.Response:
        return stack.api("PATCH", "/v1/account", key="", json={"locale": "fr"}, headers={**cookie, **headers})

    assert stack.api("GET", "/v1/account", key="", headers=cookie).json()["id"] == account.account_id
    for token in ("", "nonsense", account.token):
        expect_problem(write(**{"X-CSRF-Token": token}), 403, "csrf")
    expect_problem(write(), 403, "csrf")
    assert stack.api("GET", "/v1/account", key=account.token).json()["locale"] == "en"


def test_the_token_of_the_session_lets_the_cookie_write(stack: Stack) -> None:
    account = stack.new_account()
    before = stack.outbox()
    assert stack.api("POST", "/v1/auth/codes", key="", json={"email": account.email}).status_code == 202
    code = demo.code_in(stack.mail(account.email, after=before))
    session = stack.api("POST", "/v1/auth/sessions", key="", json={"email": account.email, "code": code}).json()
    headers = {"Cookie": f"__Host-session={session['token']}", "X-CSRF-Token": session["csrf_token"]}
    changed = stack.api("PATCH", "/v1/account", key="", json={"locale": "fr"}, headers=headers)
    assert (changed.status_code, changed.json()["locale"]) == (200, "fr")
    other = {**headers, "Cookie": f"__Host-session={account.token}"}
    crossed = stack.api("PATCH", "/v1/account", key="", json={"locale": "it"}, headers=other)
    expect_problem(crossed, 403, "csrf")


def test_no_other_origin_is_let_in(stack: Stack, known: list[Route]) -> None:
    methods = ("GET", "POST", "OPTIONS")
    paths = sorted({route.url() for route in known})
    for method, path in itertools.product(methods, paths):
        answer = stack.api(method, path, key="", headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert len(paths) > 10
