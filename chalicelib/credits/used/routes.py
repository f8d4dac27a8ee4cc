"""Usage over HTTP."""

import re
from datetime import date

from pydantic import Field

from chalicelib.edge.csv import as_csv, wants_csv
from chalicelib.edge.http import Answer, Call, Door
from chalicelib.edge.paging import after_place, page
from chalicelib.kernel.principal import Scope
from chalicelib.kernel.shapes import Page, PageQuery, View
from chalicelib.wiring import services

door = Door("usage")

PLACE = re.compile(r"\d{4}-\d\d-\d\d#[A-Za-z0-9_]{1,40}#[^#$~]{0,100}")


class UsageQuery(PageQuery):
    first: date | None = Field(None, alias="from", description="a UTC day; 30 days up to `to` if left out")
    last: date | None = Field(None, alias="to", description="a UTC day, included; today if left out")


class UsageView(View):
    """What was charged on a UTC day, by key and model. `key_id` is null for what a signed-in person spent."""

    day: str
    key_id: str | None
    model: str
    generations: int
    assets: int


class UsagePage(Page[UsageView]):
    pass


@door.route(
    "GET",
    "/v1/usage",
    summary="What was charged, by day, key and model",
    scope=Scope.BILLING_READ,
    query=UsageQuery,
    answer=UsagePage,
)
def list_usage(call: Call[None, UsageQuery]) -> Page[UsageView] | Answer:
    """Oldest day first, on the day of the charge. With `Accept: text/csv` as CSV."""
    query = call.query
    after = after_place(PLACE, query.after)
    found = services().usages.between(
        call.principal.account_id, query.first, query.last, after=after, limit=query.limit + 1
    )
    views = [
        UsageView(
            day=used.day,
            key_id=used.spender if used.spender.startswith("key_") else None,
            model=used.model,
            generations=used.generations,
            assets=used.assets,
        )
        for used in found
    ]
    listed = page(views, [used.place for used in found], query.limit)
    if not wants_csv(call):
        return listed
    names = ("day", "key_id", "model", "generations", "assets")
    rows = [(view.day, view.key_id, view.model, view.generations, view.assets) for view in listed.data]
    return as_csv(call, "/v1/usage", listed, names, rows)
