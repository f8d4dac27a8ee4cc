"""Deleting a customer leaves nothing of the person, anywhere in the stand-in's folder."""

import pytest
import stripe

from tests.support.standin import Desk

PERSON = ("canary@example.com", "Canary Bird", "Canary Street", "555-canary")


def life(desk: Desk) -> str:
    address = {"line1": PERSON[2], "country": "DE"}
    customer = desk.customer(email=PERSON[0], name=PERSON[1], address=address, phone=PERSON[3])
    desk.paid(customer=customer.id, invoice_creation={"enabled": True})
    desk.subscribed(customer.id)
    desk.stripe.v1.customers.update(customer.id, {"name": f"{PERSON[1]} II"})
    return customer.id


def traces(desk: Desk) -> list[str]:
    """Where anything personal stands in the files, as far as the file's own bytes show it."""
    return [
        f"{path.name}: {word}"
        for path in desk.folder.iterdir()
        for word in PERSON
        if word.encode() in path.read_bytes()
    ]


def test_deleting_a_customer_ends_everything(desk: Desk) -> None:
    customer_id = life(desk)
    deleted = desk.stripe.v1.customers.delete(customer_id)
    assert deleted.to_dict() == {"id": customer_id, "object": "customer", "deleted": True}
    again = desk.stripe.v1.customers.retrieve(customer_id).to_dict()
    assert again == {"id": customer_id, "object": "customer", "deleted": True}
    assert desk.stripe.v1.customers.list().data == []
    everything = desk.stripe.v1.subscriptions.list({"status": "all"}).data
    assert {each.status for each in everything} == {"canceled"}
    types = desk.event_types()
    assert (types.count("customer.deleted"), types.count("customer.subscription.deleted")) == (1, 1)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        desk.stripe.v1.customers.update(customer_id, {"name": "x"})
    assert refused.value.code == "resource_missing"
    with pytest.raises(stripe.InvalidRequestError):
        desk.session(customer=customer_id)


def test_nothing_of_the_person_is_left_and_the_money_is(desk: Desk) -> None:
    other = desk.customer(email="other@example.com")
    customer_id = life(desk)
    desk.webhook.expect("customer.updated")
    assert traces(desk)
    desk.stripe.v1.customers.delete(customer_id)
    assert traces(desk) == []
    charges = desk.stripe.v1.charges.list({"customer": customer_id}).data
    assert [charge.amount for charge in charges] == [2000, 500]
    assert desk.stripe.v1.customers.retrieve(other.id).email == "other@example.com"


def test_time_goes_on_after_a_deletion(desk: Desk) -> None:
    customer_id = life(desk)
    desk.stripe.v1.customers.delete(customer_id)
    desk.advance(days=90)
    assert len(desk.stripe.v1.invoices.list({"customer": customer_id}).data) == 2
