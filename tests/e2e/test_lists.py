"""Lists: pages that miss nothing and repeat nothing, also while things are added and removed."""

from typing import Any

import pytest

from tests.e2e.person import ATTESTATION, Person, photo, stylizing
from tests.support.stack import Stack


def walk(person: Person, path: str, limit: int) -> list[dict[str, Any]]:
    """Every item, page by page."""
    found: list[dict[str, Any]] = []
    joiner = "&" if "?" in path else "?"
    after = ""
    for _ in range(50):
        page = person.get(f"{path}{joiner}limit={limit}{after}")
        assert page.keys() == {"object", "data", "has_more", "next_cursor"}
        assert page["object"] == "list"
        assert len(page["data"]) <= limit
        found += page["data"]
        assert page["has_more"] == (page["next_cursor"] is not None)
        if not page["has_more"]:
            return found
        after = f"&after={page['next_cursor']}"
    raise AssertionError(f"{path} has no end")


@pytest.fixture(scope="module")
def collector(stack: Stack) -> Person:
    """Somebody with seven pending uploads and five generations."""
    person = Person(stack, stack.new_account())
    upload_id = person.ready(photo())
    ordered = [person.order(stylizing(upload_id)).json()["id"] for _ in range(5)]
    for _ in range(6):
        declare(person)
    for generation_id in ordered:
        person.finished(generation_id)
    return person


def declare(person: Person) -> str:
    body = {"content_type": "image/png", "size_bytes": 1, "sha256": "0" * 64, "attestation": ATTESTATION}
    return str(person.call("POST", "/v1/uploads", json=body).json()["id"])


@pytest.mark.parametrize(("path", "count"), [("/v1/uploads", 7), ("/v1/generations", 5), ("/v1/ledger", 11)])
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_pages_make_up_the_whole_newest_first(collector: Person, path: str, count: int, limit: int) -> None:
    ids = [item["id"] for item in walk(collector, path, limit)]
    assert len(ids) == count
    assert ids == sorted(set(ids), reverse=True)


@pytest.mark.parametrize("path", ["/v1/uploads", "/v1/generations", "/v1/ledger"])
def test_a_full_last_page_is_the_last(collector: Person, path: str) -> None:
    count = len(walk(collector, path, 100))
    page = collector.get(f"{path}?limit={count}")
    assert (len(page["data"]), page["has_more"], page["next_cursor"]) == (count, False, None)


def test_the_next_page_is_the_same_whatever_is_added(stack: Stack) -> None:
    person = Person(stack, stack.new_account())
    ids = [declare(person) for _ in range(5)]
    first = person.get("/v1/uploads?limit=2")
    added = [declare(person) for _ in range(3)]
    second = person.get(f"/v1/uploads?limit=2&after={first['next_cursor']}")
    assert [item["id"] for item in first["data"] + second["data"]] == ids[:0:-1]
    assert {item["id"] for item in person.get("/v1/uploads")["data"]} == set(ids + added)


def test_the_next_page_misses_nothing_when_its_cursors_thing_is_deleted(stack: Stack) -> None:
    person = Person(stack, stack.new_account())
    ids = [declare(person) for _ in range(4)]
    first = person.get("/v1/uploads?limit=2")
    last = first["data"][-1]["id"]
    assert person.call("DELETE", f"/v1/uploads/{last}?confirm={last}").status_code == 204
    second = person.get(f"/v1/uploads?limit=2&after={first['next_cursor']}")
    assert [item["id"] for item in second["data"]] == [ids[1], ids[0]]
    assert last not in {item["id"] for item in person.get("/v1/uploads")["data"]}


def test_a_page_is_full_although_others_in_between_were_deleted(stack: Stack) -> None:
    person = Person(stack, stack.new_account())
    ids = [declare(person) for _ in range(6)]
    for gone in ids[1:4]:
        assert person.call("DELETE", f"/v1/uploads/{gone}?confirm={gone}").status_code == 204
    page = person.get("/v1/uploads?limit=3")
    assert [item["id"] for item in page["data"]] == [ids[5], ids[4], ids[0]]


def test_generations_by_status_and_time(collector: Person) -> None:
    everything = walk(collector, "/v1/generations", 100)
    assert len(walk(collector, "/v1/generations?status=succeeded", 2)) == 5
    assert walk(collector, "/v1/generations?status=failed", 2) == []
    third = everything[2]["created_at"]
    newer = walk(collector, f"/v1/generations?created_after={third}", 1)
    assert [item["id"] for item in newer] == [item["id"] for item in everything if item["created_at"] > third]
    assert collector.call("GET", "/v1/generations?status=none").status_code == 400
    assert collector.call("GET", "/v1/generations?created_after=yesterday").status_code == 400


def test_a_cursor_of_another_list_is_refused(collector: Person) -> None:
    cursor = collector.get("/v1/ledger?limit=1")["next_cursor"]
    for path in ("/v1/uploads", "/v1/generations"):
        assert collector.call("GET", f"{path}?after={cursor}").status_code == 400
