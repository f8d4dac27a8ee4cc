"""API keys: shown once, hashed at rest, scoped, capped, rotated with overlap, revoked at once."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.person import Person, photo, stylizing, upscaling
from tests.e2e.problems import expect_problem
from tests.support.stack import Stack, wait_until

SECRET = re.compile(r"ftg_test_[0-9A-Za-z]{30}_[0-9A-Za-z]{6}")


def works(person: Person, secret: str) -> bool:
    answer = person.stack.api("GET", "/v1/balance", key=secret)
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


def everything_stored(stack: Stack) -> str:
    """Every item of every table, as text."""
    database = stack.client("dynamodb")
    tables = [name for name in stack.outputs if name.endswith("Table")]
    return "".join(str(database.scan(TableName=stack.outputs[table])["Items"]) for table in tables)


def test_P4_the_secret_is_shown_once(person: Person) -> None:
    key = person.new_key(name="once")
    assert SECRET.fullmatch(key["secret"])
    one = person.as_session("GET", f"/v1/keys/{key['id']}")
    all_of_them = person.as_session("GET", "/v1/keys")
    renamed = person.as_session("PATCH", f"/v1/keys/{key['id']}", json={"name": "twice"})
    assert renamed.json()["name"] == "twice"
    for answer in (one, all_of_them, renamed):
        assert answer.status_code == 200
        assert not SECRET.search(answer.text)
    assert key["hint"] == f"ftg_test_…{key['secret'].split('_')[2][-4:]}"


def test_P4_the_secret_is_not_stored(stack: Stack, person: Person) -> None:
    secret = person.new_key()["secret"]
    stored = everything_stored(stack)
    assert person.account.account_id in stored
    assert secret not in stored
    assert secret.split("_")[2] not in stored
    assert person.account.token not in stored


def test_P4_a_checksum_finds_mistyped_keys(person: Person) -> None:
    secret = person.new_key()["secret"]
    mistyped = secret[:20] + ("a" if secret[20] != "a" else "b") + secret[21:]
    answer = person.stack.api("GET", "/v1/balance", key=mistyped)
    assert "not an API key" in expect_problem(answer, 401, "unauthorized")["detail"]
    assert works(person, secret)


def test_P4_revocation_is_effective_at_once(person: Person) -> None:
    key = person.new_key()
    assert works(person, key["secret"])
    path = f"/v1/keys/{key['id']}"
    refused = expect_problem(person.as_session("DELETE", path), 400, "confirmation-required")
    assert "cannot be undone" in refused["detail"]
    assert works(person, key["secret"])
    revoked = person.as_session("DELETE", path, json={"confirm": key["id"]})
    assert (revoked.status_code, revoked.json()["status"]) == (200, "revoked")
    assert not works(person, key["secret"])
    again = person.as_session("DELETE", f"{path}?confirm={key['id']}")
    assert (again.status_code, again.json()["status"]) == (200, "revoked")
    expect_problem(person.as_session("POST", f"{path}/rotate"), 409, "conflict")
    assert key["id"] in {known["id"] for known in person.as_session("GET", "/v1/keys").json()["data"]}


def test_P4_rotation_overlaps_as_long_as_asked(person: Person) -> None:
    key = person.new_key()
    path = f"/v1/keys/{key['id']}/rotate"
    second = person.as_session("POST", path, json={"overlap_hours": 1})
    assert second.status_code == 201
    assert second.json()["id"] == key["id"]
    assert second.json()["secret"] != key["secret"]
    assert works(person, key["secret"])
    assert works(person, second.json()["secret"])
    third = person.as_session("POST", path, json={"overlap_hours": 0}).json()["secret"]
    assert not works(person, key["secret"])
    assert not works(person, second.json()["secret"])
    assert works(person, third)


def test_P4_a_key_ends_when_it_says(person: Person) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=1.5)
    key = person.new_key(expires_at=ends.isoformat())
    wait_until(lambda: datetime.now(UTC) > ends, "the key's end")
    assert not works(person, key["secret"])
    assert person.as_session("GET", f"/v1/keys/{key['id']}").json()["status"] == "expired"
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    body = {"name": "late", "scopes": ["uploads"], "expires_at": past}
    refused = expect_problem(person.as_session("POST", "/v1/keys", json=body), 400, "validation")
    assert refused["error"]["param"] == "expires_at"


def test_P4_a_key_knows_when_it_was_used(person: Person) -> None:
    key = person.new_key()
    assert key["last_used_on"] is None
    today = {f"{datetime.now(UTC):%Y-%m-%d}"}
    assert works(person, key["secret"])
    today.add(f"{datetime.now(UTC):%Y-%m-%d}")
    assert person.as_session("GET", f"/v1/keys/{key['id']}").json()["last_used_on"] in today


@pytest.mark.parametrize("window", ["day", "month", "lifetime"])
def test_P4_a_key_spends_no_more_than_its_cap(person: Person, window: str) -> None:
    upload_id = person.ready(photo())
    key = person.new_key(cap={"assets": 1, "window": window})
    capped = person.with_key(key["secret"])
    before = person.available()
    refused = capped.order(upscaling(upload_id))
    body = expect_problem(refused, 402, "key-cap-reached")
    assert (body["cap"], body["window"], body["left"], body["needed"]) == (1, window, 1, 2)
    assert refused.headers["X-Should-Retry"] == "false"
    assert capped.generate(stylizing(upload_id))["status"] == "succeeded"
    assert expect_problem(capped.order(stylizing(upload_id)), 402, "key-cap-reached")["left"] == 0
    assert person.available() == before - 1
    raised = person.as_session("PATCH", f"/v1/keys/{key['id']}", json={"cap": {"assets": 3, "window": window}})
    assert raised.json()["cap"] == {"assets": 3, "window": window}
    assert capped.generate(upscaling(upload_id))["status"] == "succeeded"


def test_P4_a_job_that_failed_does_not_count_against_the_cap(person: Person) -> None:
    upload_id = person.ready(photo())
    gone = person.ready(photo(100))
    capped = person.with_key(person.new_key(cap={"assets": 1, "window": "day"})["secret"])
    body: dict[str, Any] = {**stylizing(upload_id), "parameters": {"style_upload_id": gone}}
    clean = f"clean/{person.account.account_id}/{gone}"
    person.stack.client("s3").delete_object(Bucket=person.stack.outputs["UploadsBucket"], Key=clean)
    assert capped.generate(body)["status"] == "failed"
    assert capped.generate(stylizing(upload_id))["status"] == "succeeded"


def test_P4_only_a_signed_in_person_manages_keys(person: Person) -> None:
    refused = person.call("POST", "/v1/keys", json={"name": "mine", "scopes": ["uploads"]})
    expect_problem(refused, 403, "insufficient-scope")


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes[0]"),
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"cap": {"assets": -1, "window": "day"}}, "cap.assets"),
        ({"cap": {"assets": 1, "window": "week"}}, "cap.window"),
        ({"expires_at": "2030-01-01T00:00:00"}, "expires_at"),
    ],
)
def test_a_key_that_cannot_be_is_refused_by_its_path(person: Person, members: dict[str, Any], param: str) -> None:
    body = {"name": "a", "scopes": ["uploads"], **members}
    answer = person.as_session("POST", "/v1/keys", json=body)
    assert expect_problem(answer, 400, "validation")["error"]["param"] == param
