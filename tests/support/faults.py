"""Faults between our code and AWS: acts where botocore hands a request to its HTTP session, below its own retries.

So the SDK's retries are exercised too, and one seam serves every client. Nothing of the service is patched.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from types import SimpleNamespace
from typing import Any

import botocore.endpoint
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from chalicelib.aws import session, tables

SERVICES = ("dynamodb", "s3", "sqs", "kms", "secretsmanager")
WRITES = ("PutItem", "UpdateItem", "DeleteItem")


class Crash(BaseException):
    """The process dies here. A BaseException, so that no `except Exception` can live through it."""


class Fault(StrEnum):
    CRASH_BEFORE = "crash_before"
    CRASH_AFTER = "crash_after"
    DROP_REQUEST = "drop_request"
    LOSE_RESPONSE = "lose_response"
    THROTTLE = "throttle"
    CONFLICT = "conflict"


def one_conflict(writes: int) -> list[str]:
    """The reasons of a transaction whose first item another one has."""
    return ["TransactionConflict"] + ["None"] * (writes - 1)


def conflict_and_failed_condition(writes: int) -> list[str]:
    """The reasons of a transaction that met a conflict, and would have been refused anyway."""
    return ["TransactionConflict"] + ["None"] * (writes - 2) + ["ConditionalCheckFailed"]


@dataclass
class Injector:
    """Counts the calls of all attached clients, from 1, and spoils those that the plan names."""

    calls: int = 0
    log: list[str] = field(default_factory=list)
    spoiled: list[str] = field(default_factory=list)
    _fault: Fault | None = None
    _positions: range = range(0)
    _operation: str | None = None
    _reasons: Callable[[int], list[str]] = one_conflict
    _sessions: list[Any] = field(default_factory=list)

    def attach(self, service: str) -> None:
        """Puts itself between the process's client of that service and the wire."""
        made = session.client(service)
        http = made._endpoint.http_session
        send = http.send
        http.send = lambda request: self._send(service, send, request)
        self._sessions.append(http)

    def detach(self) -> None:
        """Leaves every client as it was."""
        for http in self._sessions:
            del http.send
        self._sessions.clear()

    @contextmanager
    def plan(
        self,
        fault: Fault,
        at: int = 1,
        *,
        times: int = 1,
        operation: str | None = None,
        reasons: Callable[[int], list[str]] = one_conflict,
    ) -> Iterator["Injector"]:
        """Spoils calls number `at` to `at` + `times` - 1; counts only calls of `operation` when one is named.

        `reasons(writes)` are why a transaction of so many writes is cancelled by Fault.CONFLICT.
        """
        self.calls, self.log, self.spoiled = 0, [], []
        self._fault, self._positions, self._operation = fault, range(at, at + times), operation
        self._reasons = reasons
        try:
            yield self
        finally:
            self._fault, self._positions, self._operation = None, range(0), None

    @contextmanager
    def watch(self) -> Iterator["Injector"]:
        """Counts and spoils nothing."""
        with self.plan(Fault.CRASH_BEFORE, 0, times=0):
            yield self

    @property
    def reached(self) -> bool:
        """Whether the call that was to be spoiled was made at all."""
        return bool(self.spoiled)

    def _send(self, service: str, send: Any, request: Any) -> Any:
        name = _operation(service, request)
        if self._operation in (None, name):
            self.calls += 1
            self.log.append(f"{service}.{name}")
            if self.calls in self._positions and self._fault is not None:
                self.spoiled.append(f"{service}.{name}")
                if self._fault is Fault.CONFLICT:
                    return _conflict(name, request, self._reasons) or send(request)
                return _spoil(self._fault, service, name, send, request)
        return send(request)


def _spoil(fault: Fault, service: str, name: str, send: Any, request: Any) -> Any:
    if fault is Fault.CRASH_BEFORE:
        raise Crash(name)
    if fault is Fault.DROP_REQUEST:
        raise ConnectTimeoutError(endpoint_url=request.url)
    if fault is Fault.THROTTLE:
        return _throttled(service, request)
    send(request)
    if fault is Fault.CRASH_AFTER:
        raise Crash(name)
    raise ReadTimeoutError(endpoint_url=request.url)


def _operation(service: str, request: Any) -> str:
    target = request.headers.get("X-Amz-Target")
    text = target.decode() if isinstance(target, bytes) else target
    return text.rpartition(".")[2] if text else str(request.method)


def _throttled(service: str, request: Any) -> AWSResponse:
    if service == "s3":
        body = b"<Error><Code>SlowDown</Code><Message>injected</Message></Error>"
        return _answer(request, 503, body, "application/xml")
    code = "ProvisionedThroughputExceededException" if service == "dynamodb" else "ThrottlingException"
    return _refusal(request, code)


def _conflict(name: str, request: Any, reasons: Callable[[int], list[str]]) -> AWSResponse | None:
    """What DynamoDB answers when another transaction has an item; None where that cannot happen."""
    if name == "TransactWriteItems":
        codes = reasons(len(json.loads(request.body)["TransactItems"]))
        told = [{"Code": code} for code in codes]
        return _refusal(request, "TransactionCanceledException", CancellationReasons=told)
    return _refusal(request, "TransactionConflictException") if name in WRITES else None


def _refusal(request: Any, code: str, **members: Any) -> AWSResponse:
    told = {"__type": f"com.amazonaws#{code}", "message": "injected", "Message": "injected", **members}
    return _answer(request, 400, json.dumps(told).encode(), "application/x-amz-json-1.0")


def _answer(request: Any, status: int, body: bytes, kind: str) -> AWSResponse:
    raw = SimpleNamespace(stream=lambda *_, **__: iter([body]), read=lambda *_: body)
    return AWSResponse(request.url, status, {"content-type": kind, "x-amzn-requestid": "injected"}, raw)


@contextmanager
def injected(monkeypatch: pytest.MonkeyPatch) -> Iterator[Injector]:
    """An injector on every client, with nobody sleeping between retries."""
    impatient(monkeypatch)
    injector = Injector()
    try:
        for service in SERVICES:
            injector.attach(service)
        yield injector
    finally:
        injector.detach()


def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Back-off without the waiting, in botocore and in our own loop; how often is tried stays as it is."""
    hurry = SimpleNamespace(sleep=lambda _: None)
    monkeypatch.setattr(botocore.endpoint, "time", hurry)
    monkeypatch.setattr(tables, "time", hurry)
