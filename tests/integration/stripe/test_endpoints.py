"""The list of endpoints agrees with the types of the `stripe` package, and the arithmetic behind them with itself."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from infra.local.stripe.endpoint import Endpoint
from infra.local.stripe.endpoints import ENDPOINTS
from infra.local.stripe.parameters import members, parameter_type
from infra.local.stripe.periods import period_after
from infra.local.stripe.pricing import money, priced, prorated

COUPON: dict[str, Any] = {"percent_off": None, "amount_off": None}


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: f"{each.method} {each.path}")
def test_what_an_endpoint_heeds_exists_at_stripe(endpoint: Endpoint) -> None:
    known = members(parameter_type(endpoint.params))
    assert {path.partition(".")[0] for path in endpoint.heeds.split()} <= set(known)
    required = {name for name, (_, needed) in known.items() if needed}
    assert required <= {path.partition(".")[0] for path in endpoint.heeds.split()}


def test_no_endpoint_is_listed_twice() -> None:
    listed = [(endpoint.method, endpoint.pattern.pattern) for endpoint in ENDPOINTS]
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2027-01-31", "2027-02-28"),
        ("2027-02-28", "2027-03-31"),
        ("2028-01-31", "2028-02-29"),
        ("2027-12-31", "2028-01-31"),
        ("2027-03-31", "2027-04-30"),
    ],
)
def test_a_month_that_began_on_the_31st_ends_on_the_month_s_last_day(start: str, end: str) -> None:
    def seconds(day: str) -> int:
        return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())

    assert period_after(seconds("2027-01-31"), seconds(start), "month", 1) == seconds(end)
    assert period_after(seconds(start), seconds(start), "week", 2) - seconds(start) == 14 * 86400


@pytest.mark.parametrize("subtotals", [[500], [333, 333, 334], [1, 1, 1], [0, 7]])
@pytest.mark.parametrize("off", [{"percent_off": 33.3}, {"amount_off": 2}, {"amount_off": 10_000}, {}])
@pytest.mark.parametrize("rate", ["0", "19", "7.7"])
def test_discounts_and_taxes_lose_no_cent(subtotals: list[int], off: dict[str, Any], rate: str) -> None:
    coupon = COUPON | off if off else None
    lines = priced(subtotals, [False] * len(subtotals), coupon, Decimal(rate))
    assert [line.subtotal for line in lines] == subtotals
    discount = sum(line.discount for line in lines)
    if off.get("amount_off"):
        assert discount == min(off["amount_off"], sum(subtotals))
    assert all(0 <= line.discount <= line.subtotal for line in lines)
    assert sum(line.total for line in lines) == sum(subtotals) - discount + sum(line.tax for line in lines)


def test_a_tax_inside_a_price_does_not_change_what_is_paid() -> None:
    (line,) = priced([1190], [True], None, Decimal(19))
    assert (line.total, line.tax) == (1190, 190)


def test_amounts_are_told_as_the_currency_is_counted() -> None:
    assert [money(1250, "eur"), money(-5, "usd"), money(1250, "jpy")] == ["12.50 EUR", "-0.05 USD", "1250 JPY"]
    assert prorated(2000, 1, 3) == 667
