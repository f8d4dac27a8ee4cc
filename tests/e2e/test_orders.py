"""What an order may say beside what it wants: cancel it, keep it shorter or not at all, what it would cost."""

import base64
import hashlib
from datetime import datetime

import pytest
import requests

from tests.e2e.person import Person, open_image, photo, stylizing
from tests.e2e.problems import expect_problem
from tests.support.stack import Stack


@pytest.fixture(scope="module")
def upload_id(person: Person) -> str:
    return person.ready(photo())


def expect_refused(answer: requests.Response, param: str) -> None:
    assert expect_problem(answer, 400, "validation")["error"]["param"] == param


def objects(stack: Stack, prefix: str) -> list[str]:
    found = stack.client("s3").list_objects_v2(Bucket=stack.outputs["ResultsBucket"], Prefix=prefix)
    return [item["Key"] for item in found.get("Contents", ())]


def test_cancel_ends_it_uncharged_and_says_so_again(person: Person) -> None:
    upload = person.ready(photo(1024))
    before = person.available()
    made = person.order(stylizing(upload)).json()["id"]
    first = person.call("POST", f"/v1/generations/{made}/cancel")
    assert first.status_code == 202
    assert (first.json()["status"], first.json()["charged"]) == ("canceled", 0)
    again = person.call("POST", f"/v1/generations/{made}/cancel")
    assert (again.status_code, again.json()) == (200, first.json())
    assert person.available() == before


def test_cancel_of_one_that_has_ended_changes_nothing(person: Person, upload_id: str) -> None:
    made = person.stylize(upload_id)
    answer = person.call("POST", f"/v1/generations/{made['id']}/cancel")
    assert (answer.status_code, answer.json()) == (200, made)


def test_P7_with_no_retention_the_answer_is_the_only_copy(stack: Stack, person: Person, upload_id: str) -> None:
    body = {**stylizing(upload_id), "retention": "none"}
    done = person.order(body, headers={"Prefer": "wait=25"}).json()
    [asset] = done["assets"]
    data = base64.b64decode(asset["b64_json"])
    assert open_image(data).size == (96, 96)
    assert hashlib.sha256(data).hexdigest() == asset["sha256"]
    seen = person.get(f"/v1/generations/{done['id']}")["assets"][0]
    assert (seen["b64_json"], seen["delivered"], seen["charged"]) == (None, True, 1)
    expect_problem(person.call("GET", f"/v1/assets/{asset['id']}/content"), 410, "gone")
    assert objects(stack, f"once/{person.account.account_id}/{done['id']}/") == []


def test_P7_an_order_may_keep_its_results_shorter_and_not_longer(person: Person, upload_id: str) -> None:
    done = person.generate({**stylizing(upload_id), "retention_hours": 2})
    lives = datetime.fromisoformat(done["assets"][0]["expires_at"]) - datetime.fromisoformat(done["finished_at"])
    assert lives.total_seconds() == 7200
    refused = person.order({**stylizing(upload_id), "retention_hours": 720})
    expect_refused(refused, "retention_hours")


def test_a_deadline_is_answered_and_bounded(person: Person, upload_id: str) -> None:
    made = person.order({**stylizing(upload_id), "deadline_seconds": 600}).json()
    allowed = datetime.fromisoformat(made["deadline_at"]) - datetime.fromisoformat(made["created_at"])
    assert allowed.total_seconds() == 600
    refused = person.order({**stylizing(upload_id), "deadline_seconds": 4000})
    expect_refused(refused, "deadline_seconds")


def test_results_go_only_to_https_addresses(person: Person, upload_id: str) -> None:
    body = {**stylizing(upload_id), "retention": "none", "deliver_to": ["http://example.com/x"]}
    expect_refused(person.order(body), "deliver_to[0]")


def test_an_address_on_this_machine_is_not_called_and_nothing_is_charged(person: Person, upload_id: str) -> None:
    """By its name it is public; by what it resolves to it is not."""
    before = person.available()
    body = {**stylizing(upload_id), "retention": "none", "deliver_to": ["https://localhost.localdomain/x"]}
    done = person.generate(body)
    assert (done["status"], done["assets"][0]["error"]) == ("failed", "delivery_failed")
    assert person.available() == before
