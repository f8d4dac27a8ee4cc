"""When a delivery is tried again, what an event is, and which secrets are valid."""

import itertools
import json
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.kernel.errors import Conflict
from chalicelib.kernel.ids import is_id
from chalicelib.webhooks import endpoint as endpoints
from chalicelib.webhooks.delivery import (
    JITTER,
    LAST_TRY,
    MAX_LOGGED,
    MAX_RETRY_AFTER_SECONDS,
    MAX_TRIES,
    WAITS_SECONDS,
    Attempt,
    Delivery,
    asked_wait,
    claimed,
    failed,
    next_try,
    waiting,
)
from chalicelib.webhooks.endpoint import Because, Endpoint, Secret
from chalicelib.webhooks.event import KEPT, TEST_EVENT, EventType, event_id, new_event
from tests.support.fakes import NOON

FRESH = Delivery(account_id="acct_1", endpoint_id="whe_1", event_id="evt_1", type="asset.deleted", at=NOON)
MADE = Endpoint(
    id="whe_1",
    account_id="acct_1",
    url="https://hooks.example/in",
    events=None,
    description="",
    secrets=(Secret("the-first"),),
    created_at=NOON,
    enabled_at=NOON,
)


def schedule(extra: float = 0.0, asked: int | None = None) -> list[float]:
    """Seconds after the event at which a receiver that is down is tried."""
    known, now, tried = FRESH, NOON, []
    for _ in range(50):
        tried.append((now - NOON).total_seconds())
        known = claimed(known, "token", now)
        at = next_try(known, now, extra=extra, asked_seconds=asked)
        if at is None:
            return tried
        known, now = waiting(known, Attempt(now, 500), at), at
    raise AssertionError("it is tried for ever")


def test_F66_the_schedule_begins_at_once_and_ends_after_three_days() -> None:
    tried = schedule()
    assert tried[:4] == [0, 5, 305, 2105]
    assert len(tried) == MAX_TRIES == 10
    assert 3 < tried[-1] / 86400 < 3.5


@given(st.floats(0, JITTER))
def test_F66_jitter_only_ever_makes_it_later_and_never_too_late(extra: float) -> None:
    tried = schedule(extra)
    waits = [after - before for before, after in itertools.pairwise(tried)]
    assert all(listed <= wait <= listed * (1 + JITTER) + 1 for listed, wait in zip(WAITS_SECONDS, waits, strict=True))
    assert tried[-1] <= LAST_TRY.total_seconds() < KEPT.total_seconds()


@given(st.integers(0, 10**9))
def test_a_receiver_that_asks_to_wait_is_waited_for_but_an_event_never_outlives_itself(asked: int) -> None:
    tried = schedule(asked=asked)
    waits = [after - before for before, after in itertools.pairwise(tried)]
    assert all(wait >= min(asked, MAX_RETRY_AFTER_SECONDS) for wait in waits)
    assert tried[-1] <= LAST_TRY.total_seconds()


@pytest.mark.parametrize(
    ("status", "value", "seconds"),
    [
        (429, "120", 120),
        (503, " 7 ", 7),
        (503, "0", 0),
        (503, "99999999999999", 86_400),
        (503, format_datetime(NOON + timedelta(seconds=90), usegmt=True), 90),
        (503, format_datetime(NOON - timedelta(days=1), usegmt=True), 0),
        (503, format_datetime(NOON + timedelta(days=9), usegmt=True), 86_400),
        (503, "Tue, 24 Nov 2026 12:00:10 -0000", 10),
        (429, "soon", None),
        (429, "-5", None),
        (429, "1.5", None),
        (429, "", None),
        (429, None, None),
        (500, "120", None),
        (200, "120", None),
        (None, None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(
    status: int | None, value: str | None, seconds: int | None
) -> None:
    assert asked_wait(status, value, NOON) == seconds


@given(st.text())
def test_any_retry_after_is_read_or_ignored(value: str) -> None:
    asked = asked_wait(503, value, NOON)
    assert asked is None or 0 <= asked <= MAX_RETRY_AFTER_SECONDS


def test_a_claim_keeps_others_away_until_it_ends() -> None:
    mine = claimed(FRESH, "token", NOON)
    assert FRESH.is_due(NOON)
    assert not mine.is_due(NOON + timedelta(seconds=59))
    assert mine.is_due(NOON + timedelta(seconds=60))
    assert not failed(mine, None).is_due(NOON + timedelta(days=1))


def test_the_log_holds_the_last_attempts_only() -> None:
    known = FRESH
    for number in range(MAX_LOGGED + 5):
        known = waiting(known, Attempt(NOON, 500 + number), NOON)
    assert [attempt.status for attempt in known.log] == list(range(505, 505 + MAX_LOGGED))


def test_the_same_thing_told_twice_is_one_event_and_of_one_account() -> None:
    assert event_id("acct_1", "k") == event_id("acct_1", "k")
    assert len({event_id(account, key) for account in ("acct_1", "acct_2") for key in ("k", "l")}) == 4
    assert is_id("evt", event_id("acct_1", "k"))


def test_an_event_is_thin_and_says_what_it_is() -> None:
    event = new_event("acct_1", "evt_1", "generation.succeeded", {"id": "gen_1", "seq": 3}, NOON)
    assert json.loads(event.body) == {
        "id": "evt_1",
        "object": "event",
        "type": "generation.succeeded",
        "created_at": "2026-11-24T12:00:00.000Z",
        "data": {"id": "gen_1", "seq": 3},
    }
    assert event.body.isascii()


def test_an_unknown_type_and_a_fat_payload_are_refused() -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        new_event("acct_1", "evt_1", "generation.exploded", {}, NOON)
    with pytest.raises(ValueError, match="at most"):
        new_event("acct_1", "evt_1", "asset.deleted", {"text": "x" * 20_000}, NOON)
    assert new_event("acct_1", "evt_1", TEST_EVENT, {}, NOON, only="whe_1").only == "whe_1"


def test_nobody_subscribes_to_the_test_event() -> None:
    assert TEST_EVENT not in set(EventType)


def test_F69_two_secrets_are_valid_while_one_is_replaced_and_never_three() -> None:
    hour = timedelta(hours=1)
    second = endpoints.rotated(MADE, "two", hour, NOON)
    assert second.valid_secrets(NOON) == ["two", "the-first"]
    assert second.valid_secrets(NOON + hour) == ["two"]
    with pytest.raises(Conflict):
        endpoints.rotated(second, "three", hour, NOON)
    assert endpoints.rotated(second, "three", hour, NOON + hour).valid_secrets(NOON + hour) == ["three", "two"]


def test_a_secret_that_was_lost_to_somebody_can_be_ended_at_once() -> None:
    second = endpoints.rotated(MADE, "two", timedelta(hours=1), NOON)
    assert endpoints.rotated(second, "three", timedelta(0), NOON).valid_secrets(NOON) == ["three"]


def test_a_rotation_never_makes_an_old_secret_last_longer() -> None:
    second = endpoints.rotated(MADE, "two", timedelta(hours=1), NOON)
    third = endpoints.rotated(second, "three", timedelta(0), NOON + timedelta(minutes=59))
    assert third.valid_secrets(NOON) == ["three"]


def test_silence_is_counted_from_the_last_success_or_from_when_it_was_enabled() -> None:
    later = NOON + timedelta(days=3)
    assert MADE.is_silent(later)
    assert not MADE.is_silent(later - timedelta(seconds=1))
    assert not replace(MADE, last_success_at=NOON + timedelta(days=1)).is_silent(later)
    again = endpoints.enabled(endpoints.disabled(MADE, Because.FAILING, later), later)
    assert not again.is_silent(later + timedelta(days=2))


def test_an_endpoint_shows_neither_url_nor_secret_by_accident() -> None:
    assert "hooks.example" not in repr(MADE)
    assert "the-first" not in repr(MADE)
