"""Cursors: opaque to clients, the id of the last thing on the page to us. Stable when newer things are inserted."""

import base64
import binascii
import re
from collections.abc import Callable

from chalicelib.kernel.errors import Validation
from chalicelib.kernel.ids import is_id
from chalicelib.kernel.shapes import Item, Page


def cursor(last_id: str) -> str:
    return base64.urlsafe_b64encode(last_id.encode()).decode().rstrip("=")


def after_id(prefix: str, given: str | None) -> str | None:
    """The id a cursor stands for. Raises Validation for one that we did not make."""
    return _after(given, lambda text: is_id(prefix, text))


def after_place(shape: re.Pattern[str], given: str | None) -> str | None:
    """The same for lists whose things have a place instead of an id."""
    return _after(given, lambda text: shape.fullmatch(text) is not None)


def _after(given: str | None, ours: Callable[[str], bool]) -> str | None:
    if given is None:
        return None
    try:
        text = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode()
    except (binascii.Error, ValueError):
        text = ""
    if not ours(text):
        raise Validation("after: is not a cursor of this list", param="after")
    return text


def page(items: list[Item], ids: list[str], limit: int) -> Page[Item]:
    """A page from up to `limit` + 1 items read."""
    more = len(items) > limit
    return Page(data=items[:limit], has_more=more, next_cursor=cursor(ids[limit - 1]) if more else None)
