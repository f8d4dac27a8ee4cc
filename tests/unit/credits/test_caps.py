"""Rule 6: what a key holds or has posted in its window never passes its cap, and what fits is not refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.credits import caps
from chalicelib.credits.caps import Cap, KeyCapReached, Usage, Window
from chalicelib.kernel.errors import ConcurrencyLimited
from tests.support.fakes import NOON

WINDOWS = st.sampled_from(Window)


def take(usage, cap, assets, now=NOON, max_open=1000):
    return caps.take(usage, cap, assets, max_open=max_open, now=now)


@given(
    st.integers(0, 30),
    WINDOWS,
    st.lists(st.tuples(st.integers(0, 9), st.integers(-36, 72), st.integers(0, 9)), max_size=30),
)
def test_rule_6_what_is_held_or_posted_in_a_window_never_passes_the_cap(limit, window, steps):
    """Each step takes some, at a time that may also go backwards, and gives part of it back at once."""
    cap, usage = Cap(limit, window), Usage()
    spent: dict[str, int] = {}
    for assets, hours, unused in steps:
        now = NOON + timedelta(hours=hours)
        try:
            usage = take(usage, cap, assets, now)
        except KeyCapReached:
            left = limit - spent.get(name_of(window, max(usage.day, f"{now:%Y-%m-%d}")), 0)
            assert left < assets
            continue
        name = name_of(window, usage.day)
        spent[name] = spent.get(name, 0) + assets
        back = min(unused, assets)
        usage = caps.give_back(usage, usage.day, back)
        spent[name] -= back
        assert spent[name] == usage.spent(window) <= limit


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.integers(0, 40), st.sampled_from([None, *Window]), st.integers(0, 60)),
        max_size=30,
    )
)
def test_rule_6_a_cap_that_is_changed_counts_what_was_spent_before(steps):
    """Each step first sets another cap: what fits and what does not is as if it had always been there."""
    usage, taken = Usage(), list[tuple[datetime, int]]()
    now = NOON
    for assets, hours, window, limit in steps:
        now += timedelta(hours=hours)
        cap = Cap(limit, window) if window else None
        before = sum(
            a for at, a in taken if window and name_of(window, f"{at:%Y-%m-%d}") == name_of(window, f"{now:%Y-%m-%d}")
        )
        try:
            usage = take(usage, cap, assets, now)
        except KeyCapReached:
            assert before + assets > limit
            continue
        assert window is None or before + assets <= limit
        taken.append((now, assets))


def name_of(window, day):
    return {Window.DAY: day, Window.MONTH: day[:7], Window.LIFETIME: "ever"}[window]


def test_rule_6_the_cap_is_exact():
    usage = take(Usage(), Cap(5, Window.DAY), 5)
    with pytest.raises(KeyCapReached) as refused:
        take(usage, Cap(5, Window.DAY), 1)
    assert refused.value.extra == {"cap": 5, "window": "day", "left": 0, "needed": 1}
    assert take(usage, Cap(5, Window.DAY), 0).spent(Window.DAY) == 5


@pytest.mark.parametrize(
    ("window", "last", "first"),
    [
        (Window.DAY, datetime(2026, 11, 24, 23, 59, 59, 999999, UTC), datetime(2026, 11, 25, tzinfo=UTC)),
        (Window.MONTH, datetime(2026, 12, 31, 23, 59, 59, 999999, UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_rule_6_a_new_window_starts_at_midnight_utc(window, last, first):
    cap = Cap(3, window)
    usage = take(Usage(), cap, 3, last)
    with pytest.raises(KeyCapReached):
        take(usage, cap, 1, last)
    assert take(usage, cap, 3, first).spent(window) == 3


def test_rule_6_a_lifetime_cap_never_starts_anew():
    usage = take(Usage(), Cap(3, Window.LIFETIME), 3)
    with pytest.raises(KeyCapReached):
        take(usage, Cap(3, Window.LIFETIME), 1, NOON + timedelta(days=10_000))


def test_rule_6_a_clock_that_is_behind_does_not_reopen_yesterday():
    cap, midnight = Cap(3, Window.DAY), datetime(2026, 11, 25, tzinfo=UTC)
    usage = take(Usage(), cap, 3, midnight)
    with pytest.raises(KeyCapReached):
        take(usage, cap, 1, midnight - timedelta(milliseconds=1))


def test_what_was_held_in_an_earlier_window_is_not_given_back_to_this_one():
    yesterday = take(Usage(), Cap(5, Window.DAY), 4, NOON - timedelta(days=1))
    today = take(yesterday, Cap(5, Window.DAY), 5)
    after = caps.give_back(today, yesterday.day, 4)
    assert (after.spent(Window.DAY), after.spent(Window.MONTH), after.spent(Window.LIFETIME), after.open) == (
        5,
        5,
        5,
        1,
    )


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_giving_back_never_goes_below_nothing(open_holds, spent, back):
    after = caps.give_back(Usage(open_holds, "2026-11-24", spent, spent, spent), "2026-11-24", back)
    assert after.open == max(0, open_holds - 1)
    assert {after.spent(window) for window in Window} == {max(0, spent - back)}


def test_a_lowered_cap_says_that_nothing_is_left_rather_than_less():
    usage = take(Usage(), Cap(9, Window.DAY), 9)
    with pytest.raises(KeyCapReached) as refused:
        take(usage, Cap(2, Window.DAY), 1)
    assert refused.value.extra["left"] == 0


@pytest.mark.parametrize("cap", [None, Cap(1000, Window.DAY)])
def test_generations_in_flight_are_limited_exactly(cap):
    usage = Usage()
    for _ in range(3):
        usage = take(usage, cap, 1, max_open=3)
    with pytest.raises(ConcurrencyLimited) as refused:
        take(usage, cap, 1, max_open=3)
    assert refused.value.headers["Retry-After"] == "2"
    assert take(caps.give_back(usage, usage.day, 0), cap, 1, max_open=3).open == 3


@given(st.integers(0, 10**6))
def test_without_a_cap_any_amount_is_taken(assets):
    assert take(replace(Usage(), in_lifetime=10**9), None, assets).open == 1
