"""fal's queue (https://fal.ai/docs/api-reference/inference-api, checked 2026-11-25): requests are put into it, then
asked for, with a signed callback when one is done. A request cannot be found but by the id that its answer gives, so
what became of one whose answer was lost is not to be known.

It is sent the prompt, the photo, size, seed, seconds, voice and speed. It keeps requests for 30 days and results, as
it is told here, for an hour (https://fal.ai/docs/documentation/model-apis/media-expiration).
"""

import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import quote

from pydantic import Field

from chalicelib.outbound.request import Reply, Request
from chalicelib.providers.capability import Capability, Model, Proof, Runs
from chalicelib.providers.hosted.asking import model_of
from chalicelib.providers.hosted.entry import KeyEntry
from chalicelib.providers.hosted.fal_models import CLIP, FLUX, KONTEXT, NAME, SPEECH, UPSTREAM, Answer, File
from chalicelib.providers.hosted.jwks import Keys
from chalicelib.providers.hosted.results import BLOCKED, fetched, finished, missing
from chalicelib.providers.hosted.talking import (
    ASK_SECONDS,
    MAX_JSON_BYTES,
    QUEUE_SECONDS,
    Line,
    Said,
    json_body,
    json_of,
)
from chalicelib.providers.job import (
    Accepted,
    Done,
    Job,
    Missing,
    Output,
    Pending,
    ProviderCanceled,
    ProviderFailed,
    ProviderUncertain,
)
from chalicelib.providers.setup import Setup

QUEUE = "https://queue.fal.run"
JWKS = "https://rest.fal.ai/.well-known/jwks.json"
POLL_SECONDS = 2
RESULTS_LIFE_SECONDS = 3600
_TICKET = re.compile(r"[a-z0-9-]+/[a-z0-9.-]+/requests/[A-Za-z0-9-]{8,64}")
#: Of requests that were ended because somebody asked for it: no failure.
CANCELED_TYPES = frozenset({"client_cancelled", "client_disconnected"})
BLOCKED_TYPES = frozenset({"content_policy_violation"})


Configuration = KeyEntry


CAPABILITY = Capability(
    provider=NAME,
    runs=Runs.HOSTED,
    proof=Proof.NONE,
    credentials=("api_key",),
    max_concurrent=10,
    calls_back=True,
    models=(FLUX, KONTEXT, CLIP, SPEECH),
    regions=("us",),
    keeps_inputs_hours=720,
    trains_on_inputs=False,
    terms_url="https://fal.ai/terms",
    hosts=("queue.fal.run", "rest.fal.ai", "fal.media", "*.fal.media"),
)


class _Submitted(Said):
    request_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{8,64}$")]


class _Status(Said):
    status: str
    queue_position: Annotated[int | None, Field(ge=0)] = None


class Provider:
    name = NAME

    def __init__(self, setup: Setup) -> None:
        self.capability = CAPABILITY
        self._headers = {"Authorization": f"Key {setup.configuration['api_key']}"}
        self._line = Line(called="fal", send=setup.send, is_blocked=_is_blocked, code_of=_type_of)
        self._keys = Keys(JWKS, setup.send)

    def submit(self, job: Job) -> Done | Accepted:
        """Every error but ProviderCanceled may come of it."""
        upstream = UPSTREAM[model_of(job, CAPABILITY).id]
        called = f"?fal_webhook={quote(job.callback_url, safe='')}" if job.callback_url else ""
        life = f'{{"expiration_duration_seconds": {RESULTS_LIFE_SECONDS}}}'
        reply = self._line.begin(
            Request(
                method="POST",
                url=f"{QUEUE}/{upstream.path}{called}",
                headers={
                    **self._headers,
                    "Content-Type": "application/json",
                    "X-Fal-Object-Lifecycle-Preference": life,
                },
                body=json_body(upstream.input(job)),
                timeout_seconds=QUEUE_SECONDS,
                max_answer_bytes=MAX_JSON_BYTES,
            )
        )
        request_id = self._line.parsed(_Submitted, reply).request_id
        ticket = f"{upstream.app}/requests/{request_id}"
        return Accepted(ticket=ticket, request_id=request_id, poll_after_seconds=POLL_SECONDS)

    def poll(self, ticket: str, job: Job) -> Done | Pending:
        status = self._line.parsed(_Status, self._line.ask(self._question("GET", f"{_checked(ticket)}/status")))
        if status.status == "IN_QUEUE":
            return Pending(progress_percent=None, queue_position=status.queue_position, poll_after_seconds=POLL_SECONDS)
        if status.status == "IN_PROGRESS":
            return Pending(progress_percent=None, queue_position=None, poll_after_seconds=POLL_SECONDS)
        if status.status != "COMPLETED":
            raise ProviderFailed("provider_failed", "fal could not finish this job.")
        return self._done(ticket, job)

    def find(self, job: Job) -> Done | Accepted | None:
        """Raises ProviderUncertain: it cannot be asked for a job."""
        raise ProviderUncertain("no_lookup", f"fal cannot be asked for {job.generation_id}.")

    def cancel(self, ticket: str) -> None:
        reply = self._line.heard(self._question("PUT", f"{_checked(ticket)}/cancel"))
        if reply.status not in (400, 404):  # which say that it had ended
            self._line.understood(reply)

    def check_callback(self, headers: Mapping[str, str], body: bytes, now_seconds: int) -> None:
        """https://fal.ai/docs/documentation/model-apis/inference/webhooks: Ed25519 over four lines."""
        names = ("x-fal-webhook-request-id", "x-fal-webhook-user-id", "x-fal-webhook-timestamp")
        self._keys.check(
            [headers.get(name, "") for name in names], headers.get("x-fal-webhook-signature", ""), body, now_seconds
        )

    def _question(self, method: str, path: str) -> Request:
        return Request(
            method=method,
            url=f"{QUEUE}/{path}",
            headers=self._headers,
            timeout_seconds=ASK_SECONDS,
            max_answer_bytes=MAX_JSON_BYTES,
        )

    def _done(self, ticket: str, job: Job) -> Done:
        """What a request that is done came to; one that broke is a refusal of the question for its result."""
        model = model_of(job, CAPABILITY)
        upstream = UPSTREAM[model.id]
        reply = self._line.heard(self._question("GET", ticket))
        if _type_of(reply) in CANCELED_TYPES:
            raise ProviderCanceled("canceled", "fal ended the job.")
        if reply.status >= 500 and _type_of(reply):
            raise ProviderFailed("provider_failed", "fal could not finish this job.")
        answer = self._line.parsed(Answer, self._line.understood(reply))
        files = upstream.results(answer)[: job.n]
        outputs = [self._output(file, at, answer, model) for at, file in enumerate(files)]
        outputs += [missing("not_made", "fal made fewer results than were asked for.")] * (job.n - len(outputs))
        return finished(outputs, ticket.rpartition("/")[2], round(upstream.cost(job)))

    def _output(self, file: File, at: int, answer: Answer, model: Model) -> Output | Missing:
        if at < len(answer.has_nsfw_concepts) and answer.has_nsfw_concepts[at]:
            return BLOCKED
        seed = answer.seed if at == 0 else None
        return fetched(self._line, file.url, CAPABILITY.hosts, model.modality, seed)


def _checked(ticket: str) -> str:
    """It becomes a part of a path. Raises ProviderFailed."""
    if not _TICKET.fullmatch(ticket):
        raise ProviderFailed("no_ticket", "This is no ticket of fal's.")
    return ticket


def _type_of(reply: Reply) -> str:
    """What fal calls an error: https://fal.ai/docs/documentation/model-apis/errors."""
    said = json_of(reply)
    detail = said.get("detail")
    first = detail[0] if isinstance(detail, list) and detail else None
    found = first.get("type") if isinstance(first, dict) else said.get("error_type")
    return found if isinstance(found, str) else ""


def _is_blocked(reply: Reply) -> bool:
    return _type_of(reply) in BLOCKED_TYPES
