"""Whether an answer has the shape that the `stripe` package's own classes promise, field by field."""

import importlib
import inspect
import re
import sys
import types
import typing
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any

from stripe import ListObject
from stripe._stripe_object import StripeObject, UntypedStripeObject

#: How values of some types travel in JSON; the others as themselves.
_TRAVELS_AS: dict[Any, tuple[type, ...]] = {Decimal: (str,), UntypedStripeObject: (dict,), float: (int, float)}


@cache
def _names(module: str) -> dict[str, Any]:
    """What a module of the package can name in its annotations, with what it imports for type checkers only."""
    names = dict(vars(sys.modules[module]))
    source = inspect.getsource(sys.modules[module])
    block = source.partition("if TYPE_CHECKING:")[2].partition("\n\n\n")[0]
    for found in re.finditer(r"from (stripe[\w.]*) import (?:\(([^)]*)\)|(.+))", block):
        imported = importlib.import_module(found[1])
        for part in re.split(r",", found[2] or found[3]):
            name, _, alias = part.strip().partition(" as ")
            if name:
                names[alias.strip() or name] = getattr(imported, name)
    return names


def problems(body: Any, promised: type[StripeObject], path: str = "") -> Iterator[str]:
    """What is missing or of another type than the class says. Extra fields are fine: older versions had them."""
    if not isinstance(body, dict):
        yield f"{path}: not an object"
        return
    for name, hint in promised.__annotations__.items():
        if name.startswith("_") or name == "OBJECT_NAME":
            continue
        options = list(_options(hint, promised))
        if name not in body:
            if type(None) not in options:
                yield f"{path}.{name}: missing"
            continue
        yield from _mismatches(body[name], options, f"{path}.{name}", promised)


def _options(hint: Any, owner: type) -> Iterator[Any]:
    if isinstance(hint, typing.ForwardRef):
        hint = hint.__forward_arg__
    if isinstance(hint, str):
        # Annotations of the installed package.
        hint = eval(hint, _names(owner.__module__) | {owner.__name__: owner})  # noqa: S307
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        for part in typing.get_args(hint):
            yield from _options(part, owner)
    else:
        yield hint


def _mismatches(value: Any, options: list[Any], path: str, owner: type) -> Iterator[str]:
    if value is None:
        if type(None) not in options:
            yield f"{path}: null"
        return
    found: list[list[str]] = [list(_against(value, option, path, owner)) for option in options]
    if all(found):
        yield from min(found, key=len)


def _against(value: Any, option: Any, path: str, owner: type) -> Iterator[str]:
    """Why a value is not of one type."""
    origin = typing.get_origin(option)
    if origin is typing.Literal:
        if value not in typing.get_args(option):
            yield f"{path}: {value!r} is not one of {typing.get_args(option)[:9]}"
    elif origin is list:
        yield from _elements(value, typing.get_args(option)[0], path, owner)
    elif origin is ListObject:
        if not isinstance(value, dict) or value.get("object") != "list":
            yield f"{path}: not a list object"
        else:
            yield from _elements(value["data"], typing.get_args(option)[0], path, owner)
    elif isinstance(option, type) and issubclass(option, StripeObject) and option is not UntypedStripeObject:
        yield from problems(value, option, path)
    elif type(value) not in _TRAVELS_AS.get(origin or option, (origin or option,)):
        yield f"{path}: {type(value).__name__} instead of {option}"


def _elements(value: Any, held: Any, path: str, owner: type) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: not a list"
        return
    for n, each in enumerate(value):
        yield from _mismatches(each, list(_options(held, owner)), f"{path}[{n}]", owner)
