"""Stripe's products and prices made to agree with the catalog."""

from collections.abc import Sequence
from dataclasses import replace

from chalicelib.billing.catalog import CURRENCIES, OFFERS, Offer
from chalicelib.billing.sync.gateway import CatalogGateway
from chalicelib.billing.sync.service import CatalogSync
from tests.support.shop import Shop


def sync(shop: Shop, offers: Sequence[Offer] = OFFERS) -> list[tuple[str, str]]:
    return CatalogSync(CatalogGateway(shop.services.stripe.call), offers).run()


def active(shop: Shop) -> dict[str, int]:
    found = shop.desk.read("prices", active="true", limit=100)["data"]
    return {each["lookup_key"]: each["unit_amount"] for each in found}


def test_a_second_run_finds_nothing_to_do(shop: Shop) -> None:
    assert active(shop) == {offer.lookup_key: offer.prices["usd"] for offer in OFFERS}
    assert sync(shop) == []


def test_each_price_is_there_in_every_currency_and_says_where_taxes_are(shop: Shop) -> None:
    for offer in OFFERS:
        price = shop.services._cashier.price(offer.lookup_key)
        assert price.amounts == offer.prices
        assert price.tax_included == CURRENCIES


def test_a_changed_amount_is_a_new_price_that_takes_the_lookup_key(shop: Shop) -> None:
    cheaper = replace(OFFERS[0], prices=OFFERS[0].prices | {"jpy": 700})
    offers = (cheaper, *OFFERS[1:])
    before = shop.services._cashier.price(cheaper.lookup_key)
    done = sync(shop, offers)
    assert done == [("created price", cheaper.lookup_key), ("archived price", before.id)]
    assert sync(shop, offers) == []
    shop.core.clock.forward(minutes=6)
    after = shop.services._cashier.price(cheaper.lookup_key)
    assert after.id != before.id
    assert after.amounts["jpy"] == 700


def test_what_is_not_sold_any_more_is_archived_and_can_come_back(shop: Shop) -> None:
    done = sync(shop, OFFERS[1:])
    assert [action for action, _ in done] == ["archived price", "archived product"]
    assert OFFERS[0].lookup_key not in active(shop)
    assert sync(shop, OFFERS[1:]) == []
    assert [action for action, _ in sync(shop)] == ["changed product", "created price"]
    assert active(shop) == {offer.lookup_key: offer.prices["usd"] for offer in OFFERS}


def test_a_run_that_died_is_finished_by_the_next(shop: Shop) -> None:
    cheaper = replace(OFFERS[0], prices=OFFERS[0].prices | {"usd": 400})
    CatalogGateway(shop.services.stripe.call).make_price(cheaper)  # and then it died
    done = sync(shop, (cheaper, *OFFERS[1:]))
    assert [action for action, _ in done] == ["archived price"]
    assert sync(shop, (cheaper, *OFFERS[1:])) == []


def test_other_products_of_the_account_are_left_alone(shop: Shop) -> None:
    shop.desk.price("something else")
    assert sync(shop) == []
    assert "something else" in active(shop)
