"""Deleting a customer, and everything personal that was kept of them.

Stripe itself keeps what belongs to past payments. Here it goes too, with the stored answers and events that repeat it:
this machine is nobody's bank, and whoever erases an account must find nothing of it.
"""

from typing import Any

from infra.local.stripe import subscriptions
from infra.local.stripe.account import Account
from infra.local.stripe.errors import Object

_PERSONAL = frozenset(
    {
        "address",
        "business_name",
        "customer_address",
        "customer_email",
        "customer_name",
        "customer_phone",
        "email",
        "individual_name",
        "name",
        "phone",
        "receipt_email",
    }
)
_OF_PEOPLE = frozenset({"billing_details", "customer_details"})
#: Where a `name` is not a person's.
_OF_PEOPLE_KINDS = frozenset({"customer"})


class Forget:
    """Empties the personal fields of all that belongs to one customer."""

    def __init__(self, customer_id: str) -> None:
        self._customer_id = customer_id
        self._changed = False

    def apply(self, body: Object) -> bool:
        self._changed = False
        self._walk(body)
        return self._changed

    def _walk(self, value: Any) -> None:
        if isinstance(value, list):
            for each in value:
                self._walk(each)
        elif isinstance(value, dict):
            if self._is_theirs(value):
                self._empty(value, person=value.get("object") in _OF_PEOPLE_KINDS)
            for name, each in value.items():
                if name == "previous_attributes" and isinstance(each, dict):
                    continue
                self._walk(each)
            self._walk_change(value)

    def _is_theirs(self, value: Object) -> bool:
        return value.get("customer") == self._customer_id or value.get("id") == self._customer_id

    def _walk_change(self, value: Object) -> None:
        """What an event says was different before is theirs when its object is."""
        before, body = value.get("previous_attributes"), value.get("object")
        if isinstance(before, dict) and isinstance(body, dict) and self._is_theirs(body):
            self._empty(before, person=body.get("object") in _OF_PEOPLE_KINDS)

    def _empty(self, value: Object, *, person: bool) -> None:
        for name in value:
            known = name in _PERSONAL and (person or name != "name")
            if known and value[name] is not None:
                value[name] = None
                self._changed = True
            elif name in _OF_PEOPLE and isinstance(value[name], dict):
                self._empty(value[name], person=True)


def delete_customer(account: Account, _params: Object, customer_id: str) -> Object:
    """Ends their subscriptions, takes their cards off, leaves the id."""
    customer = account.living("customer", customer_id)
    for subscription in account.having("subscription", customer=customer_id):
        if subscription["status"] not in subscriptions.ENDED:
            subscriptions.end(account, subscription, "cancellation_requested")
    for card in account.having("payment_method", customer=customer_id):
        account.save(card | {"customer": None})
    account.event("customer.deleted", customer)
    account.store.rewrite(Forget(customer_id))
    return account.save({"id": customer_id, "object": "customer", "deleted": True, "_clock": customer["_clock"]})
