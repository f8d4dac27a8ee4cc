"""Cursors: opaque to clients, the id of the last thing on the page to us. Stable when newer things are inserted."""

import base64
import binascii

from chalicelib.kernel.errors import Validation
from chalicelib.kernel.ids import is_id
from chalicelib.kernel.shapes import Item, Page


def cursor(last_id: str) -> str:
    return base64.urlsafe_b64encode(last_id.encode()).decode().rstrip("=")


def after_id(prefix: str, given: str | None) -> str | None:
    """The id a cursor stands for. Raises Validation for one that we did not make."""
    if given is None:
        return None
    try:
        text = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)).decode()
    except (binascii.Error, ValueError):
        text = ""
    if not is_id(prefix, text):
        raise Validation("after: is not a cursor of this list", param="after")
    return text


def page(items: list[Item], ids: list[str], limit: int) -> Page[Item]:
    """A page from up to `limit` + 1 items read."""
    more = len(items) > limit
    return Page(data=items[:limit], has_more=more, next_cursor=cursor(ids[limit - 1]) if more else None)
