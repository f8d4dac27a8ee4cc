"""AUTOMATIC1111's Stable Diffusion web UI, and Forge, with `--api`, hosted by the operator
(https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/API, checked 2026-11-25): made while the request waits.
It cannot be asked what became of a request whose answer was lost, only how far it is with whatever it does.

It is sent the prompts, the photo, size, strength, seed and number.
"""

import base64
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt

from chalicelib.outbound.request import Request
from chalicelib.providers.capability import Capability, Modality, Proof
from chalicelib.providers.hosted.asking import given, model_of, photo_of, prompt_of, size_of
from chalicelib.providers.hosted.entry import (
    MAX_SELF_HOSTED_MODELS,
    ModelEntry,
    SelfHosted,
    capability_of,
    model_of_entry,
)
from chalicelib.providers.hosted.results import finished, from_base64, missing
from chalicelib.providers.hosted.talking import MAX_WORK_BYTES, WORK_SECONDS, Line, Said, json_body
from chalicelib.providers.job import Done, Immediate, Job
from chalicelib.providers.setup import Setup

TAKES = {"generate": ("size", "negative_prompt"), "edit": ("negative_prompt", "strength"), "upscale": ("scale",)}
ROUTES = {"generate": "txt2img", "edit": "img2img", "upscale": "extra-single-image"}
MAX_SEED = 2**32
STRENGTH = 0.6
SIZE = "512x512"


class OwnModel(ModelEntry):
    """`checkpoint` is the model's file there, `upscaler` what enlarges; `settings` are sent along with each job (such
    as `steps`, `cfg_scale`, `sampler_name`)."""

    operations: tuple[Literal["generate"]] | tuple[Literal["edit"]] | tuple[Literal["upscale"]]
    checkpoint: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    upscaler: Annotated[str, Field(min_length=1, max_length=200)] = "R-ESRGAN 4x+"
    settings: Annotated[dict[str, str | StrictInt | float | bool], Field(max_length=50)] = Field(default_factory=dict)


class Configuration(SelfHosted):
    """`api_key` is `user:password`, as given to `--api-auth`."""

    kind: Literal["a1111"]
    models: Annotated[tuple[OwnModel, ...], Field(min_length=1, max_length=MAX_SELF_HOSTED_MODELS)]


def capability(configuration: Mapping[str, Any]) -> Capability:
    entry = Configuration.model_validate(configuration)
    models = [
        model_of_entry(entry, model, modality=Modality.IMAGE, takes=TAKES[model.operations[0]])
        for model in entry.models
    ]
    return capability_of(entry, models, Proof.NONE)


class _Answer(Said):
    images: tuple[str, ...] = ()
    image: str | None = None
    info: str = "{}"


class Provider(Immediate):
    def __init__(self, setup: Setup) -> None:
        entry = Configuration.model_validate(setup.configuration)
        self.capability = capability(setup.configuration)
        self.name = entry.name
        self._models = {f"{entry.name}/{model.name}": model for model in entry.models}
        self._base_url = entry.base_url
        credentials = base64.b64encode((entry.api_key or "").encode()).decode()
        self._headers = {"Authorization": f"Basic {credentials}"} if entry.api_key else {}
        self._line = Line(called=entry.name, send=setup.send)

    def submit(self, job: Job) -> Done:
        """Every error but ContentBlocked and ProviderCanceled may come of it."""
        model = self._models[model_of(job, self.capability).id]
        reply = self._line.begin(
            Request(
                method="POST",
                url=f"{self._base_url}/sdapi/v1/{ROUTES[job.operation]}",
                headers={**self._headers, "Content-Type": "application/json"},
                body=json_body(_body(job, model)),
                timeout_seconds=WORK_SECONDS,
                max_answer_bytes=MAX_WORK_BYTES,
            )
        )
        answer = self._line.parsed(_Answer, reply)
        pictures = list(answer.images) or [picture for picture in [answer.image] if picture is not None]
        seeds = _seeds(answer.info)
        outputs = [
            from_base64(picture, Modality.IMAGE, seeds[at] if at < len(seeds) else None)
            for at, picture in enumerate(pictures[: job.n])
        ]
        outputs += [missing("not_made", f"{self.name} made fewer results than were asked for.")] * (
            job.n - len(outputs)
        )
        return finished(outputs, "", None)


def _body(job: Job, model: OwnModel) -> dict[str, Any]:
    if job.operation == "upscale":
        photo = base64.b64encode(photo_of(job)).decode()
        return {"image": photo, "upscaling_resize": given(job, "scale") or 2, "upscaler_1": model.upscaler}
    wanted: dict[str, Any] = {
        **model.settings,
        "prompt": prompt_of(job),
        "negative_prompt": given(job, "negative_prompt") or "",
        "seed": job.seed % MAX_SEED,
        "batch_size": job.n,
        "n_iter": 1,
        "send_images": True,
        # Nothing is to stay on the operator's disk, and a sheet of all results is none of them.
        "save_images": False,
        "do_not_save_samples": True,
        "do_not_save_grid": True,
        "override_settings": {"return_grid": False},
    }
    if model.checkpoint is not None:
        wanted["override_settings"]["sd_model_checkpoint"] = model.checkpoint
    if job.operation == "edit":
        strength = given(job, "strength")
        photo = base64.b64encode(photo_of(job)).decode()
        return {**wanted, "init_images": [photo], "denoising_strength": STRENGTH if strength is None else strength}
    width, height = size_of(job, SIZE)
    return {**wanted, "width": width, "height": height}


def _seeds(info: str) -> list[int]:
    """Of the results, in their order, as the answer's own JSON text tells them."""
    try:
        seeds = json.loads(info).get("all_seeds")
    except (AttributeError, RecursionError, ValueError):
        return []
    return seeds if isinstance(seeds, list) and all(type(seed) is int for seed in seeds) else []
