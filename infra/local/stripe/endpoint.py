"""One endpoint: what may be sent to it, and what runs. The list of them is in endpoints.py."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.local.stripe.errors import Object, not_played
from infra.local.stripe.parameters import check, parameter_type

Run = Callable[..., Object]


@dataclass(frozen=True)
class Endpoint:
    """`params`: the name of a typed dictionary of `stripe.params`. `heeds`: dotted paths, each with all below it."""

    method: str
    path: str
    params: str
    heeds: str
    run: Run

    @property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{\w+\}", "([^/]+)", self.path))

    def parameters(self, nested: dict[str, Any]) -> Object:
        """What was sent, as values. Raises StripeError for what Stripe, or this stand-in, would not take."""
        values = check(nested, parameter_type(self.params))
        allowed = set(self.heeds.split()) | {"expand"}
        for path in _paths(nested):
            if not any(".".join(path[:n]) in allowed for n in range(1, len(path) + 1)):
                raise not_played(f"the parameter {'.'.join(path)} of {self.method} {self.path}", ".".join(path))
        return values


def _paths(nested: dict[str, Any], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The dotted paths of all leaves; places in lists do not count."""
    found = []
    for name, value in nested.items():
        path = above if name.isdecimal() else (*above, name)
        found += _paths(value, path) if isinstance(value, dict) else [path]
    return found
