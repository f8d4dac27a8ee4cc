"""OpenAI's images (https://developers.openai.com/api/reference/resources/images, checked 2026-11-25): made while the
request waits. It cannot be asked what became of a request whose answer was lost, and knows no idempotency keys.

It is sent the prompt, the photo to edit, size, quality and number. It keeps what it is sent for 30 days against abuse
(https://platform.openai.com/docs/guides/your-data).
"""

from typing import Any

from chalicelib.outbound.request import Reply, Request
from chalicelib.providers.capability import Capability, Modality, Model, Proof, Runs
from chalicelib.providers.hosted.asking import given, model_of, photo_part, prompt_of
from chalicelib.providers.hosted.entry import KeyEntry
from chalicelib.providers.hosted.multipart import Part, encode
from chalicelib.providers.hosted.results import finished, from_base64, missing
from chalicelib.providers.hosted.talking import MAX_WORK_BYTES, WORK_SECONDS, Line, Said, json_body, json_of
from chalicelib.providers.job import Done, Immediate, Job
from chalicelib.providers.price import Price, Step
from chalicelib.providers.setup import Setup

NAME = "openai"
API = "https://api.openai.com/v1"
#: Of requests that are refused for what they show or ask for.
BLOCKED_CODES = frozenset({"content_policy_violation", "moderation_blocked"})
#: What is asked for where nothing is: OpenAI's own default is to choose, at any price.
QUALITY = "medium"
#: Dollars for a million tokens, which are micro-dollars for one: words in, pictures in, pictures out.
#: https://openai.com/api/pricing, checked 2026-11-25.
TOKEN_PRICES = {"gpt-image-2": (5, 8, 30), "gpt-image-1.5": (5, 8, 32), "gpt-image-1-mini": (2, 2.5, 8)}


Configuration = KeyEntry


def _model(name: str, description: str, price: Price, *, transparent: bool) -> Model:
    return Model(
        id=f"{NAME}/{name}",
        provider=NAME,
        modality=Modality.IMAGE,
        operations=("generate", "edit"),
        price=price,
        description=description,
        generative=True,
        max_input_pixels=16_000_000,
        max_output_side_pixels=1536,
        max_outputs=4,
        takes=("size", "quality", "transparent") if transparent else ("size", "quality"),
        sizes=("1024x1024", "1536x1024", "1024x1536"),
        allowed=(),
        max_seconds=0,
        parameters_note=f"Quality is {QUALITY} if none is named, and low costs no less than that.",
    )


#: High quality costs OpenAI four times as much as medium, and a long side half as much again.
_LARGE = Price(
    assets=1,
    steps=(
        Step(measure="quality", above=2, adds=3, per=None),
        Step(measure="megapixels", above=1.1, adds=1, per=None),
    ),
)
_SMALL = Price(assets=1, steps=(Step(measure="quality", above=2, adds=1, per=None),))

CAPABILITY = Capability(
    provider=NAME,
    runs=Runs.HOSTED,
    proof=Proof.NONE,
    credentials=("api_key",),
    max_concurrent=20,
    calls_back=False,
    models=(
        _model("gpt-image-2", "Makes and edits pictures; follows long prompts closely.", _LARGE, transparent=False),
        _model("gpt-image-1.5", "Makes and edits pictures, with transparency if asked.", _LARGE, transparent=True),
        _model("gpt-image-1-mini", "Makes and edits pictures quickly and cheaply.", _SMALL, transparent=True),
    ),
    regions=("us",),
    keeps_inputs_hours=720,
    trains_on_inputs=False,
    terms_url="https://openai.com/policies/services-agreement/",
    hosts=("api.openai.com",),
)


class _Tokens(Said):
    text_tokens: int = 0
    image_tokens: int = 0


class _Usage(Said):
    input_tokens_details: _Tokens = _Tokens()
    output_tokens: int


class _Picture(Said):
    b64_json: str | None = None


class _Answer(Said):
    data: list[_Picture]
    usage: _Usage | None = None


class Provider(Immediate):
    name = NAME

    def __init__(self, setup: Setup) -> None:
        self.capability = CAPABILITY
        self._key: str = setup.configuration["api_key"]
        self._line = Line(called="OpenAI", send=setup.send, is_blocked=is_blocked, code_of=code_of)

    def submit(self, job: Job) -> Done:
        """Every error but ProviderCanceled may come of it."""
        model = model_of(job, CAPABILITY)
        reply = self._line.begin(self._request(job, model.id.partition("/")[2]))
        answer = self._line.parsed(_Answer, reply)
        pictures: list[Any] = [picture.b64_json for picture in answer.data[: job.n]]
        outputs = [from_base64(picture, Modality.IMAGE, None) for picture in pictures]
        outputs += [missing("not_made", "OpenAI made fewer results than were asked for.")] * (job.n - len(outputs))
        cost = _cost(model.id.partition("/")[2], answer.usage)
        return finished(outputs, reply.headers.get("x-request-id", ""), cost)

    def _request(self, job: Job, name: str) -> Request:
        wanted: dict[str, Any] = {
            "model": name,
            "prompt": prompt_of(job),
            "n": job.n,
            "size": given(job, "size"),
            "quality": given(job, "quality") or QUALITY,
        }
        if given(job, "transparent"):
            wanted |= {"background": "transparent", "output_format": "png"}
        headers = {"Authorization": f"Bearer {self._key}"}
        if job.operation == "edit":
            fields: dict[str, str | Part] = {name: str(value) for name, value in wanted.items()}
            headers["Content-Type"], body = encode({**fields, "image[]": photo_part(job)}, job.idempotency_key)
        else:
            headers["Content-Type"], body = "application/json", json_body(wanted)
        return Request(
            method="POST",
            url=f"{API}/images/{'edits' if job.operation == 'edit' else 'generations'}",
            headers=headers,
            body=body,
            timeout_seconds=WORK_SECONDS,
            max_answer_bytes=MAX_WORK_BYTES,
        )


def code_of(reply: Reply) -> str:
    """The code of an error as OpenAI, and whoever is compatible with it, tells it."""
    error = json_of(reply).get("error")
    code = error.get("code") or error.get("type") if isinstance(error, dict) else None
    return code if isinstance(code, str) else ""


def is_blocked(reply: Reply) -> bool:
    return reply.status in (400, 403) and code_of(reply) in BLOCKED_CODES


def _cost(name: str, usage: _Usage | None) -> int | None:
    """In micro-dollars."""
    if usage is None:
        return None
    words, pictures, made = TOKEN_PRICES[name]
    details = usage.input_tokens_details
    return round(details.text_tokens * words + details.image_tokens * pictures + usage.output_tokens * made)
