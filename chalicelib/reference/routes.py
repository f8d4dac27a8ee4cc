"""What describes the service itself: its specification, a page to read it, what problems mean, and whether it lives."""

import base64
import hashlib
import json
from functools import cache

from chalicelib.edge.http import Answer, Call, Content, Door
from chalicelib.edge.identity import Access
from chalicelib.edge.openapi import document
from chalicelib.kernel.errors import NotFound, all_problems
from chalicelib.kernel.shapes import View
from chalicelib.reference import pages

door = Door("reference")


class Health(View):
    status: str


@door.route("GET", "/healthz", summary="Whether the API answers", access=Access.PUBLIC, answer=Health)
def healthz(_: Call[None, None]) -> Health:
    """Liveness of this function; it asks nothing of anything else."""
    return Health(status="ok")


@door.route("GET", "/openapi.json", summary="This specification", access=Access.PUBLIC)
def openapi(call: Call[None, None]) -> Answer:
    """OpenAPI 3.1, generated from the code that serves."""
    text = json.dumps(document(call.base_url or "/"))
    return Answer(text, headers={"Content-Type": "application/json", "Cache-Control": "public, max-age=300"})


@door.route("GET", "/docs", summary="The reference to read", access=Access.PUBLIC, content=Content.HTML)
def docs(_: Call[None, None]) -> Answer:
    return _page(_reference())


@door.route(
    "GET", "/problems/{code}", summary="What a problem means and what to do", access=Access.PUBLIC, content=Content.HTML
)
def problem(call: Call[None, None]) -> Answer:
    """The page that the `type` of a problem leads to."""
    found = all_problems().get(call.path["code"])
    if found is None:
        raise NotFound("There is no such problem.")
    return _page(pages.problem(found))


@cache
def _reference() -> str:
    return pages.reference(document())


def _page(html: str) -> Answer:
    """HTML whose one style sheet is allowed by its hash (CSP level 3, section 2.3.1); nothing is loaded or run."""
    digest = base64.b64encode(hashlib.sha256(pages.STYLE.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy}
    return Answer(html, headers={**headers, "Cache-Control": "public, max-age=300"})
