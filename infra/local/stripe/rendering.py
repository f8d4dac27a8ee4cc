"""Objects as they are answered: without what is ours, with what the caller asked to expand."""

from typing import TYPE_CHECKING, Any

from infra.local.stripe.errors import Object, StripeError, refused

if TYPE_CHECKING:
    from infra.local.stripe.account import Account

MAX_EXPAND_DEPTH = 4
_KIND_BY_PREFIX = {
    "ch_": "charge",
    "cs_": "checkout.session",
    "cus_": "customer",
    "in_": "invoice",
    "pi_": "payment_intent",
    "pm_": "payment_method",
    "price_": "price",
    "prod_": "product",
    "promo_": "promotion_code",
    "sub_": "subscription",
    "clock_": "test_helpers.test_clock",
}
#: Fields that are there only when asked for, and where the objects in them come from: kind → field → (kind, its link).
_INCLUDABLE = {
    "charge": {"refunds": ("refund", "charge")},
    "customer": {"subscriptions": ("subscription", "customer")},
    "invoice": {"payments": ("invoice_payment", "invoice")},
}
#: The same for what we keep inside the object under a name of our own.
_KEPT = {
    "checkout.session": {"line_items": "_line_items"},
    "price": {"currency_options": "_currency_options"},
}


def public(body: Object) -> Object:
    """Without our own fields, whose names begin with an underscore."""
    return {name: value for name, value in body.items() if not name.startswith("_")}


def a_list(url: str, data: list[Any], has_more: bool = False) -> Object:
    """A list object: https://docs.stripe.com/api/pagination."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def rendered(account: "Account", body: Object, expand: list[str]) -> Object:
    """The object as answered. Raises StripeError when a path cannot be expanded."""
    shown = public(body)
    for path in expand:
        names = path.split(".")
        if len(names) > MAX_EXPAND_DEPTH:
            message = f"You cannot expand more than {MAX_EXPAND_DEPTH} levels of a property. Property: {path}"
            raise refused(message, "expand")
        _expand(account, shown, names, path)
    return shown


def _expand(account: "Account", shown: Object, names: list[str], path: str) -> None:
    name, *rest = names
    if shown.get("object") == "list" and name == "data":
        for n, each in enumerate(shown["data"]):
            if isinstance(each, str):
                shown["data"][n] = _fetched(account, each, path)
            if rest:
                _expand(account, shown["data"][n], rest, path)
        return
    if name not in shown or isinstance(shown[name], str):
        shown[name] = _included(account, shown, name, path)
    if isinstance(shown[name], list):
        shown[name] = [_fetched(account, each, path) if isinstance(each, str) else each for each in shown[name]]
    if rest and isinstance(shown[name], dict):
        # A copy: what is embedded elsewhere must not grow.
        shown[name] = dict(shown[name])
        _expand(account, shown[name], rest, path)


def _included(account: "Account", shown: Object, name: str, path: str) -> Any:
    if isinstance(shown.get(name), str):
        return _fetched(account, shown[name], path)
    kind, object_id = shown.get("object", ""), shown.get("id", "")
    if name in _KEPT.get(kind, {}):
        return account.get(kind, object_id)[_KEPT[kind][name]]
    if name in _INCLUDABLE.get(kind, {}):
        held, link = _INCLUDABLE[kind][name]
        found = [public(each) for each in account.having(held, **{link: object_id})]
        return a_list(f"/v1/{kind}s/{object_id}/{name}", found)
    raise _not_expandable(path)


def _fetched(account: "Account", object_id: str, path: str) -> Object:
    for prefix, kind in _KIND_BY_PREFIX.items():
        if object_id.startswith(prefix):
            return public(account.get(kind, object_id))
    raise _not_expandable(path)


def _not_expandable(path: str) -> StripeError:
    message = f"This property cannot be expanded ({path.rpartition('.')[2]}). You may want to try expanding another."
    return refused(message, "expand")
