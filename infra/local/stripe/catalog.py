"""What is sold: products, prices in several currencies, coupons and promotion codes."""

from infra.local.stripe.account import Account
from infra.local.stripe.errors import Object, not_played, refused
from infra.local.stripe.fields import assign
from infra.local.stripe.listing import page

MAX_LOOKUP_KEYS = 10
_PRODUCT_FIELDS = (
    "active",
    "description",
    "images",
    "marketing_features",
    "name",
    "shippable",
    "statement_descriptor",
    "tax_code",
    "unit_label",
    "url",
)


def create_product(account: Account, params: Object) -> Object:
    if "id" in params and account.store.find(params["id"]) is not None:
        raise refused("Product already exists.", "id", "resource_already_exists")
    named = {"id": params["id"]} if "id" in params else {}
    product = account.make("product", **named)
    product["updated"] = product["created"]
    account.save(assign(product, params, _PRODUCT_FIELDS))
    account.event("product.created", product)
    return product


def update_product(account: Account, params: Object, product_id: str) -> Object:
    before = account.living("product", product_id)
    product = assign(dict(before), params, (*_PRODUCT_FIELDS, "default_price"))
    product["updated"] = account.now()
    account.save(product)
    account.event("product.updated", product, before)
    return product


def list_products(account: Account, params: Object) -> Object:
    ids = params.get("ids")

    def match(product: Object) -> bool:
        wanted = all(product[name] == params[name] for name in ("active", "url") if name in params)
        return wanted and (ids is None or product["id"] in ids)

    return page(account, "product", params, "/v1/products", match)


def create_price(account: Account, params: Object) -> Object:
    if ("product" in params) == ("product_data" in params):
        raise refused("You must specify either `product` or `product_data` when creating a price.", "product")
    if "unit_amount" not in params:
        raise refused("You must specify `unit_amount`.", "unit_amount", "parameter_missing")
    options = {name: _option(value, name) for name, value in params.get("currency_options", {}).items()}
    product_id = _product_for(account, params)
    price = account.make("price", product=product_id, currency=_currency(params["currency"], "currency"))
    assign(price, params, ("active", "nickname", "tax_behavior"))
    price["unit_amount"] = _amount(params["unit_amount"], "unit_amount")
    price["unit_amount_decimal"] = str(params["unit_amount"])
    price["_currency_options"] = {price["currency"]: _option(params, "currency")} | options
    if "recurring" in params:
        price["type"] = "recurring"
        price["recurring"] = {
            "interval": params["recurring"]["interval"],
            "interval_count": params["recurring"].get("interval_count", 1),
            "meter": None,
            "trial_period_days": None,
            "usage_type": "licensed",
        }
    _take_lookup_key(account, price, params)
    account.save(price)
    account.event("price.created", price)
    return price


def _product_for(account: Account, params: Object) -> str:
    if "product" in params:
        product_id: str = account.living("product", params["product"], "product")["id"]
        return product_id
    return str(create_product(account, params["product_data"])["id"])


def _currency(currency: str, param: str) -> str:
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        raise refused(f"Invalid currency: {currency}.", param)
    return currency.lower()


def _amount(amount: int, param: str) -> int:
    if not 0 <= amount <= 99_999_999:
        raise refused("Invalid non-negative integer", param, "parameter_invalid_integer")
    return amount


def _option(given: Object, currency: str) -> Object:
    _currency(given.get("currency", currency), "currency_options")
    if "unit_amount" not in given:
        raise not_played("currency options without unit_amount", "currency_options")
    return {
        "custom_unit_amount": None,
        "tax_behavior": given.get("tax_behavior", "unspecified"),
        "unit_amount": _amount(given["unit_amount"], "unit_amount"),
        "unit_amount_decimal": str(given["unit_amount"]),
    }


def _take_lookup_key(account: Account, price: Object, params: Object) -> None:
    key = params.get("lookup_key")
    if not key:
        return
    for holder in account.having("price", lookup_key=key):
        if holder["id"] == price["id"]:
            continue
        if not params.get("transfer_lookup_key"):
            message = f"A price (`{holder['id']}`) already uses that lookup key."
            raise refused(message, "lookup_key", "resource_already_exists")
        before = dict(holder)
        account.save(holder | {"lookup_key": None})
        account.event("price.updated", holder | {"lookup_key": None}, before)
    price["lookup_key"] = key


def update_price(account: Account, params: Object, price_id: str) -> Object:
    before = account.living("price", price_id)
    price = assign(dict(before), params, ("active", "nickname", "tax_behavior"))
    if "currency_options" in params:
        added = {name: _option(value, name) for name, value in params["currency_options"].items()}
        price["_currency_options"] = before["_currency_options"] | added
    if params.get("lookup_key") == "":
        price["lookup_key"] = None
    else:
        _take_lookup_key(account, price, params)
    account.save(price)
    account.event("price.updated", price, before)
    return price


def list_prices(account: Account, params: Object) -> Object:
    keys = params.get("lookup_keys")
    if keys is not None and len(keys) > MAX_LOOKUP_KEYS:
        raise refused(f"You may only specify up to {MAX_LOOKUP_KEYS} lookup_keys.", "lookup_keys")

    def match(price: Object) -> bool:
        fields = ("active", "currency", "product", "type")
        wanted = all(price[name] == params[name] for name in fields if name in params)
        return wanted and (keys is None or price["lookup_key"] in keys)

    return page(account, "price", params, "/v1/prices", match)


def amount_in(price: Object, currency: str, param: str) -> int:
    """The price for one, in a currency. Raises StripeError when it is not sold in it."""
    option = price["_currency_options"].get(currency)
    if option is None:
        message = f"The price specified supports currencies of `{'`, `'.join(price['_currency_options'])}`."
        raise refused(f"{message} This doesn't match the expected currency: `{currency}`.", param)
    amount: int = option["unit_amount"]
    return amount


def taxed_inside(price: Object, currency: str) -> bool:
    """Whether the price contains its tax."""
    return bool(price["_currency_options"][currency]["tax_behavior"] == "inclusive")


def create_coupon(account: Account, params: Object) -> Object:
    if ("percent_off" in params) == ("amount_off" in params):
        raise refused("Must provide one of `percent_off` or `amount_off`.", "percent_off")
    if "amount_off" in params and "currency" not in params:
        raise refused("You must pass currency when passing amount_off.", "currency", "parameter_missing")
    if not 0 < params.get("percent_off", 1) <= 100:
        raise refused("Invalid percent_off: must be greater than 0 and at most 100", "percent_off")
    if params.get("duration") == "repeating" and "duration_in_months" not in params:
        message = "You must pass duration_in_months when passing duration = repeating."
        raise refused(message, "duration_in_months", "parameter_missing")
    coupon = account.make("coupon", **({"id": params["id"]} if "id" in params else {"id": account.new_id("", 8)}))
    names = ("amount_off", "currency", "duration", "duration_in_months", "max_redemptions", "name", "percent_off")
    account.save(assign(coupon, params, (*names, "redeem_by")))
    account.event("coupon.created", coupon)
    return coupon


def create_promotion_code(account: Account, params: Object) -> Object:
    coupon = account.living("coupon", params["promotion"].get("coupon", ""), "promotion[coupon]")
    code = params.get("code") or account.new_id("", 8).upper()
    if any(other["active"] for other in account.having("promotion_code", code=code)):
        raise refused(f"An active promotion code with `code: {code}` already exists.", "code")
    promotion = {"coupon": coupon["id"], "type": "coupon"}
    made = account.make("promotion_code", code=code, promotion=promotion)
    account.save(assign(made, params, ("active", "customer", "expires_at", "max_redemptions")))
    account.event("promotion_code.created", made)
    return made


def list_promotion_codes(account: Account, params: Object) -> Object:
    return page(account, "promotion_code", params, "/v1/promotion_codes")


def update_promotion_code(account: Account, params: Object, code_id: str) -> Object:
    before = account.get("promotion_code", code_id)
    code = account.save(assign(dict(before), params, ("active",)))
    account.event("promotion_code.updated", code, before)
    return code


def redeemable(account: Account, code: str, customer_id: str | None, currency: str) -> tuple[Object, Object] | None:
    """The promotion code that a customer typed and its coupon, if they may use it now."""
    for promotion in account.having("promotion_code", active=True):
        if promotion["code"].lower() != code.strip().lower() or promotion["customer"] not in (None, customer_id):
            continue
        coupon = account.get("coupon", promotion["promotion"]["coupon"])
        now = account.now()
        late = any(end is not None and end <= now for end in (promotion["expires_at"], coupon["redeem_by"]))
        used_up = any(
            each["max_redemptions"] is not None and each["times_redeemed"] >= each["max_redemptions"]
            for each in (promotion, coupon)
        )
        if not late and not used_up and coupon["currency"] in (None, currency):
            return promotion, coupon
    return None


def redeem(account: Account, promotion: Object, coupon: Object) -> None:
    """Counts a use of both."""
    for each in (promotion, coupon):
        account.save(each | {"times_redeemed": each["times_redeemed"] + 1})
