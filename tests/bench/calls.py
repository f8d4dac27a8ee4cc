"""How many AWS calls each operation makes, counted by a hook in botocore, against the deployed template."""

import hashlib
import json
import os
import secrets
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.bench.events import context, http, message
from tests.bench.table import Row, emit
from tests.e2e.person import ATTESTATION, photo, send, stylizing
from tests.support.stack import Stack

#: The fewest calls that can keep what is promised, and which they are.
FLOORS = {
    "authenticate": (1, "find the key and count the request"),
    "create upload": (2, "authenticate, write the row"),
    "process upload": (5, "fetch, store, set the state, remove what came; claim"),
    "create generation": (4, "authenticate, read the balance, commit, queue"),
    "complete generation": (5, "claim, fetch, read the balance, store, commit"),
    "balance": (2, "authenticate, read"),
    "content redirect": (2, "authenticate, read; the URL is signed without a call"),
}


class Counted:
    """Counts every call that any client of this process makes from now on."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __call__(self, model: Any, **_: Any) -> None:
        self.calls.append(f"{model.service_model.service_name}:{model.name}")

    def during(self, act: Callable[[], Any]) -> tuple[Any, list[str]]:
        """What an act returns, and the calls it made."""
        self.calls.clear()
        result = act()
        return result, list(self.calls)


class Caller:
    """Uses the functions in this process, as the deployed stack's would."""

    def __init__(self) -> None:
        from app import app
        from chalicelib.generation.worker import generate
        from chalicelib.uploads.worker import process_upload
        from chalicelib.wiring import services

        self._app, self._process, self._generate, self._services = app, process_upload, generate, services()
        accounts, address = self._services.accounts, f"{secrets.token_hex(4)}@example.com"
        accounts.ask_code(address, "127.0.0.1")
        issued = accounts.issue_code(self._services.peppers.hash("email", address))
        assert issued is not None
        self.account_id = accounts.start_session(*issued, "bench").account_id
        from chalicelib.kernel.principal import ALL_SCOPES

        self._secret = self._services.keys.create(self.account_id, "bench", ALL_SCOPES, expires_at=None, cap=None)[1]

    def authenticate(self) -> Any:
        """Finds out who calls."""
        return self._services.keys.authenticate(self._secret)

    def api(self, method: str, resource: str, **options: Any) -> Any:
        """A request to the API function; the answer's JSON."""
        event = http(method, resource, authorization=f"Bearer {self._secret}", **options)
        answer = self._app(event, context())
        assert answer["statusCode"] < 400, answer["body"]
        return json.loads(answer["body"]) if answer["body"] else None

    def declare(self, data: bytes) -> Any:
        """The form for a photo."""
        sha256 = hashlib.sha256(data).hexdigest()
        body = {"content_type": "image/jpeg", "size_bytes": len(data), "sha256": sha256, "attestation": ATTESTATION}
        return self.api("POST", "/v1/uploads", body=body)

    def process(self, upload_id: str) -> None:
        """What the notification of an upload starts."""
        key = f"incoming/{self.account_id}/{upload_id}"
        failed = self._process(message({"Records": [{"s3": {"object": {"key": key}}}]}), context())
        assert not failed["batchItemFailures"], failed

    def order(self, upload_id: str) -> Any:
        """A new generation."""
        return self.api("POST", "/v1/generations", body=stylizing(upload_id), idempotency_key=secrets.token_hex(8))

    def complete(self, generation_id: str) -> None:
        """What the message of a generation starts."""
        ids = {"v": 1, "account_id": self.account_id, "generation_id": generation_id, "state": "queued"}
        failed = self._generate(message(ids), context())
        assert not failed["batchItemFailures"], failed


def job(caller: Caller, counted: Counted) -> Iterator[tuple[str, list[str]]]:
    """The main job once, each operation with the calls it made."""
    data = photo(256)
    yield "authenticate", counted.during(caller.authenticate)[1]
    form, calls = counted.during(lambda: caller.declare(data))
    yield "create upload", calls
    assert send(form, data).status_code == 201
    yield "process upload", counted.during(lambda: caller.process(form["id"]))[1]
    made, calls = counted.during(lambda: caller.order(form["id"]))
    yield "create generation", calls
    yield "complete generation", counted.during(lambda: caller.complete(made["id"]))[1]
    yield "balance", counted.during(lambda: caller.api("GET", "/v1/balance"))[1]
    place = {"asset_id": made["assets"][0]["id"]}
    yield (
        "content redirect",
        counted.during(lambda: caller.api("GET", "/v1/assets/{asset_id}/content", places=place))[1],
    )


def named(calls: list[str]) -> str:
    """`dynamodb:GetItem 2, s3:PutObject` for people."""
    counts = Counter(calls)
    return ", ".join(call if count == 1 else f"{call} {count}" for call, count in counts.items())


def measure() -> Iterator[Row]:
    """The second job counts: by then secrets and clients are there, as in a warm function."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "data", only_emulator=True)
        try:
            os.environ.update(stack.start().environment())
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            from chalicelib.aws.session import botocore_session

            counted = Counted()
            botocore_session().register("before-call", counted)
            caller = Caller()
            dict(job(caller, counted))
            for name, calls in job(caller, counted):
                fewest, why = FLOORS[name]
                yield Row(f"AWS calls: {name}", len(calls), fewest, "", why, named(calls))
        finally:
            stack.stop()


if __name__ == "__main__":
    emit(measure())
