"""Ids sort by time, name their kind, and lead from a child to its parent."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.kernel import ids
from tests.support.fakes import NOON, entropy

SPAN = (datetime(2000, 1, 1), datetime(2200, 1, 1))  # noqa: DTZ001 (the zone is drawn with the moment)
MOMENTS = st.datetimes(*SPAN, timezones=st.just(UTC))
SEEDS = st.integers(0, 2**32)


@given(MOMENTS, MOMENTS, SEEDS, SEEDS)
def test_ids_sort_by_the_millisecond_they_were_made_in(early, late, one, other):
    if late - early < timedelta(milliseconds=1):
        early, late = late, early + timedelta(milliseconds=1)
    if late < early:
        early, late = late, early
    assert ids.new_id("gen", early, entropy(one)) < ids.new_id("gen", late, entropy(other))


@given(MOMENTS, SEEDS, st.sampled_from(ids.PREFIXES))
def test_an_id_is_of_its_own_kind_only(moment, seed, prefix):
    made = ids.new_id(prefix, moment, entropy(seed))
    assert [kind for kind in ids.PREFIXES if ids.is_id(kind, made)] == [prefix]


@given(MOMENTS, SEEDS, st.integers(0, ids.MAX_CHILDREN - 1))
def test_a_child_leads_to_its_parent(moment, seed, index):
    parent = ids.parent_id("gen", moment, entropy(seed))
    child = ids.child_id("ast", parent, index)
    assert ids.is_id("ast", child)
    assert ids.parent_of("gen", child) == (parent, index)


def test_children_of_one_parent_differ_and_sort_by_index():
    parent = ids.parent_id("gen", NOON, entropy())
    children = [ids.child_id("ast", parent, index) for index in range(ids.MAX_CHILDREN)]
    assert children == sorted(set(children))


@pytest.mark.parametrize("index", [-1, ids.MAX_CHILDREN])
def test_there_is_no_child_past_the_limit(index):
    with pytest.raises(ValueError, match="at most 31"):
        ids.child_id("ast", ids.parent_id("gen", NOON, entropy()), index)


def test_a_parent_is_no_child():
    assert ids.parent_of("gen", ids.parent_id("gen", NOON, entropy()))[1] == -1


def test_an_unregistered_prefix_is_refused():
    with pytest.raises(ValueError, match="unknown id prefix"):
        ids.new_id("foo", NOON, entropy())


@given(st.text(max_size=40))
def test_what_merely_looks_like_an_id_is_none(text):
    assert not ids.is_id("gen", "gen_" + text[:25])
    assert not ids.is_id("gen", text)


@pytest.mark.parametrize("letter", "ILOUilou/\n ")
def test_letters_that_are_misread_are_in_no_id(letter):
    assert not ids.is_id("gen", "gen_" + "0" * 25 + letter)
