"""Lists: newest first, by pages, filtered. https://docs.stripe.com/api/pagination."""

from collections.abc import Callable, Iterable
from itertools import islice

from infra.local.stripe.account import Account
from infra.local.stripe.errors import Object, missing, refused
from infra.local.stripe.rendering import a_list, public, rendered

DEFAULT_LIMIT, MAX_LIMIT = 10, 100
_PAGING = frozenset({"created", "ending_before", "expand", "limit", "starting_after"})


def page(
    account: Account, kind: str, params: Object, url: str, match: Callable[[Object], bool] | None = None
) -> Object:
    """A page of the objects of a kind. Parameters that are fields filter by equality, `created` by its bounds.

    `match` decides about the parameters that are not fields of the object, in place of equality.
    """
    limit = params.get("limit", DEFAULT_LIMIT)
    if not 1 <= limit <= MAX_LIMIT:
        raise refused(f"Invalid integer: limit must be between 1 and {MAX_LIMIT}", "limit")
    before, after = _place(account, kind, params, "starting_after"), _place(account, kind, params, "ending_before")
    fields = {} if match else {name: value for name, value in params.items() if name not in _PAGING}

    def wanted(body: Object) -> bool:
        if body.get("deleted") or not _within(body["created"], params.get("created")):
            return False
        return all(body.get(name) == value for name, value in fields.items()) and (match is None or match(body))

    backwards = "ending_before" in params
    found: Iterable[Object] = filter(
        wanted, account.store.scan(kind, before=before, after=after, oldest_first=backwards)
    )
    bodies = list(islice(found, limit + 1))
    has_more, bodies = len(bodies) > limit, bodies[:limit]
    if backwards:
        bodies.reverse()
    return a_list(url, [public(body) for body in bodies], has_more)


def expanded(account: Account, answer: Object, expand: list[str]) -> Object:
    """A page with what its `expand` asks for, `data.…` each."""
    return rendered(account, answer, expand)


def _place(account: Account, kind: str, params: Object, name: str) -> int | None:
    if name not in params:
        return None
    place = account.store.sequence(params[name])
    if place is None:
        raise missing(kind, params[name], name)
    return place


def _within(moment: int, bounds: int | dict[str, int] | None) -> bool:
    if bounds is None:
        return True
    if isinstance(bounds, int):
        return moment == bounds
    low, high = bounds.get("gte", 0), bounds.get("lte", 2**62)
    return low <= moment <= high and bounds.get("gt", -1) < moment < bounds.get("lt", 2**62)
