"""What Stripe's customers, their banks and its dashboard do, on a stand-in that runs: its control routes."""

import json
import re
import time
from pathlib import Path
from typing import Any

import requests

from infra.local.stripe.credentials import FILE_NAME
from infra.local.stripe.signing import Signed, encoded, sign

PATIENCE_SECONDS = 15.0


class Dashboard:
    """One running stand-in. `folder` is where it keeps everything; times are its own clock's."""

    def __init__(self, folder: Path, base_url: str) -> None:
        self.folder = folder
        self.base_url = base_url

    @property
    def credentials(self) -> dict[str, str]:
        """api_key, webhook_secret, control_token."""
        told: dict[str, str] = json.loads((self.folder / FILE_NAME).read_text())
        return told

    def control(self, path: str, body: dict[str, Any] | None = None, method: str = "POST", status: int = 200) -> Any:
        """One control route; the README of infra/local/stripe lists them."""
        headers = {"Stand-In-Token": self.credentials["control_token"]}
        url = f"{self.base_url}/_control/{path}"
        answer = requests.request(method, url, json=body or {}, headers=headers, timeout=PATIENCE_SECONDS)
        assert answer.status_code == status, answer.text
        return answer.json()

    def read(self, path: str, **query: Any) -> Any:
        """`GET /v1/{path}` of Stripe's API, as plain JSON."""
        headers = {"Authorization": f"Bearer {self.credentials['api_key']}"}
        url = f"{self.base_url}/v1/{path}"
        answer = requests.get(url, params=query, headers=headers, timeout=PATIENCE_SECONDS)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pay(self, checkout: str, **who: Any) -> dict[str, Any]:
        """Pays a checkout, named by its id or its URL. `who`: email, name, country as typed. Returns the session."""
        return self._at_checkout(checkout, "pay", who)

    def decline(self, checkout: str, decline_code: str = "card_declined") -> dict[str, Any]:
        """Tries a card that is declined; the session stays open."""
        return self._at_checkout(checkout, "decline", {"decline_code": decline_code})

    def pay_later(self, checkout: str) -> dict[str, Any]:
        """Completes a checkout by a payment that takes days: see `arrive`."""
        return self._at_checkout(checkout, "later", {})

    def arrive(self, checkout: str, *, arrived: bool = True) -> dict[str, Any]:
        """What came of a payment that took days."""
        return self._at_checkout(checkout, "settle" if arrived else "fail", {})

    def use_code(self, checkout: str, code: str) -> bool:
        """Types a promotion code; whether it was good."""
        return bool(self._at_checkout(checkout, "code", {"promotion_code": code})["good"])

    def _at_checkout(self, checkout: str, action: str, more: dict[str, Any]) -> dict[str, Any]:
        found = re.search(r"cs_test_\w+", checkout)
        assert found is not None, checkout
        answer: dict[str, Any] = self.control(f"checkout/{found.group()}", {"action": action, **more})
        return answer

    def refund(self, payment_intent: str, amount: int | None = None) -> dict[str, Any]:
        """Gives all that is left back, or `amount`."""
        some = {} if amount is None else {"amount": amount}
        refund: dict[str, Any] = self.control("refunds", {"payment_intent": payment_intent, **some})
        return refund

    def fail_refund(self, refund_id: str) -> dict[str, Any]:
        """The bank sends a refund back."""
        refund: dict[str, Any] = self.control(f"refunds/{refund_id}/fail")
        return refund

    def dispute(self, payment_intent: str, amount: int | None = None) -> str:
        """The customer's bank takes the money back; the dispute's id."""
        some = {} if amount is None else {"amount": amount}
        return str(self.control("disputes", {"payment_intent": payment_intent, **some})["id"])

    def decide(self, dispute_id: str, verdict: str) -> None:
        """`won` or `lost`."""
        self.control(f"disputes/{dispute_id}", {"verdict": verdict})

    def fail_payments(self, customer_id: str, times: int = 1) -> None:
        """The customer's next payments are declined."""
        self.control(f"customers/{customer_id}/fail", {"times": times})

    def advance(self, **span: float) -> None:
        """Our own time: days=, hours=, seconds=. What is due meanwhile happens."""
        seconds = span.get("days", 0) * 86400 + span.get("hours", 0) * 3600 + span.get("seconds", 0)
        self.control("clock", {"advance_seconds": seconds})

    def deliver(self, mode: str, **more: Any) -> None:
        """How events travel from now on: normal, hold, duplicate (times=), shuffle (seed=), drop."""
        self.control("delivery", {"mode": mode, **more})

    def release(self, **order: Any) -> list[dict[str, Any]]:
        """Sends what is held, in order, by seed= or order=[ids]; what was answered to each."""
        answers: list[dict[str, Any]] = self.control("release", order)
        return answers

    def replay(self, event_id: str, times: int = 1, forge: str | None = None) -> list[int | None]:
        """Sends an event again, or a forgery of it; what was answered."""
        odd = {} if forge is None else {"forge": forge}
        answers: list[int | None] = self.control(f"events/{event_id}/replay", {"times": times, **odd})["answers"]
        return answers

    def fault(self, kind: str, **more: Any) -> None:
        """What goes wrong with the next answers: lost, unreachable, error, rate_limit."""
        self.control("faults", {"kind": kind, **more})

    def wait_until_told(self) -> None:
        """Returns when every event was answered with 200."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (states := self.control("state", method="GET")["deliveries"]).get("pending"):
            assert time.monotonic() < deadline, f"not delivered in {PATIENCE_SECONDS:.0f} s: {states}"
            time.sleep(0.05)

    def events(self, kind: str = "*") -> list[dict[str, Any]]:
        """The newest events of a type (`charge.*` is a group), oldest first."""
        wanted = {} if kind == "*" else {"type": kind}
        events: list[dict[str, Any]] = self.read("events", limit=100, **wanted)["data"]
        return events[::-1]

    def signed(self, event: dict[str, Any]) -> Signed:
        """An event as the webhook would get it now: `body`, and `header` for `Stripe-Signature`."""
        return sign(encoded(event), int(time.time()), [self.credentials["webhook_secret"]])
