"""Sums: discounts and taxes over lines, in the currency's smallest unit. Pure, whole numbers only."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from infra.local.stripe.errors import Object

#: https://docs.stripe.com/currencies#zero-decimal
ZERO_DECIMAL = frozenset(
    {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"}
)


def money(amount: int, currency: str) -> str:
    """`12.50 EUR`, or `1250 JPY` where there are no cents."""
    if currency in ZERO_DECIMAL:
        return f"{amount} {currency.upper()}"
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100}.{abs(amount) % 100:02d} {currency.upper()}"


@dataclass(frozen=True)
class Priced:
    """One line: `subtotal` before discount and tax; `total` is what is paid for it."""

    subtotal: int
    discount: int
    tax: int
    tax_included: bool

    @property
    def total(self) -> int:
        return self.subtotal - self.discount + (0 if self.tax_included else self.tax)


def priced(subtotals: list[int], included: list[bool], coupon: Object | None, tax_percent: Decimal) -> list[Priced]:
    """Each line with its part of the coupon's discount and its tax. `included`: whether prices contain the tax."""
    discounts = _spread(_discount(sum(subtotals), coupon), subtotals)
    return [
        Priced(subtotal, discount, _tax(subtotal - discount, tax_percent, inside), inside)
        for subtotal, discount, inside in zip(subtotals, discounts, included, strict=True)
    ]


def _discount(total: int, coupon: Object | None) -> int:
    if coupon is None or total <= 0:
        return 0
    if coupon["percent_off"] is not None:
        return _rounded(total * Decimal(str(coupon["percent_off"])) / 100)
    amount_off: int = coupon["amount_off"]
    return min(amount_off, total)


def _spread(discount: int, subtotals: list[int]) -> list[int]:
    """By weight; what rounding leaves goes to the first lines that can bear it."""
    total = sum(subtotals)
    if discount == 0:
        return [0] * len(subtotals)
    parts = [discount * subtotal // total for subtotal in subtotals]
    left = discount - sum(parts)
    for n, subtotal in enumerate(subtotals):
        extra = min(left, subtotal - parts[n])
        parts[n] += extra
        left -= extra
    return parts


def _tax(net: int, percent: Decimal, included: bool) -> int:
    return _rounded(net - net / (1 + percent / 100)) if included else _rounded(net * percent / 100)


def prorated(amount: int, left_seconds: int, period_seconds: int) -> int:
    """The part of an amount for what is left of a period."""
    return _rounded(Decimal(amount) * left_seconds / period_seconds)


def _rounded(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))
