"""One Stripe account: its objects, its time, its events. Everything else works through it, inside `transaction`."""

import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from infra.local.stripe.duedates import due_at
from infra.local.stripe.errors import Object, missing
from infra.local.stripe.examples import shaped
from infra.local.stripe.rendering import public
from infra.local.stripe.store import DROPPED, HELD, Store

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_PREFIX = {
    "billing_portal.session": "bps_",
    "charge": "ch_",
    "checkout.session": "cs_test_",
    "coupon": "",
    "customer": "cus_",
    "discount": "di_",
    "dispute": "du_",
    "event": "evt_",
    "invoice": "in_",
    "invoice_payment": "inpay_",
    "item": "li_",
    "line_item": "il_",
    "payment_intent": "pi_",
    "payment_method": "pm_",
    "plan": "plan_",
    "price": "price_",
    "product": "prod_",
    "promotion_code": "promo_",
    "refund": "re_",
    "subscription": "sub_",
    "subscription_item": "si_",
    "test_helpers.test_clock": "clock_",
}
ID_CHARS = 24


class Account:
    """`base_url` is where browsers and we ourselves are reached; `seed` makes ids the same in every run."""

    def __init__(self, store: Store, base_url: str, api_version: str, seed: str | None = None) -> None:
        self.store = store
        self.base_url = base_url
        self.api_version = api_version
        self._seed = seed
        self._caller: Object | None = None
        self._told = False
        self._listeners: list[Callable[[], None]] = []

    @contextmanager
    def transaction(self, request_id: str | None = None, key: str | None = None) -> Iterator[None]:
        """All of the block or nothing. Events made in it name the request, if any, that caused them."""
        with self.store.transaction():
            outer = self._caller
            self._caller = {"id": request_id, "idempotency_key": key}
            try:
                yield
            finally:
                self._caller = outer
        if self._told:
            self._told = False
            for listener in self._listeners:
                listener()

    def on_event(self, listener: Callable[[], None]) -> None:
        """Calls it after every transaction in which something happened."""
        self._listeners.append(listener)

    def now(self, clock: str = "") -> int:
        """Seconds since 1970 on a test clock, or on our own clock, which may have been advanced."""
        if clock:
            frozen: int = self.get("test_helpers.test_clock", clock)["frozen_time"]
            return frozen
        frozen_at = self.store.setting("at", None)
        # While time is being advanced, each thing happens at its own moment.
        return int(frozen_at) if frozen_at is not None else int(time.time()) + int(self.store.setting("offset", 0))

    def new_id(self, prefix: str, chars: int = ID_CHARS) -> str:
        """A new id. With a seed, the n-th of every run is the same."""
        if self._seed is None:
            return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(chars))
        count = int(self.store.setting("ids", 0)) + 1
        self.store.set("ids", count)
        digest = hashlib.blake2b(f"{self._seed}:{count}".encode(), digest_size=chars).digest()
        return prefix + "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest)

    def make(self, kind: str, clock: str = "", **fields: Any) -> Object:
        """A new object of a kind, not yet saved. It lives on a test clock, or on our own."""
        if "id" not in fields:
            fields["id"] = self.new_id(_PREFIX[kind])
        created = {} if kind in ("discount", "item", "line_item") else {"created": self.now(clock)}
        return shaped(kind, **created, _clock=clock, **fields)

    def save(self, body: Object) -> Object:
        self.store.save(body, due_at(body), body.get("_clock", ""))
        return body

    def get(self, kind: str, object_id: str, param: str = "id") -> Object:
        """The object. Raises StripeError `resource_missing`."""
        found = self.store.find(object_id)
        if found is None or found["object"] != kind:
            raise missing(kind, object_id, param)
        return found

    def living(self, kind: str, object_id: str, param: str = "id") -> Object:
        """The object, unless it was deleted."""
        found = self.get(kind, object_id, param)
        if found.get("deleted"):
            raise missing(kind, object_id, param)
        return found

    def having(self, kind: str, **fields: Any) -> list[Object]:
        """All objects of a kind whose fields have these values, newest first."""
        return [
            body
            for body in self.store.scan(kind)
            if not body.get("deleted") and all(body.get(name) == value for name, value in fields.items())
        ]

    def clock_of(self, customer_id: str | None) -> str:
        """The test clock that a customer lives on, or "" for our own time."""
        return "" if customer_id is None else str(self.get("customer", customer_id, "customer")["_clock"])

    def event(self, kind: str, body: Object, before: Object | None = None) -> Object:
        """Records that something happened to an object, for the list of events and for delivery.

        `before`: the object as it was, for events that tell what changed. Events carry our own time, whatever clock
        the object lives on.
        """
        data: Object = {"object": public(body)}
        if before is not None:
            data["previous_attributes"] = _changes(public(before), data["object"])
        version = self.store.setting("event_api_version", self.api_version)
        event = self.make("event", type=kind, data=data, api_version=version, request=self._caller)
        self.save(event)
        self._told = True
        self.store.execute(
            "INSERT INTO deliveries (event, due, attempts, state) VALUES (?, ?, 0, ?)",
            (event["id"], self.now(), self._fate()),
        )
        return event

    def _fate(self) -> str:
        return {"hold": HELD, "drop": DROPPED}.get(
            self.store.setting("delivery", {"mode": "normal"})["mode"], "pending"
        )


def _changes(before: Object, after: Object) -> Object:
    """What was different before, down to the first level that is not an object."""
    changed: Object = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict) and not {"data", "id"} & old.keys():
            changed[name] = _changes(old, new)
        else:
            changed[name] = old
    return changed
