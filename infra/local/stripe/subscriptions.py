"""Subscriptions: begun at checkout, changed, ended. What time does to them is in renewals.py."""

from infra.local.stripe import catalog, customers, invoices
from infra.local.stripe.account import Account
from infra.local.stripe.duedates import period_of
from infra.local.stripe.errors import Object, not_played, refused
from infra.local.stripe.fields import assign
from infra.local.stripe.invoices import Billed
from infra.local.stripe.listing import page
from infra.local.stripe.periods import period_after
from infra.local.stripe.pricing import money, prorated
from infra.local.stripe.rendering import a_list, public

ENDED = frozenset({"canceled", "incomplete_expired"})


def begin(
    account: Account,
    customer_id: str,
    sold: list[tuple[Object, int]],
    currency: str,
    *,
    card: Object,
    metadata: Object,
    automatic_tax: bool,
) -> Object:
    """A subscription whose first invoice is yet to be paid. `sold`: recurring prices and how many of each."""
    clock = account.clock_of(customer_id)
    subscription = account.make("subscription", clock, customer=customer_id, currency=currency, metadata=metadata)
    now = subscription["created"]
    rhythm = sold[0][0]["recurring"]
    end = period_after(now, now, rhythm["interval"], rhythm["interval_count"])
    items = [_item(account, subscription["id"], price, quantity, currency, (now, end)) for price, quantity in sold]
    url = f"/v1/subscription_items?subscription={subscription['id']}"
    subscription |= {"items": a_list(url, items), "start_date": now, "billing_cycle_anchor": now, "_invoiced_from": now}
    subscription |= {"default_payment_method": card["id"], "_pending": [], "test_clock": clock or None}
    if automatic_tax:
        subscription["automatic_tax"] |= {"enabled": True, "liability": {"type": "self"}}
    account.save(subscription)
    account.event("customer.subscription.created", subscription)
    return subscription


def _item(
    account: Account, subscription_id: str, price: Object, quantity: int, currency: str, period: tuple[int, int]
) -> Object:
    item = account.make("subscription_item", subscription=subscription_id, quantity=quantity)
    item["current_period_start"], item["current_period_end"] = period
    return public(_priced_item(item, price, currency))


def _priced_item(item: Object, price: Object, currency: str) -> Object:
    amount = catalog.amount_in(price, currency, "items")
    return item | {"price": public(price), "plan": _plan(price, currency, amount)}


def _plan(price: Object, currency: str, amount: int) -> Object:
    """The older name of a price, which Stripe still shows beside it."""
    names = ("active", "billing_scheme", "created", "id", "livemode", "metadata", "nickname", "product")
    rhythm = {name: price["recurring"][name] for name in ("interval", "interval_count")}
    plan = {name: price[name] for name in names} | rhythm
    plan |= {"amount": amount, "amount_decimal": str(amount), "currency": currency, "object": "plan", "meter": None}
    return plan | {"tiers_mode": None, "transform_usage": None, "trial_period_days": None, "usage_type": "licensed"}


def lines_for(account: Account, subscription: Object) -> list[Billed]:
    """What the current period costs, and what is pending from changes before it."""
    pending = [Billed(**line) for line in subscription["_pending"]]
    return pending + [
        _billed(account, subscription, item, period_of(subscription)) for item in subscription["items"]["data"]
    ]


def _billed(account: Account, subscription: Object, item: Object, period: tuple[int, int]) -> Billed:
    price = account.get("price", item["price"]["id"])
    currency, quantity, rhythm = subscription["currency"], item["quantity"], price["recurring"]
    amount = catalog.amount_in(price, currency, "items") * quantity
    name = account.get("product", price["product"])["name"]
    return Billed(
        amount=amount,
        price=public(price),
        quantity=quantity,
        period=period,
        description=f"{quantity} of {name} (at {money(amount // quantity, currency)} / {rhythm['interval']})",
        tax_included=catalog.taxed_inside(price, currency),
        parent=_parent(subscription["id"], item["id"], proration=False),
    )


def _parent(subscription_id: str, item_id: str, *, proration: bool) -> Object:
    details: Object = {"invoice_item": None, "proration": proration, "proration_details": {"credited_items": None}}
    details |= {"subscription": subscription_id, "subscription_item": item_id}
    return {
        "invoice_item_details": None,
        "subscription_item_details": details,
        "type": "subscription_item_details",
    }


def bill(account: Account, subscription: Object, reason: str, billed: list[Billed]) -> Object:
    """A draft invoice of a subscription, which it then calls its latest."""
    discount = discount_of(account, subscription)
    invoice = invoices.draft(
        account,
        subscription["customer"],
        subscription["currency"],
        billed,
        reason,
        automatic_tax=subscription["automatic_tax"]["enabled"],
        discount=discount,
        subscription=subscription,
    )
    subscription |= {"latest_invoice": invoice["id"], "_pending": []}
    if discount is not None and account.get("coupon", discount["source"]["coupon"])["duration"] == "once":
        subscription["discounts"] = []
    account.save(subscription)
    return invoice


def discount_of(account: Account, subscription: Object) -> Object | None:
    """The discount that is in force now."""
    now = account.now(subscription["_clock"])
    for discount_id in subscription["discounts"]:
        discount = account.get("discount", discount_id)
        if discount["end"] is None or discount["end"] > now:
            return discount
    return None


def set_status(account: Account, subscription: Object, status: str) -> Object:
    """Changes the state, and says so."""
    before = dict(subscription)
    subscription["status"] = status
    account.save(subscription)
    account.event("customer.subscription.updated", subscription, before)
    return subscription


def update(account: Account, params: Object, subscription_id: str) -> Object:
    """Another price or quantity, cancellation at the period's end or not any more, another card, metadata."""
    before = account.get("subscription", subscription_id)
    if before["status"] in ENDED:
        raise refused("A canceled subscription can only update its cancellation_details and metadata.")
    subscription = assign(dict(before), params, ("default_payment_method", "description"))
    if "cancel_at_period_end" in params:
        _set_cancellation(account, subscription, params)
    if "items" in params:
        _change_items(account, subscription, params)
    account.save(subscription)
    account.event("customer.subscription.updated", subscription, before)
    if params.get("proration_behavior") == "always_invoice" and subscription["_pending"]:
        _invoice_now(account, subscription, params)
    return account.get("subscription", subscription_id)


def _set_cancellation(account: Account, subscription: Object, params: Object) -> None:
    ends = params["cancel_at_period_end"]
    subscription["cancel_at_period_end"] = ends
    subscription["cancel_at"] = period_of(subscription)[1] if ends else None
    subscription["canceled_at"] = account.now(subscription["_clock"]) if ends else None
    told = params.get("cancellation_details", {})
    reason = "cancellation_requested" if ends else None
    subscription["cancellation_details"] = {"comment": told.get("comment"), "feedback": told.get("feedback")}
    subscription["cancellation_details"]["reason"] = reason


def _change_items(account: Account, subscription: Object, params: Object) -> None:
    items = {item["id"]: item for item in subscription["items"]["data"]}
    for change in params["items"]:
        if change.get("id") not in items or change.get("deleted"):
            raise not_played("adding or removing items of a subscription: name one that is there by `id`", "items")
        old = items[change["id"]]
        price = account.living("price", change.get("price", old["price"]["id"]), "items[0][price]")
        _same_rhythm(old["price"], price)
        new = _priced_item(old | {"quantity": change.get("quantity", old["quantity"])}, price, subscription["currency"])
        if params.get("proration_behavior", "create_prorations") != "none":
            subscription["_pending"] = subscription["_pending"] + _prorations(account, subscription, old, new)
        items[old["id"]] = new
    subscription["items"] = subscription["items"] | {"data": list(items.values())}


def _same_rhythm(old: Object, new: Object) -> None:
    if new["recurring"] is None:
        message = (
            "The price specified is set to `type=one_time` but this field only accepts prices with `type=recurring`."
        )
        raise refused(message, "items[0][price]")
    rhythm = ("interval", "interval_count")
    if any(old["recurring"][name] != new["recurring"][name] for name in rhythm):
        raise not_played("a change of the billing interval", "items[0][price]")


def _prorations(account: Account, subscription: Object, old: Object, new: Object) -> list[Object]:
    """Credit for what is left of the old, and the price of the new for as long."""
    start, end = period_of(subscription)
    now = max(start, account.now(subscription["_clock"]))
    lines = []
    for item, sign, words in ((old, -1, "Unused time on"), (new, 1, "Remaining time on")):
        whole = _billed(account, subscription, item, (now, end))
        amount = sign * prorated(whole.amount, end - now, end - start)
        parent = _parent(subscription["id"], item["id"], proration=True)
        told = f"{words} {whole.description}"
        lines.append(vars(whole) | {"amount": amount, "parent": parent, "description": told})
    return lines


def _invoice_now(account: Account, subscription: Object, params: Object) -> None:
    billed = [Billed(**line) for line in subscription["_pending"]]
    invoice = invoices.finalize(account, bill(account, subscription, "subscription_update", billed))
    if invoice["status"] != "open":
        return
    card = customers.default_card(account, subscription["customer"], subscription)
    invoice = invoices.attempt(account, invoice, card)
    if invoice["status"] == "open":
        if params.get("payment_behavior") == "error_if_incomplete":
            error = invoices.decline_of(account, invoice)
            error.keep = False  # nothing of the change may stay
            raise error
        set_status(account, subscription, "past_due")


def cancel(account: Account, params: Object, subscription_id: str) -> Object:
    """Ends it at once."""
    subscription = account.get("subscription", subscription_id)
    if subscription["status"] in ENDED:
        raise refused(f"No such subscription: '{subscription_id}'", "id", "resource_missing")
    if params.get("prorate") or params.get("invoice_now"):
        raise not_played("a last invoice at cancellation", "prorate")
    return end(account, subscription, "cancellation_requested", params.get("cancellation_details", {}))


def end(account: Account, subscription: Object, reason: str, told: Object | None = None) -> Object:
    """Cancels now; nothing of it is collected any more."""
    now = account.now(subscription["_clock"])
    subscription |= {"status": "canceled", "ended_at": now, "canceled_at": subscription["canceled_at"] or now}
    subscription["cancellation_details"] = {**subscription["cancellation_details"], **(told or {}), "reason": reason}
    account.save(subscription)
    for invoice in account.having("invoice", customer=subscription["customer"]):
        if invoices.subscription_of(invoice) == subscription["id"] and invoice["status"] in ("draft", "open"):
            stopped = {"auto_advance": False, "next_payment_attempt": None, "automatically_finalizes_at": None}
            account.save(invoice | stopped)
    account.event("customer.subscription.deleted", subscription)
    return subscription


def list_(account: Account, params: Object) -> Object:
    """All but the canceled, unless `status` says otherwise."""
    status = params.get("status")

    def match(subscription: Object) -> bool:
        if status is None and subscription["status"] == "canceled":
            return False
        if status not in (None, "all") and not _has_status(subscription, status):
            return False
        prices = [item["price"]["id"] for item in subscription["items"]["data"]]
        if "price" in params and params["price"] not in prices:
            return False
        return "customer" not in params or subscription["customer"] == params["customer"]

    return page(account, "subscription", params, "/v1/subscriptions", match)


def _has_status(subscription: Object, status: str) -> bool:
    return subscription["status"] in ENDED if status == "ended" else bool(subscription["status"] == status)
