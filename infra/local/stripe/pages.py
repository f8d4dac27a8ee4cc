"""The pages that a customer sees: checkout, portal, receipts, invoices. They work without JavaScript.

Every page says that this is not Stripe and that no real money moves.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from infra.local.stripe import checkout, paying, portal
from infra.local.stripe.account import Account
from infra.local.stripe.duedates import period_of
from infra.local.stripe.errors import StripeError
from infra.local.stripe.pricing import money

TEMPLATES = Path(__file__).with_name("templates")
MAX_FIELDS = 20
COUNTRIES = ("AT", "AU", "BE", "CA", "CH", "DE", "DK", "ES", "FR", "GB", "IE", "IT", "JP", "NL", "NO", "PL", "SE", "US")
_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'{origins}; "
    "sandbox allow-forms allow-top-navigation allow-same-origin"
)
_SAID = {
    "declined": "The card was declined. Nothing was paid.",
    "code-ok": "The code is applied.",
    "code-bad": "That code cannot be used here.",
    "canceled": "The subscription will end with its period.",
    "resumed": "The subscription goes on.",
    "card": "The card is changed.",
    "paid": "The invoice is paid.",
}


@dataclass(frozen=True)
class Page:
    """An answer to a browser. `to`: where it is sent instead."""

    status: int
    html: str = ""
    to: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@cache
def _environment() -> Environment:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)
    environment.filters["money"] = money
    environment.filters["date"] = lambda moment: datetime.fromtimestamp(moment, UTC).strftime("%d %B %Y")
    return environment


class Pages:
    """The pages of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def answer(self, method: str, path: str, query: str, body: str) -> Page:
        """Raises StripeError when what the path names is not there."""
        said = _SAID.get(dict(parse_qsl(query)).get("said", ""), "")
        form = dict(parse_qsl(body, keep_blank_values=True, max_num_fields=MAX_FIELDS)) if method == "POST" else {}
        first, _, rest = path.strip("/").partition("/")
        kind, _, object_id = rest.rpartition("/")
        if (first, kind) == ("c", "pay"):
            return self._pay(object_id, form) if form else self._show_checkout(object_id, said)
        if (first, kind) == ("p", "session"):
            return self._act(object_id, form) if form else self._show_portal(object_id, said)
        if method == "GET" and not kind and first in ("receipts", "i"):
            return self._show_receipt(object_id) if first == "receipts" else self._show_invoice(object_id)
        if method == "GET" and path == "/":
            return self._render("index.html", 200, [])
        return self._render("gone.html", 404, [], why="There is no such page.")

    def _render(self, name: str, status: int, leads_to: list[str | None], **values: Any) -> Page:
        """`leads_to`: where its forms may end up; browsers check that after a redirect too."""
        origins = {f" {parts.scheme}://{parts.netloc}" for parts in map(urlsplit, filter(None, leads_to))}
        policy = _POLICY.format(origins="".join(sorted(origins)))
        return Page(
            status, _environment().get_template(name).render(values), headers={"Content-Security-Policy": policy}
        )

    def _show_checkout(self, session_id: str, said: str) -> Page:
        with self._account.transaction():
            try:
                session = paying.open_session(self._account, session_id)
            except paying.NotOpen:
                return self._render("gone.html", 410, [], why="This checkout was completed, or has expired.")
            code = None
            if session["discounts"] and session["discounts"][0]["promotion_code"]:
                code = self._account.get("promotion_code", session["discounts"][0]["promotion_code"])["code"]
        leads_to = [session["success_url"], session["cancel_url"]]
        known = (session["customer_details"] or {}).get("email") or session["customer_email"]
        return self._render(
            "checkout.html",
            200,
            leads_to,
            session=session,
            items=session["_line_items"]["data"],
            code=code,
            email=known,
            countries=COUNTRIES,
            said=said,
        )

    def _pay(self, session_id: str, form: dict[str, str]) -> Page:
        action = form.get("action", "")
        here = f"/c/pay/{session_id}"
        with self._account.transaction():
            session = checkout.retrieve(self._account, {}, session_id)
            if action == "cancel":
                return Page(303, to=session["cancel_url"] or here)
            try:
                if action == "code":
                    good = paying.use_code(self._account, session_id, form.get("promotion_code", ""))
                    return Page(303, to=f"{here}?said={'code-ok' if good else 'code-bad'}")
                if action == "later":
                    session = paying.pay_later(self._account, session_id, form)
                elif action in ("pay", "decline"):
                    behaviour = "ok" if action == "pay" else "card_declined"
                    session = paying.pay(self._account, session_id, behaviour, form)
                else:
                    return self._render("gone.html", 400, [], why="There is no such button.")
            except paying.NotOpen:
                return self._render("gone.html", 410, [], why="This checkout was completed, or has expired.")
        if session["status"] != "complete":
            return Page(303, to=f"{here}?said=declined")
        return Page(303, to=session["success_url"].replace("{CHECKOUT_SESSION_ID}", session_id))

    def _show_portal(self, session_id: str, said: str) -> Page:
        with self._account.transaction():
            session = portal.open_session(self._account, session_id)
            customer = self._account.get("customer", session["customer"])
            subscriptions = self._account.having("subscription", customer=customer["id"])
            invoices = self._account.having("invoice", customer=customer["id"])
        shown = [(each, period_of(each)[1], each["items"]["data"][0]["price"]) for each in subscriptions]
        return self._render(
            "portal.html",
            200,
            [session["return_url"]],
            session=session,
            customer=customer,
            subscriptions=shown,
            invoices=[each for each in invoices if each["status"] != "draft"],
            said=said,
        )

    def _act(self, session_id: str, form: dict[str, str]) -> Page:
        with self._account.transaction():
            session = portal.open_session(self._account, session_id)
            said = portal.act(self._account, session, form.get("action", ""), form.get("target", ""))
        return Page(303, to=f"/p/session/{session_id}?said={said}")

    def _show_receipt(self, charge_id: str) -> Page:
        with self._account.transaction():
            charge = self._account.get("charge", charge_id)
        return self._render("receipt.html", 200, [], charge=charge)

    def _show_invoice(self, invoice_id: str) -> Page:
        with self._account.transaction():
            invoice = self._account.get("invoice", invoice_id)
        return self._render("invoice.html", 200, [], invoice=invoice)

    def refused(self, error: StripeError) -> Page:
        """What a browser sees of an error."""
        return self._render("gone.html", error.status, [], why=error.message)


def style() -> str:
    return (TEMPLATES / "style.css").read_text(encoding="utf-8")
