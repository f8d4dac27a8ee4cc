"""Numbers in others' headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.outbound.saying import wait_seconds, whole_number


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("9" * 15, 10**15 - 1)])
def test_plain_digits_are_a_number(text: str, number: int) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize("text", ["", " 1", "+1", "-1", "1.0", "1_000", "٣", "²", "9" * 16, "9" * 5000, "1\n"])
def test_anything_else_is_none(text: str) -> None:
    assert whole_number(text) is None


@given(st.text())
def test_any_wait_is_read_or_ignored(said: str) -> None:
    seconds = wait_seconds(said, 60)
    assert seconds is None or 0 <= seconds <= 60


def test_a_wait_has_a_limit_and_may_stand_between_spaces() -> None:
    assert [wait_seconds(said, 60) for said in (" 7 ", "61", "soon")] == [7, 60, None]
