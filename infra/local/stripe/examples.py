"""The shape of every object: `objects.json` is shaped after the example objects that Stripe publishes with its OpenAPI
document (fixtures), with optional fields empty, brought up to the version that the `stripe` package speaks. A test
compares what we answer with that package's own classes, field by field.
"""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

from infra.local.stripe.errors import Object


@cache
def _objects() -> dict[str, Object]:
    loaded: dict[str, Object] = json.loads(Path(__file__).with_name("objects.json").read_text(encoding="utf-8"))
    return loaded


def shaped(kind: str, **fields: Any) -> Object:
    """An object of a kind: its example with these fields. Raises KeyError for a kind that has no example."""
    return copy.deepcopy(_objects()[kind]) | fields
