"""The audit's checks of rows and objects that must end, and of prices."""

import json

import pytest

from infra.fotogenic.checks import expiry, objects, prices
from infra.fotogenic.checks.finding import Rule
from infra.fotogenic.checks.objects import SETTLING_SECONDS, Stored

NOW = 1_795_521_600
GRACE = 72 * 3600


def aged(table, name, **row):
    found = expiry.check(table, "acct_1", name, row, now_seconds=NOW, grace_seconds=GRACE)
    return [finding.rule for finding in found]


@pytest.mark.parametrize("table", expiry.LIVES)
def test_every_kind_of_row_is_declared_or_found(table):
    assert aged(table, "never heard of") == [Rule.UNKNOWN_ROW]


def test_P7_a_row_may_outlive_its_end_by_the_grace_and_no_longer():
    assert aged("uploads", "upl_1", ttl=NOW - GRACE, expires_at=1) == []
    assert aged("uploads", "upl_1", ttl=NOW - GRACE - 1, expires_at=1) == [Rule.OVERDUE_ROW]


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("uploads", "upl_1"),
        ("generations", "request#1"),
        ("accounts", "session#1"),
        ("accounts", "code"),
        ("billing", "event"),
        ("billing", "request#1"),
    ],
)
def test_P7_what_must_end_says_when(table, name):
    assert aged(table, name, expires_at=NOW) == [Rule.NO_EXPIRY]
    assert aged(table, name, ttl=NOW, expires_at=NOW) == []


@pytest.mark.parametrize(
    ("row", "rules"),
    [
        ({"status": "queued", "open": "open#1", "due_at": NOW * 1000}, []),
        ({"status": "queued", "due_at": NOW * 1000}, [Rule.FORGOTTEN]),
        ({"status": "running", "open": "open#1", "due_at": (NOW - 3601) * 1000}, [Rule.FORGOTTEN]),
        ({"status": "succeeded", "ttl": NOW, "expires_at": 1}, []),
        ({"status": "succeeded", "ttl": NOW}, [Rule.NO_EXPIRY]),
        ({"status": "failed", "ttl": NOW}, []),
        ({"status": "failed"}, [Rule.NO_EXPIRY]),
        ({"status": "failed", "ttl": NOW, "open": "open#1"}, [Rule.FORGOTTEN]),
    ],
)
def test_a_generation_ends_or_is_looked_after(row, rules):
    assert aged("generations", "gen_1", **row) == rules


def test_stored_events_that_nobody_dealt_with_are_found():
    assert aged("billing", "event", ttl=NOW, due_at=(NOW - 3600) * 1000) == []
    assert aged("billing", "event", ttl=NOW, due_at=(NOW - 3601) * 1000) == [Rule.FORGOTTEN]


def test_a_keyed_hash_is_shown_in_part():
    assert expiry.shown("address#" + "a" * 64) == "address#aaaaaaaaaaaa…"
    assert expiry.shown("acct_1") == "acct_1"


def kept(key, row, written_at=0):
    return [f.rule for f in objects.check(Stored(key, written_at), row, now_seconds=NOW, grace_seconds=GRACE)]


RESULT = "results/acct_1/gen_1/1-0"
DONE = {"status": "succeeded", "assets": json.dumps([{"key": RESULT, "status": "succeeded"}]), "expires_at": NOW * 1000}


@pytest.mark.parametrize(
    ("key", "row", "rules"),
    [
        (RESULT, DONE, []),
        (RESULT, None, [Rule.STRAY_OBJECT]),
        (RESULT, DONE | {"assets": "[]"}, [Rule.STRAY_OBJECT]),
        (RESULT, {"status": "running", "assets": "[]"}, []),
        (RESULT, DONE | {"expires_at": (NOW - GRACE - 1) * 1000}, [Rule.OVERDUE_OBJECT]),
        ("clean/acct_1/upl_1", {"status": "ready", "expires_at": NOW * 1000}, []),
        ("clean/acct_1/upl_1", {"status": "ready", "deleted": 1, "expires_at": NOW * 1000}, [Rule.STRAY_OBJECT]),
        ("clean/acct_1/upl_1", {"status": "rejected", "expires_at": NOW * 1000}, [Rule.STRAY_OBJECT]),
        ("incoming/acct_1/upl_1", {"status": "pending", "expires_at": NOW * 1000}, []),
        ("incoming/acct_1/upl_1", {"status": "ready", "expires_at": NOW * 1000}, [Rule.STRAY_OBJECT]),
        ("incoming/acct_1", {"status": "pending"}, [Rule.STRAY_OBJECT]),
        ("else", None, [Rule.STRAY_OBJECT]),
    ],
)
def test_P7_an_object_belongs_to_a_row_that_wants_it(key, row, rules):
    assert kept(key, row) == rules


def test_an_object_is_given_time_to_get_its_row():
    assert kept(RESULT, None, NOW - SETTLING_SECONDS + 1) == []
    assert kept(RESULT, None, NOW - SETTLING_SECONDS) == [Rule.STRAY_OBJECT]


@pytest.mark.parametrize(("price", "found"), [(1, 0), (0, 1), (-1, 1), (None, 1), (True, 1), (1.0, 1), ("1", 1)])
def test_no_price_no_job(price, found):
    assert len(prices.check([("local/style-1", price)])) == found
