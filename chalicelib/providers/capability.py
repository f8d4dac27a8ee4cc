"""What a provider must declare before anything is sent to it.

Silence means no: nothing here has a default, so a provider that leaves anything out cannot even be constructed, and
what it does declare is checked. The rest of the service asks these declarations and never a vendor's name.
"""

import re
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from chalicelib.providers.price import Price

_PROVIDER_NAME = re.compile(r"[a-z][a-z0-9-]{1,31}")
_MODEL_ID = re.compile(r"([a-z][a-z0-9-]{1,31})/[a-z0-9][a-z0-9.-]{0,62}")
_HTTPS_URL = re.compile(r"https://[a-z0-9.-]+(/[^\s]*)?")
_HOST = re.compile(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?")
_SIZE = re.compile(r"[1-9][0-9]{1,4}x[1-9][0-9]{1,4}")
MAX_OUTPUTS = 10


class UndeclaredCapability(ValueError):
    """A provider or model leaves out, or mistakes, something that it must declare."""


class Modality(StrEnum):
    """What a model makes."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"


class Runs(StrEnum):
    """Where a provider's work is done, and so which worker is sent the job."""

    #: In the engine worker, on its own processor.
    EMBEDDED = "embedded"
    #: By another system, over the network; the worker for these carries no engine.
    HOSTED = "hosted"


class Proof(StrEnum):
    """How it is settled whether a submission whose answer was lost has done anything."""

    #: The same idempotency key never does the work twice: submitting again is safe, and answers what came of it.
    REPLAY = "replay"
    #: The provider can be asked for the job by our key (`find`).
    LOOKUP = "lookup"
    #: Neither. Such a submission is not repeated; it ends without a charge when its time is over.
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One thing that can be asked for. Raises UndeclaredCapability when constructed incompletely or wrongly.

    `generative` says whether it makes new content (and so must be disclosed as AI-made), not whether a network is
    inside. A photo of more than `max_input_pixels` is refused (0: it takes no photo); one that would give a longer side
    than `max_output_side_pixels` is made smaller first (0: it makes no picture). `max_outputs` is how many results one
    job may ask for: 1 where the same job always gives the same result. `takes` are the parameters of its operations
    that it honours: any other is refused by name. `sizes` are those it makes where a size is asked for, `WxH`, the
    first if none is named; none listed: its operations take no size. `allowed` are the values it takes of a parameter
    where it does not take all of its operation's: the first if none is named. `max_seconds` is of a video or sound (0:
    neither).
    """

    id: str
    provider: str
    modality: Modality
    operations: tuple[str, ...]
    price: Price  # per output
    description: str
    generative: bool
    max_input_pixels: int
    max_output_side_pixels: int
    max_outputs: int
    takes: tuple[str, ...]
    sizes: tuple[str, ...]
    allowed: tuple[tuple[str, tuple[Any, ...]], ...]
    max_seconds: int
    parameters_note: str

    def __post_init__(self) -> None:
        is_named = _is_like(_MODEL_ID, self.id) and self.id.split("/")[0] == self.provider
        _require(is_named, "a model id is <provider>/<name>", self.id)
        _require(isinstance(self.modality, Modality), "modality is one of Modality", self.id)
        _require(_are_texts(self.operations), "operations names at least one operation", self.id)
        _require(isinstance(self.price, Price), "price is a Price: no price, no job", self.id)
        _require(bool(self.description and self.parameters_note), "description and parameters_note are said", self.id)
        _require(type(self.generative) is bool, "generative is True or False", self.id)
        for limit in ("max_input_pixels", "max_output_side_pixels", "max_seconds"):
            is_limit = type(getattr(self, limit)) is int and getattr(self, limit) >= 0
            _require(is_limit, f"{limit} is a whole number, 0 or more", self.id)
        is_few = _is_count(self.max_outputs) and self.max_outputs <= MAX_OUTPUTS
        _require(is_few, f"max_outputs is a whole number from 1 to {MAX_OUTPUTS}", self.id)
        _require(_are(str, self.takes), "takes names the parameters that it honours, or none", self.id)
        are_sizes = _are(str, self.sizes) and all(_is_like(_SIZE, size) for size in self.sizes)
        _require(are_sizes, "sizes are like 1024x1024, or none", self.id)
        are_allowed = _are(tuple, self.allowed) and all(_are_values(each, self.takes) for each in self.allowed)
        _require(are_allowed, "allowed pairs parameters that it takes with their values, or is empty", self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What a provider says about itself. Raises UndeclaredCapability when constructed incompletely or wrongly.

    `regions` are where inputs are processed ("deployment" means where this service itself runs), `hosts` every host
    that its code calls (`*.` in front: any below it; a port if it is not 443), `keeps_inputs_hours` how long it keeps
    what it is sent (0: not beyond the job). `credentials` are the members of its configuration without which it is not
    offered. `max_concurrent` is how many jobs it may have at once (0: as many as come). `calls_back` says whether it
    calls `Job.callback_url` when a job is done.
    """

    provider: str
    runs: Runs
    proof: Proof
    credentials: tuple[str, ...]
    max_concurrent: int
    calls_back: bool
    models: tuple[Model, ...]
    regions: tuple[str, ...]
    keeps_inputs_hours: int
    trains_on_inputs: bool
    terms_url: str
    hosts: tuple[str, ...]

    def __post_init__(self) -> None:
        _require(_is_like(_PROVIDER_NAME, self.provider), "provider is a lower-case name", self.provider)
        _require(isinstance(self.runs, Runs), "runs is one of Runs", self.provider)
        _require(isinstance(self.proof, Proof), "proof is one of Proof", self.provider)
        _require(_are(str, self.credentials), "credentials names members of its configuration, or none", self.provider)
        is_limit = type(self.max_concurrent) is int and self.max_concurrent >= 0
        _require(is_limit, "max_concurrent is a whole number, 0 or more", self.provider)
        _require(type(self.calls_back) is bool, "calls_back is True or False", self.provider)
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


def _are_values(pair: tuple[Any, ...], takes: tuple[str, ...]) -> bool:
    return len(pair) == 2 and pair[0] in takes and isinstance(pair[1], tuple) and bool(pair[1])


def _are_texts(values: object) -> bool:
    return isinstance(values, tuple) and bool(values) and all(isinstance(value, str) and value for value in values)
