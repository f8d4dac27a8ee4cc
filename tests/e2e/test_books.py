"""What was charged, over HTTP: quotes before, usage after, the ledger page by page and as CSV."""

import csv
import io
from datetime import UTC, datetime

import pytest
import requests

from tests.e2e.person import Person, photo, stylizing
from tests.e2e.problems import expect_problem

NAMES = ["id", "created_at", "kind", "cause", "reason", "key_id", "request_id", "account", "assets"]


@pytest.fixture(scope="module")
def done(person: Person) -> str:
    """The id of a generation that succeeded."""
    return str(person.stylize(person.ready(photo(96)))["id"])


def test_a_quote_says_what_an_order_costs_and_holds_nothing(person: Person) -> None:
    before = person.available()
    body = stylizing("upl_00000000000000000000000001")
    answer = person.call("POST", "/v1/quotes", json=body)
    assert answer.status_code == 200
    expected = {"object": "quote", "model": "local/style-1", "operation": "stylize", "n": 1}
    costs = {"assets_per_result": 1, "assets": 1, "within_max_assets": True}
    assert answer.json() == {**expected, **costs}
    over = person.call("POST", "/v1/quotes", json={**body, "max_assets": 0})
    assert (over.status_code, over.json()["within_max_assets"]) == (200, False)
    assert person.available() == before


@pytest.mark.parametrize(
    ("change", "param"),
    [({"model": "local/none"}, "model"), ({"n": 99}, "n"), ({"parameters": {"style": "none"}}, "parameters.style")],
)
def test_a_quote_is_refused_for_what_an_order_would_be(person: Person, change: dict[str, object], param: str) -> None:
    answer = person.call("POST", "/v1/quotes", json={**stylizing("upl_00000000000000000000000001"), **change})
    assert expect_problem(answer, 400, "validation")["error"]["param"].startswith(param)


def test_rule_8_the_ledger_as_csv_is_the_ledger(person: Person, done: str) -> None:
    entries = person.get("/v1/ledger?limit=3")["data"]
    answer = person.call("GET", "/v1/ledger?limit=3", headers={"Accept": "text/csv"})
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert list(rows[0]) == NAMES
    lines = [(entry["id"], line["account"], str(line["assets"])) for entry in entries for line in entry["lines"]]
    assert [(row["id"], row["account"], row["assets"]) for row in rows] == lines
    assert {row["cause"] for row in rows} >= {done}


def test_the_next_page_of_csv_is_linked(person: Person, done: str) -> None:
    headers, seen = {"Accept": "text/csv"}, list[str]()
    url: str | None = "/v1/ledger?limit=1"
    while url:
        answer = person.call("GET", url, headers=headers)
        assert answer.status_code == 200
        seen += [row["id"] for row in csv.DictReader(io.StringIO(answer.text))]
        link = requests.utils.parse_header_links(answer.headers.get("Link", ""))
        found = [each["url"] for each in link if each.get("rel") == "next"]
        url = found[0].removeprefix(person.stack.base_url) if found else None
    assert list(dict.fromkeys(seen)) == [entry["id"] for entry in person.ledger()]


def test_json_stays_the_answer_for_whoever_takes_anything(person: Person) -> None:
    for accept in ("*/*", "application/json", "application/json, text/csv;q=0.5", "text/html"):
        answer = person.call("GET", "/v1/usage", headers={"Accept": accept})
        assert answer.headers["Content-Type"] == "application/json"


def test_usage_counts_what_was_charged_by_day_key_and_model(person: Person, done: str) -> None:
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    found = person.get(f"/v1/usage?from={today}&to={today}")
    posts = [entry for entry in person.ledger() if entry["kind"] == "post"]
    mine = [row for row in found["data"] if row["model"] == "local/style-1" and row["key_id"] is not None]
    assert sum(row["assets"] for row in found["data"]) == sum(
        line["assets"] for entry in posts for line in entry["lines"] if line["account"] == "usage"
    )
    assert sum(row["generations"] for row in found["data"]) == len(posts)
    assert all(row["day"] == today for row in mine)
    as_csv = person.call("GET", "/v1/usage", headers={"Accept": "text/csv"})
    assert next(csv.reader(io.StringIO(as_csv.text))) == ["day", "key_id", "model", "generations", "assets"]
    one = person.get("/v1/usage?limit=1")
    assert len(one["data"]) == 1


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("from=yesterday", "from"),
        ("from=2026-02-01&to=2026-01-01", "from"),
        ("from=2020-01-01&to=2026-01-01", "from"),
        ("after=bm9uc2Vuc2U", "after"),
        ("of=me", "of"),
    ],
)
def test_usage_refuses_what_it_cannot_read(person: Person, query: str, param: str) -> None:
    answer = person.call("GET", f"/v1/usage?{query}")
    code = "unsupported-parameter" if param == "of" else "validation"
    assert expect_problem(answer, 400, code)["error"]["param"] == param
