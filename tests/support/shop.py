"""Billing on the emulator's tables and a stand-in for Stripe of its own, with its events delivered by hand."""

import secrets
from datetime import UTC, datetime
from typing import Any

from chalicelib.billing.event import read_event
from chalicelib.billing.gateway import Connection
from chalicelib.billing.order import How, Order, Wish
from chalicelib.credits.ledger import Balance
from tests.support.dashboard import Dashboard
from tests.support.deployed import Deployed
from tests.support.standin import Desk

BACK = "https://shop.example/back"


class GivenSecret:
    """`aws.secrets.JsonSecret` over a dictionary; `fresh` is what a refresh finds."""

    def __init__(self, value: dict[str, Any]) -> None:
        self.value = value
        self.fresh = value
        self.refreshed = 0

    def read(self) -> dict[str, Any]:
        return self.value

    def refresh(self) -> dict[str, Any]:
        self.refreshed += 1
        self.value = self.fresh
        return self.value


class Shop:
    """One process's billing. `notices` and `mismatches` are what was told, in order."""

    def __init__(self, core: Deployed, desk: Desk) -> None:
        core.clock.time = datetime.now(UTC)
        core.restart()
        self.core = core
        self.desk = desk
        told = desk.credentials
        self.secret = GivenSecret({"api_key": told["api_key"], "webhook_secrets": [told["webhook_secret"]]})
        self.notices: list[tuple[str, str]] = []
        self.mismatches: list[str] = []
        self._delivered: set[str] = set()
        self._name = secrets.token_hex(4)
        self.restart()
        self.services.catalog_sync.run()

    @property
    def services(self) -> Any:
        return self.core.services

    @property
    def stripe(self) -> Dashboard:
        return self.desk

    def restart(self) -> None:
        """A fresh process."""
        self.core.restart()
        services: Any = self.core.services
        services.stripe = Connection(self.secret, self.desk.base_url, self.core.clock)
        services._queue_notice = lambda _, kind, ref: self.notices.append((kind, ref))
        services._mismatch = lambda _account, _payment, what: self.mismatches.append(what)

    def customer(self, email: str) -> str:
        """The id of an account that has signed in and made a key: a new one, whoever signed in at another shop."""
        account_id = self.core.sign_in(f"{self._name}.{email}")
        self.core.key(account_id)
        return account_id

    def order(self, account_id: str, pack: str = "starter", key: str = "k1", **more: Any) -> Order:
        wish = Wish(How.CHECKOUT, pack, more.pop("currency", "usd"), BACK, BACK, **more)
        return self.services.orders.place(account_id, wish, key, "req_1").order

    def subscribe(self, account_id: str, plan: str = "hobby", key: str = "s1", currency: str = "usd") -> Order:
        """An order of a plan, not paid."""
        wish = Wish(How.PLAN, plan, currency, BACK, BACK)
        room = lambda: self.services.plans.make_room(account_id)  # noqa: E731
        return self.services.orders.place(account_id, wish, key, "req_1", first=room).order

    def paid(self, account_id: str, pack: str = "starter", key: str = "k1", **more: Any) -> Order:
        """A pack that was paid, with all its events dealt with."""
        order = self.order(account_id, pack, key, **more)
        self.desk.pay(order.session_id or "")
        self.deliver()
        return self.see(order)

    def see(self, order: Order) -> Order:
        found = self.services._billing_store.order(order.account_id, order.id)
        assert found is not None
        return found

    def events(self) -> list[dict[str, Any]]:
        """Those that were not delivered yet, oldest first."""
        new = [event for event in self.desk.events() if event["id"] not in self._delivered]
        self._delivered |= {event["id"] for event in new}
        return new

    def deliver(self, *, times: int = 1) -> list[str]:
        """Has every new event stored and dealt with; what came of each."""
        return [self.hand_over(event) for event in self.events() for _ in range(times)]

    def hand_over(self, body: dict[str, Any]) -> str:
        event = read_event(body)
        assert event is not None, body
        self.services.stripe_events.take(event)
        return str(self.services.stripe_events.process(event.id))

    def drop(self) -> int:
        """Loses every new event; how many there were."""
        return len(self.events())

    def balance(self, account_id: str) -> Balance:
        return self.services.credits.balance(account_id)

    def spendable(self, account_id: str) -> int:
        """Beside the bonus of a new account."""
        found = self.balance(account_id)
        return sum(bucket.assets for bucket in found.buckets if bucket.kind.value != "bonus")

    def forward(self, **span: float) -> None:
        """Time passes, here and at Stripe."""
        self.core.clock.forward(**span)
        self.desk.advance(**span)
