"""How sums of money are written for people: pure."""

from chalicelib.billing.catalog import ZERO_DECIMAL


def money(amount: int, currency: str) -> str:
    """`amount` in the currency's smallest unit: `12.50 USD`, but `1500 JPY`."""
    if currency in ZERO_DECIMAL:
        return f"{amount} {currency.upper()}"
    whole, rest = divmod(amount, 100)
    return f"{whole}.{rest:02d} {currency.upper()}"
