"""Checkout Sessions: opened by us, looked at, expired. What the customer does on the page is in paying.py."""

from typing import Any

from infra.local.stripe import catalog, renewals
from infra.local.stripe.account import Account
from infra.local.stripe.errors import Object, missing, not_played, refused
from infra.local.stripe.fields import assign, web_url
from infra.local.stripe.invoices import tax_percent
from infra.local.stripe.listing import page
from infra.local.stripe.pricing import Priced, priced
from infra.local.stripe.rendering import a_list, public

LIFE_SECONDS, MIN_LIFE_SECONDS = 24 * 3600, 30 * 60
MAX_REFERENCE_CHARS = 200
MAX_ITEMS = 20
#: Parameters that make sense in one mode only.
_MODE_OF = {
    "invoice_creation": "payment",
    "payment_intent_data": "payment",
    "customer_creation": "payment",
    "subscription_data": "subscription",
}


def create(account: Account, params: Object) -> Object:
    _check_mode(params)
    _check_urls(params)
    customer = _customer(account, params)
    clock = "" if customer is None else customer["_clock"]
    prices = [_price(account, item, n) for n, item in enumerate(params["line_items"])]
    currency = str(params.get("currency") or prices[0]["currency"]).lower()
    session = account.make("checkout.session", clock, id=account.new_id("cs_test_", 58), mode=params["mode"])
    now = session["created"]
    session |= {"expires_at": _expiry(params, now), "currency": currency, "_kept": _kept(params)}
    session |= {"customer": params.get("customer"), "customer_email": params.get("customer_email")}
    names = ("allow_promotion_codes", "billing_address_collection", "cancel_url", "client_reference_id", "locale")
    assign(session, params, (*names, "customer_creation", "success_url", "submit_type"))
    session["payment_method_types"] = params.get("allowed_payment_method_types", ["card"])
    session["url"] = f"{account.base_url}/c/pay/{session['id']}"
    if session["mode"] == "payment":
        session["customer_creation"] = None if customer else params.get("customer_creation", "if_required")
        session["invoice_creation"] = _invoice_creation(params)
    else:
        session["payment_method_collection"] = "always"
    if params.get("automatic_tax", {}).get("enabled"):
        session["automatic_tax"] |= {"enabled": True, "liability": {"type": "self"}, "provider": "stripe"}
        session["automatic_tax"]["status"] = "requires_location_inputs"
    if customer is not None:
        session["customer_details"] = details(customer)
    _check_recurring(session["mode"], prices)
    _itemize(account, session, prices, [item.get("quantity", 1) for item in params["line_items"]])
    _apply_discounts(account, session, params.get("discounts", []))
    return account.save(reprice(account, session))


def _check_mode(params: Object) -> None:
    mode = params.get("mode")
    if mode is None:
        raise refused("Missing required param: mode.", "mode", "parameter_missing")
    if mode == "setup":
        raise not_played("mode=setup", "mode")
    if not 1 <= len(params.get("line_items", [])) <= MAX_ITEMS:
        raise refused("Missing required param: line_items.", "line_items", "parameter_missing")
    for name, only in _MODE_OF.items():
        if name in params and mode != only:
            raise refused(f"You can not pass `{name}` in `{mode}` mode.", name)
    if "customer" in params and "customer_email" in params:
        message = "You may only specify one of these parameters: customer, customer_email."
        raise refused(message, "customer")
    if "discounts" in params and "allow_promotion_codes" in params:
        message = "You may only specify one of these parameters: allow_promotion_codes, discounts."
        raise refused(message, "allow_promotion_codes")
    if len(params.get("client_reference_id", "")) > MAX_REFERENCE_CHARS:
        raise refused("Invalid string: client_reference_id must be at most 200 characters", "client_reference_id")


def _check_urls(params: Object) -> None:
    if "success_url" not in params:
        raise refused("Missing required param: success_url.", "success_url", "parameter_missing")
    for name in ("success_url", "cancel_url"):
        if name in params:
            web_url(params[name], name)


def _customer(account: Account, params: Object) -> Object | None:
    if "customer" not in params:
        return None
    customer = account.living("customer", params["customer"], "customer")
    lives_nowhere = not (customer["address"] or {}).get("country")
    may_update = params.get("customer_update", {}).get("address") == "auto"
    if params.get("automatic_tax", {}).get("enabled") and lives_nowhere and not may_update:
        message = (
            "Automatic tax calculation in Checkout requires a valid address on the Customer. Add a valid address to "
            "the Customer or set either `customer_update[address]` to 'auto' or `customer_update[shipping]` to 'auto' "
            "to save the address entered in Checkout to the Customer."
        )
        raise refused(message, code="customer_tax_location_invalid")
    return customer


def _price(account: Account, item: Object, n: int) -> Object:
    param = f"line_items[{n}]"
    if item.get("quantity", 1) < 1:
        raise refused("Invalid positive integer", f"{param}[quantity]", "parameter_invalid_integer")
    if ("price" in item) == ("price_data" in item):
        raise refused("You must specify either `price` or `price_data`.", f"{param}[price]", "parameter_missing")
    if "price" in item:
        price = account.living("price", item["price"], f"{param}[price]")
        if not price["active"]:
            raise refused("The price specified is inactive. This field only accepts active prices.", f"{param}[price]")
        return price
    # An inline price is a price of its own that cannot be used again.
    return account.save(catalog.create_price(account, item["price_data"]) | {"active": False})


def _expiry(params: Object, now: int) -> int:
    expires_at: int = params.get("expires_at", now + LIFE_SECONDS)
    if not now + MIN_LIFE_SECONDS <= expires_at <= now + LIFE_SECONDS:
        message = "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation."
        raise refused(message, "expires_at")
    return expires_at


def _kept(params: Object) -> Object:
    """What only matters when the customer pays."""
    names = ("payment_intent_data", "subscription_data", "customer_update", "invoice_creation")
    return {name: params.get(name, {}) for name in names}


def _invoice_creation(params: Object) -> Object:
    given = params.get("invoice_creation", {})
    empty: Object = {"account_tax_ids": None, "custom_fields": None, "description": None, "footer": None}
    empty |= {"issuer": None, "metadata": {}, "rendering_options": None}
    return {"enabled": given.get("enabled", False), "invoice_data": empty | given.get("invoice_data", {})}


def details(customer: Object) -> Object:
    """Who pays, as a session tells it."""
    told = {name: customer.get(name) for name in ("address", "email", "name", "phone")}
    return told | {"business_name": None, "individual_name": None, "tax_exempt": "none", "tax_ids": []}


def _check_recurring(mode: str, prices: list[Object]) -> None:
    recurring = [price for price in prices if price["recurring"] is not None]
    if mode == "payment" and recurring:
        message = (
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use "
            "only one-time prices."
        )
        raise refused(message, "line_items[0][price]")
    if mode == "subscription" and not recurring:
        message = "You must provide at least one recurring price in `subscription` mode when using prices."
        raise refused(message, "mode")
    if mode == "subscription" and len(recurring) < len(prices):
        raise not_played("one-time prices beside recurring ones", "line_items")


def _itemize(account: Account, session: Object, prices: list[Object], quantities: list[int]) -> None:
    items = []
    for n, (price, quantity) in enumerate(zip(prices, quantities, strict=True)):
        amount = catalog.amount_in(price, session["currency"], f"line_items[{n}][price]")
        name = account.get("product", price["product"])["name"]
        item = account.make("item", price=public(price), quantity=quantity, description=name)
        items.append(public(item) | {"amount_subtotal": amount * quantity, "currency": session["currency"]})
    session["_line_items"] = a_list(f"/v1/checkout/sessions/{session['id']}/line_items", items)


def _apply_discounts(account: Account, session: Object, discounts: list[Object]) -> None:
    for given in discounts:
        if "promotion_code" in given:
            promotion = account.get("promotion_code", given["promotion_code"], "discounts[0][promotion_code]")
            session["discounts"] = [{"coupon": None, "promotion_code": promotion["id"]}]
        elif "coupon" in given:
            account.living("coupon", given["coupon"], "discounts[0][coupon]")
            session["discounts"] = [{"coupon": given["coupon"], "promotion_code": None}]


def coupon_of(account: Account, session: Object) -> Object | None:
    """The coupon in force on a session."""
    for discount in session["discounts"]:
        coupon_id = discount["coupon"]
        if discount["promotion_code"] is not None:
            coupon_id = account.get("promotion_code", discount["promotion_code"])["promotion"]["coupon"]
        return account.get("coupon", coupon_id)
    return None


def sums(account: Account, session: Object) -> list[Priced]:
    """Each line's sums. Tax is known only once the customer said where they are."""
    items = session["_line_items"]["data"]
    address = (session["customer_details"] or {}).get("address") or {}
    located = session["automatic_tax"]["enabled"] and bool(address.get("country"))
    prices = [account.get("price", item["price"]["id"]) for item in items]
    inside = [catalog.taxed_inside(price, session["currency"]) for price in prices]
    rate = tax_percent(account, automatic=located)
    return priced([item["amount_subtotal"] for item in items], inside, coupon_of(account, session), rate)


def reprice(account: Account, session: Object) -> Object:
    """Writes the sums into a session and its lines."""
    lines = sums(account, session)
    for item, line in zip(session["_line_items"]["data"], lines, strict=True):
        item |= {"amount_discount": line.discount, "amount_tax": line.tax, "amount_total": line.total}
    session["amount_subtotal"] = sum(line.subtotal for line in lines)
    session["amount_total"] = sum(line.total for line in lines)
    session["total_details"] = {
        "amount_discount": sum(line.discount for line in lines),
        "amount_shipping": 0,
        "amount_tax": sum(line.tax for line in lines),
    }
    return session


def retrieve(account: Account, _params: Object, session_id: str) -> Object:
    return account.get("checkout.session", session_id, "session")


def expire(account: Account, _params: Object, session_id: str) -> Object:
    session = account.get("checkout.session", session_id, "session")
    if session["status"] != "open":
        message = f'Only Checkout Sessions with a status in ["open"] can be expired. This one is {session["status"]}.'
        raise refused(message)
    return renewals.expire_session(account, session)


def list_(account: Account, params: Object) -> Object:
    def match(session: Object) -> bool:
        email = params.get("customer_details", {}).get("email")
        if email is not None and (session["customer_details"] or {}).get("email") != email:
            return False
        names = ("customer", "payment_intent", "subscription", "status")
        return all(session[name] == params[name] for name in names if name in params)

    return page(account, "checkout.session", params, "/v1/checkout/sessions", match)


def list_line_items(account: Account, params: Object, session_id: str) -> Object:
    session = account.get("checkout.session", session_id, "session")
    whole: Object = session["_line_items"]
    items: list[Any] = whole["data"]
    if "starting_after" in params:
        places = [n for n, item in enumerate(items) if item["id"] == params["starting_after"]]
        if not places:
            raise missing("item", params["starting_after"], "starting_after")
        items = items[places[0] + 1 :]
    limit = params.get("limit", 10)
    return whole | {"data": items[:limit], "has_more": len(items) > limit}
