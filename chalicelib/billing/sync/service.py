"""Makes Stripe's products and prices agree with the catalog."""

from collections.abc import Sequence
from typing import Protocol

from chalicelib.billing.catalog import CURRENCIES, OFFERS, Kind, Offer
from chalicelib.billing.readings import Price

#: Products whose ids begin so are ours.
OURS = "fotogenic_"


class Gateway(Protocol):
    """What the use case needs of `billing.sync.gateway`."""

    def products(self) -> dict[str, tuple[str, bool]]: ...
    def prices(self, product_id: str) -> list[Price]: ...
    def make_product(self, offer: Offer) -> None: ...
    def set_product(self, product_id: str, *, name: str, active: bool) -> None: ...
    def make_price(self, offer: Offer) -> str: ...
    def archive_price(self, price_id: str) -> None: ...


class CatalogSync:
    """Stripe's prices cannot be changed: a new one takes the lookup key over, and the old one is archived."""

    def __init__(self, gateway: Gateway, offers: Sequence[Offer] = OFFERS) -> None:
        self._gateway = gateway
        self._offers = offers

    def run(self) -> list[tuple[str, str]]:
        """(what was done, to what); nothing when they agree already. A run that died is finished by the next one."""
        done: list[tuple[str, str]] = []
        products = self._gateway.products()
        for offer in self._offers:
            known = products.pop(offer.product_id, None)
            if known is None:
                self._gateway.make_product(offer)
                done.append(("created product", offer.id))
            elif known != (offer.name, True):
                self._gateway.set_product(offer.product_id, name=offer.name, active=True)
                done.append(("changed product", offer.id))
            done += self._price(offer)
        for product_id, (name, active) in sorted(products.items()):
            if product_id.startswith(OURS):
                done += self._withdraw(product_id, name, active=active)
        return done

    def _price(self, offer: Offer) -> list[tuple[str, str]]:
        done: list[tuple[str, str]] = []
        prices = self._gateway.prices(offer.product_id)
        right = next((price for price in prices if _agrees(price, offer)), None)
        current = right.id if right else self._gateway.make_price(offer)
        if right is None:
            done.append(("created price", offer.lookup_key))
        for price in prices:
            if price.id != current:
                self._gateway.archive_price(price.id)
                done.append(("archived price", price.id))
        return done

    def _withdraw(self, product_id: str, name: str, *, active: bool) -> list[tuple[str, str]]:
        """What is not sold any more. Who has such a plan keeps it, and pays what it cost."""
        done: list[tuple[str, str]] = []
        for price in self._gateway.prices(product_id):
            self._gateway.archive_price(price.id)
            done.append(("archived price", price.id))
        if active:
            self._gateway.set_product(product_id, name=name, active=False)
            done.append(("archived product", product_id.removeprefix(OURS)))
        return done


def _agrees(price: Price, offer: Offer) -> bool:
    return (
        price.lookup_key == offer.lookup_key
        and price.amounts == offer.prices
        and price.tax_included == CURRENCIES
        and price.interval == ("month" if offer.kind is Kind.PLAN else None)
    )
