"""Stripe: what became of payments, invoices and plans. Reads only."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from chalicelib.billing import readings
from chalicelib.billing.event import HANDLED, Event, read_event
from chalicelib.billing.readings import Invoice, Payment, Session, Subscription
from chalicelib.kernel.clock import epoch_seconds

Call = Callable[[Callable[[Any], Any]], Any]

PAGE = 100
#: Event types that one look may ask for.
MAX_TYPES = 20


class ReadingGateway:
    """`call` is `Connection.call`, whose errors all methods raise; NoSuchObject for an id that is not ours."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def payment(self, payment_id: str) -> Payment:
        """With its refunds and disputes, however many."""
        given = {"expand": ["latest_charge"]}
        intent = self._plain(lambda stripe: stripe.v1.payment_intents.retrieve(payment_id, given))
        refunds, disputes = self._gone(payment_id)
        return readings.payment(intent, refunds, disputes)

    def payment_behind(self, kind: str, object_id: str) -> str | None:
        """The payment intent of a charge, a refund or a dispute."""

        def ask(stripe: Any) -> Any:
            return getattr(stripe.v1, f"{kind}s").retrieve(object_id)

        found = self._plain(ask).get("payment_intent")
        return found["id"] if isinstance(found, dict) else found

    def session(self, session_id: str) -> Session:
        given = {"expand": ["invoice"]}
        return readings.session(self._plain(lambda stripe: stripe.v1.checkout.sessions.retrieve(session_id, given)))

    def session_of(self, payment_id: str) -> Session | None:
        """The checkout that a payment was made at."""
        given = {"payment_intent": payment_id, "limit": 1, "expand": ["data.invoice"]}
        found = self._call(lambda stripe: stripe.v1.checkout.sessions.list(given)).data
        return readings.session(found[0].to_dict(for_json=True)) if found else None

    def invoice(self, invoice_id: str) -> Invoice:
        """With what was refunded and disputed of its payments."""
        given = {"expand": ["payments"]}
        body = self._plain(lambda stripe: stripe.v1.invoices.retrieve(invoice_id, given))
        refunded = disputed = 0
        for payment_id in readings.invoice(body).payment_ids:
            gone = readings.payment(_EMPTY | {"id": payment_id}, *self._gone(payment_id))
            refunded, disputed = refunded + gone.refunded, disputed + gone.disputed
        return readings.invoice(body, refunded, disputed)

    def invoice_of(self, payment_id: str) -> str | None:
        """The invoice that a payment pays."""
        given = {"payment": {"type": "payment_intent", "payment_intent": payment_id}, "limit": 1}
        found = self._call(lambda stripe: stripe.v1.invoice_payments.list(given)).data
        return str(found[0].to_dict()["invoice"]) if found else None

    def unit_amount(self, price_id: str, currency: str) -> int:
        """What a price is in a currency. Raises LookupError."""
        given = {"expand": ["currency_options"]}
        price = readings.price(self._plain(lambda stripe: stripe.v1.prices.retrieve(price_id, given)))
        return price.amounts[currency]

    def customer_behind(self, subscription_id: str) -> str:
        found = self._plain(lambda stripe: stripe.v1.subscriptions.retrieve(subscription_id))["customer"]
        return str(found["id"] if isinstance(found, dict) else found)

    def subscriptions(self, customer_id: str) -> list[Subscription]:
        """All that the customer ever had."""
        given = {"customer": customer_id, "status": "all", "limit": PAGE, "expand": ["data.latest_invoice"]}
        found = self._call(lambda stripe: list(stripe.v1.subscriptions.list(given).auto_paging_iter()))
        return [readings.subscription(each.to_dict(for_json=True)) for each in found]

    def events(self, since: datetime, until: datetime) -> Iterator[Event]:
        """What happened between, of the types that are handled; Stripe keeps 30 days."""
        types = sorted(HANDLED)
        for start in range(0, len(types), MAX_TYPES):
            yield from self._events(types[start : start + MAX_TYPES], _between(since, until))

    def _events(self, types: list[str], created: dict[str, int]) -> Iterator[Event]:
        given = {"types": types, "created": created, "limit": PAGE}
        for each in self._all(lambda stripe: stripe.v1.events.list(given)):
            event = read_event(each)
            if event is not None:
                yield event

    def payments_since(self, since: datetime, until: datetime) -> Iterator[Payment]:
        """Payment intents that were made between and have succeeded, newest first; without refunds and disputes."""
        given = {"created": _between(since, until), "limit": PAGE}
        for each in self._all(lambda stripe: stripe.v1.payment_intents.list(given)):
            found = readings.payment(each)
            if found.paid:
                yield found

    def free_sessions_since(self, since: datetime, until: datetime) -> Iterator[Session]:
        """Checkouts that were made between and cost nothing."""
        given = {"created": _between(since, until), "status": "complete", "limit": PAGE}
        for each in self._all(lambda stripe: stripe.v1.checkout.sessions.list(given)):
            found = readings.session(each)
            if found.cost_nothing:
                yield found

    def plan_invoices_since(self, since: datetime, until: datetime) -> Iterator[Invoice]:
        """Invoices of plans that were made between and are paid."""
        given = {"created": _between(since, until), "status": "paid", "limit": PAGE}
        for each in self._all(lambda stripe: stripe.v1.invoices.list(given)):
            found = readings.invoice(each)
            if found.subscription_id is not None:
                yield found

    def _gone(self, payment_id: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        given = {"payment_intent": payment_id, "limit": PAGE}
        refunds = list(self._all(lambda stripe: stripe.v1.refunds.list(given)))
        return refunds, list(self._all(lambda stripe: stripe.v1.disputes.list(given)))

    def _plain(self, ask: Callable[[Any], Any]) -> dict[str, Any]:
        body: dict[str, Any] = self._call(ask).to_dict(for_json=True)
        return body

    def _all(self, ask: Callable[[Any], Any]) -> Iterator[dict[str, Any]]:
        """Every object of a list, page by page."""
        page = self._call(ask)
        while True:
            for each in page.data:
                yield each.to_dict(for_json=True)
            if not page.has_more:
                return
            page = self._call(partial(_next, page))


def _next(page: Any, _: Any) -> Any:
    return page.next_page()


_EMPTY: dict[str, Any] = {"status": "", "amount": 0, "currency": "", "created": 0}


def _between(since: datetime, until: datetime) -> dict[str, int]:
    return {"gte": epoch_seconds(since), "lte": epoch_seconds(until)}
