"""A system that the operator hosts and that speaks OpenAI's images and speech routes, such as LocalAI, vLLM-Omni or
Kokoro-FastAPI (https://developers.openai.com/api/reference/resources/images, checked 2026-11-25): made while the
request waits. It cannot be asked what became of a request whose answer was lost.

It is sent the prompt, the photo to edit, size, quality, number, voice and speed.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from chalicelib.outbound.request import Request
from chalicelib.providers.capability import Capability, Modality, Proof
from chalicelib.providers.hosted.asking import given, model_of, photo_part, prompt_of
from chalicelib.providers.hosted.entry import (
    MAX_SELF_HOSTED_MODELS,
    ModelEntry,
    SelfHosted,
    capability_of,
    model_of_entry,
)
from chalicelib.providers.hosted.multipart import Part, encode
from chalicelib.providers.hosted.results import fetched_at_last, finished, from_base64, missing, output_of
from chalicelib.providers.hosted.talking import MAX_WORK_BYTES, WORK_SECONDS, Line, Said, json_body
from chalicelib.providers.job import Done, Immediate, Job, Missing, Output
from chalicelib.providers.openai import code_of, is_blocked
from chalicelib.providers.setup import Setup

TAKES = ("size", "quality")
SPEECH_TAKES = ("voice", "speed")


class OwnModel(ModelEntry):
    """`upstream` is what the model is called there. Speech stands alone: what it makes is no picture."""

    operations: Annotated[tuple[Literal["generate", "edit"], ...] | tuple[Literal["speak"]], Field(min_length=1)]
    upstream: Annotated[str, Field(min_length=1, max_length=200)]
    takes: tuple[Literal["size", "quality", "voice", "speed"], ...] = ()


class Configuration(SelfHosted):
    """`base_url` ends before `/images/generations`, mostly in `/v1`."""

    kind: Literal["openai-compatible"]
    models: Annotated[tuple[OwnModel, ...], Field(min_length=1, max_length=MAX_SELF_HOSTED_MODELS)]


def capability(configuration: Mapping[str, Any]) -> Capability:
    entry = Configuration.model_validate(configuration)
    models = []
    for model in entry.models:
        speaks = "speak" in model.operations
        modality = Modality.AUDIO if speaks else Modality.IMAGE
        models.append(model_of_entry(entry, model, modality=modality, takes=model.takes))
    return capability_of(entry, models, Proof.NONE)


class _Picture(Said):
    b64_json: str | None = None
    url: str | None = None


class _Answer(Said):
    data: list[_Picture]


class Provider(Immediate):
    def __init__(self, setup: Setup) -> None:
        entry = Configuration.model_validate(setup.configuration)
        self.capability = capability(setup.configuration)
        self.name = entry.name
        self._upstream = {f"{entry.name}/{model.name}": model.upstream for model in entry.models}
        self._base_url = entry.base_url
        self._headers = {"Authorization": f"Bearer {entry.api_key}"} if entry.api_key else {}
        self._line = Line(called=entry.name, send=setup.send, is_blocked=is_blocked, code_of=code_of)

    def submit(self, job: Job) -> Done:
        """Every error but ProviderCanceled may come of it."""
        upstream = self._upstream[model_of(job, self.capability).id]
        reply = self._line.begin(self._request(job, upstream))
        request_id = reply.headers.get("x-request-id", "")
        if job.operation == "speak":
            return finished([output_of(reply.body, Modality.AUDIO, None)], request_id, None)
        answer = self._line.parsed(_Answer, reply)
        outputs = [self._output(picture) for picture in answer.data[: job.n]]
        outputs += [missing("not_made", f"{self.name} made fewer results than were asked for.")] * (
            job.n - len(outputs)
        )
        return finished(outputs, request_id, None)

    def _output(self, picture: _Picture) -> Output | Missing:
        if picture.b64_json is None:
            return fetched_at_last(self._line, picture.url, self.capability.hosts, Modality.IMAGE, self._headers)
        return from_base64(picture.b64_json, Modality.IMAGE, None)

    def _request(self, job: Job, upstream: str) -> Request:
        path, content_type, body = self._form(job, upstream)
        return Request(
            method="POST",
            url=f"{self._base_url}/{path}",
            headers={**self._headers, "Content-Type": content_type},
            body=body,
            timeout_seconds=WORK_SECONDS,
            max_answer_bytes=MAX_WORK_BYTES,
        )

    def _form(self, job: Job, upstream: str) -> tuple[str, str, bytes]:
        """(path, content type, body)."""
        names = SPEECH_TAKES if job.operation == "speak" else TAKES
        named = {name: given(job, name) for name in names if given(job, name) is not None}
        if job.operation == "speak":
            wanted = {"model": upstream, "input": prompt_of(job), "response_format": "wav", **named}
            return "audio/speech", "application/json", json_body(wanted)
        wanted = {"model": upstream, "prompt": prompt_of(job), "n": job.n, "response_format": "b64_json", **named}
        if job.operation == "generate":
            return "images/generations", "application/json", json_body(wanted)
        fields: dict[str, str | Part] = {name: str(value) for name, value in wanted.items()}
        return "images/edits", *encode({**fields, "image": photo_part(job)}, job.idempotency_key)
