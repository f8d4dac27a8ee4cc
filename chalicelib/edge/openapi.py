"""OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1), generated from the registered routes and their models."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from chalicelib.edge.http import ROUTES, Content, Route
from chalicelib.edge.identity import COOKIE, Access
from chalicelib.kernel.errors import (
    Forbidden,
    InternalError,
    NotFound,
    PayloadTooLarge,
    Problem,
    RateLimited,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
    UnsupportedParameter,
    Validation,
)
from chalicelib.kernel.principal import Scope

TITLE = "Fotogenic"
VERSION = "0.1.0"
REF = "#/components/schemas/{model}"

INTRODUCTION = """AI photo, video and audio generation with a ledger that cannot be wrong and content that is temporary.

Send `Authorization: Bearer <API key>`. Every error is `application/problem+json` with a `type` that explains itself.
Amounts are whole assets; times are RFC 3339 UTC; ids sort by creation. Unknown members are refused, never ignored."""

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457 members, and the `error` object that OpenAI's clients read.",
    "required": ["type", "title", "status", "detail", "instance", "error"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "a page that says what to do"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": "string"},
            },
        },
    },
}


def document(server: str = "/") -> dict[str, Any]:
    """The document of every registered route. `server` is the base URL it is served from."""
    routes = [ROUTES[key] for key in sorted(ROUTES, key=lambda key: (key[1], key[0]))]
    models = {model for route in routes for model in (route.body, route.form, route.answer) if model}
    ordered: list[Any] = [(model, _mode(model, routes)) for model in sorted(models, key=lambda model: model.__name__)]
    _, schemas = models_json_schema(ordered, ref_template=REF)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": VERSION,
            "description": INTRODUCTION,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server}],
        "tags": [{"name": room} for room in sorted({route.room for route in routes})],
        "paths": paths,
        "components": {
            "schemas": {**schemas.get("$defs", {}), "Problem": PROBLEM_SCHEMA},
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "an API key"},
                "session": {"type": "http", "scheme": "bearer", "description": "the token of a session"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


def _mode(model: type[BaseModel], routes: list[Route]) -> str:
    return "validation" if any(model in (route.body, route.form) for route in routes) else "serialization"


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.room],
        "security": _security(route),
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    if route.description:
        operation["description"] = route.description
    if route.body is not None:
        required = any(field.is_required() for field in route.body.model_fields.values())
        schema = {"$ref": REF.format(model=route.body.__name__)}
        operation["requestBody"] = {"required": required, "content": {"application/json": {"schema": schema}}}
    elif route.raw:
        form = {"$ref": REF.format(model=route.form.__name__)} if route.form is not None else {"type": "object"}
        operation["requestBody"] = {"required": True, "content": {route.media: {"schema": form}}}
    return operation


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.access is Access.PUBLIC:
        return []
    session: list[dict[str, list[str]]] = [{"session": []}, {"cookie": []}]
    scopes = [route.scope.value] if isinstance(route.scope, Scope) else []
    return session if route.access is Access.SESSION else [{"key": scopes}, *session]


def _parameters(route: Route) -> list[dict[str, Any]]:
    found = [
        {"name": name[1:-1], "in": "path", "required": True, "schema": {"type": "string"}}
        for name in route.path.split("/")
        if name.startswith("{")
    ]
    if route.query is not None:
        schema = route.query.model_json_schema(ref_template=REF)
        definitions = schema.get("$defs", {})
        for name, member in schema.get("properties", {}).items():
            plain = {key: value for key, value in _inline(member, definitions).items() if key != "title"}
            parameter = {"name": name, "in": "query", "schema": plain}
            if description := plain.pop("description", None):
                parameter["description"] = description
            found.append(parameter)
    if route.idempotent:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": True,
                "description": "Yours, new for each thing you want made, the same for each retry; kept 24 hours.",
                "schema": {"type": "string", "maxLength": 255},
            }
        )
    return found


def _inline(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inline(definitions[schema["$ref"].rpartition("/")[2]], definitions)
        return {key: _inline(value, definitions) for key, value in schema.items()}
    return [_inline(item, definitions) for item in schema] if isinstance(schema, list) else schema


def _responses(route: Route) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": route.summary}
    if route.answer is not None:
        schema = {"$ref": REF.format(model=route.answer.__name__)}
        answer["content"] = {"application/json": {"schema": schema}}
    elif route.content is not Content.NONE:
        answer["content"] = {
            route.content.value: {"schema": {"type": "object" if route.content is Content.JSON else "string"}}
        }
    responses = {str(route.status): answer}
    by_status: dict[int, list[str]] = {}
    for problem in sorted({*route.problems, *_usual(route)}, key=lambda problem: problem.code):
        by_status.setdefault(problem.status, []).append(problem.code)
    for status, codes in sorted(by_status.items()):
        responses[str(status)] = {
            "description": " or ".join(f"`{code}`" for code in codes),
            "content": {"application/problem+json": {"schema": {"$ref": REF.format(model="Problem")}}},
        }
    return responses


def _usual(route: Route) -> set[type[Problem]]:
    """The problems that any route of this kind may answer."""
    usual: set[type[Problem]] = {InternalError, Unavailable, Validation}
    if route.access is not Access.PUBLIC:
        usual |= {Unauthorized, Forbidden}
    if route.access is Access.KEY_OR_SESSION:
        usual.add(RateLimited)
    if "{" in route.path:
        usual.add(NotFound)
    if route.body is not None:
        usual |= {PayloadTooLarge, UnsupportedMediaType, UnsupportedParameter}
    elif route.raw:
        usual |= {PayloadTooLarge, UnsupportedMediaType}
    return usual
