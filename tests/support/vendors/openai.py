"""https://developers.openai.com/api/reference/resources/images"""

import base64
from typing import Annotated, Literal

from pydantic import Field

from chalicelib.outbound.request import Reply, Request
from tests.support.vendors.standin import KEY, QUOTED, StandIn, Wanted, as_reply, body_of, form_of, has, is_photo


class Generation(Wanted):
    model: Literal["gpt-image-1", "gpt-image-1-mini", "gpt-image-1.5", "gpt-image-2"]
    prompt: Annotated[str, Field(max_length=32_000)]
    n: Annotated[int, Field(ge=1, le=10)] = 1
    size: Literal["auto", "1024x1024", "1536x1024", "1024x1536"] = "auto"
    quality: Literal["auto", "low", "medium", "high"] = "auto"
    background: Literal["auto", "transparent", "opaque"] = "auto"
    output_format: Literal["png", "jpeg", "webp"] = "png"


class OpenAI(StandIn):
    host = "https://api.openai.com/v1"

    def begins(self, request: Request) -> bool:
        return request.method == "POST"

    def blocked(self) -> Reply | None:
        error = {"code": "moderation_blocked", "type": "image_generation_user_error", "message": QUOTED}
        return as_reply(400, {"error": error})

    def answer(self, request: Request) -> Reply:
        has(request, authorization=f"Bearer {KEY}")
        wanted = self.wanted(request)
        assert not (wanted.model == "gpt-image-2" and wanted.background == "transparent")
        picture = {"b64_json": base64.b64encode(self.result).decode()}
        details = {"text_tokens": 10, "image_tokens": 100}
        usage = {"input_tokens": 110, "input_tokens_details": details, "output_tokens": 1000, "total_tokens": 1110}
        return as_reply(200, {"created": 1, "data": [picture] * (wanted.n - self.short), "usage": usage})

    def wanted(self, request: Request) -> Generation:
        if request.url == f"{self.host}/images/generations":
            wanted: Generation = body_of(request, Generation)
            return wanted
        assert request.url == f"{self.host}/images/edits"
        fields, uploads = form_of(request)
        ((name, (_, content_type, data)),) = uploads.items()
        assert name in ("image", "image[]")
        assert is_photo(content_type, data)
        return Generation.model_validate({**fields, "n": int(fields["n"])})
