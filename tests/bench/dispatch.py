"""What a warm request costs in processor time around the work itself; AWS is answered at the HTTP layer, in no time."""

import json
import os
from collections.abc import Iterator
from typing import Any

from botocore.awsrequest import AWSResponse
from chalice.app import Chalice

from chalicelib.aws.settings import Settings
from chalicelib.keys.secret import mint
from tests.bench.events import context, http
from tests.bench.table import Row, best_cpu_microseconds, emit

LOOPS = 300
REQUIRED = [name.upper() for name, member in Settings.model_fields.items() if member.is_required()]
ENVIRONMENT = {
    **dict.fromkeys([*REQUIRED, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], "unused"),
    "AWS_REGION": "us-east-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
}
ACCOUNT = "acct_00000000000000000000000001"
#: What DynamoDB and Secrets Manager answer to the calls of `GET /v1/balance`.
ANSWERS: dict[str, Any] = {
    "UpdateItem": {
        "Attributes": {
            "pk": {"S": "secret#x"},
            "sk": {"S": "look-up"},
            "account_id": {"S": ACCOUNT},
            "key_id": {"S": "key_00000000000000000000000001"},
            "scopes": {"S": '["billing:read"]'},
            "minute": {"N": "1"},
            "requests": {"N": "1"},
        }
    },
    "GetItem": {
        "Item": {
            "account_id": {"S": ACCOUNT},
            "item": {"S": "balance"},
            "version": {"N": "1"},
            "held": {"N": "0"},
            "debt": {"N": "0"},
            "buckets": {"S": '[["signup","bonus",100,null]]'},
        }
    },
    "GetSecretValue": {"SecretString": json.dumps({"pepper": "p" * 64}), "Name": "n", "ARN": "a"},
}


def answer(request: Any) -> AWSResponse:
    """Stands where botocore sends a request."""
    target = request.headers["X-Amz-Target"]
    operation = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
    response = AWSResponse(request.url, 200, {}, None)
    response._content = json.dumps(ANSWERS[operation]).encode()
    return response


def bare(event: dict[str, Any], _: Any) -> dict[str, Any]:
    """The least that a handler can do with a request: read it and answer."""
    json.loads(event["body"])
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": json.dumps({"status": "ok"})}


def measure() -> Iterator[Row]:
    """Log lines are written, as on Lambda, to where nobody reads them."""
    os.environ.update(ENVIRONMENT)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    from app import app
    from chalicelib.aws.session import client

    for service in ("dynamodb", "secretsmanager"):
        client(service)._endpoint.http_session.send = answer
    health = http("GET", "/healthz")
    key = mint("test", os.urandom)
    balance = http("GET", "/v1/balance", authorization=f"Bearer {key}")
    assert app(balance, context())["statusCode"] == 200
    posted = http("POST", "/", body={"model": "local/style-1", "parameters": {"style": 1}})
    floor = best_cpu_microseconds(lambda: bare(posted, None), loops=LOOPS * 20)
    note = "a bare handler that parses one JSON body; processor time, log line included"
    yield Row(
        "dispatch: GET /healthz", best_cpu_microseconds(lambda: app(health, context()), loops=LOOPS), floor, "µs", note
    )
    chalice = plain_chalice()
    empty = http("GET", "/empty")
    plain = best_cpu_microseconds(lambda: chalice(empty, context()), loops=LOOPS)
    health_cost = best_cpu_microseconds(lambda: app(health, context()), loops=LOOPS)
    yield Row("overhead: GET /healthz", health_cost, plain, "µs", "a bare Chalice route that answers a dictionary")
    calls = best_cpu_microseconds(lambda: both(client("dynamodb")), loops=LOOPS)
    asked = best_cpu_microseconds(lambda: app(balance, context()), loops=LOOPS)
    yield Row("dispatch: GET /v1/balance with a key", asked, calls, "µs", "the same two botocore calls alone")
    note = "a bare Chalice route that makes the same two calls"
    yield Row("overhead: GET /v1/balance with a key", asked, plain + calls, "µs", note)


def plain_chalice() -> Any:
    """A Chalice application with one route and nothing of ours."""
    made = Chalice(app_name="bare", configure_logs=False)
    made.route("/empty")(lambda: {"status": "ok"})
    return made


def both(database: Any) -> None:
    """The calls of `GET /v1/balance`, without anything around them."""
    database.update_item(TableName="keys", Key={"pk": {"S": "a"}, "sk": {"S": "b"}})
    database.get_item(TableName="credits", Key={"account_id": {"S": "a"}, "item": {"S": "b"}}, ConsistentRead=True)


if __name__ == "__main__":
    emit(measure())
