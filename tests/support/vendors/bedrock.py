"""https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-stability-diffusion.html"""

import base64
from typing import Annotated, Literal

from pydantic import Field

from chalicelib.outbound.request import Reply, Request
from tests.support.vendors.standin import StandIn, Wanted, as_reply, is_photo


class Picture(Wanted):
    prompt: Annotated[str, Field(max_length=10_000)]
    negative_prompt: str | None = None
    mode: Literal["text-to-image"] = "text-to-image"
    aspect_ratio: Literal["16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21"] = "1:1"
    output_format: Literal["JPEG", "PNG", "jpeg", "png"] = "png"
    seed: Annotated[int, Field(ge=0, le=4_294_967_295)] = 0


class Larger(Wanted):
    image: str
    output_format: Literal["jpeg", "png", "webp"] = "png"


SHAPES: dict[str, type[Picture | Larger]] = {
    "stability.stable-image-core-v1:1": Picture,
    "stability.stable-image-ultra-v1:1": Picture,
    "stability.sd3-5-large-v1:0": Picture,
    "us.stability.stable-fast-upscale-v1:0": Larger,
}


class Bedrock(StandIn):
    def invoke(self, region: str, model_id: str, body: bytes) -> Reply:
        assert region == "us-west-2"
        url = f"https://bedrock-runtime.{region}.amazonaws.com/model/{model_id}/invoke"
        return self(Request(method="POST", url=url, body=body, timeout_seconds=90, max_answer_bytes=2**27))

    def begins(self, request: Request) -> bool:
        return True

    def answer(self, request: Request) -> Reply:
        model_id = request.url.split("/model/")[1].removesuffix("/invoke")
        wanted = SHAPES[model_id].model_validate_json(request.body)
        if isinstance(wanted, Larger):
            assert is_photo("image/jpeg", base64.b64decode(wanted.image))
        if self.ends == "blocked":
            return as_reply(200, {"finish_reasons": ["Filter reason: output image"]})
        if self.ends == "failed":
            return as_reply(200, {"finish_reasons": ["Inference error"]})
        picture = base64.b64encode(self.result).decode()
        answer = {"seeds": [7], "finish_reasons": [None], "images": [picture]}
        return as_reply(200, answer, **{"x-amzn-requestid": "vendor-request-1"})
