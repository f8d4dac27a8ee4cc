"""Permanent actions name the thing they destroy."""

from collections.abc import Callable
from typing import Any

from pydantic import Field

from chalicelib.edge.http import Call
from chalicelib.kernel.errors import ConfirmationRequired
from chalicelib.kernel.shapes import Body, Query


class Confirm(Body):
    confirm: str | None = Field(None, max_length=64, description="the id of what is to be destroyed")


class ConfirmQuery(Query):
    confirm: str | None = Field(None, max_length=64, description="the id of what is to be destroyed")


def confirmed(call: Call[Any, Any], thing: str, look: Callable[[], object]) -> None:
    """Raises ConfirmationRequired unless the body or the query names the thing exactly.

    Before that `look()` raises what it raises for a thing that is not there: nobody is asked to confirm that.
    """
    if thing not in (call.body.confirm, call.query.confirm):
        look()
        raise ConfirmationRequired(
            f"This action is permanent and cannot be undone. To go on, confirm with {thing!r}.", param="confirm"
        )
