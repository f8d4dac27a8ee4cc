"""What may be sent to an endpoint, read off the types of the `stripe` package: a wrong call fails here, as at Stripe.

Stripe generates its typed dictionaries from its OpenAPI document; each says which parameters exist, which are required
and what they hold. This turns form text into values by these types.
"""

import importlib
import sys
import types
import typing
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

import typing_extensions

from infra.local.stripe.errors import StripeError, refused
from infra.local.stripe.forms import Nested, as_list

#: Options of the client, which its types list beside the parameters; they never travel in the body.
_CLIENT_OPTIONS = frozenset(
    {
        "api_key",
        "content_type",
        "headers",
        "idempotency_key",
        "max_network_retries",
        "stripe_account",
        "stripe_context",
        "stripe_version",
    }
)
MAX_METADATA_KEYS, MAX_METADATA_KEY_CHARS, MAX_METADATA_CHARS = 50, 40, 500


@cache
def parameter_type(name: str) -> Any:
    """The typed dictionary of an endpoint, `checkout.SessionCreateParams` say."""
    module, _, attribute = f"stripe.params.{name}".rpartition(".")
    return getattr(importlib.import_module(module), attribute)


@cache
def members(typed: Any) -> dict[str, tuple[Any, bool]]:
    """Parameter → (its type, whether it is required)."""
    found = {}
    for name, annotation in typed.__annotations__.items():
        if name not in _CLIENT_OPTIONS:
            hint = _resolve(annotation, typed.__module__)
            optional = typing_extensions.get_origin(hint) is typing_extensions.NotRequired
            found[name] = (_resolve(typing.get_args(hint)[0], typed.__module__) if optional else hint, not optional)
    return found


def _resolve(hint: Any, module: str) -> Any:
    if isinstance(hint, typing.ForwardRef):
        hint = hint.__forward_arg__
    if isinstance(hint, str):
        # Forward references of a package that is installed and pinned, never of a request.
        return eval(hint, vars(sys.modules[module]))  # noqa: S307
    return hint


def check(nested: Nested, typed: Any, prefix: str = "") -> dict[str, Any]:
    """The values of a typed dictionary. Raises StripeError as Stripe does: unknown, missing or malformed parameter."""
    known = members(typed)
    unknown = [_named(prefix, name) for name in nested if name not in known]
    if unknown:
        what = "parameter" if len(unknown) == 1 else "parameters"
        raise refused(f"Received unknown {what}: {', '.join(unknown)}", unknown[0], "parameter_unknown")
    for name, (_, required) in known.items():
        if required and name not in nested:
            param = _named(prefix, name)
            raise refused(f"Missing required param: {param}.", param, "parameter_missing")
    return {name: _value(nested[name], known[name][0], typed.__module__, _named(prefix, name)) for name in nested}


def _named(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name


@cache
def _options(hint: Any, module: str) -> tuple[Any, ...]:
    """The alternatives of a type, flat and resolved."""
    hint = _resolve(hint, module)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(option for part in typing.get_args(hint) for option in _options(part, module))
    return (hint,)


def _value(value: Any, hint: Any, module: str, param: str) -> Any:
    options = _options(hint, module)
    if isinstance(value, dict):
        return _container(value, options, module, param)
    return _leaf(value, options, param)


def _container(value: Nested, options: tuple[Any, ...], module: str, param: str) -> Any:
    for option in options:
        origin = typing.get_origin(option)
        if typing_extensions.is_typeddict(option):
            return check(value, option, param)
        if origin is list:
            (item,) = typing.get_args(option)
            return [_value(each, item, module, f"{param}[{n}]") for n, each in enumerate(as_list(value, param))]
        if origin is dict:
            _, held = typing.get_args(option)
            values = {name: _map_value(each, held, module, f"{param}[{name}]") for name, each in value.items()}
            return _limited(values, param) if held is str else values
    raise refused(f"Invalid {param}: it takes a value, not an object", param)


def _map_value(value: Any, held: Any, module: str, param: str) -> Any:
    # An empty value unsets a key of a map.
    return "" if value == "" and held is str else _value(value, held, module, param)


def _limited(metadata: dict[str, str], param: str) -> dict[str, str]:
    """https://docs.stripe.com/metadata: 50 keys of 40 characters, values of 500."""
    if len(metadata) > MAX_METADATA_KEYS:
        raise refused(f"Metadata can have up to {MAX_METADATA_KEYS} keys", param)
    for name, value in metadata.items():
        if len(name) > MAX_METADATA_KEY_CHARS:
            raise refused(f"Metadata keys must be under {MAX_METADATA_KEY_CHARS} characters long: {name}", param)
        if len(value) > MAX_METADATA_CHARS:
            message = f"Metadata values can have up to {MAX_METADATA_CHARS} characters: {param}[{name}]"
            raise refused(message, f"{param}[{name}]")
    return metadata


def _leaf(text: str, options: tuple[Any, ...], param: str) -> Any:
    words = [word for option in options if _is_literal(option) for word in typing.get_args(option)]
    if text in words:
        return text
    # Stripe widens its enumerations by `str` for values of other API versions; we send none of these.
    enumerated = [word for word in words if word != ""]
    problem = None
    for option in options:
        if option is str and not enumerated:
            return _text(text, param)
        if option in _READERS:
            read = _READERS[option](text)
            if read is not None:
                return read
            problem = _malformed(text, option, param)
    if enumerated:
        choices = f"{', '.join(enumerated[:-1])}, or {enumerated[-1]}" if len(enumerated) > 1 else enumerated[0]
        problem = refused(f"Invalid {param}: must be one of {choices}", param)
    raise problem or refused(f"Invalid {'array' if _takes_list(options) else 'object'}", param)


def _is_literal(option: Any) -> bool:
    return typing.get_origin(option) in (typing.Literal, typing_extensions.Literal)


def _takes_list(options: tuple[Any, ...]) -> bool:
    return any(typing.get_origin(option) is list for option in options)


def _text(text: str, param: str) -> str:
    if text == "":
        message = (
            f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; "
            f"however '{param}' cannot be unset. You should remove '{param}' from your request or supply a non-empty "
            "value."
        )
        raise refused(message, param, "parameter_invalid_empty")
    return text


def _integer(text: str) -> int | None:
    digits = text.removeprefix("-")
    return int(text) if digits.isascii() and digits.isdecimal() and len(digits) < 20 else None


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text)


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _float(text: str) -> float | None:
    number = _decimal(text)
    return None if number is None else float(number)


_READERS: dict[Any, Any] = {int: _integer, bool: _boolean, Decimal: _decimal, float: _float}


def _malformed(text: str, option: Any, param: str) -> StripeError:
    if option is int:
        return refused(f"Invalid integer: {text}", param, "parameter_invalid_integer")
    return refused(f"Invalid {'boolean' if option is bool else 'decimal'}: {text}", param)
