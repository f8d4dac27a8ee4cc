"""The control routes, /_control/*: what Stripe's dashboard, a bank or bad luck would do. JSON in and out.

Every request needs the header `Stand-In-Token`. The README of this folder lists the routes.
"""

import re
import time
from collections.abc import Callable
from typing import Any

from infra.local.stripe import faults, invoices, paying, refunds, renewals
from infra.local.stripe.account import Account
from infra.local.stripe.delivery import MAX_TIMES, Delivery
from infra.local.stripe.errors import ControlError, Object
from infra.local.stripe.rendering import public
from infra.local.stripe.signing import forged

MAX_LISTED = 1_000
_DUNNING_ENDS = frozenset({"cancel", "unpaid", "past_due"})
_CHECKOUT_ACTIONS = frozenset({"pay", "decline", "later", "settle", "fail", "code"})
_DECLINES = frozenset({"card_declined", "insufficient_funds", "expired_card", "authentication_required"})


class Control:
    """The control routes of one account. `roll` replaces the webhook's signing secret and returns the new one."""

    def __init__(self, account: Account, delivery: Delivery, roll: Callable[[], str]) -> None:
        self._account = account
        self._delivery = delivery
        self._roll = roll
        self._routes: tuple[tuple[str, str, Callable[..., Any]], ...] = (
            ("GET", "state", self._state),
            ("POST", "clock", self._clock),
            ("POST", "delivery", self._set_delivery),
            ("POST", "release", self._release),
            ("GET", "deliveries", self._deliveries),
            ("POST", r"events/(\w+)/replay", self._replay),
            ("POST", "faults", self._plan_fault),
            ("DELETE", "faults", self._forget_faults),
            ("POST", r"checkout/(\w+)", self._checkout),
            ("POST", "refunds", self._refund),
            ("POST", r"refunds/(\w+)/fail", self._fail_refund),
            ("POST", "disputes", self._open_dispute),
            ("POST", r"disputes/(\w+)", self._decide_dispute),
            ("POST", r"customers/(\w+)/fail", self._fail_payments),
            ("POST", "settings", self._set),
            ("POST", "secret", self._new_secret),
        )

    def answer(self, method: str, path: str, body: Object) -> Any:
        """Raises ControlError, and StripeError where the object is not there."""
        for known, pattern, run in self._routes:
            found = re.fullmatch(f"/_control/{pattern}", path) if known == method else None
            if found is not None:
                return run(body, *found.groups())
        raise ControlError("there is no such control route")

    def _state(self, _body: Object) -> Object:
        store = self._account.store
        with store.transaction():
            states = store.execute("SELECT state, COUNT(*) FROM deliveries GROUP BY state")
            return {
                "now": self._account.now(),
                "delivery": store.setting("delivery", {"mode": "normal"}),
                "deliveries": dict(states),
                "faults": store.setting("faults", []),
                "dunning": store.setting("dunning", invoices.DUNNING),
                "tax_percent": store.setting("tax_percent", 0),
            }

    def _clock(self, body: Object) -> Object:
        """{advance_seconds} or {advance_to}: our own time, with all that happens meanwhile."""
        with self._account.transaction():
            now = self._account.now()
            until = int(body["advance_to"]) if "advance_to" in body else now + int(_needed(body, "advance_seconds"))
            return {"happened": renewals.advance_ours(self._account, until), "now": until}

    def _set_delivery(self, body: Object) -> Object:
        self._delivery.set_mode(body)
        return self._state({})

    def _release(self, body: Object) -> list[Object]:
        return self._delivery.release(body)

    def _deliveries(self, _body: Object) -> list[Object]:
        """The newest deliveries, oldest first."""
        with self._account.store.transaction():
            statement = "SELECT seq, event, state, attempts, answer FROM deliveries ORDER BY seq DESC LIMIT ?"
            rows = self._account.store.execute(statement, (MAX_LISTED,))
            return [self._delivered(*row) for row in reversed(rows)]

    def _delivered(self, number: int, event_id: str, state: str, tries: int, answer: int | None) -> Object:
        kind = self._account.get("event", event_id)["type"]
        return {"delivery": number, "event": event_id, "type": kind, "state": state, "tries": tries, "answer": answer}

    def _replay(self, body: Object, event_id: str) -> Object:
        """{times=1, forge}: sends an event again, or something that only looks like it. Says what was answered."""
        with self._account.store.transaction():
            event = self._account.get("event", event_id)
        signed = self._delivery.signed(event)
        if "forge" in body:
            secrets = self._delivery.signing_secrets
            signed = forged(public(event), int(time.time()), secrets, body["forge"])
        times = int(body.get("times", 1))
        if not 1 <= times <= MAX_TIMES:
            raise ControlError(f"times is from 1 to {MAX_TIMES}")
        return {"answers": [self._delivery.post(signed) for _ in range(times)]}

    def _plan_fault(self, body: Object) -> Object:
        with self._account.store.transaction():
            faults.plan(self._account, body)
        return self._state({})

    def _forget_faults(self, _body: Object) -> Object:
        with self._account.store.transaction():
            faults.forget(self._account)
        return self._state({})

    def _checkout(self, body: Object, session_id: str) -> Object:
        """{action: pay | decline | later | settle | fail | code}: what the page's buttons do, and what comes later."""
        action = body.get("action")
        if action not in _CHECKOUT_ACTIONS:
            raise ControlError(f"an action is one of {', '.join(sorted(_CHECKOUT_ACTIONS))}")
        try:
            with self._account.transaction():
                if action == "code":
                    return {"good": paying.use_code(self._account, session_id, body.get("promotion_code", ""))}
                if action in ("settle", "fail"):
                    return public(paying.settle_later(self._account, session_id, arrived=action == "settle"))
                if action == "later":
                    return public(paying.pay_later(self._account, session_id, body))
                behaviour = "ok" if action == "pay" else body.get("decline_code", "card_declined")
                return public(paying.pay(self._account, session_id, _decline(behaviour), body))
        except paying.NotOpen:
            raise ControlError("the session is not open") from None

    def _refund(self, body: Object) -> Object:
        """{charge | payment_intent, amount, reason}: as from the dashboard."""
        with self._account.transaction():
            return public(refunds.create(self._account, body))

    def _fail_refund(self, body: Object, refund_id: str) -> Object:
        """{reason=unknown}: the bank sends it back."""
        with self._account.transaction():
            return public(refunds.fail(self._account, refund_id, body.get("reason", "unknown")))

    def _open_dispute(self, body: Object) -> Object:
        """{charge | payment_intent, amount, reason}."""
        with self._account.transaction():
            return public(refunds.open_dispute(self._account, body))

    def _decide_dispute(self, body: Object, dispute_id: str) -> Object:
        """{verdict: won | lost}."""
        with self._account.transaction():
            return public(refunds.decide_dispute(self._account, dispute_id, _needed(body, "verdict")))

    def _fail_payments(self, body: Object, customer_id: str) -> Object:
        """{times=1, decline_code}: the customer's next payments fail, whatever the card."""
        failing = {
            "times": int(body.get("times", 1)),
            "decline_code": _decline(body.get("decline_code", "card_declined")),
        }
        with self._account.transaction():
            self._account.living("customer", customer_id)
            self._account.store.set(f"failing:{customer_id}", failing)
        return failing

    def _set(self, body: Object) -> Object:
        """{tax_percent, event_api_version, dunning: {retry_days, then}}."""
        if set(body) - {"tax_percent", "event_api_version", "dunning"}:
            raise ControlError("settings are tax_percent, event_api_version and dunning")
        if "tax_percent" in body and not 0 <= float(body["tax_percent"]) < 100:
            raise ControlError("tax_percent is from 0 to 99")
        dunning = body.get("dunning", invoices.DUNNING)
        days = dunning.get("retry_days", [])
        if dunning.get("then") not in _DUNNING_ENDS or days != sorted(days) or any(day <= 0 for day in days):
            raise ControlError(f"dunning has retry_days, rising, and then: {', '.join(sorted(_DUNNING_ENDS))}")
        with self._account.store.transaction():
            for name, value in body.items():
                self._account.store.set(name, value)
        return self._state({})

    def _new_secret(self, _body: Object) -> Object:
        """Signs with a new secret, and for a day with the old one too."""
        return {"webhook_secret": self._roll()}


def _needed(body: Object, name: str) -> Any:
    if name not in body:
        raise ControlError(f"{name} is needed")
    return body[name]


def _decline(behaviour: str) -> str:
    if behaviour != "ok" and behaviour not in _DECLINES:
        raise ControlError(f"a decline code is one of {', '.join(sorted(_DECLINES))}")
    return behaviour
