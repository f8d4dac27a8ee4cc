"""Events as AWS sends them, to call the functions without a gateway."""

import json
from typing import Any

from infra.local.functions import Context

SEND_ONLY = {"messageId": "m", "receiptHandle": "r", "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs"}


def context() -> Context:
    """What a function gets as its second argument."""
    return Context("bench", "arn:aws:lambda:us-east-1:000000000000:function:bench", 512, "request", 2e9)


def http(method: str, resource: str, *, body: Any = None, places: dict[str, str] | None = None, **headers: str) -> Any:
    """A request as API Gateway hands it over; `headers` are named with `_` for `-`."""
    named = {"host": "127.0.0.1:8000", **{name.replace("_", "-"): value for name, value in headers.items()}}
    path = resource
    for name, value in (places or {}).items():
        path = path.replace("{" + name + "}", value)
    if body is not None:
        named["content-type"] = "application/json"
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": named,
        "multiValueHeaders": {name: [value] for name, value in named.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": places,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": resource,
            "httpMethod": method,
            "path": path,
            "identity": {"sourceIp": "127.0.0.1"},
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def message(body: Any) -> dict[str, Any]:
    """A batch of one message as SQS hands it over."""
    record = {
        **SEND_ONLY,
        "body": json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "0", "SenderId": "s"},
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:q",
        "awsRegion": "us-east-1",
    }
    return {"Records": [record]}
