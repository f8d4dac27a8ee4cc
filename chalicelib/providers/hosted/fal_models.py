"""What fal's models take, give and cost (their pages at https://fal.ai/models, checked 2026-11-25)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.providers.capability import Modality, Model
from chalicelib.providers.hosted.asking import ASPECTS, given, photo_uri, prompt_of, size_of
from chalicelib.providers.hosted.talking import Said
from chalicelib.providers.job import Job
from chalicelib.providers.price import Price, Step

NAME = "fal"
#: What a clip is asked for where there are no words: the model needs some.
MOTION = "Gentle, natural motion; the camera moves slowly."
MIN_CLIP_SECONDS, MAX_CLIP_SECONDS = 2, 10


def _model(
    name: str, modality: Modality, operation: str, description: str, note: str, *, price: Price, **rest: Any
) -> Model:
    limits = {"max_input_pixels": 0, "max_output_side_pixels": 1536, "max_outputs": 1, "max_seconds": 0}
    return Model(
        id=f"{NAME}/{name}",
        provider=NAME,
        modality=modality,
        operations=(operation,),
        price=price,
        description=description,
        generative=True,
        parameters_note=note,
        **{**limits, "sizes": (), "allowed": (), **rest},
    )


FLUX = _model(
    "flux-schnell",
    Modality.IMAGE,
    "generate",
    "FLUX.1 [schnell]: makes pictures in a second or two.",
    "The seed makes the first result again.",
    price=Price(assets=1, steps=()),
    max_outputs=4,
    takes=("size",),
    sizes=tuple(ASPECTS),
)
KONTEXT = _model(
    "flux-kontext-pro",
    Modality.IMAGE,
    "edit",
    "FLUX.1 Kontext [pro]: changes a photo as the words say, and leaves the rest.",
    "The photo's shape stays. The seed makes the first result again.",
    price=Price(assets=1, steps=()),
    max_input_pixels=16_000_000,
    max_outputs=4,
    takes=(),
)
CLIP = _model(
    "seedance-pro-fast",
    Modality.VIDEO,
    "animate",
    "Seedance 1.0 Pro Fast: sets a photo in motion as the words say.",
    "720p, of 2 to 10 whole seconds: what is between is rounded up. Without words the motion is gentle.",
    price=Price(assets=3, steps=(Step(measure="seconds", above=5, adds=1, per=2),)),
    max_input_pixels=16_000_000,
    max_output_side_pixels=1920,
    max_seconds=MAX_CLIP_SECONDS,
    takes=("seconds",),
)
SPEECH = _model(
    "kokoro",
    Modality.AUDIO,
    "speak",
    "Kokoro: reads English aloud.",
    "Voices are called as by Kokoro: af_heart if none is named.",
    price=Price(assets=2, steps=()),
    max_output_side_pixels=0,
    max_seconds=600,
    takes=("voice", "speed"),
)


class File(Said):
    url: str


class Answer(Said):
    images: tuple[File, ...] = ()
    video: File | None = None
    audio: File | None = None
    seed: int | None = None
    has_nsfw_concepts: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a model is, how it is asked, where its answer has the results, and what the job costs in micro-dollars."""

    path: str
    input: Callable[[Job], dict[str, Any]]
    results: Callable[[Answer], list[File]]
    cost: Callable[[Job], float]

    @property
    def app(self) -> str:
        """Its owner and name, under which its requests are asked for."""
        return "/".join(self.path.split("/")[:2])


def _clip_seconds(job: Job) -> int:
    return min(max(math.ceil(given(job, "seconds") or 0), MIN_CLIP_SECONDS), MAX_CLIP_SECONDS)


def _flux(job: Job) -> dict[str, Any]:
    width, height = size_of(job, FLUX.sizes[0])
    return {**_picture(job), "image_size": {"width": width, "height": height}}


def _picture(job: Job) -> dict[str, Any]:
    return {"prompt": prompt_of(job), "num_images": job.n, "seed": job.seed % 2**31, "output_format": "png"}


def _clip(job: Job) -> dict[str, Any]:
    wanted = {"prompt": job.prompt or MOTION, "image_url": photo_uri(job), "seed": job.seed % 2**31}
    return {**wanted, "resolution": "720p", "duration": str(_clip_seconds(job))}


def _speech(job: Job) -> dict[str, Any]:
    named = {name: given(job, name) for name in ("voice", "speed") if given(job, name) is not None}
    return {"prompt": prompt_of(job), **named}


def _megapixels(job: Job) -> int:
    width, height = size_of(job, FLUX.sizes[0])
    return math.ceil(width * height / 1_000_000)


#: Prices: https://fal.ai/pricing, checked 2026-11-25. A second of 720p at 24 frames is 21,600 tokens of a micro-dollar.
UPSTREAM = {
    FLUX.id: Upstream(
        "fal-ai/flux-1/schnell", _flux, lambda said: list(said.images), lambda job: 3_000 * _megapixels(job) * job.n
    ),
    KONTEXT.id: Upstream(
        "fal-ai/flux-pro/kontext",
        lambda job: {**_picture(job), "image_url": photo_uri(job)},
        lambda said: list(said.images),
        lambda job: 40_000 * job.n,
    ),
    CLIP.id: Upstream(
        "fal-ai/bytedance/seedance/v1/pro/fast/image-to-video",
        _clip,
        lambda said: [said.video] if said.video else [],
        lambda job: 21_600 * _clip_seconds(job),
    ),
    SPEECH.id: Upstream(
        "fal-ai/kokoro/american-english",
        _speech,
        lambda said: [said.audio] if said.audio else [],
        lambda job: 20 * len(job.prompt or ""),
    ),
}
