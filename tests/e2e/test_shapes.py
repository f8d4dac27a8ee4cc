"""The shape of what is answered, and the documents that describe it: neither may drift from the other."""

import html.parser
import json
import re
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

import app
from chalicelib.edge.openapi import document as described
from tests.e2e.members import REQUESTS, VIEWS
from tests.e2e.person import Person, photo
from tests.e2e.problems import expect_common_headers
from tests.support.stack import Stack

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class Page(html.parser.HTMLParser):
    """What a page loads, runs and links to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.anchors: set[str] = set()
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("href", "src", "action", "srcset", "data", "poster"):
                self.addresses.append(value or "")
            if name == "id":
                self.anchors.add(value or "")
            if name.startswith("on") or name == "style":
                self.handlers.append(name)


def answers(person: Person) -> dict[str, list[Any]]:
    """Real answers by the view they are said to be."""
    upload_id = person.ready(photo())
    made = person.stylize(upload_id)
    failed = {**made, "error": {"code": "", "message": ""}}
    form = person.declare(photo(64))
    key = person.new_key(cap={"assets": 9, "window": "day"})
    keys = person.as_session("GET", "/v1/keys").json()
    person.top_up()
    sold, top_ups = person.get("/v1/plans"), person.get("/v1/top-ups")
    balance, ledger, models = person.get("/v1/balance"), person.get("/v1/ledger"), person.get("/v1/models")
    return {
        "AccountView": [person.get("/v1/account")],
        "AssetView": [made["assets"][0], person.get(f"/v1/assets/{made['assets'][0]['id']}")],
        "BalanceView": [balance],
        "BucketView": balance["buckets"],
        "CapView": [key["cap"]],
        "EntryView": ledger["data"],
        "FailureView": [failed["error"]],
        "FormView": [form],
        "GenerationPage": [person.get("/v1/generations")],
        "GenerationView": [made, *person.get("/v1/generations")["data"]],
        "Health": [person.get("/healthz")],
        "KeyList": [keys],
        "KeyView": keys["data"],
        "LedgerPage": [ledger],
        "LineView": ledger["data"][0]["lines"],
        "ModelList": [models],
        "ModelPriceList": [person.get("/v1/prices")],
        "ModelPriceView": person.get("/v1/prices")["data"],
        "ModelView": [*models["data"], person.get("/v1/models/local/style-1")],
        "NewKeyView": [key],
        "PackView": sold["packs"],
        "ParametersView": models["data"][0]["parameters"],
        "PlanView": sold["plans"],
        "PlansView": [sold],
        "PriceView": sold["packs"][0]["prices"],
        "ProviderList": [person.get("/v1/providers")],
        "ProviderView": person.get("/v1/providers")["data"],
        "TopUpPage": [top_ups],
        "TopUpView": top_ups["data"],
        "UploadPage": [person.get("/v1/uploads")],
        "UploadView": [person.get(f"/v1/uploads/{upload_id}"), *person.get("/v1/uploads")["data"]],
    }


def test_every_view_has_exactly_these_members(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    views = {name: set(schema["properties"]) for name, schema in schemas.items() if "properties" in schema}
    del views["Problem"]
    assert {name: members for name, members in views.items() if name not in REQUESTS} == VIEWS


def test_every_answer_has_exactly_the_members_of_its_view(person: Person) -> None:
    for view, found in answers(person).items():
        assert found, view
        for answer in found:
            assert answer.keys() == VIEWS[view], view


def test_times_are_utc_and_ids_say_what_they_are(person: Person) -> None:
    prefixes = {
        "UploadView": "upl_",
        "GenerationView": "gen_",
        "AssetView": "ast_",
        "EntryView": "ent_",
        "KeyView": "key_",
        "TopUpView": "top_",
    }
    for view, found in answers(person).items():
        for answer in found:
            for name, value in answer.items():
                if name.endswith("_at") and value is not None:
                    assert TIME.fullmatch(value), (view, name, value)
            if view in prefixes:
                assert re.fullmatch(prefixes[view] + "[0-9A-HJKMNP-TV-Z]{26}", answer["id"])


def test_openapi_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_openapi_is_what_the_code_declares(stack: Stack, document: dict[str, Any]) -> None:
    assert document == json.loads(json.dumps(described(stack.base_url)))
    served = {(path, method) for path, methods in app.app.routes.items() for method in methods}
    told = {(path, method.upper()) for path, methods in document["paths"].items() for method in methods}
    assert told == served
    assert document["servers"] == [{"url": stack.base_url}]


def test_every_operation_documents_its_refusals(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            statuses = set(operation["responses"])
            assert {"400", "500"} <= statuses, (method, path)
            if operation["security"]:
                assert {"401", "403"} <= statuses, (method, path)
            if "requestBody" in operation:
                assert {"413", "415"} <= statuses, (method, path)


@pytest.mark.parametrize("path", ["/docs", "/problems/not-found"])
def test_pages_work_without_a_network_and_run_nothing(stack: Stack, path: str) -> None:
    answer = stack.api("GET", path, key="")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    expect_common_headers(answer)
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert not re.search(r"https?://|//[a-z]|@import|url\(", answer.text)
    page = Page()
    page.feed(answer.text)
    assert not page.tags & {"script", "link", "iframe", "object", "embed", "img", "base", "form"}
    assert page.handlers == []
    assert page.addresses
    for address in page.addresses:
        if address.startswith("#"):
            assert address[1:] in page.anchors
        else:
            parent = path.rpartition("/")[0]
            assert stack.api("GET", f"{parent}/{address}", key="").status_code == 200, address


def test_the_reference_names_every_route(stack: Stack, document: dict[str, Any]) -> None:
    text = stack.api("GET", "/docs", key="").text
    for path, methods in document["paths"].items():
        for method in methods:
            assert f'<span class="verb">{method.upper()}</span> {path}</code>' in text


def test_models_tell_what_they_cost_and_take(person: Person) -> None:
    models = {model["id"]: model for model in person.get("/v1/models")["data"]}
    assert (models["local/style-1"]["price"], models["local/upscale-1"]["price"]) == (1, 2)
    for model in models.values():
        assert model["object"] == "model"
        assert {offered["operation"] for offered in model["parameters"]} == set(model["operations"])
        for offered in model["parameters"]:
            assert offered["json_schema"]["additionalProperties"] is False
    told = models["local/upscale-4"]["parameters"][0]["json_schema"]["properties"]["scale"]
    assert (told["enum"], told["default"]) == ([4], 4)


def test_prices_and_processors_are_told_to_everybody(stack: Stack, person: Person) -> None:
    models = {model["id"]: model for model in person.get("/v1/models")["data"]}
    prices = stack.api("GET", "/v1/prices", key="").json()["data"]
    providers = stack.api("GET", "/v1/providers", key="").json()["data"]

    assert {(price["model"], price["operation"]) for price in prices} == {
        (model["id"], operation) for model in models.values() for operation in model["operations"]
    }
    for price in prices:
        assert price["assets"] == models[price["model"]]["price"] > 0
        assert price["steps"] == models[price["model"]]["price_steps"]
    assert {model for provider in providers for model in provider["models"]} == set(models)
    (local,) = [provider for provider in providers if provider["provider"] == "local"]
    assert (local["role"], local["is_sent"], local["hosts"]) == ("engine", [], [])
