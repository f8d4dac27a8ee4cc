"""Bodies as Stripe's API takes them: form-encoded, nested by brackets. Pure.

`items[0][price]=price_1&metadata[order]=7` is `{"items": [{"price": "price_1"}], "metadata": {"order": "7"}}`.
"""

import re
from typing import Any
from urllib.parse import parse_qsl

from infra.local.stripe.errors import refused

MAX_BODY_BYTES = 200_000
MAX_PAIRS = 2_000
MAX_DEPTH = 10
_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")

#: A leaf is text; lists are still maps of their indices, `as_list` turns them.
Nested = dict[str, Any]


def parse(encoded: str) -> Nested:
    """The nested map of a query or body. Raises StripeError for what is not one."""
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, strict_parsing=False, max_num_fields=MAX_PAIRS)
    except ValueError:
        raise refused("The request has too many parameters") from None
    nested: Nested = {}
    for key, value in pairs:
        _put(nested, _path(key), value, key)
    return nested


def _path(key: str) -> list[str]:
    found = _KEY.fullmatch(key)
    if found is None:
        raise refused(f"Invalid parameter name: {key}", key)
    path = [found.group(1), *re.findall(r"\[([^\[\]]*)\]", found.group(2))]
    if len(path) > MAX_DEPTH:
        raise refused(f"Parameter nested too deep: {key}", key)
    return path


def _put(nested: Nested, path: list[str], value: str, key: str) -> None:
    place = nested
    for name in path[:-1]:
        place = place.setdefault(name or str(len(place)), {})
        if not isinstance(place, dict):
            raise refused(f"Invalid object: {key} is both a value and an object", key)
    last = path[-1] or str(len(place))
    if last in place:
        raise refused(f"Parameter given twice: {key}", key)
    place[last] = value


def as_list(value: Nested, param: str) -> list[Any]:
    """The list that a map of indices means. Raises StripeError when it is no list."""
    if not all(name.isdecimal() for name in value):
        raise refused(f"Invalid array: {param}", param)
    return [value[name] for name in sorted(value, key=int)]
