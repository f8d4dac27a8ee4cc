"""The audit's checks of an account's books: right books pass, and no single number in them can be wrong unnoticed."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.fotogenic.checks import jobs
from infra.fotogenic.checks.books import Account
from infra.fotogenic.checks.finding import Finding, Rule, recurring
from infra.fotogenic.checks.jobs import DEADLINE_MILLIS, MARGIN_MILLIS, Job
from infra.fotogenic.checks.payments import Paid, unpaid
from infra.fotogenic.checks.rows import Generation, Move, Row, plain

ACCOUNT = "acct_1"
DAY = "2026-11-24"
NOW_MILLIS = 1_795_521_600_000


def move(key: str, kind: str, lines: dict[str, int], amount: int = 0, **more: Any) -> Row:
    row = {"item": f"move#{key}", "kind": kind, "cause": key, "at": NOW_MILLIS, "request_id": "req_1", **more}
    return row | {"lines": json.dumps(list(lines.items())), "parts": json.dumps([["b", amount]] if amount else [])}


class Shelf:
    """An account's rows after some work: `granted` assets, and generations as (cost, posted or None for still open)."""

    def __init__(self, granted: int, works: list[tuple[int, int | None]]) -> None:
        self.others: list[Row] = [move("grant#b", "grant", {"grants": -granted, "available": granted}, granted)]
        self.jobs: dict[str, dict[str, Row]] = {}
        available, held, used, still_open = granted, 0, 0, 0
        who: dict[str, Any] = {"spender": "key_1", "day": DAY}
        for number, (cost, posted) in enumerate(works):
            name = f"gen_{number:04}"
            hold = move(f"hold#{name}", "hold", {"available": -cost, "held": cost}, cost, **who)
            rows = self.jobs[name] = {"hold": hold}
            rows["generation"] = {"id": name, "status": "queued", "price": cost, "held": cost, "charged": 0}
            rows["generation"]["assets"] = "[{}]"
            rows["generation"]["created_at"] = NOW_MILLIS
            available, held, still_open = available - cost, held + cost, still_open + 1
            if posted is not None:
                told = {"held": -cost, "usage": posted, "available": cost - posted}
                rows["settle"] = move(f"settle#{name}", "post" if posted else "void", told, **who)
                rows["generation"] |= {"status": "succeeded" if posted else "failed", "charged": posted}
                rows["generation"]["assets"] = json.dumps([{"charged": posted}])
                available, held, used = available + cost - posted, held - cost, used + posted
                still_open -= 1
        spent = used + held
        self.balance = {"item": "balance", "version": 7, "held": held, "debt": 0}
        self.balance["buckets"] = json.dumps([["b", "bonus", available, None]])
        self.counter: Row = {"item": "usage#key_1", "version": 3, "open": still_open, "day": DAY}
        self.counter |= {"in_day": spent, "in_month": spent, "in_lifetime": spent, "cap": json.dumps([spent, "day"])}
        self.used: Row = {"item": f"used#{DAY}#key_1#m", "assets": used, "generations": len(works)}
        self.others += [self.balance, self.counter, self.used]

    def findings(self, now_millis: int = NOW_MILLIS) -> list[Finding]:
        account = Account(ACCOUNT, now_millis // 1000)
        found: list[Finding] = []
        for row in self.others:
            account.add(row)
        for name, rows in self.jobs.items():
            for kind in ("hold", "settle"):
                if kind in rows:
                    account.add(rows[kind])
            hold, settle = (Move.of(rows[kind]) if kind in rows else None for kind in ("hold", "settle"))
            generation = Generation.of(rows["generation"]) if "generation" in rows else None
            job = Job(ACCOUNT, name, hold, settle, generation)
            account.add_job(job)
            found += jobs.check(job, now_millis)
        return found + account.close()


@st.composite
def shelves(draw: st.DrawFn) -> Shelf:
    costs = draw(st.lists(st.integers(1, 9), min_size=1, max_size=6))
    works = [(cost, draw(st.one_of(st.none(), st.integers(0, cost)))) for cost in costs]
    return Shelf(sum(costs) + draw(st.integers(0, 50)), works)


@given(shelves())
def test_right_books_have_no_findings(shelf: Shelf) -> None:
    assert shelf.findings() == []


@given(shelves(), st.data())
def test_no_single_number_can_be_wrong_unnoticed(shelf: Shelf, data: st.DataObject) -> None:
    """Any amount of any entry, bucket, counter or generation, changed by any sum."""
    broken = deepcopy(shelf)
    by = data.draw(st.integers(-20, 20).filter(bool))
    rows: list[tuple[Row, str]] = [
        (row, name) for row in (broken.balance, broken.counter, broken.used) for name in _numbers(row)
    ]
    rows += [(row, "lines") for row in broken.others if "lines" in row]
    for parts in broken.jobs.values():
        rows += [(row, "lines") for kind, row in parts.items() if kind != "generation"]
        rows += [(parts["hold"], "parts"), (parts["generation"], "charged"), (parts["generation"], "held")]
    row, name = data.draw(st.sampled_from(rows))
    if name in ("lines", "parts", "buckets"):
        pairs = json.loads(row[name])
        at = data.draw(st.integers(0, len(pairs) - 1))
        pairs[at][2 if name == "buckets" else 1] += by
        row[name] = json.dumps(pairs)
    else:
        row[name] += by
    assert broken.findings()


def _numbers(row: Row) -> list[str]:
    """Those that the rules are about: a version only orders, and how many were made is for reports."""
    found = [name for name, value in row.items() if isinstance(value, int) and name not in ("version", "generations")]
    return [*found, "buckets"] if "buckets" in row else found


@given(shelves(), st.data())
def test_no_row_can_be_missing_unnoticed(shelf: Shelf, data: st.DataObject) -> None:
    broken = deepcopy(shelf)
    name = data.draw(st.sampled_from(sorted(broken.jobs)))
    kind = data.draw(st.sampled_from([kind for kind in broken.jobs[name] if kind != "generation"]))
    del broken.jobs[name][kind]
    assert broken.findings()


def test_an_open_hold_is_an_orphan_once_the_rescue_is_late() -> None:
    shelf = Shelf(10, [(2, None)])
    latest = NOW_MILLIS + DEADLINE_MILLIS + MARGIN_MILLIS
    assert shelf.findings(latest) == []
    assert [finding.rule for finding in shelf.findings(latest + 1)] == [Rule.ORPHAN_HOLD]
    del shelf.jobs["gen_0000"]["generation"]
    assert shelf.findings(latest) == []
    assert [finding.what for finding in shelf.findings(latest + 1)] == ["2 held and its generation is gone"]


def test_entries_outlive_their_generation() -> None:
    shelf = Shelf(10, [(2, 2), (3, 0)])
    for rows in shelf.jobs.values():
        del rows["generation"]
    assert shelf.findings(NOW_MILLIS * 2) == []


def test_what_lanes_hold_is_part_of_balance_and_counter() -> None:
    shelf = Shelf(20, [(2, None)])
    shelf.balance |= {"buckets": json.dumps([["b", "bonus", 10, None]]), "laned": json.dumps([["key_1", 4, 2, "b"]])}
    shelf.counter |= {"in_day": 10, "in_month": 10, "in_lifetime": 10, "open": 5, "cap": json.dumps([50, "day"])}
    shelf.counter["lanes"] = json.dumps([4, 2, ["b", "bonus", 0, None], DAY])
    lanes = [{"item": "lane#key_1", "epoch": 4, "assets": 4, "held": 0, "slots": 2} for _ in range(2)]
    shelf.others += lanes
    assert shelf.findings() == []
    lanes[0]["epoch"] = 3
    assert {finding.where for finding in shelf.findings()} == {f"{ACCOUNT}/lane#key_1"}


def test_a_cap_that_its_owner_lowered_is_no_finding() -> None:
    shelf = Shelf(20, [(5, 5)])
    shelf.counter["cap"] = json.dumps([4, "lifetime"])
    assert [finding.rule for finding in shelf.findings()] == [Rule.CAP]
    shelf.counter["cap_at"] = int(shelf.jobs["gen_0000"]["hold"]["at"])
    assert shelf.findings() == []
    shelf.counter["cap_at"] -= 1
    assert [finding.rule for finding in shelf.findings()] == [Rule.CAP], "something was taken after it was lowered"


@pytest.mark.parametrize(
    ("paid", "said"),
    [
        (None, "100 granted and nothing was paid"),
        (Paid("acct_2", 100), "100 granted for a payment of another account"),
        (Paid(ACCOUNT, 99), "100 granted for a payment of 99"),
        (Paid(ACCOUNT, 100), None),
        (Paid(ACCOUNT, None), None),
    ],
)
def test_F50_a_grant_needs_a_payment_of_its_account_and_size(paid: Paid | None, said: str | None) -> None:
    found = unpaid(ACCOUNT, {"pi_1": 100}, {"pi_1": paid})
    assert [finding.what for finding in found] == ([said] if said else [])


def test_only_what_is_so_twice_is_reported() -> None:
    first = [Finding(Rule.SUM, "a", "1"), Finding(Rule.SUM, "b", "1")]
    second = [Finding(Rule.SUM, "a", "2"), Finding(Rule.CAP, "b", "1"), Finding(Rule.SUM, "c", "1")]
    assert recurring(first, second) == [Finding(Rule.SUM, "a", "2")]


def test_rows_are_read_as_dynamodb_writes_them() -> None:
    raw = {"a": {"S": "x"}, "b": {"N": "7"}, "c": {"L": [{"N": "1"}]}, "d": {"M": {"e": {"NULL": True}}}}
    assert plain(raw) == {"a": "x", "b": 7, "c": [1], "d": {"e": None}}
