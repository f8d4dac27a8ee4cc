"""Stability AI's models on Amazon Bedrock, in the operator's own AWS account
(https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-stability-diffusion.html, checked 2026-11-25):
one result a request, made while it waits. It cannot be asked what became of a request whose answer was lost.

It is sent the prompts, the photo, shape and seed. Bedrock keeps nothing of it and shows the model's maker nothing
(https://docs.aws.amazon.com/bedrock/latest/userguide/data-protection.html).
"""

import base64
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.outbound.request import NoReply, Reply
from chalicelib.providers.capability import Capability, Modality, Model, Proof, Runs
from chalicelib.providers.hosted.asking import ASPECTS, aspect_of, given, model_of, photo_of, prompt_of
from chalicelib.providers.hosted.results import BLOCKED, finished, from_base64, missing
from chalicelib.providers.hosted.talking import Line, Said, json_body
from chalicelib.providers.job import Done, Immediate, Job, Missing, Output
from chalicelib.providers.price import Price
from chalicelib.providers.setup import Setup

NAME = "bedrock"
MAX_SEED = 4_294_967_295
#: ModelTimeoutException and ModelErrorException: elsewhere such a status says that nothing has begun.
BROKEN_OFF = frozenset({408, 424})
#: What each is called there, and what one result costs in micro-dollars.
#: https://aws.amazon.com/bedrock/pricing, checked 2026-11-25.
UPSTREAM = {
    "stable-image-core": ("stability.stable-image-core-v1:1", 40_000),
    "stable-image-ultra": ("stability.stable-image-ultra-v1:1", 140_000),
    "sd3.5-large": ("stability.sd3-5-large-v1:0", 80_000),
    "fast-upscale": ("us.stability.stable-fast-upscale-v1:0", 30_000),
}


class Configuration(BaseModel):
    """The region whose Bedrock is called. Access comes from the functions' own role."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    region: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")]


def _model(name: str, operation: str, description: str, note: str, *, assets: int, input_pixels: int = 0) -> Model:
    makes = operation == "generate"
    return Model(
        id=f"{NAME}/{name}",
        provider=NAME,
        modality=Modality.IMAGE,
        operations=(operation,),
        price=Price(assets=assets, steps=()),
        description=description,
        generative=makes,
        max_input_pixels=input_pixels,
        max_output_side_pixels=8192,
        max_outputs=1,
        takes=("size", "negative_prompt") if makes else (),
        sizes=tuple(ASPECTS) if makes else (),
        allowed=(),
        max_seconds=0,
        parameters_note=note,
    )


MODELS = (
    _model(
        "stable-image-core",
        "generate",
        "Makes pictures quickly.",
        "The size names the shape; results have about 1.5 megapixels.",
        assets=1,
    ),
    _model("stable-image-ultra", "generate", "Makes pictures of the best quality.", "One result a job.", assets=4),
    _model("sd3.5-large", "generate", "Stable Diffusion 3.5 Large.", "One result a job.", assets=2),
    _model(
        "fast-upscale",
        "upscale",
        "Makes a photo four times as wide and four times as high.",
        "Always four times, for photos of up to 1 megapixel.",
        assets=1,
        input_pixels=1_048_576,
    ),
)


def capability(configuration: Mapping[str, Any]) -> Capability:
    """What it offers in one region."""
    region = configuration["region"]
    return Capability(
        provider=NAME,
        runs=Runs.HOSTED,
        proof=Proof.NONE,
        credentials=("region",),
        max_concurrent=5,
        calls_back=False,
        models=MODELS,
        regions=(region,),
        keeps_inputs_hours=0,
        trains_on_inputs=False,
        terms_url="https://aws.amazon.com/service-terms/",
        hosts=(f"bedrock-runtime.{region}.amazonaws.com",),
    )


#: The only region that had all of them on the day above.
CAPABILITY = capability({"region": "us-west-2"})


class _Answer(Said):
    images: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    finish_reasons: tuple[str | None, ...] = ()


class Provider(Immediate):
    name = NAME

    def __init__(self, setup: Setup) -> None:
        self.capability = capability(setup.configuration)
        self._region: str = setup.configuration["region"]
        self._invoke = setup.invoke
        self._line = Line(called="Amazon Bedrock", send=setup.send, code_of=_code_of)

    def submit(self, job: Job) -> Done:
        """Every error but ProviderCanceled may come of it."""
        model_id, cost = UPSTREAM[model_of(job, self.capability).id.partition("/")[2]]
        body = json_body(_body(job))
        reply = self._line.begun(lambda: _whole(self._invoke(self._region, model_id, body)))
        output = _output(self._line.parsed(_Answer, reply))
        return finished([output], reply.headers.get("x-amzn-requestid", ""), cost)


def _whole(reply: Reply) -> Reply:
    """The answer, unless the model had begun and did not end. Raises NoReply."""
    if reply.status in BROKEN_OFF:
        raise NoReply("the model broke off")
    return reply


def _body(job: Job) -> dict[str, Any]:
    if job.operation == "upscale":
        return {"image": base64.b64encode(photo_of(job)).decode(), "output_format": "png"}
    wanted: dict[str, Any] = {
        "prompt": prompt_of(job),
        "mode": "text-to-image",
        "aspect_ratio": aspect_of(job),
        "output_format": "png",
        "seed": job.seed % MAX_SEED,
    }
    negative = given(job, "negative_prompt")
    return {**wanted, "negative_prompt": negative} if negative else wanted


def _output(answer: _Answer) -> Output | Missing:
    reason = answer.finish_reasons[0] if answer.finish_reasons else None
    if reason is not None:
        return BLOCKED if reason.startswith("Filter reason") else missing("not_made", "The model broke on this job.")
    seed = answer.seeds[0] if answer.seeds else None
    return from_base64(answer.images[0] if answer.images else None, Modality.IMAGE, seed)


def _code_of(reply: Reply) -> str:
    return reply.headers.get("x-amzn-errortype", "").partition(":")[0]
