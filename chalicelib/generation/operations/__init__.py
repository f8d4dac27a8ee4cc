"""The operations, found by looking: adding one means adding its file to this folder."""

import pkgutil
from functools import cache
from importlib import import_module

from chalicelib.generation.operations.contract import Operation

NOT_OPERATIONS = frozenset({"contract", "sizes"})


class UnknownOperation(LookupError):
    """There is no operation of that name."""


@cache
def operations() -> dict[str, Operation]:
    """All operations by name, in alphabetical order. Raises TypeError for a file here that declares none."""
    found: dict[str, Operation] = {}
    for name in sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in NOT_OPERATIONS):
        declared = getattr(import_module(f"{__name__}.{name}"), "OPERATION", None)
        if not isinstance(declared, Operation) or declared.name != name:
            raise TypeError(f"{__name__}.{name} must declare OPERATION with the name {name!r}")
        found[name] = declared
    return found


def operation(name: str) -> Operation:
    """Raises UnknownOperation."""
    if name not in operations():
        raise UnknownOperation(name)
    return operations()[name]
