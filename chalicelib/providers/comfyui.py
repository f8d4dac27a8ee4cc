"""ComfyUI, hosted by the operator (https://docs.comfy.org/development/comfyui-server/comms_routes, checked
2026-11-25): a workflow is put into its queue under an id of ours, so that what became of it can always be asked.

It is sent the operator's workflow with the job's prompts, photo, size, strength, seed, seconds, voice and number in
it. What it stores of that is the operator's to say: ComfyUI itself keeps uploaded photos and results until they are
deleted.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import Field, JsonValue

from chalicelib.outbound.request import Reply, Request
from chalicelib.providers.capability import Capability, Modality, Proof
from chalicelib.providers.hosted.asking import given, model_of, photo_part, size_of
from chalicelib.providers.hosted.entry import (
    MAX_SELF_HOSTED_MODELS,
    ModelEntry,
    SelfHosted,
    capability_of,
    model_of_entry,
)
from chalicelib.providers.hosted.multipart import Part, encode
from chalicelib.providers.hosted.results import fetched, finished, missing
from chalicelib.providers.hosted.talking import ASK_SECONDS, QUEUE_SECONDS, Line, Said, json_body, json_of
from chalicelib.providers.job import (
    Accepted,
    BadCallback,
    Done,
    Job,
    Pending,
    ProviderCanceled,
    ProviderFailed,
)
from chalicelib.providers.setup import Setup

POLL_SECONDS = 2
SIZE = "1024x1024"
FOLDER = "fotogenic"
MAX_HISTORY_BYTES = 4 * 1024 * 1024
#: Where nodes list the files that they made.
FILES = ("images", "gifs", "videos", "audio")
#: Text of a workflow that stands for a part of the job, alone or within more text.
PLACEHOLDER = re.compile(r"\{(prompt|negative_prompt|photo|seed|width|height|n|strength|seconds|voice|speed|scale)\}")
_TICKET = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class OwnModel(ModelEntry):
    """`workflow` is in the API's format, with placeholders. What a job may set is what the workflow has a place for."""

    operations: Annotated[
        tuple[Literal["generate", "edit", "upscale", "animate", "speak"], ...], Field(min_length=1, max_length=1)
    ]
    modality: Modality = Modality.IMAGE
    workflow: Annotated[dict[str, JsonValue], Field(min_length=1, max_length=500)]


class Configuration(SelfHosted):
    kind: Literal["comfyui"]
    models: Annotated[tuple[OwnModel, ...], Field(min_length=1, max_length=MAX_SELF_HOSTED_MODELS)]


def capability(configuration: Mapping[str, Any]) -> Capability:
    entry = Configuration.model_validate(configuration)
    models = [model_of_entry(entry, model, modality=model.modality, takes=_takes(model)) for model in entry.models]
    return capability_of(entry, models, Proof.LOOKUP)


class _Status(Said):
    status_str: str = ""
    completed: bool = False
    messages: tuple[tuple[str, Any], ...] = ()


class _History(Said):
    status: _Status = _Status()
    outputs: dict[str, dict[str, Any]] = Field(default_factory=dict)


class Provider:
    def __init__(self, setup: Setup) -> None:
        entry = Configuration.model_validate(setup.configuration)
        self.capability = capability(setup.configuration)
        self.name = entry.name
        self._models = {f"{entry.name}/{model.name}": model for model in entry.models}
        self._base_url = entry.base_url
        self._headers = {"Authorization": f"Bearer {entry.api_key}"} if entry.api_key else {}
        self._line = Line(called=entry.name, send=setup.send)

    def submit(self, job: Job) -> Done | Accepted:
        """Every error but ContentBlocked and ProviderCanceled may come of it."""
        model = self._models[model_of(job, self.capability).id]
        ticket = ticket_of(job.idempotency_key)
        values = self._values(job, ticket)
        body = {"prompt": filled(model.workflow, values), "prompt_id": ticket, "client_id": FOLDER}
        self._line.begin(self._request("POST", "/prompt", body, QUEUE_SECONDS))
        return Accepted(ticket=ticket, request_id=ticket, poll_after_seconds=POLL_SECONDS)

    def poll(self, ticket: str, job: Job) -> Done | Pending:
        found = self._past(ticket)
        if found is None:
            waiting = self._waiting(ticket)
            if waiting is not None:
                return Pending(progress_percent=None, queue_position=waiting, poll_after_seconds=POLL_SECONDS)
            # It may have ended between the two questions.
            found = self._past(ticket)
        if found is None:
            raise ProviderFailed("job_lost", f"{self.name} does not know this job any more.")
        return self._done(found, ticket, job)

    def find(self, job: Job) -> Done | Accepted | None:
        ticket = ticket_of(job.idempotency_key)
        known = self._past(ticket) is not None or self._waiting(ticket) is not None or self._past(ticket) is not None
        return Accepted(ticket=ticket, request_id=ticket, poll_after_seconds=POLL_SECONDS) if known else None

    def cancel(self, ticket: str) -> None:
        waiting = self._waiting(ticket)
        if waiting is None:
            return
        self._line.ask(self._request("POST", "/queue", {"delete": [ticket]}, ASK_SECONDS))
        if waiting == 0 and self._waiting(ticket) == 0:
            # Older versions stop whatever runs, so this is only said while it is ours.
            self._line.ask(self._request("POST", "/interrupt", {"prompt_id": ticket}, ASK_SECONDS))

    def check_callback(self, headers: Mapping[str, str], body: bytes, now_seconds: int) -> None:
        """Raises BadCallback: it calls nobody back."""
        raise BadCallback(f"{len(headers)} headers and {len(body)} bytes at {now_seconds} from nobody")

    def _values(self, job: Job, ticket: str) -> dict[str, Any]:
        """What the placeholders stand for. Uploads the photo, which may be done twice."""
        width, height = size_of(job, SIZE)
        names = ("negative_prompt", "strength", "seconds", "voice", "speed", "scale")
        values = {name: given(job, name) for name in names}
        photo = self._upload(job, ticket) if job.photo is not None else None
        sides = {"width": width, "height": height}
        return {**values, **sides, "prompt": job.prompt, "photo": photo, "seed": job.seed, "n": job.n}

    def _upload(self, job: Job, ticket: str) -> str:
        part = photo_part(job)
        name = f"{ticket}.{part.filename.rpartition('.')[2]}"
        file = Part(name, part.content_type, part.data)
        fields: dict[str, str | Part] = {"image": file, "subfolder": FOLDER, "overwrite": "true"}
        content_type, body = encode(fields, job.idempotency_key)
        request = Request(
            method="POST",
            url=f"{self._base_url}/upload/image",
            headers={**self._headers, "Content-Type": content_type},
            body=body,
            timeout_seconds=QUEUE_SECONDS,
            max_answer_bytes=MAX_HISTORY_BYTES,
        )
        self._line.ask(request)
        return f"{FOLDER}/{name}"

    def _past(self, ticket: str) -> _History | None:
        """What the history has of it."""
        reply = self._line.ask(self._request("GET", f"/history/{_checked(ticket)}", None, ASK_SECONDS))
        found = json_of(reply).get(ticket)
        if found is None:
            return None
        return self._line.parsed(_History, Reply(status=200, headers={}, body=json.dumps(found).encode()))

    def _waiting(self, ticket: str) -> int | None:
        """How many are before it in the queue: 0 when it runs, None when it is not there."""
        said = json_of(self._line.ask(self._request("GET", "/queue", None, ASK_SECONDS)))
        running, pending = said.get("queue_running"), said.get("queue_pending")
        if not isinstance(running, list) or not isinstance(pending, list):
            raise self._line.malformed()
        if _ids(running).count(ticket):
            return 0
        # Each has its number in front, and the lowest is next.
        ordered = _ids(sorted((each for each in pending if isinstance(each, list) and each), key=lambda each: each[0]))
        return len(running) + ordered.index(ticket) if ticket in ordered else None

    def _done(self, found: _History, ticket: str, job: Job) -> Done:
        events = {name for name, _ in found.status.messages}
        if "execution_interrupted" in events:
            raise ProviderCanceled("canceled", f"{self.name} ended the job.")
        if found.status.status_str == "error" or "execution_error" in events:
            raise ProviderFailed("provider_failed", f"{self.name} could not finish this job.")
        model = model_of(job, self.capability)
        urls = [f"{self._base_url}/view?{urlencode(file)}" for file in _files(found.outputs)][: job.n]
        outputs = [
            fetched(
                self._line, url, self.capability.hosts, model.modality, job.seed if at == 0 else None, self._headers
            )
            for at, url in enumerate(urls)
        ]
        outputs += [missing("not_made", f"{self.name} made fewer results than were asked for.")] * (
            job.n - len(outputs)
        )
        return finished(outputs, ticket, None)

    def _request(self, method: str, path: str, body: Mapping[str, Any] | None, timeout_seconds: float) -> Request:
        return Request(
            method=method,
            url=f"{self._base_url}{path}",
            headers=self._headers if body is None else {**self._headers, "Content-Type": "application/json"},
            body=b"" if body is None else json_body(body),
            timeout_seconds=timeout_seconds,
            max_answer_bytes=MAX_HISTORY_BYTES,
        )


def ticket_of(idempotency_key: str) -> str:
    """The id of a job in ComfyUI's queue: in the form of a UUID, and the same whenever it is sent again."""
    digits = hashlib.sha256(idempotency_key.encode()).hexdigest()[:32]
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def filled(part: Any, values: Mapping[str, Any]) -> Any:
    """A workflow with the job in it. A text that is nothing but a placeholder becomes the value itself, a number or
    text; within more text it is written out; what the job leaves out is an empty text."""
    if isinstance(part, dict):
        return {name: filled(each, values) for name, each in part.items()}
    if isinstance(part, list):
        return [filled(each, values) for each in part]
    if not isinstance(part, str):
        return part
    alone = PLACEHOLDER.fullmatch(part)
    if alone:
        return "" if values[alone[1]] is None else values[alone[1]]
    # In one pass, so that what a prompt says is never taken for a placeholder.
    return PLACEHOLDER.sub(lambda found: str("" if values[found[1]] is None else values[found[1]]), part)


def _takes(model: OwnModel) -> tuple[str, ...]:
    """The parameters that its workflow has a place for."""
    names = {found[1] for found in PLACEHOLDER.finditer(json.dumps(model.workflow))}
    sized = {"size"} if model.sizes and {"width", "height"} <= names else set()
    return tuple(sorted(sized | names - {"prompt", "photo", "seed", "width", "height", "n"}))


def _ids(entries: list[Any]) -> list[str]:
    """Entries of the queue are [number, id, workflow, …]."""
    return [str(entry[1]) for entry in entries if isinstance(entry, list) and len(entry) > 1]


def _files(outputs: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """What was made, in the order of the nodes, without previews."""
    for node in sorted(outputs, key=lambda name: (len(name), name)):
        for listed in (outputs[node].get(name) for name in FILES):
            for file in listed if isinstance(listed, list) else []:
                if isinstance(file, dict) and file.get("type") == "output" and isinstance(file.get("filename"), str):
                    yield {
                        "filename": file["filename"],
                        "subfolder": str(file.get("subfolder", "")),
                        "type": "output",
                    }


def _checked(ticket: str) -> str:
    """It becomes a part of a path. Raises ProviderFailed."""
    if not _TICKET.fullmatch(ticket):
        raise ProviderFailed("no_ticket", "This is no ticket of ComfyUI's.")
    return ticket
