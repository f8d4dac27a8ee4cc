"""Stripe: products and prices."""

from collections.abc import Callable
from typing import Any

from chalicelib.billing import readings
from chalicelib.billing.catalog import CURRENCIES, DEFAULT_CURRENCY, Kind, Offer
from chalicelib.billing.readings import Price

Call = Callable[[Callable[[Any], Any]], Any]

PAGE = 100


class CatalogGateway:
    """`call` is `Connection.call`, whose errors all methods raise."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def products(self) -> dict[str, tuple[str, bool]]:
        """Every product's id → (name, whether it is sold)."""
        found = self._call(lambda stripe: list(stripe.v1.products.list({"limit": PAGE}).auto_paging_iter()))
        return {str(each.id): (str(each.name), bool(each.active)) for each in found}

    def prices(self, product_id: str) -> list[Price]:
        """A product's prices that are in force."""
        given = {"product": product_id, "active": True, "limit": PAGE, "expand": ["data.currency_options"]}
        found = self._call(lambda stripe: list(stripe.v1.prices.list(given).auto_paging_iter()))
        return [readings.price(each.to_dict(for_json=True)) for each in found]

    def make_product(self, offer: Offer) -> None:
        labels = {"offer": offer.id, "assets": str(offer.assets)}
        given = {"id": offer.product_id, "name": offer.name, "metadata": labels}
        self._call(lambda stripe: stripe.v1.products.create(given))

    def set_product(self, product_id: str, *, name: str, active: bool) -> None:
        given = {"name": name, "active": active}
        self._call(lambda stripe: stripe.v1.products.update(product_id, given))

    def make_price(self, offer: Offer) -> str:
        """A new price, which takes the lookup key from the one that had it; its id."""
        options = {currency: _option(offer, currency) for currency in CURRENCIES if currency != DEFAULT_CURRENCY}
        given: dict[str, Any] = {
            "product": offer.product_id,
            "currency": DEFAULT_CURRENCY,
            **_option(offer, DEFAULT_CURRENCY),
            "currency_options": options,
            "lookup_key": offer.lookup_key,
            "transfer_lookup_key": True,
            "metadata": {"offer": offer.id, "assets": str(offer.assets)},
        }
        if offer.kind is Kind.PLAN:
            given["recurring"] = {"interval": "month"}
        return str(self._call(lambda stripe: stripe.v1.prices.create(given)).id)

    def archive_price(self, price_id: str) -> None:
        """Nobody can buy at it any more; who has it keeps it."""
        self._call(lambda stripe: stripe.v1.prices.update(price_id, {"active": False}))


def _option(offer: Offer, currency: str) -> dict[str, Any]:
    behaviour = "inclusive" if CURRENCIES[currency] else "exclusive"
    return {"unit_amount": offer.prices[currency], "tax_behavior": behaviour}
