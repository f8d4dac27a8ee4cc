"""A server that speaks OpenAI's routes, as https://localai.io/features/image-generation and Kokoro-FastAPI do."""

import base64
from typing import Annotated, Any, Literal

from pydantic import Field

from chalicelib.outbound.request import Reply, Request
from chalicelib.providers.capability import Modality
from tests.support.vendors.openai import OpenAI
from tests.support.vendors.standin import KEY, Wanted, as_reply, body_of, form_of, has, is_photo

ORIGIN = "http://127.0.0.1:9"


class Generation(Wanted):
    model: Literal["flux"]
    prompt: str
    n: Annotated[int, Field(ge=1, le=10)]
    size: str | None = None
    response_format: Literal["b64_json"]


class Speech(Wanted):
    model: Literal["kokoro"]
    input: str
    voice: str | None = None
    speed: float = 1.0
    response_format: Literal["wav"]


class Compatible(OpenAI):
    """With `elsewhere` its pictures are at URLs."""

    def answer(self, request: Request) -> Reply:
        has(request, authorization=f"Bearer {KEY}")
        if request.method == "GET":
            return as_reply(200, self.result)
        if request.url == f"{ORIGIN}/audio/speech":
            self.modality = Modality.AUDIO
            assert body_of(request, Speech).input
            return as_reply(200, self.result)
        wanted = self._form(request)
        picture: dict[str, Any] = {"b64_json": base64.b64encode(self.result).decode()}
        if self.elsewhere:
            picture = {"url": self.elsewhere}
        return as_reply(200, {"created": 1, "data": [picture] * (wanted.n - self.short)})

    def _form(self, request: Request) -> Generation:
        if request.url == f"{ORIGIN}/images/generations":
            wanted: Generation = body_of(request, Generation)
            return wanted
        assert request.url == f"{ORIGIN}/images/edits"
        fields, uploads = form_of(request)
        _, content_type, data = uploads["image"]
        assert is_photo(content_type, data)
        return Generation.model_validate({**fields, "n": int(fields["n"])})
