"""What adapters read of a job: its parameters, its photo, whether it fits the model. Pure."""

import base64
from typing import Any

from chalicelib.media.measure import Unmeasurable, measure
from chalicelib.providers.capability import Capability, Model
from chalicelib.providers.hosted.multipart import Part
from chalicelib.providers.job import Job, ProviderRefused

#: The shapes that models of diffusion make, and the pixels in which they make them.
ASPECTS = {
    "1024x1024": "1:1",
    "1344x768": "16:9",
    "768x1344": "9:16",
    "1216x832": "3:2",
    "832x1216": "2:3",
}


def model_of(job: Job, capability: Capability) -> Model:
    """The model that the job is for. Raises ProviderRefused for a job that does not fit it."""
    found = [model for model in capability.models if model.id == job.model]
    if not found or job.operation not in found[0].operations:
        raise ProviderRefused("wrong_operation", "This model does not do that operation.")
    if not 1 <= job.n <= found[0].max_outputs:
        raise ProviderRefused("too_many_outputs", f"This model makes at most {found[0].max_outputs} at once.")
    if found[0].max_input_pixels and job.photo is not None:
        width, height = _sides(job.photo)
        if width * height > found[0].max_input_pixels:
            raise ProviderRefused("photo_too_large", "The photo has more pixels than this model takes.")
    return found[0]


def _sides(photo: bytes) -> tuple[int, int]:
    try:
        measured = measure(photo)
    except Unmeasurable:
        raise ProviderRefused("photo_unreadable", "The photo cannot be read.") from None
    return measured.width or 0, measured.height or 0


def given(job: Job, name: str) -> Any:
    """A parameter of the job; None where its operation has no such parameter, or it was left out."""
    return getattr(job.parameters, name, None)


def photo_of(job: Job) -> bytes:
    """Raises ProviderRefused."""
    if job.photo is None:
        raise ProviderRefused("photo_missing", "This model works on a photo, and none was given.")
    return job.photo


def prompt_of(job: Job) -> str:
    """Raises ProviderRefused."""
    if not job.prompt:
        raise ProviderRefused("prompt_missing", "This model works from words, and none were given.")
    return job.prompt


def photo_part(job: Job) -> Part:
    """The photo as a file of a form, under a name that says nothing."""
    photo = photo_of(job)
    is_png = photo.startswith(b"\x89PNG")
    return Part("photo.png" if is_png else "photo.jpg", "image/png" if is_png else "image/jpeg", photo)


def photo_uri(job: Job) -> str:
    """The photo as a data URL (RFC 2397)."""
    part = photo_part(job)
    return f"data:{part.content_type};base64,{base64.b64encode(part.data).decode()}"


def size_of(job: Job, fallback: str) -> tuple[int, int]:
    """(width, height) in pixels."""
    width, _, height = str(given(job, "size") or fallback).partition("x")
    return int(width), int(height)


def aspect_of(job: Job) -> str:
    return ASPECTS.get(given(job, "size") or "", "1:1")
