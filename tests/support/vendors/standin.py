"""What the stand-ins have in common."""

import json
from collections.abc import Mapping
from email import message_from_bytes
from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.outbound.request import Reply, ReplyTooLarge, Request
from chalicelib.providers.capability import Modality
from tests.support import files

KEY = "not-a-real-key"
#: Stands in every error of theirs. They may quote what they were sent, so nothing of it may be repeated.
QUOTED = "quoted-canary"

MADE = {Modality.IMAGE: files.png(), Modality.VIDEO: files.mp4(), Modality.AUDIO: files.wav()}


class Wanted(BaseModel):
    """The base of what a vendor's documentation says that a request may hold: anything else fails the test."""

    model_config = ConfigDict(extra="forbid", strict=True)


def as_reply(status: int, body: Any = None, **headers: str) -> Reply:
    data = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
    return Reply(status=status, headers={"x-request-id": "vendor-request-1", **headers}, body=data)


class StandIn:
    """`script`: what the next requests that begin work come to instead of the real answer. `made`: what results are.
    `short`: how many of them are left out. `holds`: for how many questions the work is not done. `ends`: how it ends,
    if it does not succeed. `elsewhere`: a URL that is given for results instead of an own one."""

    modality = Modality.IMAGE

    def __init__(self) -> None:
        self.sent: list[Request] = []
        self.begun: list[Request] = []
        self.script: list[Reply | Exception] = []
        self.asked: list[Reply | Exception] = []
        self.made: bytes | None = None
        self.short = 0
        self.holds = 0
        self.ends = ""
        self.elsewhere = ""

    @property
    def result(self) -> bytes:
        return MADE[self.modality] if self.made is None else self.made

    def begins(self, request: Request) -> bool:
        raise AssertionError("a stand-in says which requests begin work")

    def answer(self, request: Request) -> Reply:
        raise AssertionError("a stand-in answers")

    def blocked(self) -> Reply | None:
        """How it refuses content at once, if it does."""
        return None

    def __call__(self, request: Request) -> Reply:
        self.sent.append(request)
        assert request.timeout_seconds <= 90
        begins = self.begins(request)
        if begins:
            self.begun.append(request)
        script = self.script if begins else self.asked
        if script:
            step = script.pop(0)
            if isinstance(step, Exception):
                raise step
            return step
        reply = self.answer(request)
        if len(reply.body) > request.max_answer_bytes:
            raise ReplyTooLarge("too large")
        return reply


def body_of(request: Request, shape: type[BaseModel]) -> Any:
    assert request.headers["Content-Type"] == "application/json"
    return shape.model_validate_json(request.body)


def form_of(request: Request) -> tuple[dict[str, str], dict[str, tuple[str, str, bytes]]]:
    """The fields, and the files as (filename, content type, bytes), of a multipart request."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\nMIME-Version: 1.0\r\n\r\n".encode()
    message = message_from_bytes(head + request.body)
    assert message.is_multipart()
    assert not message.defects
    fields, uploads = {}, {}
    for part in message.get_payload():
        assert not isinstance(part, str)
        name = str(part.get_param("name", header="content-disposition"))
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        filename = part.get_filename()
        if filename is None:
            fields[name] = data.decode()
        else:
            uploads[name] = (filename, part.get_content_type(), data)
    return fields, uploads


def is_photo(content_type: str, data: bytes) -> bool:
    return data.startswith({"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff"}[content_type])


def has(request: Request, **headers: str) -> None:
    """The request has these headers. A header's `_` is a `-`."""
    found: Mapping[str, str] = {name.lower(): value for name, value in request.headers.items()}
    for name, value in headers.items():
        assert found.get(name.lower().replace("_", "-")) == value, name
