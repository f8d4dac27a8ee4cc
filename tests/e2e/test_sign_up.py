"""Signing up and in with a code by e-mail."""

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from infra.local import demo
from tests.e2e.problems import expect_problem
from tests.support.stack import Stack

COOKIE = "__Host-session"


def an_address() -> str:
    return f"person-{secrets.token_hex(6)}@example.com"


def ask(stack: Stack, address: str, **options: Any) -> requests.Response:
    return stack.api("POST", "/v1/auth/codes", key="", json={"email": address}, **options)


def code_for(stack: Stack, address: str) -> str:
    """Asks for a code and reads it in the mail."""
    before: set[Path] = stack.outbox()
    assert ask(stack, address).status_code == 202
    return demo.code_in(stack.mail(address, after=before))


def enter(stack: Stack, address: str, code: str) -> requests.Response:
    return stack.api("POST", "/v1/auth/sessions", key="", json={"email": address, "code": code})


def wrong(code: str) -> str:
    """Another code of the same length."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}"


def test_a_code_from_the_mail_makes_an_account_with_its_bonus(stack: Stack) -> None:
    address = an_address()
    entered = enter(stack, address, code_for(stack, address))
    assert entered.status_code == 201
    session = entered.json()
    account = stack.api("GET", "/v1/account", key=session["token"]).json()
    assert (account["id"], account["email"]) == (session["account_id"], address)
    [entry] = stack.api("GET", "/v1/ledger", key=session["token"]).json()["data"]
    assert (entry["kind"], entry["cause"], entry["assets"]) == ("grant", "signup", 100)
    cookie = entered.headers["Set-Cookie"]
    assert cookie.startswith(f"{COOKIE}={session['token']}; ")
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_the_same_address_comes_back_to_the_same_account(stack: Stack) -> None:
    address = an_address()
    first = enter(stack, address, code_for(stack, address)).json()
    second = enter(stack, address.upper(), code_for(stack, address)).json()
    assert first["account_id"] == second["account_id"]
    assert first["token"] != second["token"]
    assert len(stack.api("GET", "/v1/ledger", key=second["token"]).json()["data"]) == 1


def test_a_code_works_once(stack: Stack) -> None:
    address = an_address()
    code = code_for(stack, address)
    assert enter(stack, address, code).status_code == 201
    expect_problem(enter(stack, address, code), 401, "invalid-code")


def test_a_wrong_code_is_refused_and_the_right_one_still_works(stack: Stack) -> None:
    address = an_address()
    code = code_for(stack, address)
    expect_problem(enter(stack, address, wrong(code)), 401, "invalid-code")
    assert enter(stack, address, f"{code[:4]} {code[4:]}").status_code == 201


def test_after_five_wrong_tries_the_right_code_is_refused(stack: Stack) -> None:
    address = an_address()
    code = code_for(stack, address)
    for _ in range(5):
        expect_problem(enter(stack, address, wrong(code)), 401, "invalid-code")
    expect_problem(enter(stack, address, code), 401, "invalid-code")
    assert enter(stack, address, code_for(stack, address)).status_code == 201


def test_a_new_code_ends_the_one_before(stack: Stack) -> None:
    address = an_address()
    first, second = code_for(stack, address), code_for(stack, address)
    expect_problem(enter(stack, address, first), 401, "invalid-code")
    assert enter(stack, address, second).status_code == 201


def test_a_code_is_of_its_own_address_only(stack: Stack) -> None:
    mine, other = an_address(), an_address()
    code = code_for(stack, mine)
    code_for(stack, other)
    expect_problem(enter(stack, other, code), 401, "invalid-code")


def test_sixteen_tries_of_one_code_at_once_make_one_session(stack: Stack) -> None:
    address = an_address()
    code = code_for(stack, address)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: enter(stack, address, code), range(16)))
    assert sorted(answer.status_code for answer in answers) == [201] + [401] * 15


def test_nobody_learns_whether_an_address_has_an_account(stack: Stack) -> None:
    known, unknown = an_address(), an_address()
    enter(stack, known, code_for(stack, known))
    answers = [ask(stack, address, headers={"Request-Id": "same-for-both"}) for address in (known, unknown)]
    assert answers[0].status_code == answers[1].status_code == 202
    assert answers[0].content == answers[1].content
    assert {**answers[0].headers, "date": ""} == {**answers[1].headers, "date": ""}
    refusals = [
        stack.api(
            "POST",
            "/v1/auth/sessions",
            key="",
            json={"email": address, "code": "00000000"},
            headers={"Request-Id": "same-for-both"},
        )
        for address in (known, an_address())
    ]
    expect_problem(refusals[0], 401, "invalid-code")
    assert refusals[0].content == refusals[1].content


def test_an_address_gets_no_more_than_ten_mails_an_hour(stack: Stack) -> None:
    address = an_address()
    before = stack.outbox()
    answers = [ask(stack, address) for _ in range(14)]
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    deadline = time.monotonic() + 20
    mails = 0
    while time.monotonic() < deadline and mails < 10:
        mails = sum(address in path.read_text() for path in stack.outbox() - before)
        time.sleep(0.1)
    code_for(stack, an_address())  # whatever was queued before it has been sent when this one arrives
    assert sum(address in path.read_text() for path in stack.outbox() - before) <= 10


@pytest.mark.parametrize(
    "address", ["", "person", "a@b", "a b@example.com", "<a@example.com>", "a" * 300 + "@example.com"]
)
def test_what_is_no_address_is_refused_by_its_path(stack: Stack, address: str) -> None:
    assert expect_problem(ask(stack, address), 400, "validation")["error"]["param"] == "email"


def test_signing_out_ends_the_session_at_once(stack: Stack) -> None:
    account = stack.new_account()
    assert stack.api("DELETE", "/v1/auth/sessions", key=account.token).status_code == 204
    expect_problem(stack.api("GET", "/v1/account", key=account.token), 401, "unauthorized")
    assert stack.api("GET", "/v1/balance", key=account.key).status_code == 200


def test_the_profile_changes_where_it_is_told_to(stack: Stack) -> None:
    token = stack.new_account().token
    changed = stack.api("PATCH", "/v1/account", key=token, json={"country": "DE", "locale": "de-AT"})
    assert (changed.json()["country"], changed.json()["locale"]) == ("DE", "de-AT")
    assert stack.api("PATCH", "/v1/account", key=token, json={"country": None}).json()["country"] is None
    assert stack.api("GET", "/v1/account", key=token).json()["locale"] == "de-AT"
    long = stack.api("PATCH", "/v1/account", key=token, json={"retention_hours": 100_000})
    assert expect_problem(long, 400, "validation")["error"]["param"] == "retention_hours"
