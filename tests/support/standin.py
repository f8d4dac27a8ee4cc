"""A running stand-in for Stripe with everything around it: the `stripe` client, the control routes, a webhook."""

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import stripe

from infra.local.datadir import listen_on
from infra.local.stripe.running import StandIn
from tests.support.dashboard import PATIENCE_SECONDS, Dashboard

KEY = "sk_test_local"


@dataclass(frozen=True)
class Delivered:
    """One request to the webhook."""

    body: bytes
    signature: str

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event


class Webhook:
    """Takes what is delivered. `answers`: the next statuses, then 200."""

    def __init__(self) -> None:
        self.received: list[Delivered] = []
        self.answers: list[int] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None: ...

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                webhook.received.append(Delivered(body, self.headers["Stripe-Signature"]))
                self.send_response(webhook.answers.pop(0) if webhook.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

        return Handler

    @property
    def types(self) -> list[str]:
        return [each.event["type"] for each in self.received]

    def expect(self, *types: str) -> list[dict[str, Any]]:
        """Waits until events of these types have come, in any order; returns the first of each."""
        wait_for(lambda: set(types) <= set(self.types), lambda: f"{types} of {self.types}")
        return [next(each.event for each in self.received if each.event["type"] == kind) for kind in types]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def wait_for(true: Callable[[], object], told: Callable[[], str] = lambda: "") -> None:
    """Fails when it does not become true in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS} s: {told()}"
        time.sleep(0.02)


def client_of(base_url: str, retries: int = 2) -> stripe.StripeClient:
    """The unmodified library, pointed at a stand-in."""
    return stripe.StripeClient(KEY, base_addresses={"api": base_url}, max_network_retries=retries)


class Desk(Dashboard):
    """What a test of the stand-in itself uses. `stripe`: the library's client."""

    def __init__(self, folder: Path, base_url: str, webhook: Webhook) -> None:
        super().__init__(folder, base_url)
        self.webhook = webhook
        self.stripe = client_of(base_url)
        self._prices: dict[str, str] = {}

    def parse(self, delivered: Delivered) -> stripe.Event:
        """What our own webhook would make of it."""
        return stripe.Webhook.construct_event(delivered.body, delivered.signature, self.credentials["webhook_secret"])

    def price(self, name: str = "pack", amount: int = 500, **more: Any) -> str:
        """The id of a price, made once."""
        if name not in self._prices:
            product = self.stripe.v1.products.create({"name": name})
            given = {"product": product.id, "currency": "usd", "unit_amount": amount, "lookup_key": name, **more}
            self._prices[name] = self.stripe.v1.prices.create(given).id  # type: ignore[arg-type]
        return self._prices[name]

    def plan(self, name: str = "plan", amount: int = 2000) -> str:
        return self.price(name, amount, recurring={"interval": "month"})

    def customer(self, **more: Any) -> stripe.Customer:
        return self.stripe.v1.customers.create({"email": "jo@example.com", **more})  # type: ignore[arg-type]

    def session(self, **more: Any) -> stripe.checkout.Session:
        """A checkout, for one pack unless told otherwise."""
        given: dict[str, Any] = {
            "mode": "payment",
            "success_url": "https://app.example/ok?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://app.example/back",
            **more,
        }
        if "line_items" not in given:
            given["line_items"] = [{"price": self.price(), "quantity": 1}]
        return self.stripe.v1.checkout.sessions.create(given)  # type: ignore[arg-type]

    def paid(self, **more: Any) -> stripe.checkout.Session:
        """A checkout that was completed."""
        session = self.session(**more)
        self.pay(session.id)
        return self.stripe.v1.checkout.sessions.retrieve(session.id)

    def subscribed(self, customer_id: str, price: str | None = None) -> stripe.Subscription:
        """A customer's new subscription."""
        items = [{"price": price or self.plan(), "quantity": 1}]
        session = self.paid(mode="subscription", customer=customer_id, line_items=items)
        return self.stripe.v1.subscriptions.retrieve(str(session.subscription))

    def event_types(self) -> list[str]:
        """All that ever happened, oldest first."""
        found = self.stripe.v1.events.list({"limit": 100})
        return [str(event.type) for event in found.auto_paging_iter()][::-1]


class Running:
    """A stand-in in this process, with its webhook."""

    def __init__(self, folder: Path) -> None:
        self.webhook = Webhook()
        self._stand_in = StandIn(listen_on(0), folder, self.webhook.url)
        self._stand_in.start()
        self.desk = Desk(folder, self._stand_in.base_url, self.webhook)

    def stop(self) -> None:
        self._stand_in.stop()
        self.webhook.close()


def in_order(found: Iterable[str], *wanted: str) -> bool:
    """Whether the wanted come among the found, in this order."""
    rest = iter(found)
    return all(each in rest for each in wanted)
