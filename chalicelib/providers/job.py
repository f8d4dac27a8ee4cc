"""The work that a provider is sent, what may come of it, and who does it: the contract of every provider."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

from pydantic import BaseModel

from chalicelib.providers.capability import Capability


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One submission of a generation as a provider sees it: what to make, never for whom.

    `parameters` is the operation's validated model; `photo` and `reference` are the bytes of cleaned photos (JPEG or
    PNG, sRGB, upright). `idempotency_key` is the same whenever this submission is sent again, and another one only
    after the first was proven not to have started. `callback_url` is where a provider that `calls_back` may say that
    it is done. `seed` is of the first output; where chance is used, output i takes `seed + i`.
    """

    generation_id: str
    idempotency_key: str
    model: str
    operation: str
    parameters: BaseModel
    prompt: str | None
    photo: bytes | None
    reference: bytes | None
    n: int
    seed: int
    callback_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One result, without metadata of any kind. Sides in pixels (None for sound), `seconds` of a video or sound;
    `seed` makes it again, where chance is used."""

    data: bytes
    content_type: str
    width: int | None
    height: int | None
    seconds: float | None
    seed: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """One result that did not come, while others did. Not charged. `blocked`: its content was refused."""

    code: str
    message: str
    blocked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A finished job: one entry for each of its `n`, in order. `request_id` is the provider's own (empty: it has
    none), `cost_microdollars` what it bills for the job, if it says so or its price list does."""

    outputs: tuple[Output | Missing, ...]
    request_id: str
    cost_microdollars: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The provider works on it. `ticket` is what `poll` and `cancel` need, at most 500 characters."""

    ticket: str
    request_id: str
    poll_after_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """It is not done. What the provider does not say is None; `queue_position` counts the jobs before it."""

    progress_percent: int | None
    queue_position: int | None
    poll_after_seconds: int


class ProviderError(Exception):
    """A job that gave no result. `code` is for programs; `message` is for people, and quotes no input.

    `may_have_run` says whether the provider may have worked, and billed, all the same: only where it is False may the
    job be tried again or somewhere else.
    """

    may_have_run: ClassVar[bool] = False

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class ProviderRefused(ProviderError):
    """The job cannot be done as asked, now or later, by this provider. Nothing was made. Not charged."""


class ContentBlocked(ProviderRefused):
    """The provider refuses what the job shows or asks for. Not charged, and not tried elsewhere."""


class ProviderFailed(ProviderError):
    """The provider broke on this job and would again. Not charged."""

    may_have_run: ClassVar[bool] = True


class ProviderUnavailable(ProviderError):
    """Nothing was done and trying again later, or elsewhere, may help."""

    def __init__(self, code: str, message: str, *, retry_after_seconds: int | None = None) -> None:
        super().__init__(code, message)
        self.retry_after_seconds = retry_after_seconds


class ProviderUncertain(ProviderError):
    """The job was sent and no answer came: it may have been done. See `Capability.proof`."""

    may_have_run: ClassVar[bool] = True


class ProviderCanceled(ProviderError):
    """The provider ended the job because it was asked to. Nothing will come of it."""


class BadCallback(Exception):
    """A callback that the provider did not sign, or that is too old."""


class Provider(Protocol):
    """What does the work. Constructing one loads nothing; the first job does.

    Every method raises ProviderError's subclasses and nothing else; `poll`, `find` and `cancel` raise
    ProviderUnavailable when the provider could not be asked. One that is always done when `submit` returns extends
    `Immediate` and has `submit` alone.
    """

    @property
    def name(self) -> str: ...

    @property
    def capability(self) -> Capability: ...

    def submit(self, job: Job) -> Done | Accepted:
        """Has the job begun. Repeating it with the same `idempotency_key` is safe where `proof` is REPLAY only."""
        ...

    def poll(self, ticket: str, job: Job) -> Done | Pending:
        """What has become of it; `job` comes without its pictures. Safe to repeat, also after it was done."""
        ...

    def find(self, job: Job) -> Done | Accepted | None:
        """Where `proof` is LOOKUP: the submission with the job's `idempotency_key`; None proves that none started."""
        ...

    def cancel(self, ticket: str) -> None:
        """Asks that it be ended; `poll` says what came of that. No error if it had ended."""
        ...

    def check_callback(self, headers: Mapping[str, str], body: bytes, now_seconds: int) -> None:
        """Where it `calls_back`: raises BadCallback unless the provider signed this. What it says is not believed: the
        job is polled. Header names are in lower case."""
        ...


class Immediate:
    """A provider that is done when `submit` returns: there is nothing to poll, find or cancel."""

    def poll(self, ticket: str, job: Job) -> Done | Pending:
        raise ProviderFailed("no_ticket", "This provider gives no tickets.")

    def find(self, job: Job) -> Done | Accepted | None:
        raise ProviderUncertain("no_lookup", "This provider cannot be asked for a job.")

    def cancel(self, ticket: str) -> None:
        raise ProviderFailed("no_ticket", "This provider gives no tickets.")

    def check_callback(self, headers: Mapping[str, str], body: bytes, now_seconds: int) -> None:
        raise BadCallback("this provider calls nobody back")
