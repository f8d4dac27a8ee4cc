"""When a pack is bought by itself, and when not: each rule alone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.billing.autotopup import rules
from chalicelib.billing.autotopup.rules import PAUSE, RESUME_AFTER, RESUME_FOR, Attempt, AutoTopUp, Because, Step, Wish
from tests.support.fakes import NOON

WISH = Wish("starter", 50, 1500, "usd")
PRICE = 500


def on() -> AutoTopUp:
    return rules.turned_on(None, "acct_1", WISH)


def step(known, *, available=0, now=NOON):
    return rules.step(known, price=PRICE, available=available, now=now)


def test_P3_it_is_off_until_a_person_turns_it_on():
    assert step(AutoTopUp("acct_1", WISH)) is Step.OFF
    assert step(on()) is Step.CLAIM


def test_P3_nothing_is_bought_while_there_is_enough():
    assert step(on(), available=50) is Step.ENOUGH
    assert step(on(), available=49) is Step.CLAIM


@pytest.mark.parametrize("ends", [lambda a: rules.charged(a, "top_1", "pi_1"), lambda a: rules.refused(a, "top_1")])
def test_P3_an_attempt_is_followed_by_an_hour_of_rest_whatever_came_of_it(ends):
    after = ends(rules.claimed(on(), "top_1", PRICE, NOON))
    assert step(after, now=NOON + PAUSE - timedelta(seconds=1)) is Step.PAUSED
    assert step(after, now=NOON + PAUSE) is Step.CLAIM


def test_P3_turning_it_off_and_on_again_does_not_shorten_the_rest_nor_empty_the_month():
    tried = rules.charged(rules.claimed(on(), "top_1", PRICE, NOON), "top_1", "pi_1")
    again = rules.turned_on(rules.turned_off(tried, Because.OWNER), "acct_1", WISH)
    assert step(again, now=NOON + timedelta(minutes=59)) is Step.PAUSED
    assert rules.spent(again, NOON) == PRICE


def test_P3_the_month_has_a_ceiling_that_a_refusal_does_not_use_up():
    known = on()
    for number in range(3):
        now = NOON + PAUSE * number
        assert step(known, now=now) is Step.CLAIM
        known = rules.charged(rules.claimed(known, f"top_{number}", PRICE, now), f"top_{number}", "pi_1")
    assert step(known, now=NOON + PAUSE * 3) is Step.CEILING
    assert step(known, now=NOON + timedelta(days=10)) is Step.CLAIM
    refused = rules.refused(rules.claimed(on(), "top_9", PRICE, NOON), "top_9")
    assert rules.spent(refused, NOON) == 0


def test_F47_an_answer_that_was_lost_is_asked_for_again_as_the_same_charge():
    open_ = rules.claimed(on(), "top_1", PRICE, NOON)
    assert step(open_, now=NOON) is Step.PAUSED
    later = NOON + RESUME_AFTER
    assert step(open_, now=later) is Step.RESUME
    again = rules.resumed(open_, later)
    assert again.attempt == Attempt("top_1", "starter", NOON, later, PRICE)
    assert again.spent == PRICE
    assert step(rules.charged(again, "top_1", "pi_1"), now=NOON + PAUSE) is Step.PAUSED


def test_F08_an_attempt_that_is_older_than_the_provider_remembers_is_never_sent_again():
    open_ = rules.claimed(on(), "top_1", PRICE, NOON)
    late = NOON + RESUME_FOR + timedelta(seconds=1)
    assert step(open_, now=late) is Step.ABANDON
    given_up = rules.abandoned(open_)
    assert rules.spent(given_up, late) == PRICE
    assert rules.refused(given_up, "top_1") == given_up


def test_what_is_open_at_the_turn_of_the_month_counts_in_both():
    last = NOON.replace(day=30, hour=23, minute=59)
    open_ = rules.claimed(on(), "top_1", PRICE, last)
    first = last + timedelta(minutes=5)
    assert rules.spent(open_, first) == PRICE
    assert rules.resumed(open_, first).spent == PRICE
    assert rules.spent(rules.charged(open_, "top_1", "pi_1"), first) == 0


def test_F13_a_clock_that_goes_back_reopens_neither_hour_nor_month():
    full = replace(rules.claimed(on(), "top_1", PRICE, NOON), spent=1500)
    closed = rules.charged(full, "top_1", "pi_1")
    assert step(closed, now=NOON - timedelta(minutes=5)) is Step.PAUSED
    before = NOON - timedelta(days=40)
    assert rules.spent(closed, before) == 1500


def test_P3_three_refusals_in_a_row_turn_it_off_until_a_person_turns_it_on():
    known = on()
    for number in range(3):
        assert known.on
        known = rules.refused(rules.claimed(known, f"top_{number}", PRICE, NOON), f"top_{number}")
    assert not known.on
    assert known.because is Because.FAILURES
    assert not known.told
    assert rules.turned_on(known, "acct_1", WISH).failures == 0


def test_a_success_forgets_the_refusals_before_it():
    known = rules.refused(rules.claimed(on(), "top_1", PRICE, NOON), "top_1")
    known = rules.charged(rules.claimed(known, "top_2", PRICE, NOON), "top_2", "pi_1")
    assert known.failures == 0


def test_an_outcome_of_another_attempt_changes_nothing():
    known = rules.claimed(on(), "top_2", PRICE, NOON)
    assert rules.refused(known, "top_1") == known
    assert rules.charged(known, "top_1", "pi_1") == known


def test_a_ceiling_that_was_lowered_holds_back_what_is_open():
    known = rules.claimed(on(), "top_1", PRICE, NOON)
    lower = rules.turned_on(known, "acct_1", replace(WISH, ceiling=PRICE - 1))
    assert step(lower, now=NOON + RESUME_AFTER) is Step.PAUSED


def test_P3_a_refusal_releases_its_own_sum_and_no_more():
    bought = rules.charged(rules.claimed(on(), "top_1", PRICE, NOON), "top_1", "pi_1")
    refused = rules.refused(rules.claimed(bought, "top_2", PRICE, NOON + PAUSE), "top_2")
    assert rules.spent(refused, NOON) == PRICE
