"""Cursors: opaque, ours, and enough to walk any list without gaps or repeats."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.edge.paging import after_id, cursor, page
from chalicelib.kernel.errors import Validation
from chalicelib.kernel.ids import new_id
from chalicelib.kernel.shapes import View
from tests.support.fakes import NOON, entropy


class Thing(View):
    id: str


@given(st.integers(0, 2**32))
def test_a_cursor_stands_for_its_id(seed):
    made = new_id("gen", NOON, entropy(seed))
    assert after_id("gen", cursor(made)) == made
    assert made not in cursor(made)


def test_no_cursor_is_the_first_page():
    assert after_id("gen", None) is None


@given(st.text(max_size=200))
def test_a_cursor_that_is_not_ours_is_refused(text):
    with pytest.raises(Validation) as refused:
        after_id("gen", text)
    assert refused.value.param == "after"


def test_a_cursor_of_another_list_is_refused():
    with pytest.raises(Validation):
        after_id("upl", cursor(new_id("gen", NOON, entropy())))
    with pytest.raises(Validation):
        after_id("gen", base64.urlsafe_b64encode(b"gen_1").decode())


@given(st.integers(0, 60), st.integers(1, 20))
def test_walking_the_pages_meets_everything_once_in_order(count, limit):
    ids = sorted((new_id("gen", NOON, entropy(seed)) for seed in range(count)), reverse=True)
    met, after = [], None
    for _ in range(count + 1):
        before = after_id("gen", after)
        read = [made for made in ids if before is None or made < before][: limit + 1]
        shown = page([Thing(id=made) for made in read], read, limit)
        assert len(shown.data) <= limit
        assert shown.has_more == (shown.next_cursor is not None)
        met += [thing.id for thing in shown.data]
        after = shown.next_cursor
        if after is None:
            break
    assert met == ids
