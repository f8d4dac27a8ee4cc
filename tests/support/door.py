"""The API function called as API Gateway calls it, in this process."""

import json
from dataclasses import dataclass
from typing import Any

import app
from chalicelib.edge.http import ROUTES


@dataclass(frozen=True)
class Answered:
    """What the function gave back. Header names are lower-case."""

    status: int
    headers: dict[str, str]
    body: str

    def json(self) -> Any:
        return json.loads(self.body)


def call(method: str, resource: str, *, body: Any = None, token: str = "", **options: Any) -> Answered:
    """`resource` is a declared path, `path` its parameters, `query` and `headers` dictionaries, `source` an address."""
    assert (method, resource) in ROUTES, f"{method} {resource} is no route"
    parameters: dict[str, str] = options.get("path", {})
    path = resource.format(**parameters)
    headers = {"Host": "api.example.com", **options.get("headers", {})}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if body is not None:
        headers["Content-Type"] = "application/json"
    query: dict[str, str] = options.get("query", {})
    event = {
        "requestContext": {
            "httpMethod": method,
            "resourcePath": resource,
            "path": path,
            "identity": {"sourceIp": options.get("source", "192.0.2.1")},
        },
        "headers": headers,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} or None,
        "pathParameters": parameters or None,
        "stageVariables": None,
        "body": json.dumps(body) if body is not None else None,
        "isBase64Encoded": False,
    }
    answer = app.app(event, None)
    given = {**answer.get("headers", {}), **{n: v[0] for n, v in answer.get("multiValueHeaders", {}).items()}}
    return Answered(answer["statusCode"], {name.lower(): value for name, value in given.items()}, answer["body"])
