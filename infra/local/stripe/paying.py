"""What a customer does on the checkout page: pays by a good card, by a bad one, or in a way that takes days."""

from infra.local.stripe import catalog, checkout, customers, invoices, payments, renewals, subscriptions
from infra.local.stripe.account import Account
from infra.local.stripe.errors import ControlError, Object
from infra.local.stripe.fields import merged
from infra.local.stripe.invoices import Billed
from infra.local.stripe.periods import period_after


class NotOpen(Exception):
    """The session was completed or has expired."""


def open_session(account: Account, session_id: str) -> Object:
    """The session, if it can still be paid. Raises NotOpen, and StripeError when there is none."""
    session = account.get("checkout.session", session_id, "session")
    if session["status"] != "open" or session["expires_at"] <= account.now(session["_clock"]):
        raise NotOpen
    return session


def use_code(account: Account, session_id: str, code: str) -> bool:
    """Applies a promotion code; an empty one takes it off. Returns whether the code was good."""
    session = open_session(account, session_id)
    if not session["allow_promotion_codes"]:
        return False
    found = catalog.redeemable(account, code, session["customer"], session["currency"]) if code.strip() else None
    session["discounts"] = [] if found is None else [{"coupon": None, "promotion_code": found[0]["id"]}]
    account.save(checkout.reprice(account, session))
    return found is not None or not code.strip()


def pay(account: Account, session_id: str, behaviour: str, who: Object) -> Object:
    """Completes the session with a card that behaves so, unless it is declined.

    `who`: email, name and country as typed, empty where not. Returns the session; its `status` says what happened.
    """
    session = _identify(account, open_session(account, session_id), who)
    card = customers.new_card(account, behaviour)
    if session["mode"] == "subscription":
        return _subscribe(account, session, card)
    if session["amount_total"] == 0:
        return _complete(account, session, "no_payment_required")
    intent = _intent(account, session)
    if session["customer"] is not None and intent["setup_future_usage"]:
        card = customers.attach(account, {"customer": session["customer"]}, card["id"])
    intent, charge = payments.attempt(account, intent, card)
    if charge["status"] == "failed":
        return account.save(session | {"_intent": intent["id"]})
    session["payment_intent"] = intent["id"]
    if session["invoice_creation"]["enabled"]:
        session["invoice"] = _invoice_after(account, session, intent)["id"]
    return _complete(account, session, "paid")


def pay_later(account: Account, session_id: str, who: Object) -> Object:
    """Completes the session with a payment that is not there yet. Raises ControlError where that cannot be."""
    session = open_session(account, session_id)
    if session["mode"] == "subscription" or session["amount_total"] == 0:
        raise ControlError("paying later is played for one-off payments only")
    session = _identify(account, session, who)
    intent = payments.start_slowly(account, _intent(account, session), customers.new_card(account, "ok"))
    session["payment_intent"] = intent["id"]
    return _complete(account, session, "unpaid")


def settle_later(account: Account, session_id: str, *, arrived: bool) -> Object:
    """The payment that took days arrived, or failed. Raises ControlError when none is under way."""
    session = account.get("checkout.session", session_id, "session")
    intent = account.get("payment_intent", session["payment_intent"] or "")
    if intent["status"] != "processing":
        raise ControlError("no payment of this session is under way")
    intent = payments.end_slowly(account, intent, arrived=arrived)
    if not arrived:
        account.event("checkout.session.async_payment_failed", session)
        return session
    session["payment_status"] = "paid"
    if session["invoice_creation"]["enabled"]:
        session["invoice"] = _invoice_after(account, session, intent)["id"]
    account.save(session)
    account.event("checkout.session.async_payment_succeeded", session)
    return session


def _identify(account: Account, session: Object, who: Object) -> Object:
    """Who pays and from where; makes the customer when the session needs one."""
    old = session["customer_details"] or {}
    country = who.get("country") or (old.get("address") or {}).get("country")
    address = {"city": None, "country": country, "line1": None, "line2": None, "postal_code": None, "state": None}
    told = {
        "address": (old.get("address") or address) if country else None,
        "email": session["customer_email"] or old.get("email") or who.get("email") or "customer@example.com",
        "name": old.get("name") or who.get("name") or None,
        "phone": old.get("phone"),
    }
    session["customer_details"] = checkout.details(told)
    if session["automatic_tax"]["enabled"] and country:
        session["automatic_tax"]["status"] = "complete"
    if session["customer"] is None and _needs_customer(session):
        customer = customers.create(account, {name: told[name] for name in ("email", "name") if told[name]})
        session["customer"] = customer["id"]
    if session["customer"] is not None:
        may = session["_kept"]["customer_update"]
        kept = {name: told[name] for name in ("address", "name") if may.get(name) == "auto"}
        customers.fill_in(account, session["customer"], kept | {"email": told["email"]})
    return account.save(checkout.reprice(account, session))


def _needs_customer(session: Object) -> bool:
    if session["mode"] == "subscription" or session["customer_creation"] == "always":
        return True
    later = session["_kept"]["payment_intent_data"].get("setup_future_usage")
    return bool(later or session["invoice_creation"]["enabled"])


def _intent(account: Account, session: Object) -> Object:
    """The session's payment intent: one, however often a card is declined."""
    if "_intent" in session:
        intent = account.get("payment_intent", session["_intent"])
        if intent["amount"] == session["amount_total"]:
            return intent
    given = session["_kept"]["payment_intent_data"]
    names = ("description", "receipt_email", "setup_future_usage", "statement_descriptor_suffix")
    fields = {name: given[name] for name in names if name in given}
    intent = payments.new_intent(
        account,
        session["amount_total"],
        session["currency"],
        session["customer"],
        metadata=merged({}, given.get("metadata", {})),
        **fields,
    )
    session["_intent"] = intent["id"]
    return intent


def _invoice_after(account: Account, session: Object, intent: Object) -> Object:
    """The invoice for a one-off payment is made when it is paid."""
    now = account.now(session["_clock"])
    data = session["invoice_creation"]["invoice_data"]
    billed = [_billed(account, item, now) for item in session["_line_items"]["data"]]
    invoice = invoices.draft(
        account,
        session["customer"],
        session["currency"],
        billed,
        "manual",
        automatic_tax=session["automatic_tax"]["status"] == "complete",
        discount=_discount(account, session),
    )
    invoice |= {"metadata": data["metadata"] or {}, "description": data["description"], "auto_advance": False}
    return invoices.paid_outside(account, invoice, intent)


def _billed(account: Account, item: Object, now: int) -> Billed:
    price = account.get("price", item["price"]["id"])
    details = {"invoice_item": account.new_id("ii_"), "proration": False, "proration_details": None}
    parent = {
        "invoice_item_details": details | {"subscription": None},
        "subscription_item_details": None,
        "type": "invoice_item_details",
    }
    inside = catalog.taxed_inside(price, item["currency"])
    return Billed(
        item["amount_subtotal"], item["price"], item["quantity"], (now, now), item["description"], inside, parent
    )


def _discount(account: Account, session: Object, subscription: Object | None = None) -> Object | None:
    coupon = checkout.coupon_of(account, session)
    if coupon is None:
        return None
    start = account.now(session["_clock"])
    months = coupon["duration_in_months"]
    discount = account.make("discount", session["_clock"], start=start, checkout_session=session["id"])
    discount |= {"customer": session["customer"], "source": {"coupon": coupon["id"], "type": "coupon"}}
    discount["promotion_code"] = session["discounts"][0]["promotion_code"]
    discount["subscription"] = None if subscription is None else subscription["id"]
    discount["end"] = None if months is None else period_after(start, start, "month", months)
    return account.save(discount)


def _subscribe(account: Account, session: Object, card: Object) -> Object:
    customer_id = session["customer"]
    if card["_behaviour"] != "ok" and session["amount_total"] > 0:
        payments.attempt(account, _intent(account, session), card)
        return account.save(session)
    card = customers.attach(account, {"customer": customer_id}, card["id"])
    given = session["_kept"]["subscription_data"]
    sold = [(account.get("price", item["price"]["id"]), item["quantity"]) for item in session["_line_items"]["data"]]
    subscription = subscriptions.begin(
        account,
        customer_id,
        sold,
        session["currency"],
        card=card,
        metadata=merged({}, given.get("metadata", {})),
        automatic_tax=session["automatic_tax"]["enabled"],
    )
    discount = _discount(account, session, subscription)
    subscription |= {"discounts": [] if discount is None else [discount["id"]], "description": given.get("description")}
    billed = subscriptions.lines_for(account, subscription)
    invoice = subscriptions.bill(account, subscription, "subscription_create", billed)
    invoice = invoices.finalize(account, invoice)
    if invoice["status"] == "open":
        invoice = invoices.attempt(account, invoice, card)
    renewals.after_attempt(account, invoice)
    session |= {"subscription": subscription["id"], "invoice": invoice["id"]}
    return _complete(account, session, "paid" if invoice["amount_due"] else "no_payment_required")


def _complete(account: Account, session: Object, payment_status: str) -> Object:
    session |= {"status": "complete", "payment_status": payment_status, "url": None}
    for discount in session["discounts"]:
        if discount["promotion_code"] is not None:
            promotion = account.get("promotion_code", discount["promotion_code"])
            catalog.redeem(account, promotion, account.get("coupon", promotion["promotion"]["coupon"]))
    account.save(session)
    account.event("checkout.session.completed", session)
    return session
