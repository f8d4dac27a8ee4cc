"""What a provider must declare before anything is sent to it, and the shape of the work that it is sent.

Silence means no: nothing here has a default, so a provider that leaves anything out cannot even be constructed, and
what it does declare is checked. The rest of the service asks these declarations and never a vendor's name.
"""

import re
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

_PROVIDER_NAME = re.compile(r"[a-z][a-z0-9-]{1,31}")
_MODEL_ID = re.compile(r"([a-z][a-z0-9-]{1,31})/[a-z0-9][a-z0-9.-]{0,62}")
_HTTPS_URL = re.compile(r"https://[a-z0-9.-]+(/[^\s]*)?")
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
MAX_OUTPUTS = 10


class UndeclaredCapability(ValueError):
    """A provider or model leaves out, or mistakes, something that it must declare."""


class Modality(StrEnum):
    """What a model makes."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"


class Input(StrEnum):
    """What a model works on, besides its parameters."""

    PHOTO = "photo"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One thing that can be asked for. Raises UndeclaredCapability when constructed incompletely or wrongly.

    `generative` says whether it makes new content (and so must be disclosed as AI-made), not whether a network is
    inside. A photo of more than `max_input_pixels` is refused; one that would give a longer side than
    `max_output_side_pixels` is made smaller first. `max_outputs` is how many results one job may ask for: 1 where the
    same job always gives the same result.
    """

    id: str
    provider: str
    modality: Modality
    operations: tuple[str, ...]
    price_assets: int  # per output
    description: str
    generative: bool
    input: Input
    max_input_pixels: int
    max_output_side_pixels: int
    max_outputs: int
    parameters_note: str

    def __post_init__(self) -> None:
        is_named = _is_like(_MODEL_ID, self.id) and self.id.split("/")[0] == self.provider
        _require(is_named, "a model id is <provider>/<name>", self.id)
        _require(isinstance(self.modality, Modality), "modality is one of Modality", self.id)
        _require(_are_texts(self.operations), "operations names at least one operation", self.id)
        _require(
            _is_count(self.price_assets), "price_assets is a whole number of at least 1: no price, no job", self.id
        )
        _require(bool(self.description and self.parameters_note), "description and parameters_note are said", self.id)
        _require(type(self.generative) is bool, "generative is True or False", self.id)
        _require(isinstance(self.input, Input), "input is one of Input", self.id)
        for limit in ("max_input_pixels", "max_output_side_pixels", "max_outputs"):
            _require(_is_count(getattr(self, limit)), f"{limit} is a whole number of at least 1", self.id)
        _require(self.max_outputs <= MAX_OUTPUTS, f"max_outputs is at most {MAX_OUTPUTS}", self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What a provider says about itself. Raises UndeclaredCapability when constructed incompletely or wrongly.

    `regions` are where inputs are processed ("deployment" means where this service itself runs), `hosts` every host
    that its code calls, `keeps_inputs_hours` how long it keeps what it is sent (0: not beyond the job).
    """

    provider: str
    models: tuple[Model, ...]
    regions: tuple[str, ...]
    keeps_inputs_hours: int
    trains_on_inputs: bool
    terms_url: str
    hosts: tuple[str, ...]

    def __post_init__(self) -> None:
        _require(_is_like(_PROVIDER_NAME, self.provider), "provider is a lower-case name", self.provider)
        _require(_are(Model, self.models) and bool(self.models), "models lists at least one Model", self.provider)
        strangers = [model.id for model in self.models if model.provider != self.provider]
        _require(not strangers, f"models are its own, and {strangers} are not", self.provider)
        _require(_are_texts(self.regions), "regions names where inputs are processed", self.provider)
        keeps = self.keeps_inputs_hours
        _require(type(keeps) is int and keeps >= 0, "keeps_inputs_hours is a whole number, 0 or more", self.provider)
        _require(type(self.trains_on_inputs) is bool, "trains_on_inputs is True or False", self.provider)
        _require(_is_like(_HTTPS_URL, self.terms_url), "terms_url is an https address", self.provider)
        are_hosts = _are(str, self.hosts) and all(_is_like(_HOST, host) for host in self.hosts)
        _require(are_hosts, "hosts lists the names of the hosts it calls, or none", self.provider)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One generation as a provider sees it: what to make, never for whom.

    `parameters` is the operation's validated model; `photo` and `reference` are the bytes of cleaned photos (JPEG or
    PNG, sRGB, upright); `idempotency_key` is the same for every attempt at this generation.
    """

    generation_id: str
    idempotency_key: str
    model: str
    operation: str
    parameters: BaseModel
    photo: bytes | None
    reference: bytes | None
    n: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One result, without metadata of any kind. Sides in pixels; `seed` makes it again, where chance is used."""

    data: bytes
    content_type: str
    width: int
    height: int
    seed: int


class ProviderError(Exception):
    """A job that gave no result. `code` is for programs; `message` is for people, and quotes no input."""

    retryable: ClassVar[bool] = False

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class ProviderRefused(ProviderError):
    """The job cannot be done as asked, now or later. Not charged."""


class ProviderFailed(ProviderError):
    """The provider broke on this job and would again. Not charged."""


class ProviderUnavailable(ProviderError):
    """Nothing was done and trying again later may help."""

    retryable: ClassVar[bool] = True


class Provider(Protocol):
    """What does the work. Constructing one loads nothing; the first `generate` does."""

    @property
    def name(self) -> str: ...

    @property
    def capability(self) -> Capability: ...

    def generate(self, job: Job) -> list[Output]:
        """The job's `n` outputs. Raises ProviderRefused, ProviderFailed or ProviderUnavailable, and nothing else."""
        ...


def declared(record: Model | Capability) -> dict[str, Any]:
    """Every field by its name, as it was declared."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _require(holds: bool, rule: str, whose: object) -> None:
    if not holds:
        raise UndeclaredCapability(f"{whose}: {rule}")


def _is_like(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_count(value: object) -> bool:
    return type(value) is int and value > 0


def _are(kind: type, values: object) -> bool:
    return isinstance(values, tuple) and all(isinstance(value, kind) for value in values)


def _are_texts(values: object) -> bool:
    return isinstance(values, tuple) and bool(values) and all(isinstance(value, str) and value for value in values)
