"""Lists as CSV (RFC 4180) for whoever asks for `text/csv`, with the next page as a link (RFC 8288)."""

import csv
import io
import urllib.parse
from collections.abc import Iterable
from typing import Any

from chalicelib.edge.http import Answer, Call
from chalicelib.kernel.shapes import Page, Query

MEDIA_TYPE = "text/csv"
#: Spreadsheets run what begins so.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def wants_csv(call: Call[Any, Any]) -> bool:
    """Whether `Accept` names CSV before JSON and everything else."""
    kinds = [part.split(";")[0].strip().lower() for part in call.headers.get("accept", "").split(",")]
    known = [kind for kind in kinds if kind in (MEDIA_TYPE, "application/json", "*/*")]
    return bool(known) and known[0] == MEDIA_TYPE


def as_csv(
    call: Call[Any, Any], path: str, page: Page[Any], names: Iterable[str], rows: Iterable[Iterable[Any]]
) -> Answer:
    """One page; `Link: <…>; rel="next"` names the next, if there is one."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    headers = {"Content-Type": f"{MEDIA_TYPE}; charset=utf-8; header=present"}
    if page.next_cursor:
        headers["Link"] = f'<{call.base_url}{path}?{_query(call.query, page.next_cursor)}>; rel="next"'
    return Answer(text.getvalue(), headers=headers)


def _query(query: Query, cursor: str) -> str:
    asked = {name: value for name, value in query.model_dump(mode="json", by_alias=True).items() if value is not None}
    return urllib.parse.urlencode({**asked, "after": cursor})


def _safe(cell: Any) -> Any:
    """Numbers as they are; text that a spreadsheet would run is quoted with an apostrophe."""
    if cell is None:
        return ""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
