"""What 1,000 generations cost in requests to AWS: the calls that one makes, counted, at published prices.

Prices: us-east-1, on demand, 2026-11, in dollars. A write of DynamoDB is counted for each item and started KB of its
request, twice in a transaction; a read as one strongly consistent unit. Not counted: Lambda's time, which is the
engine's or the provider's for the most part, storage, and what leaves the region.
"""

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.calls import Caller
from tests.bench.table import Row, emit
from tests.e2e.person import photo, send
from tests.support.stack import Stack

GENERATIONS = 1000
READ_UNIT, WRITE_UNIT = 0.125e-6, 0.625e-6
SQS_REQUEST, S3_PUT, S3_GET, KMS_REQUEST, SECRET_READ = 0.40e-6, 5e-6, 0.40e-6, 3e-6, 5e-6
LAMBDA_REQUEST, API_REQUEST = 0.20e-6, 3.5e-6
#: A message is sent, received and deleted.
SQS_REQUESTS = 3
#: The client's own: order, one look, one download; and the worker's invocation beside the API's.
REQUESTS, INVOCATIONS = 3, 4
#: The least that was thought possible: a row and a hold by single writes, no queue, one object, two invocations.
FLOOR_DOLLARS = 0.0081
FLOOR_CALLS = 9


class Priced:
    """Prices every call that any client of this process makes from now on."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, float]] = []

    def __call__(self, model: Any, params: dict[str, Any], **_: Any) -> None:
        name = f"{model.service_model.service_name}:{model.name}"
        self.calls.append((name, price(name, params)))


def price(name: str, params: dict[str, Any]) -> float:
    """Of one call, in dollars, from its request as it goes out."""
    service, _, operation = name.partition(":")
    if service == "dynamodb":
        body = json.loads(params["body"])
        if operation == "TransactWriteItems":
            return sum(2 * WRITE_UNIT * kilobytes(item) for item in body["TransactItems"])
        if operation in ("PutItem", "UpdateItem", "DeleteItem"):
            return WRITE_UNIT * kilobytes(body)
        keys = [key for table in body.get("RequestItems", {}).values() for key in table.get("Keys", ())]
        return READ_UNIT * max(1, len(keys))
    if service == "s3":
        return S3_GET if operation == "GetObject" else 0.0 if operation == "DeleteObject" else S3_PUT
    return {"sqs": SQS_REQUESTS * SQS_REQUEST, "kms": KMS_REQUEST, "secretsmanager": SECRET_READ}.get(service, 0.0)


def kilobytes(item: Any) -> int:
    return -(-len(json.dumps(item)) // 1024)


def measure() -> Iterator[Row]:
    """The second generation counts: by then secrets and clients are there, as in a warm function."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "data", only_emulator=True)
        try:
            os.environ.update(stack.start().environment())
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            from chalicelib.aws.session import botocore_session

            priced = Priced()
            botocore_session().register("before-call", priced)
            caller, data = Caller(), photo(256)
            form = caller.declare(data)
            assert send(form, data).status_code == 201
            caller.process(form["id"])
            for _ in range(2):
                priced.calls.clear()
                made = caller.order(form["id"])
                caller.complete(made["id"])
                place = {"generation_id": made["id"]}
                caller.api("GET", "/v1/generations/{generation_id}", places=place)
                asset = {"asset_id": made["assets"][0]["id"]}
                caller.api("GET", "/v1/assets/{asset_id}/content", places=asset)
            yield from rows(priced)
        finally:
            stack.stop()


def rows(priced: Priced) -> Iterator[Row]:
    per_service: dict[str, float] = {}
    for name, dollars in priced.calls:
        service = name.partition(":")[0]
        per_service[service] = per_service.get(service, 0.0) + dollars * GENERATIONS
    per_service["lambda"] = INVOCATIONS * LAMBDA_REQUEST * GENERATIONS
    detail = ", ".join(f"{service} ${dollars:.4f}" for service, dollars in sorted(per_service.items()))
    calls = len(priced.calls) * GENERATIONS
    yield Row("AWS calls of 1,000 generations", calls, FLOOR_CALLS * GENERATIONS, "", "order, work, look, download")
    total, note = sum(per_service.values()), "the floor of the cost model, engine time apart"
    yield Row("requests of 1,000 generations", total, FLOOR_DOLLARS, "$", note, detail)
    front = REQUESTS * API_REQUEST * GENERATIONS
    yield Row("the same with API Gateway", total + front, FLOOR_DOLLARS, "$", f"REST API, {REQUESTS} requests each")


if __name__ == "__main__":
    emit(measure())
