"""The unit is the asset: what one standard image costs. Amounts are whole numbers, never floats."""

from typing import NewType

Assets = NewType("Assets", int)

#: No single amount may exceed this, so that sums stay exact everywhere (JavaScript clients included).
MAX_ASSETS = 1_000_000_000


def assets(amount: int) -> Assets:
    """A non-negative whole amount. Raises ValueError for anything else (True and 1.0 included)."""
    if type(amount) is not int or not 0 <= amount <= MAX_ASSETS:
        raise ValueError(f"an amount of assets is a whole number from 0 to {MAX_ASSETS}, not {amount!r}")
    return Assets(amount)
