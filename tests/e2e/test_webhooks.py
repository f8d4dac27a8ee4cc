"""A developer's webhooks through the whole stack: to a receiver on this machine, verified with what everybody has."""

import base64
import json
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks.webhooks import Webhook

from tests.e2e.person import Person
from tests.support.receiver import Got, Receiver, Script, answering
from tests.support.stack import wait_until

ENDPOINTS = "/v1/webhook-endpoints"
SCHEDULED = dict.fromkeys(
    ("version", "account", "region", "detail", "detail-type", "source", "time", "id", "resources")
)


def made(person: Person, receiver: Receiver, **members: Any) -> dict[str, Any]:
    answer = person.call("POST", ENDPOINTS, json={"url": receiver.url, **members})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def arrived(receiver: Receiver, event_type: str) -> Got:
    """The first request with such an event."""

    def look() -> Got | None:
        found = [got for got in receiver.got if json.loads(got.body)["type"] == event_type]
        return found[0] if found else None

    got: Got = wait_until(look, event_type)
    return got


def published(person: Person) -> bytes:
    """The deployment's public key, as anybody may read it."""
    jwks = requests.get(person.stack.base_url + "/.well-known/jwks.json", timeout=10)
    assert jwks.headers["Cache-Control"].startswith("public")
    return base64.urlsafe_b64decode(jwks.json()["keys"][0]["x"] + "=")


def test_a_test_event_arrives_verifies_and_is_in_the_log(person: Person) -> None:
    with Receiver(answering(200)) as receiver:
        endpoint = made(person, receiver)
        event = person.call("POST", f"{ENDPOINTS}/{endpoint['id']}/test")
        assert event.status_code == 202
        got = arrived(receiver, "webhook_endpoint.test")
        log = f"{ENDPOINTS}/{endpoint['id']}/deliveries"
        wait_until(lambda: person.get(log)["data"][0]["status"] == "succeeded", "the log to say so")
    assert Webhook(endpoint["secret"]).verify(got.body, got.headers)["id"] == event.json()["id"]
    (signature,) = [part[4:] for part in got.headers["webhook-signature"].split() if part.startswith("v1a,")]
    message = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    Ed25519PublicKey.from_public_bytes(published(person)).verify(base64.b64decode(signature), message)
    (entry,) = person.get(log)["data"]
    assert [attempt["status"] for attempt in entry["attempts"]] == [200]


def test_F66_what_failed_comes_again_by_itself_and_on_request(person: Person) -> None:
    with Receiver(Script(answering(500), answering(200))) as receiver:
        endpoint = made(person, receiver)
        event = person.call("POST", f"{ENDPOINTS}/{endpoint['id']}/test").json()
        wait_until(lambda: len(receiver.got) == 2, "the second attempt")
        log = f"{ENDPOINTS}/{endpoint['id']}/deliveries"
        wait_until(lambda: person.get(log)["data"][0]["status"] == "succeeded", "the log to say so")
        assert person.call("POST", f"{log}/{event['id']}/replay").status_code == 202
        wait_until(lambda: len(receiver.got) == 3, "the replay")
    assert {got.headers["webhook-id"] for got in receiver.got} == {event["id"]}


def test_F66_a_long_wait_is_ended_by_the_schedule(person: Person) -> None:
    busy = answering(503, headers={"Retry-After": "86400"})
    with Receiver(Script(busy, answering(200))) as receiver:
        endpoint = made(person, receiver)
        event = person.call("POST", f"{ENDPOINTS}/{endpoint['id']}/test").json()
        log = f"{ENDPOINTS}/{endpoint['id']}/deliveries"
        wait_until(lambda: person.get(log)["data"] and person.get(log)["data"][0]["attempts"], "the first attempt")
        end_wait(person, endpoint["id"])
        sweep = person.stack.resources["WebhookSweep"][1]
        looked = person.stack.client("lambda").invoke(FunctionName=sweep, Payload=json.dumps(SCHEDULED).encode())
        assert "FunctionError" not in looked, looked["Payload"].read()
        wait_until(lambda: person.get(log)["data"][0]["status"] == "succeeded", "the second attempt")
        assert [got.headers["webhook-id"] for got in receiver.got] == [event["id"]] * 2


def end_wait(person: Person, endpoint_id: str) -> None:
    """As if the day were over for what waits to be sent to it."""
    database, table = person.stack.client("dynamodb"), person.stack.outputs["WebhooksTable"]
    found = database.query(
        TableName=table,
        KeyConditionExpression="account_id = :account AND begins_with(#item, :delivery)",
        ExpressionAttributeNames={"#item": "item"},
        ExpressionAttributeValues={
            ":account": {"S": person.account.account_id},
            ":delivery": {"S": f"delivery#{endpoint_id}#"},
        },
        ConsistentRead=True,
    )
    for row in found["Items"]:
        database.update_item(
            TableName=table,
            Key={"account_id": row["account_id"], "item": row["item"]},
            UpdateExpression="SET next_at = :past, due_at = :past",
            ExpressionAttributeValues={":past": {"N": "1"}},
        )


def test_a_410_disables_the_endpoint_and_its_owner_gets_a_mail(person: Person) -> None:
    before = person.stack.outbox()
    with Receiver(answering(410)) as gone, Receiver(answering(200)) as other:
        endpoint = made(person, gone)
        made(person, other, events=["webhook_endpoint.disabled"])
        person.call("POST", f"{ENDPOINTS}/{endpoint['id']}/test")
        told = json.loads(arrived(other, "webhook_endpoint.disabled").body)["data"]
        assert (told["id"], told["reason"]) == (endpoint["id"], "gone")
        assert endpoint["id"] in person.stack.mail(person.account.email, after=before)
    shown = person.get(f"{ENDPOINTS}/{endpoint['id']}")
    assert (shown["enabled"], shown["disabled_because"]) == (False, "gone")


def test_a_generation_is_told_from_queued_to_succeeded_and_thin(person: Person) -> None:
    with Receiver(answering(200)) as receiver:
        made(person, receiver, events=["generation.queued", "generation.running", "generation.succeeded"])
        generation = person.stylize(person.ready())
        kinds = ("generation.queued", "generation.running", "generation.succeeded")
        told = [json.loads(arrived(receiver, kind).body)["data"] for kind in kinds]
    assert {each["id"] for each in told} == {generation["id"]}
    assert [each["seq"] for each in told] == sorted(each["seq"] for each in told)
    text = json.dumps(told)
    assert "://" not in text
    assert "prompt" not in text
