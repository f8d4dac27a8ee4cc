"""Where it stops: requests a minute, generations in flight, assets. Counters are set to just below, then passed."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.person import Person, photo, stylizing
from tests.e2e.problems import expect_problem
from tests.support.stack import Stack

LIMIT = 600
LEFT = 12


@pytest.fixture
def spender(stack: Stack) -> Person:
    return Person(stack, stack.new_account())


def secret_row(stack: Stack, person: Person) -> dict[str, Any]:
    """The key of the item on which the requests of the person's API key are counted."""
    table = stack.outputs["KeysTable"]
    items = stack.client("dynamodb").scan(TableName=table)["Items"]
    mine = [item for item in items if item.get("account_id", {}).get("S") == person.account.account_id]
    assert len(mine) == 1
    return {"TableName": table, "Key": {"pk": mine[0]["pk"], "sk": mine[0]["sk"]}}


def test_requests_beyond_the_limit_are_429_exactly(stack: Stack, spender: Person) -> None:
    if time.time() % 60 > 50:
        time.sleep(61 - time.time() % 60)  # so that what follows lies in one minute
    row, database = secret_row(stack, spender), stack.client("dynamodb")
    assert spender.call("GET", "/v1/balance").status_code == 200
    primed = {":n": {"N": str(LIMIT - LEFT)}}
    database.update_item(**row, UpdateExpression="SET requests = :n", ExpressionAttributeValues=primed)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: spender.call("GET", "/v1/balance"), range(3 * LEFT)))
    assert Counter(answer.status_code for answer in answers) == {200: LEFT, 429: 2 * LEFT}
    for answer in answers:
        assert answer.headers["RateLimit-Policy"] == f'"requests";q={LIMIT};w=60'
        if answer.status_code == 429:
            assert answer.headers["RateLimit"].startswith('"requests";r=0;t=')
            assert 0 < int(answer.headers["Retry-After"]) <= 60
            expect_problem(answer, 429, "rate-limited")
    left = sorted(int(answer.headers["RateLimit"].split(";")[1][2:]) for answer in answers if answer.status_code == 200)
    assert left == list(range(LEFT))
    assert stack.api("GET", "/v1/balance", key=spender.account.token).status_code == 200, "a session is another matter"


def test_refusals_say_what_is_left_too(spender: Person) -> None:
    narrow = spender.with_key(spender.new_key(scopes=["webhooks"])["secret"])
    for path, status in (("/v1/balance", 403), ("/v1/account", 200)):
        answer = narrow.call("GET", path)
        assert answer.status_code == status
        assert answer.headers["RateLimit-Policy"] == f'"requests";q={LIMIT};w=60'


def test_generations_in_flight_beyond_the_limit_are_429(stack: Stack, spender: Person) -> None:
    upload_id = spender.ready(photo())
    key_id = spender.as_session("GET", "/v1/keys").json()["data"][0]["id"]
    row = {
        "TableName": stack.outputs["CreditsTable"],
        "Key": {"account_id": {"S": spender.account.account_id}, "item": {"S": f"usage#{key_id}"}},
    }
    set_open = {
        **row,
        "UpdateExpression": "SET #open = :n ADD version :one",
        "ExpressionAttributeNames": {"#open": "open"},
    }
    database = stack.client("dynamodb")
    database.update_item(**set_open, ExpressionAttributeValues={":n": {"N": "20"}, ":one": {"N": "1"}})
    answer = spender.order(stylizing(upload_id))
    expect_problem(answer, 429, "concurrency-limited")
    assert spender.available() == 100
    database.update_item(**set_open, ExpressionAttributeValues={":n": {"N": "19"}, ":one": {"N": "1"}})
    assert spender.generate(stylizing(upload_id))["status"] == "succeeded"


def test_too_few_assets_are_402_and_say_how_many(stack: Stack, spender: Person) -> None:
    upload_id = spender.ready(photo())
    stack.client("dynamodb").update_item(
        TableName=stack.outputs["CreditsTable"],
        Key={"account_id": {"S": spender.account.account_id}, "item": {"S": "balance"}},
        UpdateExpression="SET buckets = :none ADD version :one",
        ExpressionAttributeValues={":none": {"S": '[["signup","bonus",0,null]]'}, ":one": {"N": "1"}},
    )
    answer = spender.order(stylizing(upload_id))
    body = expect_problem(answer, 402, "insufficient-assets")
    assert (body["balance"], body["needed"]) == (0, 1)
    assert answer.headers["X-Should-Retry"] == "false"
    assert spender.get("/v1/generations")["data"] == []


def test_max_assets_refuses_rather_than_exceeds(spender: Person) -> None:
    upload_id = spender.ready(photo())
    body = {**stylizing(upload_id), "max_assets": 0}
    assert expect_problem(spender.order(body), 402, "max-assets-exceeded")["error"]["param"] == "max_assets"
    assert spender.available() == 100
    assert spender.generate({**body, "max_assets": 1})["status"] == "succeeded"
