"""Everything that is sold, as data: packs that are bought once, and monthly plans. Pure.

Amounts are in the currency's smallest unit as Stripe counts it: cents, but whole yen. The operator's command makes
Stripe agree with this file; prices there are found by their lookup keys.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from chalicelib.kernel.money import MAX_ASSETS

#: Currency → whether the amount shown contains the tax, as buyers there expect.
CURRENCIES = {"usd": False, "eur": True, "gbp": True, "jpy": True, "aud": True, "cad": False}
#: Currencies without a smaller unit: https://docs.stripe.com/currencies#zero-decimal
ZERO_DECIMAL = frozenset({"jpy"})
DEFAULT_CURRENCY = "usd"
#: The bounds of one charge at Stripe: about half a dollar, and eight digits.
MIN_AMOUNT, MAX_AMOUNT = 50, 99_999_999
PACK_MONTHS = 12
_ID = re.compile(r"[a-z][a-z0-9]{2,30}")


class Kind(StrEnum):
    PACK = "pack"
    PLAN = "plan"


@dataclass(frozen=True, slots=True)
class Offer:
    """Something that is sold. `prices`: currency → amount; of a plan, for a month."""

    id: str
    kind: Kind
    name: str
    assets: int
    prices: dict[str, int]

    @property
    def lookup_key(self) -> str:
        """What the price is found by at Stripe."""
        return f"fotogenic_{self.id}_v1"

    @property
    def product_id(self) -> str:
        """The product at Stripe. It names the offer on every line of an invoice, whatever its price is by then."""
        return f"fotogenic_{self.id}"


OFFERS = (
    Offer(
        "starter",
        Kind.PACK,
        "Starter pack",
        100,
        {"usd": 500, "eur": 500, "gbp": 450, "jpy": 750, "aud": 800, "cad": 700},
    ),
    Offer(
        "creator",
        Kind.PACK,
        "Creator pack",
        500,
        {"usd": 2000, "eur": 2000, "gbp": 1800, "jpy": 3000, "aud": 3200, "cad": 2800},
    ),
    Offer(
        "bulk",
        Kind.PACK,
        "Bulk pack",
        2500,
        {"usd": 8000, "eur": 8000, "gbp": 7000, "jpy": 12000, "aud": 12500, "cad": 11000},
    ),
    Offer(
        "hobby",
        Kind.PLAN,
        "Hobby plan",
        250,
        {"usd": 900, "eur": 900, "gbp": 800, "jpy": 1350, "aud": 1400, "cad": 1200},
    ),
    Offer(
        "pro",
        Kind.PLAN,
        "Pro plan",
        1000,
        {"usd": 2900, "eur": 2900, "gbp": 2600, "jpy": 4400, "aud": 4500, "cad": 4000},
    ),
    Offer(
        "studio",
        Kind.PLAN,
        "Studio plan",
        5000,
        {"usd": 11900, "eur": 11900, "gbp": 10500, "jpy": 18000, "aud": 18500, "cad": 16500},
    ),
)


def faults(offers: Sequence[Offer]) -> list[str]:
    """What is wrong with a catalog, one line each; none for a good one."""
    found = [f"{offer.id}: sold twice" for n, offer in enumerate(offers) if offer.id in {o.id for o in offers[:n]}]
    for offer in offers:
        if not _ID.fullmatch(offer.id):
            found.append(f"{offer.id!r}: not an id")
        if not offer.name.strip():
            found.append(f"{offer.id}: has no name")
        if not 0 < offer.assets <= MAX_ASSETS:
            found.append(f"{offer.id}: {offer.assets} assets")
        if set(offer.prices) != set(CURRENCIES):
            found.append(f"{offer.id}: is not sold in exactly {', '.join(CURRENCIES)}")
        wrong = [currency for currency, amount in offer.prices.items() if not MIN_AMOUNT <= amount <= MAX_AMOUNT]
        found += [f"{offer.id}: {offer.prices[currency]} {currency} cannot be charged" for currency in wrong]
    return found + [fault for kind in Kind for fault in _dearer([offer for offer in offers if offer.kind is kind])]


def _dearer(offers: list[Offer]) -> list[str]:
    """More assets cost more in all, and no more each: else a cheaper way to the same would be hidden."""
    found = []
    ordered = sorted(offers, key=lambda offer: offer.assets)
    for less, more in pairwise(ordered):
        for currency in sorted(less.prices.keys() & more.prices.keys()):
            small, large = less.prices[currency], more.prices[currency]
            if not small < large or large * less.assets > small * more.assets:
                found.append(f"{more.id}: {large} {currency} beside {small} for {less.id}")
    return found


def checked(offers: tuple[Offer, ...]) -> dict[str, Offer]:
    """The offers by id. Raises ValueError for a catalog with faults."""
    wrong = faults(offers)
    if wrong:
        raise ValueError("; ".join(wrong))
    return {offer.id: offer for offer in offers}


_BY_ID = checked(OFFERS)
_BY_PRODUCT = {offer.product_id: offer for offer in OFFERS}


def offers(kind: Kind) -> list[Offer]:
    """The smallest first."""
    return sorted((offer for offer in OFFERS if offer.kind is kind), key=lambda offer: offer.assets)


def find(kind: Kind, offer_id: str) -> Offer | None:
    offer = _BY_ID.get(offer_id)
    return offer if offer is not None and offer.kind is kind else None


def by_product(product_id: str | None) -> Offer | None:
    """The offer that a product at Stripe stands for."""
    return _BY_PRODUCT.get(product_id or "")


def pack_ends(paid_at: datetime) -> datetime:
    """When the assets of a pack end: PACK_MONTHS later, on the month's last day if it has no such day."""
    months = paid_at.month - 1 + PACK_MONTHS
    year, month = paid_at.year + months // 12, months % 12 + 1
    for day in range(paid_at.day, paid_at.day - 4, -1):
        try:
            return paid_at.replace(year=year, month=month, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
