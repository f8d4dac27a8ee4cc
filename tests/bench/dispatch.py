"""What a warm request costs in processor time around the work itself; AWS is answered at the HTTP layer, in no time."""

import json
import os
from collections.abc import Iterator
from typing import Any

from botocore.awsrequest import AWSResponse

from chalicelib.keys.secret import mint
from tests.bench.events import context, http
from tests.bench.table import Row, best_cpu_microseconds, emit

LOOPS = 300
TABLES = ("ACCOUNTS", "KEYS", "CREDITS", "UPLOADS", "GENERATIONS", "VAULT")
ENVIRONMENT = {
    **{f"{table}_TABLE": table.lower() for table in TABLES},
    **dict.fromkeys(("UPLOADS_BUCKET", "RESULTS_BUCKET", "MAIL_QUEUE_URL", "ENGINE_QUEUE_URL"), "unused"),
    **dict.fromkeys(("PEPPERS_SECRET", "SEALING_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "unused"),
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
    calls = best_cpu_microseconds(lambda: both(client("dynamodb")), loops=LOOPS)
    asked = best_cpu_microseconds(lambda: app(balance, context()), loops=LOOPS)
    yield Row("dispatch: GET /v1/balance with a key", asked, calls, "µs", "the same two botocore calls alone")


def both(database: Any) -> None:
    """The calls of `GET /v1/balance`, without anything around them."""
    database.update_item(TableName="keys", Key={"pk": {"S": "a"}, "sk": {"S": "b"}})
    database.get_item(TableName="credits", Key={"account_id": {"S": "a"}, "item": {"S": "b"}}, ConsistentRead=True)


if __name__ == "__main__":
    emit(measure())
