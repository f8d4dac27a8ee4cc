"""Idempotency-Key: one generation and one charge, however often the request is sent."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.person import Person, photo, stylizing
from tests.e2e.problems import expect_problem


@pytest.fixture(scope="module")
def upload_id(person: Person) -> str:
    return person.ready(photo())


def a_key() -> str:
    return str(uuid.uuid4())


def test_without_a_key_it_is_400(person: Person, upload_id: str) -> None:
    answer = person.call("POST", "/v1/generations", json=stylizing(upload_id))
    expect_problem(answer, 400, "idempotency-key-missing")


@pytest.mark.parametrize("key", ["a" * 256, "a\tb"])
def test_a_key_that_cannot_be_is_400(person: Person, upload_id: str, key: str) -> None:
    body = expect_problem(person.order(stylizing(upload_id), idempotency_key=key), 400, "validation")
    assert body["error"]["param"] == "Idempotency-Key"


def test_a_repetition_gets_the_same_answer(person: Person, upload_id: str) -> None:
    before, key = person.available(), a_key()
    first = person.order(stylizing(upload_id), idempotency_key=key)
    again = person.order(stylizing(upload_id), idempotency_key=key)
    person.finished(first.json()["id"])
    later = person.order(stylizing(upload_id), idempotency_key=key)
    assert "Idempotency-Replayed" not in first.headers
    for answer in (again, later):
        assert answer.headers["Idempotency-Replayed"] == "true"
        assert (answer.status_code, answer.content) == (202, first.content)
        assert answer.headers["Location"] == first.headers["Location"]
    assert person.available() == before - 1


def test_the_same_request_spelled_otherwise_is_the_same(person: Person, upload_id: str) -> None:
    key = a_key()
    first = person.order(stylizing(upload_id), idempotency_key=key)
    shuffled = dict(reversed(stylizing(upload_id).items())) | {"n": 1, "seed": None}
    again = person.order(shuffled, idempotency_key=key)
    assert again.content == first.content


def test_another_request_with_the_key_is_422(person: Person, upload_id: str) -> None:
    before, key = person.available(), a_key()
    first = person.order(stylizing(upload_id, 1), idempotency_key=key)
    assert first.status_code == 202
    expect_problem(person.order(stylizing(upload_id, 2), idempotency_key=key), 422, "idempotency-key-reused")
    assert person.finished(first.json()["id"])["status"] == "succeeded"
    assert person.available() == before - 1


def test_a_refused_request_leaves_its_key_free(person: Person, upload_id: str) -> None:
    key = a_key()
    refused = person.order({**stylizing(upload_id), "max_assets": 0}, idempotency_key=key)
    expect_problem(refused, 402, "max-assets-exceeded")
    assert person.order(stylizing(upload_id), idempotency_key=key).status_code == 202


def test_sixteen_at_once_make_one_generation(person: Person, upload_id: str) -> None:
    before, key = person.available(), a_key()
    count = len(person.get("/v1/generations?limit=100")["data"])
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: person.order(stylizing(upload_id), idempotency_key=key), range(16)))
    done = [answer for answer in answers if answer.status_code == 202]
    for answer in answers:
        if answer.status_code != 202:
            expect_problem(answer, 409, "idempotency-key-in-progress")
    assert done
    assert {answer.content for answer in done} == {done[0].content}
    assert sum("Idempotency-Replayed" not in answer.headers for answer in done) == 1
    person.finished(done[0].json()["id"])
    assert len(person.get("/v1/generations?limit=100")["data"]) == count + 1
    assert person.available() == before - 1


def test_a_key_is_its_accounts_own(person: Person, stranger: Person, upload_id: str) -> None:
    key = a_key()
    mine = person.order(stylizing(upload_id), idempotency_key=key)
    theirs = stranger.order(stylizing(stranger.ready()), idempotency_key=key)
    assert theirs.status_code == 202
    assert "Idempotency-Replayed" not in theirs.headers
    assert theirs.json()["id"] != mine.json()["id"]


def test_a_repetition_after_the_generation_was_deleted_charges_nothing(person: Person, upload_id: str) -> None:
    key = a_key()
    first = person.order(stylizing(upload_id), idempotency_key=key)
    generation_id = person.finished(first.json()["id"])["id"]
    before = person.available()
    assert person.call("DELETE", f"/v1/generations/{generation_id}?confirm={generation_id}").status_code == 204
    for prefer in ({}, {"Prefer": "wait=5"}):
        again = person.order(stylizing(upload_id), idempotency_key=key, headers=prefer)
        assert (again.status_code, again.content) == (202, first.content)
    assert person.available() == before
