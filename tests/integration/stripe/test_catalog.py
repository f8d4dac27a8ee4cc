"""Products, prices, coupons, customers and cards, through the unmodified library."""

import pytest
import stripe

from tests.support.standin import Desk


def test_prices_are_found_by_lookup_key_in_every_currency(desk: Desk) -> None:
    options: dict = {"eur": {"unit_amount": 450, "tax_behavior": "inclusive"}, "jpy": {"unit_amount": 700}}
    price = desk.price("pack-100", 500, currency_options=options)
    found = desk.stripe.v1.prices.list({"lookup_keys": ["pack-100", "other"], "expand": ["data.currency_options"]})
    assert [each.id for each in found.data] == [price]
    told = found.data[0].to_dict()["currency_options"]
    assert {name: option["unit_amount"] for name, option in told.items()} == {"usd": 500, "eur": 450, "jpy": 700}


def test_a_lookup_key_moves_only_when_told_to(desk: Desk) -> None:
    old = desk.stripe.v1.prices.retrieve(desk.price("pack-100"))
    again: dict = {"product": old.product, "currency": "usd", "unit_amount": 600, "lookup_key": "pack-100"}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        desk.stripe.v1.prices.create(again)  # type: ignore[arg-type]
    assert refused.value.code == "resource_already_exists"
    new = desk.stripe.v1.prices.create(again | {"transfer_lookup_key": True})  # type: ignore[arg-type]
    assert desk.stripe.v1.prices.retrieve(old.id).lookup_key is None
    assert [each.id for each in desk.stripe.v1.prices.list({"lookup_keys": ["pack-100"]}).data] == [new.id]


def test_pages_of_a_list_are_complete_and_newest_first(desk: Desk) -> None:
    made = [desk.customer(name=f"n{n}").id for n in range(23)]
    first = desk.stripe.v1.customers.list({"limit": 10})
    assert first.has_more
    assert [each.id for each in first.data] == made[:-11:-1]
    assert [each.id for each in first.auto_paging_iter()] == made[::-1]
    before = desk.stripe.v1.customers.list({"ending_before": made[0], "limit": 2})
    assert [each.id for each in before.data] == [made[2], made[1]]


def test_lists_filter_by_time_and_by_field(desk: Desk) -> None:
    desk.customer(email="a@example.com")
    desk.advance(hours=1)
    late = desk.customer(email="b@example.com")
    found = desk.stripe.v1.customers.list({"created": {"gte": late.created}})
    assert [each.email for each in found.data] == ["b@example.com"]
    found = desk.stripe.v1.customers.list({"created": {"lt": late.created}})
    assert [each.email for each in found.data] == ["a@example.com"]
    assert [each.id for each in desk.stripe.v1.customers.list({"email": "b@example.com"}).data] == [late.id]


def test_metadata_is_merged_and_unset(desk: Desk) -> None:
    customer = desk.customer(metadata={"account": "acc_1", "old": "x"})
    customer = desk.stripe.v1.customers.update(customer.id, {"metadata": {"old": "", "new": "y"}})
    assert customer.to_dict()["metadata"] == {"account": "acc_1", "new": "y"}
    customer = desk.stripe.v1.customers.update(customer.id, {"metadata": "", "name": "Jo"})
    assert (customer.to_dict()["metadata"], customer.name) == ({}, "Jo")


def test_a_card_is_attached_made_the_default_and_detached(desk: Desk) -> None:
    customer = desk.customer()
    card = desk.stripe.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    desk.stripe.v1.customers.update(customer.id, {"invoice_settings": {"default_payment_method": card.id}})
    assert [each.id for each in desk.stripe.v1.payment_methods.list({"customer": customer.id}).data] == [card.id]
    assert [each.id for each in desk.stripe.v1.customers.payment_methods.list(customer.id).data] == [card.id]
    desk.stripe.v1.payment_methods.detach(card.id)
    assert desk.stripe.v1.payment_methods.list({"customer": customer.id}).data == []
    told = desk.stripe.v1.customers.retrieve(customer.id).to_dict()
    assert told["invoice_settings"]["default_payment_method"] is None


def test_what_is_related_is_expanded_on_request(desk: Desk) -> None:
    session = desk.paid(customer=desk.customer().id)
    told = desk.stripe.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["payment_intent.latest_charge", "customer", "line_items.data.price.product"]}
    ).to_dict()
    assert told["payment_intent"]["latest_charge"]["amount"] == 500
    assert told["customer"]["email"] == "jo@example.com"
    assert told["line_items"]["data"][0]["price"]["product"]["name"] == "pack"
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        desk.stripe.v1.checkout.sessions.retrieve(session.id, {"expand": ["currency"]})
