"""Stability AI's Stable Image v2beta (https://platform.stability.ai/docs/api-reference, checked 2026-11-25): one result
a request, made while it waits. It cannot be asked what became of a request whose answer was lost.

It is sent the prompts, the photo, shape, strength and seed. Its terms let it keep inputs for 30 days against abuse.
"""

from chalicelib.outbound.request import Reply, Request
from chalicelib.outbound.saying import whole_number
from chalicelib.providers.capability import Capability, Modality, Model, Proof, Runs
from chalicelib.providers.hosted.asking import ASPECTS, aspect_of, given, model_of, photo_part, prompt_of
from chalicelib.providers.hosted.entry import KeyEntry
from chalicelib.providers.hosted.multipart import Part, encode
from chalicelib.providers.hosted.results import BLOCKED, MAX_BYTES, finished, output_of
from chalicelib.providers.hosted.talking import WORK_SECONDS, Line, json_of
from chalicelib.providers.job import Done, Immediate, Job
from chalicelib.providers.price import Price
from chalicelib.providers.setup import Setup

NAME = "stability"
API = "https://api.stability.ai/v2beta/stable-image"
#: Seeds are from 1 to this; 0 asks for any.
MAX_SEED = 4_294_967_294
STRENGTH = 0.7
#: Where each model is, and what one result of it costs: a credit is 10,000 micro-dollars.
#: https://platform.stability.ai/pricing, checked 2026-11-25.
PATHS = {
    "core": ("generate/core", 30_000),
    "ultra": ("generate/ultra", 80_000),
    "sd3.5-large": ("generate/sd3", 65_000),
    "sd3.5-large-edit": ("generate/sd3", 65_000),
    "fast-upscale": ("upscale/fast", 20_000),
    "remove-background": ("edit/remove-background", 50_000),
}


Configuration = KeyEntry


def _model(
    name: str,
    operation: str,
    description: str,
    note: str,
    *,
    assets: int = 1,
    takes: tuple[str, ...] = (),
    input_pixels: int = 0,
    generative: bool = True,
) -> Model:
    return Model(
        id=f"{NAME}/{name}",
        provider=NAME,
        modality=Modality.IMAGE,
        operations=(operation,),
        price=Price(assets=assets, steps=()),
        description=description,
        generative=generative,
        max_input_pixels=input_pixels,
        max_output_side_pixels=8192,
        max_outputs=1,
        takes=takes,
        sizes=tuple(ASPECTS) if "size" in takes else (),
        allowed=(),
        max_seconds=0,
        parameters_note=note,
    )


_WORDS = ("size", "negative_prompt")

CAPABILITY = Capability(
    provider=NAME,
    runs=Runs.HOSTED,
    proof=Proof.NONE,
    credentials=("api_key",),
    max_concurrent=10,
    calls_back=False,
    models=(
        _model(
            "core",
            "generate",
            "Makes pictures quickly.",
            "The size names the shape; results have about 1.5 megapixels.",
            takes=_WORDS,
        ),
        _model("ultra", "generate", "Makes pictures of the best quality.", "One result a job.", assets=2, takes=_WORDS),
        _model("sd3.5-large", "generate", "Stable Diffusion 3.5 Large.", "One result a job.", assets=2, takes=_WORDS),
        _model(
            "sd3.5-large-edit",
            "edit",
            "Stable Diffusion 3.5 Large, beginning from a photo.",
            f"The photo's shape stays; strength is {STRENGTH} if none is named.",
            assets=2,
            takes=("negative_prompt", "strength"),
            input_pixels=9_437_184,
        ),
        _model(
            "fast-upscale",
            "upscale",
            "Makes a photo four times as wide and four times as high.",
            "Always four times, for photos of up to 1 megapixel.",
            input_pixels=1_048_576,
            generative=False,
        ),
        _model(
            "remove-background",
            "cutout",
            "Cuts out what is in front.",
            "For photos of up to 4 megapixels.",
            assets=2,
            input_pixels=4_194_304,
            generative=False,
        ),
    ),
    regions=("us",),
    keeps_inputs_hours=720,
    trains_on_inputs=False,
    terms_url="https://stability.ai/platform-terms-of-use",
    hosts=("api.stability.ai",),
)


class Provider(Immediate):
    name = NAME

    def __init__(self, setup: Setup) -> None:
        self.capability = CAPABILITY
        self._key: str = setup.configuration["api_key"]
        self._line = Line(called="Stability AI", send=setup.send, is_blocked=_is_blocked, code_of=_code_of)

    def submit(self, job: Job) -> Done:
        """Every error but ProviderCanceled may come of it."""
        name = model_of(job, CAPABILITY).id.partition("/")[2]
        path, cost = PATHS[name]
        content_type, body = encode(_fields(job, name), job.idempotency_key)
        reply = self._line.begin(
            Request(
                method="POST",
                url=f"{API}/{path}",
                headers={
                    "Authorization": f"Bearer {self._key}",
                    "Accept": "image/*",
                    "Content-Type": content_type,
                },
                body=body,
                timeout_seconds=WORK_SECONDS,
                max_answer_bytes=MAX_BYTES[Modality.IMAGE],
            )
        )
        seed = reply.headers.get("seed", "")
        made = output_of(reply.body, Modality.IMAGE, whole_number(seed))
        # A picture that was refused comes all the same, blurred.
        output = BLOCKED if reply.headers.get("finish-reason") == "CONTENT_FILTERED" else made
        return finished([output], reply.headers.get("x-request-id", ""), cost)


def _fields(job: Job, name: str) -> dict[str, str | Part]:
    fields: dict[str, str | Part] = {"output_format": "png"}
    if job.operation in ("generate", "edit"):
        fields |= {"prompt": prompt_of(job), "seed": str(1 + job.seed % MAX_SEED)}
        if given(job, "negative_prompt"):
            fields["negative_prompt"] = given(job, "negative_prompt")
    if job.operation == "generate":
        fields["aspect_ratio"] = aspect_of(job)
    else:
        fields["image"] = photo_part(job)
    if name.startswith("sd3.5"):
        fields["model"] = "sd3.5-large"
    if job.operation == "edit":
        strength = given(job, "strength")
        fields |= {"mode": "image-to-image", "strength": str(STRENGTH if strength is None else strength)}
    return fields


def _code_of(reply: Reply) -> str:
    code = json_of(reply).get("name")
    return code if isinstance(code, str) else ""


def _is_blocked(reply: Reply) -> bool:
    return _code_of(reply) == "content_moderation"
