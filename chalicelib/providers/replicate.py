"""Replicate's predictions (https://replicate.com/docs/reference/http, checked 2026-11-25): put into a queue, then asked
for, with a signed callback when one is done. A prediction cannot be found but by the id that its answer gives, so what
became of a request whose answer was lost is not to be known.

It is sent the prompt, the photo, shape, seed, voice and speed. It deletes inputs and results of predictions after an
hour (https://replicate.com/docs/topics/predictions/data-retention), and files, which photos of some size are sent as,
after a day.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.outbound.request import Request
from chalicelib.outbound.saying import whole_number
from chalicelib.providers.capability import Capability, Modality, Model, Proof, Runs
from chalicelib.providers.hosted.asking import (
    ASPECTS,
    aspect_of,
    given,
    model_of,
    photo_of,
    photo_part,
    photo_uri,
    prompt_of,
)
from chalicelib.providers.hosted.multipart import encode
from chalicelib.providers.hosted.results import fetched, finished, missing
from chalicelib.providers.hosted.talking import ASK_SECONDS, MAX_JSON_BYTES, QUEUE_SECONDS, Line, Said, json_body
from chalicelib.providers.job import (
    Accepted,
    BadCallback,
    ContentBlocked,
    Done,
    Job,
    Pending,
    ProviderCanceled,
    ProviderError,
    ProviderFailed,
    ProviderUncertain,
)
from chalicelib.providers.price import Price
from chalicelib.providers.setup import Setup

NAME = "replicate"
API = "https://api.replicate.com/v1"
POLL_SECONDS = 2
MAX_AGE_SECONDS = 300
#: A larger photo is sent as a file: https://replicate.com/docs/topics/predictions/input-files.
MAX_INLINE_BYTES = 256_000
#: Nobody waits for longer, so nothing may run for longer.
CANCEL_AFTER = "60m"
#: What errors of predictions say that were refused for what they show or ask for.
BLOCKED_WORDS = ("nsfw", "flagged as sensitive", "(e005)")
_ID = re.compile(r"[a-z0-9]{8,64}")


class Configuration(BaseModel):
    """Without `webhook_secret` it is asked for its results, and not let to call back."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_token: Annotated[str, Field(min_length=1)]
    webhook_secret: Annotated[str | None, Field(pattern=r"^whsec_[A-Za-z0-9+/]+={0,2}$")] = None


def _picture(name: str, operation: str, description: str, note: str, **rest: Any) -> Model:
    return Model(
        id=f"{NAME}/{name}",
        provider=NAME,
        modality=Modality.IMAGE,
        operations=(operation,),
        price=Price(assets=1, steps=()),
        description=description,
        generative=True,
        max_output_side_pixels=1536,
        allowed=(),
        max_seconds=0,
        parameters_note=note,
        **rest,
    )


FLUX = _picture(
    "flux-schnell",
    "generate",
    "FLUX.1 [schnell]: makes pictures in a second or two.",
    "About one megapixel. The seed makes the first result again.",
    max_input_pixels=0,
    max_outputs=4,
    takes=("size",),
    sizes=tuple(ASPECTS),
)
KONTEXT = _picture(
    "flux-kontext-pro",
    "edit",
    "FLUX.1 Kontext [pro]: changes a photo as the words say, and leaves the rest.",
    "The photo's shape stays.",
    max_input_pixels=16_000_000,
    max_outputs=1,
    takes=(),
    sizes=(),
)
SPEECH = Model(
    id=f"{NAME}/speech-2.6-turbo",
    provider=NAME,
    modality=Modality.AUDIO,
    operations=("speak",),
    price=Price(assets=6, steps=()),
    description="MiniMax Speech 2.6 Turbo: reads a text aloud in forty languages.",
    generative=True,
    max_input_pixels=0,
    max_output_side_pixels=0,
    max_outputs=1,
    takes=("voice", "speed"),
    sizes=(),
    allowed=(),
    max_seconds=600,
    parameters_note="Voices are called as at MiniMax, like Wise_Woman.",
)
#: Where each is, and what one result costs in micro-dollars: a picture, or a character of speech.
#: https://replicate.com/pricing, checked 2026-11-25.
UPSTREAM = {
    FLUX.id: ("black-forest-labs/flux-schnell", 3_000),
    KONTEXT.id: ("black-forest-labs/flux-kontext-pro", 40_000),
    SPEECH.id: ("minimax/speech-2.6-turbo", 60),
}


def capability(configuration: Mapping[str, Any]) -> Capability:
    """Whether it calls back hangs on whether its signature could be checked."""
    return Capability(
        provider=NAME,
        runs=Runs.HOSTED,
        proof=Proof.NONE,
        credentials=("api_token",),
        max_concurrent=40,
        calls_back=bool(configuration.get("webhook_secret")),
        models=(FLUX, KONTEXT, SPEECH),
        regions=("us",),
        keeps_inputs_hours=24,
        trains_on_inputs=False,
        terms_url="https://replicate.com/terms",
        hosts=("api.replicate.com", "replicate.delivery", "*.replicate.delivery"),
    )


CAPABILITY = capability({"webhook_secret": "set"})


class _Prediction(Said):
    id: Annotated[str, Field(pattern=r"^[a-z0-9]{8,64}$")]
    status: str
    output: Any = None
    error: Any = None


class _Urls(Said):
    get: Annotated[str, Field(pattern=r"^https://api\.replicate\.com/")]


class _File(Said):
    urls: _Urls


class Provider:
    name = NAME

    def __init__(self, setup: Setup) -> None:
        self.capability = capability(setup.configuration)
        self._headers = {"Authorization": f"Bearer {setup.configuration['api_token']}"}
        self._secret: str = setup.configuration.get("webhook_secret") or ""
        self._line = Line(called="Replicate", send=setup.send)

    def submit(self, job: Job) -> Done | Accepted:
        """Every error but ContentBlocked and ProviderCanceled may come of it."""
        model = model_of(job, self.capability)
        wanted: dict[str, Any] = {"input": self._input(job)}
        if job.callback_url is not None and self.capability.calls_back:
            wanted |= {"webhook": job.callback_url, "webhook_events_filter": ["completed"]}
        reply = self._line.begin(
            Request(
                method="POST",
                url=f"{API}/models/{UPSTREAM[model.id][0]}/predictions",
                headers={**self._headers, "Content-Type": "application/json", "Cancel-After": CANCEL_AFTER},
                body=json_body(wanted),
                timeout_seconds=QUEUE_SECONDS,
                max_answer_bytes=MAX_JSON_BYTES,
            )
        )
        made = self._line.parsed(_Prediction, reply)
        return Accepted(ticket=made.id, request_id=made.id, poll_after_seconds=POLL_SECONDS)

    def poll(self, ticket: str, job: Job) -> Done | Pending:
        reply = self._line.ask(self._question("GET", _checked(ticket), MAX_JSON_BYTES))
        made = self._line.parsed(_Prediction, reply)
        if made.status in ("starting", "processing"):
            return Pending(progress_percent=None, queue_position=None, poll_after_seconds=POLL_SECONDS)
        if made.status == "succeeded":
            return self._done(made, job)
        raise _ended(made)

    def find(self, job: Job) -> Done | Accepted | None:
        """Raises ProviderUncertain: it cannot be asked for a job."""
        raise ProviderUncertain("no_lookup", f"Replicate cannot be asked for {job.generation_id}.")

    def cancel(self, ticket: str) -> None:
        self._line.ask(self._question("POST", f"{_checked(ticket)}/cancel", MAX_JSON_BYTES))

    def check_callback(self, headers: Mapping[str, str], body: bytes, now_seconds: int) -> None:
        """https://replicate.com/docs/topics/webhooks/verify-webhook: HMAC-SHA-256 as in Standard Webhooks 1.0."""
        message_id, sent_at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        seconds = whole_number(sent_at)
        if not self._secret or seconds is None:
            raise BadCallback("it is not signed")
        if abs(now_seconds - seconds) > MAX_AGE_SECONDS:
            raise BadCallback("it is too old, or from the future")
        try:
            key = base64.b64decode(self._secret.removeprefix("whsec_"))
        except binascii.Error:
            raise BadCallback("the secret is no base64") from None
        signed = hmac.digest(key, f"{message_id}.{sent_at}.".encode() + body, hashlib.sha256)
        wanted = b"v1," + base64.b64encode(signed)
        if not any(hmac.compare_digest(each.encode(), wanted) for each in headers.get("webhook-signature", "").split()):
            raise BadCallback("the signature is another's")

    def _question(self, method: str, path: str, max_bytes: int) -> Request:
        return Request(
            method=method,
            url=f"{API}/predictions/{path}",
            headers=self._headers,
            timeout_seconds=ASK_SECONDS,
            max_answer_bytes=max_bytes,
        )

    def _input(self, job: Job) -> dict[str, Any]:
        if job.operation == "speak":
            optional = {"voice_id": given(job, "voice"), "speed": given(job, "speed")}
            named = {name: value for name, value in optional.items() if value is not None}
            return {"text": prompt_of(job), "audio_format": "mp3", **named}
        wanted: dict[str, Any] = {"prompt": prompt_of(job), "output_format": "png", "seed": job.seed % 2**31}
        if job.operation == "edit":
            return {**wanted, "input_image": self._photo(job), "aspect_ratio": "match_input_image"}
        # Faster ways exist, which give another picture each time.
        return {**wanted, "aspect_ratio": aspect_of(job), "num_outputs": job.n, "go_fast": False}

    def _photo(self, job: Job) -> str:
        """Where the photo is: in the request itself, or a file of Replicate's."""
        if len(photo_of(job)) <= MAX_INLINE_BYTES:
            return photo_uri(job)
        content_type, body = encode({"content": photo_part(job)}, job.idempotency_key)
        # Nothing is made or billed by it, so it may be done again.
        reply = self._line.ask(
            Request(
                method="POST",
                url=f"{API}/files",
                headers={**self._headers, "Content-Type": content_type},
                body=body,
                timeout_seconds=QUEUE_SECONDS,
                max_answer_bytes=MAX_JSON_BYTES,
            )
        )
        return self._line.parsed(_File, reply).urls.get

    def _done(self, made: _Prediction, job: Job) -> Done:
        model = model_of(job, self.capability)
        urls = made.output if isinstance(made.output, list) else [made.output]
        hosts = self.capability.hosts
        outputs = [
            fetched(self._line, url, hosts, model.modality, job.seed % 2**31 if model is FLUX and at == 0 else None)
            for at, url in enumerate(urls[: job.n])
        ]
        outputs += [missing("not_made", "Replicate made fewer results than were asked for.")] * (job.n - len(outputs))
        cost = UPSTREAM[model.id][1] * (len(job.prompt or "") if model is SPEECH else len(urls[: job.n]))
        return finished(outputs, made.id, cost)


def _checked(ticket: str) -> str:
    """It becomes a part of a path. Raises ProviderFailed."""
    if not _ID.fullmatch(ticket):
        raise ProviderFailed("no_ticket", "This is no ticket of Replicate's.")
    return ticket


def _ended(made: _Prediction) -> ProviderError:
    if made.status in ("canceled", "aborted"):
        return ProviderCanceled("canceled", "Replicate ended the job.")
    error = str(made.error or "").lower()
    if any(words in error for words in BLOCKED_WORDS):
        return ContentBlocked("content_blocked", "Replicate refuses this content.")
    return ProviderFailed("provider_failed", "Replicate could not finish this job.")
