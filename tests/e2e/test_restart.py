"""The whole stack ends in the middle of jobs, by kill -9 or in good order, and is started again."""

import json
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.person import Person, photo, send, stylizing
from tests.support.stack import Stack, wait_until

JOBS = 6
#: Large enough that a job takes about a second and the rest has to wait.
SIDE = 512
#: How long a worker may hold a generation before it counts as dead.
CLAIM_SECONDS = 120
#: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
SCHEDULED: dict[str, Any] = {
    "version": "0",
    "id": "00000000-0000-0000-0000-000000000000",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "000000000000",
    "time": "2026-01-01T00:00:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {},
}


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of this file's own."""
    running = Stack(tmp_path_factory.mktemp("mortal") / "data")
    try:
        yield running.start()
    finally:
        running.stop()


def jobs(stack: Stack, person: Person) -> dict[str, dict[str, Any]]:
    """The person's generations by id, as they are stored."""
    items = stack.client("dynamodb").query(
        TableName=stack.outputs["GenerationsTable"],
        KeyConditionExpression="account_id = :a AND begins_with(id, :g)",
        ExpressionAttributeValues={":a": {"S": person.account.account_id}, ":g": {"S": "gen_"}},
        ConsistentRead=True,
    )["Items"]
    return {item["id"]["S"]: item for item in items}


def stop_in_the_middle(stack: Stack, person: Person, how: signal.Signals) -> list[str]:
    """Orders JOBS, and ends the stack when one is running and others wait. The ids of the jobs."""
    upload_id = person.ready(photo(SIDE))
    ids = [person.order(stylizing(upload_id, number)).json()["id"] for number in range(JOBS)]

    def is_in_the_middle() -> bool:
        return {"running", "queued"} <= {item["status"]["S"] for item in jobs(stack, person).values()}

    wait_until(is_in_the_middle, "a running job and a waiting one")
    stack.stop(how)
    return ids


def two_minutes_pass(stack: Stack, person: Person, killed_at: float) -> int:
    """Ends the claims taken before `killed_at` (Unix seconds), and has the rescue look, as its schedule would.

    Returns how many claims there were.
    """
    dead = [
        generation_id
        for generation_id, item in jobs(stack, person).items()
        if item["status"]["S"] == "running" and int(item["due_at"]["N"]) / 1000 - CLAIM_SECONDS < killed_at
    ]
    for generation_id in dead:
        stack.client("dynamodb").update_item(
            TableName=stack.outputs["GenerationsTable"],
            Key={"account_id": {"S": person.account.account_id}, "id": {"S": generation_id}},
            UpdateExpression="SET due_at = :past",
            ConditionExpression="#status = :running",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":past": {"N": "1"}, ":running": {"S": "running"}},
        )
    rescue = stack.resources["Rescue"][1]
    looked = stack.client("lambda").invoke(FunctionName=rescue, Payload=json.dumps(SCHEDULED).encode())
    assert "FunctionError" not in looked, looked["Payload"].read()
    return len(dead)


def expect_everything_settled(stack: Stack, person: Person, ids: list[str]) -> None:
    """Every job succeeded, was charged once and has one result; the ledger and the balance agree."""
    for generation_id in ids:
        made = person.finished(generation_id)
        assert (made["status"], made["charged"]) == ("succeeded", 1), made
        assert person.download(made["assets"][0]["id"])
        prefix = f"results/{person.account.account_id}/{generation_id}/"
        kept = stack.client("s3").list_objects_v2(Bucket=stack.outputs["ResultsBucket"], Prefix=prefix)
        assert kept["KeyCount"] == 1, [item["Key"] for item in kept["Contents"]]
        kinds = sorted(entry["kind"] for entry in person.ledger() if entry["cause"] == generation_id)
        assert kinds == ["hold", "post"]
    balance = person.get("/v1/balance")
    assert (balance["available"], balance["held"]) == (100 - len(ids), 0)
    assert sum(entry["assets"] for entry in person.ledger()) == balance["available"]
    assert not any("due_at" in item for item in jobs(stack, person).values())


def test_kill_9_of_everything_in_the_middle_of_jobs(mortal: Stack) -> None:
    person = Person(mortal, mortal.new_account())
    earlier = person.ready(photo())
    ids = stop_in_the_middle(mortal, person, signal.SIGKILL)
    killed_at = time.time()
    mortal.start()
    assert person.get(f"/v1/uploads/{earlier}")["status"] == "ready"
    balance = person.get("/v1/balance")
    assert balance["available"] == 100 - JOBS
    assert {item["id"] for item in person.get("/v1/generations")["data"]} == set(ids)

    assert two_minutes_pass(mortal, person, killed_at) >= 1, "no job was running when everything was killed"
    expect_everything_settled(mortal, person, ids)
    assert "2" in {item["attempt"]["N"] for item in jobs(mortal, person).values()}


def test_a_stop_in_good_order_in_the_middle_of_jobs(mortal: Stack) -> None:
    person = Person(mortal, mortal.new_account())
    ids = stop_in_the_middle(mortal, person, signal.SIGTERM)
    mortal.start()
    expect_everything_settled(mortal, person, ids)
    assert {item["attempt"]["N"] for item in jobs(mortal, person).values()} == {"1"}, "a job was started twice"


def test_an_upload_sent_before_the_end_is_processed_after_it(mortal: Stack) -> None:
    person = Person(mortal, mortal.new_account())
    data = photo(1024)
    form = person.declare(data)
    assert send(form, data).status_code == 201
    mortal.restart(signal.SIGKILL)
    assert person.processed(form["id"])["status"] == "ready"


def test_the_demo_account_outlives_every_end(mortal: Stack) -> None:
    known = mortal.demo
    mortal.restart(signal.SIGKILL)
    assert mortal.demo == known
    assert mortal.api("GET", "/v1/account").json()["id"] == known["account_id"]
    assert mortal.api("GET", "/v1/balance").json()["available"] == 100
