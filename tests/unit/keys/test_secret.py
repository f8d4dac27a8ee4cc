"""The text of an API key: what a typing mistake or an invention gives away, and how much chance is in it."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.keys import secret as secrets
from tests.support.fakes import entropy

SECRET = secrets.mint("live", entropy(7))


def test_a_key_has_the_shape_that_scanners_look_for():
    assert secrets.well_formed(SECRET)
    kind, mode, random_part, check = SECRET.split("_")
    assert (kind, mode, len(random_part), len(check)) == ("ftg", "live", 30, 6)
    assert secrets.mint("test", entropy(7)).startswith("ftg_test_")


@pytest.mark.parametrize("position", range(len(SECRET)))
def test_P4_any_single_wrong_character_is_caught_by_the_checksum(position):
    for other in secrets.BASE62 + "_-":
        if other != SECRET[position]:
            assert not secrets.well_formed(SECRET[:position] + other + SECRET[position + 1 :])


@given(st.integers(9, len(SECRET) - 9))
def test_P4_two_neighbours_swapped_are_caught(position):
    swapped = SECRET[:position] + SECRET[position + 1] + SECRET[position] + SECRET[position + 2 :]
    assert swapped == SECRET or not secrets.well_formed(swapped)


@given(st.text(max_size=80))
def test_P4_an_invented_text_is_no_key(text):
    assert not secrets.well_formed(text)
    assert not secrets.well_formed(f"ftg_live_{text[:30]}_{text[30:36]}")


@pytest.mark.parametrize("around", [" {}", "{} ", "{}\n", "Bearer {}"])
def test_a_key_is_nothing_but_itself(around):
    assert not secrets.well_formed(around.format(SECRET))


def test_P4_every_character_is_equally_likely():
    """Chi-squared over 62 characters at each of the 30 places: 61 degrees of freedom, 99.99 % below 113."""
    random = entropy(1)
    drawn = [secrets.mint("live", random)[9:39] for _ in range(3_000)]
    everywhere = Counter("".join(drawn))
    assert set(everywhere) == set(secrets.BASE62)
    for place in range(30):
        expected = len(drawn) / 62
        seen = Counter(text[place] for text in drawn)
        assert sum((seen[c] - expected) ** 2 / expected for c in secrets.BASE62) < 130


def test_P4_a_key_holds_178_bits_of_chance():
    assert secrets.RANDOM_CHARACTERS * math.log2(62) > 178
    random = entropy(2)
    assert len({secrets.mint("live", random) for _ in range(2_000)}) == 2_000


def test_P4_the_smallest_and_largest_draws_give_whole_keys():
    for draw in (b"\x00", b"\xff"):
        assert secrets.well_formed(secrets.mint("live", draw.__mul__))


def test_P4_a_hint_shows_eight_characters_that_do_not_give_the_key_away():
    hint = secrets.hint(SECRET)
    assert hint == f"ftg_live_…{SECRET[35:39]}"
    assert SECRET[9:35] not in hint
