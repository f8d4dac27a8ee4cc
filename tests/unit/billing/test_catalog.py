"""What is sold: the catalog's own rules, each shown on a catalog that breaks it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.billing import catalog
from chalicelib.billing.catalog import CURRENCIES, OFFERS, Kind, checked, faults, find, offers, pack_ends

FIRST = OFFERS[0]


def test_P3_there_are_packs_and_plans_and_nothing_is_wrong_with_them():
    assert faults(OFFERS) == []
    assert len(offers(Kind.PACK)) >= 2
    assert len(offers(Kind.PLAN)) >= 2
    assert [offer.assets for offer in offers(Kind.PLAN)] == sorted(offer.assets for offer in offers(Kind.PLAN))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"id": "Starter"}, "not an id"),
        ({"id": OFFERS[1].id}, "sold twice"),
        ({"name": " "}, "no name"),
        ({"assets": 0}, "0 assets"),
        ({"assets": 10**10}, "assets"),
        ({"prices": {"usd": 500}}, "not sold in exactly"),
        ({"prices": FIRST.prices | {"usd": 49}}, "cannot be charged"),
        ({"prices": FIRST.prices | {"jpy": 100_000_000}}, "cannot be charged"),
        ({"prices": FIRST.prices | {"eur": 2001}}, "beside"),
        ({"prices": FIRST.prices | {"gbp": 200}}, "beside"),
    ],
)
def test_a_catalog_that_is_wrong_says_where(changes, told):
    broken = (replace(FIRST, **changes), *OFFERS[1:])
    assert any(told in fault for fault in faults(broken))
    with pytest.raises(ValueError):
        checked(broken)


def test_offers_are_found_by_kind_and_by_product():
    assert find(Kind.PACK, "starter") is FIRST
    assert find(Kind.PLAN, "starter") is None
    assert find(Kind.PACK, "nothing") is None
    assert catalog.by_product("fotogenic_starter") is FIRST
    assert catalog.by_product(None) is None
    assert FIRST.lookup_key == "fotogenic_starter_v1"


def test_yen_have_no_smaller_unit_and_every_currency_says_where_its_taxes_are():
    assert frozenset({"jpy"}) == catalog.ZERO_DECIMAL
    assert CURRENCIES["eur"] is True
    assert CURRENCIES["usd"] is False


@given(st.datetimes(datetime(2024, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_pack_lasts_a_year_to_the_day(paid_at):
    ends = pack_ends(paid_at)
    assert (ends.year, ends.month, ends.timetz()) == (paid_at.year + 1, paid_at.month, paid_at.timetz())
    assert ends.day == paid_at.day or (paid_at.month, paid_at.day, ends.day) == (2, 29, 28)
