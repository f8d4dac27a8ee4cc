"""The specification and its pages: whole, generated from what serves, and with nothing unescaped."""

import html
import re
from html.parser import HTMLParser

import pytest
from openapi_spec_validator import validate

import app
from chalicelib.edge.http import ROUTES
from chalicelib.edge.openapi import document
from chalicelib.kernel.errors import Problem, all_problems
from chalicelib.reference import pages

VOID = {"meta", "link", "br", "hr", "img", "input"}


@pytest.fixture(scope="module")
def spec():
    return document("https://api.example.com")


class Wellformed(HTMLParser):
    """Collects tags and links, and fails on what is not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        self.links += [value for name, value in attributes if name in ("href", "src")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_document_is_valid_openapi_3_1(spec):
    assert spec["openapi"].startswith("3.1.")
    validate(spec)


def test_every_route_that_serves_is_documented_and_no_other(spec):
    served = {(method, path) for path, methods in app.app.routes.items() for method in methods}
    documented = {(method.upper(), path) for path, methods in spec["paths"].items() for method in methods}
    assert served == documented == set(ROUTES)


def test_every_operation_has_a_summary_a_tag_and_a_unique_id(spec):
    operations = [operation for methods in spec["paths"].values() for operation in methods.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    assert all(operation["summary"] and operation["tags"] for operation in operations)


def test_every_reference_of_the_document_leads_somewhere(spec):
    names = set(re.findall(r"'\$ref': '#/components/schemas/([^']+)'", str(spec)))
    assert names <= set(spec["components"]["schemas"])
    assert "Problem" in names


def test_every_route_but_the_public_ones_says_how_to_authenticate(spec):
    for (method, path), route in ROUTES.items():
        security = spec["paths"][path][method.lower()]["security"]
        assert bool(security) == (route.access.value != "public")
        refused = spec["paths"][path][method.lower()]["responses"].get("401", {"description": ""})["description"]
        assert ("`unauthorized`" in refused) == bool(security)


#: Whoever signed out signs in again, a plan can be kept until its period ends, automatic top-up be turned on again.
CAN_BE_UNDONE = ("end_session", "cancel_subscription", "turn_off_auto_top_up")


def test_permanent_actions_say_that_they_need_confirm(spec):
    for methods in spec["paths"].values():
        for method, operation in methods.items():
            if method == "delete" and "200 204".find(next(iter(operation["responses"]))) >= 0:
                named = [parameter["name"] for parameter in operation["parameters"]]
                assert "confirm" in named or operation["operationId"] in CAN_BE_UNDONE


@pytest.mark.parametrize("problem", all_problems().values(), ids=lambda problem: problem.code)
def test_every_problem_has_a_page_that_says_what_to_do(problem):
    text = pages.problem(problem)
    shown = html.unescape(re.sub(r"<[^>]+>", "", text))
    assert problem.title in shown
    assert problem.advice.replace("`", "") in shown
    assert problem.code in shown
    parsed = Wellformed(text)
    assert parsed.links == ["../docs"]


def test_the_reference_shows_every_route_and_links_only_to_problems_that_exist(spec):
    text = pages.reference(spec)
    parsed = Wellformed(text)
    for _, path in ROUTES:
        assert html.escape(path) in text
    linked = {link.removeprefix("problems/") for link in parsed.links if link.startswith("problems/")}
    assert linked <= set(all_problems())
    anchors = {link for link in parsed.links if link.startswith("#")}
    assert anchors == {f"#{route.name}" for route in ROUTES.values()}


@pytest.mark.parametrize("page", ["reference", "problem"])
def test_pages_load_and_run_nothing(spec, page):
    text = pages.reference(spec) if page == "reference" else pages.problem(Problem)
    parsed = Wellformed(text)
    assert not parsed.tags & {"script", "img", "iframe", "link", "object", "form"}
    assert not {name for name in parsed.attributes if name.startswith("on") or name == "style"}
    assert not [link for link in parsed.links if "//" in link or link.startswith("javascript:")]


def test_no_text_reaches_a_page_unescaped(spec):
    evil = "<script>alert(1)</script>\"'&"
    operation = {
        "operationId": "evil",
        "summary": evil,
        "description": evil,
        "tags": [evil],
        "parameters": [{"name": evil, "in": evil, "description": evil, "schema": {}}],
        "responses": {"200": {"description": evil}, "400": {"description": f"`{evil}`"}},
    }
    document_of_evil = {
        "info": {"description": evil},
        "paths": {evil: {"get": operation}},
        "components": {"schemas": {}},
    }
    assert "<script" not in pages.reference(document_of_evil)

    class Evil(Problem):
        code = title = advice = evil

    try:
        text = pages.problem(Evil)
    finally:
        Evil.code = "internal"
    assert "<script" not in text
    assert html.escape("<script>") in text
