"""P1: what people send is in no log, no dead letter and no table where it does not belong.

A word that occurs nowhere else is put into every input of every route; afterwards everything the stack has written is
searched for it.
"""

import base64
import json
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from infra.local import demo
from tests.e2e.person import ATTESTATION, Person, photo, send, stylizing
from tests.e2e.routes import MISSING, SPOKEN, routes
from tests.support.stack import Account, Stack

#: What its owner gave to be shown again.
MAY_BE_STORED = {"name"}


class Canary:
    """Words that occur nowhere else, each remembered with the input that it was put into."""

    def __init__(self) -> None:
        self._stem = f"canary{secrets.token_hex(5)}"
        self.words: dict[str, str] = {}

    def word(self, where: str) -> str:
        made = f"{self._stem}{len(self.words):04d}z"
        self.words[made] = where
        return made

    def found_in(self, text: str) -> set[str]:
        """The inputs whose word occurs in a text."""
        return {self.words[word] for word in re.findall(self._stem + r"\d{4}z", text.lower())}


@pytest.fixture(scope="module")
def canary(stack: Stack, document: dict[str, Any]) -> Canary:
    """After every word has been sent."""
    canary = Canary()
    person = Person(stack, sign_up(stack, canary))
    person.stylize(person.ready())
    for upload_name in ("photo.jpg", "page.html"):
        send_named(person, canary, upload_name)
    fill_everything_in(person, canary, document)
    person.ready()  # whatever was queued before it has been worked on now
    return canary


def sign_up(stack: Stack, canary: Canary) -> Account:
    """An account whose address has a word in it, made by asking, failing once, and entering."""
    address = f"{canary.word('email')}@example.com"
    before = stack.outbox()
    ask = {"email": address}
    assert stack.api("POST", "/v1/auth/codes", key="", json=ask).status_code == 202
    code = demo.code_in(stack.mail(address, after=before))
    wrong = {"email": address, "code": "00000000"}
    assert stack.api("POST", "/v1/auth/sessions", key="", json=wrong).status_code == 401
    session = stack.api("POST", "/v1/auth/sessions", key="", json={"email": address, "code": code}).json()
    body = {"name": canary.word("name"), "scopes": demo.SCOPES}
    key = stack.api("POST", "/v1/keys", key=session["token"], json=body).json()
    hidden = {
        "session": session["token"].rpartition("_")[2],
        "key": key["secret"].split("_")[2],
        "form": session["csrf_token"],
    }
    canary.words |= {part.lower(): f"secret of a {kind}" for kind, part in hidden.items()}
    return Account(address, session["account_id"], session["token"], key["secret"])


def send_named(person: Person, canary: Canary, filename: str) -> None:
    """Sends a file whose name and content hold words, one that is a photo and one that is not."""
    comment = canary.word(f"bytes of {filename}").encode()
    data = photo() + comment if filename.endswith("jpg") else b"<!doctype html>" + comment
    form = person.declare(data)
    files = {"file": (canary.word("filename") + filename, data)}
    assert requests.post(form["url"], data=form["fields"], files=files, timeout=30).status_code == 201
    assert person.processed(form["id"])["status"] in ("ready", "rejected")
    refused = send(form, b"x" + canary.word("refused bytes").encode())
    assert refused.status_code == 400


def fill_everything_in(person: Person, canary: Canary, document: dict[str, Any]) -> None:
    """Every route with a word in its path, query, headers and every member of its body, as key and as session."""
    schemas = document["components"]["schemas"]
    for route in routes(document):
        act = person.as_session if route.scopes is None else person.call
        spoken = MISSING | {place: canary.word("path") for place in SPOKEN}
        for ids in (spoken, dict.fromkeys(spoken, canary.word("path"))) if route.places else (spoken,):
            headers = {name: canary.word(name) for name in ("Idempotency-Key", "User-Agent", "Referer", "X-CSRF-Token")}
            query = {"after": canary.word("query"), canary.word("query"): canary.word("query")}
            for body in bodies(route.body, schemas, canary):
                answers = [
                    act(route.method, route.at(ids), headers=headers, json=body, params=params)
                    for params in ({}, query)
                ]
                assert 429 not in {answer.status_code for answer in answers}, (
                    "a request that was not read proves nothing"
                )
    tellers = {
        "Authorization": f"Bearer {canary.word('Authorization')}",
        "Cookie": f"__Host-session={canary.word('Cookie')}",
        "Request-Id": "not well formed " + canary.word("Request-Id"),
        "Host": f"{canary.word('Host')}.example",
        "X-Forwarded-For": canary.word("X-Forwarded-For"),
    }
    for name, value in tellers.items():
        person.stack.api("GET", f"/{canary.word('path')}", key="", headers={name: value})
        person.stack.api("GET", "/v1/balance", key="", headers={name: value})
    person.order({**stylizing("upl_00000000000000000000000001"), "prompt": canary.word("prompt")})
    wrong = {"style": canary.word("style"), canary.word("parameter"): canary.word("parameter")}
    person.order({**stylizing("upl_00000000000000000000000001"), "parameters": wrong})


def bodies(name: str | None, schemas: dict[str, Any], canary: Canary) -> Iterator[Any]:
    """Bodies of a schema with a word in each member in turn, one where none belongs, and one that is no JSON object."""
    if name is None:
        yield None
        return
    for member in schemas[name]["properties"]:
        yield {member: canary.word(member)}
        yield {"attestation": ATTESTATION, member: {canary.word(member): [canary.word(member)]}}
    yield {canary.word("member"): canary.word("member")}
    yield canary.word("body")


def written(stack: Stack) -> Iterator[tuple[str, str]]:
    """(file, text) of everything below the data folder but the outbox, where the mails are."""
    for path in sorted(stack.data.rglob("*")):
        if path.is_file() and stack.data / "outbox" not in path.parents:
            yield str(path.relative_to(stack.data)), path.read_bytes().decode("latin-1")


def test_P1_every_input_was_tried(canary: Canary) -> None:
    assert len(canary.words) > 150
    tried = set(canary.words.values())
    assert tried >= {"email", "name", "prompt", "upload_id", "query", "path", "sha256", "User-Agent", "code", "body"}


def test_P1_no_log_holds_anything_that_was_sent(stack: Stack, canary: Canary) -> None:
    logs = sorted((stack.data / "logs").glob("*"))
    assert {"front.log", "functions.log", "emulator.log"} <= {path.name for path in logs}
    assert "upload.processed" in stack.log("functions")
    for path in logs:
        assert canary.found_in(path.read_text(errors="replace")) == set(), path.name


def test_P1_logs_say_only_what_they_may(stack: Stack, canary: Canary) -> None:
    """Nor addresses in another spelling, nor secrets, nor links that open something."""
    forbidden = re.compile(r"@example|X-Amz-Signature|ftg_test_\w{20}|fts_\w{20}|127\.0\.0\.1:\d+/v1|Mozilla")
    lines = 0
    for path in (stack.data / "logs").glob("*.log"):
        for line in path.read_text(errors="replace").splitlines():
            assert not forbidden.search(line), (path.name, line)
            lines += 1
    assert lines > 100


def test_P1_requests_are_logged_once_as_json(stack: Stack, canary: Canary) -> None:
    lines = [json.loads(line) for line in stack.log("front").splitlines() if line.startswith("{")]
    ids = [
        line["request_id"] for line in lines if line["message"] == "request" and line["request_id"].startswith("req_")
    ]
    assert len(ids) == len(set(ids)) > 100


def test_P1_queues_hold_ids_only(stack: Stack, canary: Canary) -> None:
    sqs = stack.client("sqs")
    dead = 0
    for name, (kind, url) in stack.resources.items():
        if kind == "AWS::SQS::Queue":
            messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get(
                "Messages", []
            )
            assert canary.found_in(json.dumps(messages)) == set(), name
            dead += name.endswith("DeadLetters")
    assert dead == 6


def test_P1_tables_hold_no_address_and_nothing_that_was_not_asked_to_be_kept(stack: Stack, canary: Canary) -> None:
    database = stack.client("dynamodb")
    tables = [name for name in stack.outputs if name.endswith("Table")]
    found = {table: canary.found_in(str(database.scan(TableName=stack.outputs[table])["Items"])) for table in tables}
    assert {table: words for table, words in found.items() if words} == {"KeysTable": MAY_BE_STORED}
    assert len(tables) == 8


def test_P1_no_file_of_the_stack_holds_an_address_but_the_outbox(stack: Stack, canary: Canary) -> None:
    address = next(word for word, where in canary.words.items() if where == "email")
    outbox: set[Path] = stack.outbox()
    assert any(address in path.read_text() for path in outbox)
    spelled = (address, base64.b64encode(f"{address}@example.com".encode()).decode().rstrip("=")[:-1].lower())
    files = [name for name, text in written(stack) if any(spelling in text.lower() for spelling in spelled)]
    assert files == []
    assert any(name in text for name in canary.words for _, text in written(stack)), (
        "nothing can be found in these files"
    )


def test_P1_no_file_of_the_stack_holds_a_secret(stack: Stack, canary: Canary) -> None:
    hidden = {word for word, where in canary.words.items() if where.startswith("secret of")}
    assert len(hidden) == 3
    found = [name for name, text in written(stack) for word in hidden if word in text.lower()]
    assert found == []
