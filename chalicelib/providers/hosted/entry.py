"""What operators write of prices and of systems that they host themselves: the shapes, and the declarations made of
them. Pure."""

import re
from collections.abc import Iterable
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, field_validator, model_validator

from chalicelib.kernel.money import MAX_ASSETS
from chalicelib.providers.capability import MAX_OUTPUTS, Capability, Modality, Model, Proof, Runs
from chalicelib.providers.price import Price, Step

MAX_SELF_HOSTED_MODELS = 50
#: A job has at most so much, whoever hosts it.
MAX_INPUT_PIXELS = 40_000_000
MAX_OUTPUT_SIDE_PIXELS = 8192
MAX_SECONDS = 60
_NAME = r"^[a-z0-9][a-z0-9.-]{0,62}$"
_HTTPS = re.compile(r"https://[a-z0-9.-]+(/\S*)?")


class Entry(BaseModel):
    """A part of the configuration. Unknown members are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class KeyEntry(Entry):
    """What a provider needs that asks for a key and nothing else."""

    api_key: Annotated[str, Field(min_length=1)]


class StepEntry(Entry):
    """See `price.Step`."""

    measure: Annotated[str, Field(min_length=1, max_length=40)]
    above: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    adds: Annotated[StrictInt, Field(ge=1, le=MAX_ASSETS)]
    per: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None


class PriceEntry(Entry):
    """See `price.Price`. Without `assets` there is no price."""

    assets: Annotated[StrictInt, Field(ge=1, le=MAX_ASSETS)]
    steps: Annotated[tuple[StepEntry, ...], Field(max_length=20)] = ()

    def price(self) -> Price:
        return Price(assets=self.assets, steps=tuple(Step(**dict(step)) for step in self.steps))


class ModelEntry(Entry):
    """A model of a system that the operator hosts. It has no price but the one that stands here."""

    name: Annotated[str, Field(pattern=_NAME)]
    operations: Annotated[tuple[str, ...], Field(min_length=1)]
    price: PriceEntry
    description: Annotated[str, Field(min_length=1, max_length=500)]
    parameters_note: Annotated[str, Field(min_length=1, max_length=500)] = "What the operator's system makes of it."
    sizes: tuple[str, ...] = ()
    max_outputs: Annotated[StrictInt, Field(ge=1, le=MAX_OUTPUTS)] = 1
    max_input_pixels: Annotated[StrictInt, Field(ge=0, le=MAX_INPUT_PIXELS)] = 4_000_000
    generative: StrictBool = True


class SelfHosted(Entry):
    """One system that the operator hosts. What it keeps, trains on, and where it stands must be said: silence is no."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,31}$")]
    kind: str
    base_url: Annotated[
        str, Field(max_length=500, pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._/-]*)?$")
    ]
    api_key: Annotated[str | None, Field(min_length=1)] = None
    regions: Annotated[tuple[str, ...], Field(min_length=1)]
    keeps_inputs_hours: Annotated[StrictInt, Field(ge=0)]
    trains_on_inputs: StrictBool
    terms_url: str
    max_concurrent: Annotated[StrictInt, Field(ge=0)] = 1

    @field_validator("base_url")
    @classmethod
    def _has_no_end(cls, given: str) -> str:
        return given.rstrip("/")

    @field_validator("terms_url")
    @classmethod
    def _is_https(cls, given: str) -> str:
        if not _HTTPS.fullmatch(given):
            raise ValueError("is an https address")
        return given

    @model_validator(mode="after")
    def _names_each_model_once(self) -> Self:
        names = [model.name for model in getattr(self, "models", ())]
        if len(set(names)) != len(names):
            raise ValueError("each of models has a name of its own")
        return self


def model_of_entry(entry: SelfHosted, model: ModelEntry, *, modality: Modality, takes: tuple[str, ...]) -> Model:
    """The declaration of one of its models. Raises UndeclaredCapability."""
    return Model(
        id=f"{entry.name}/{model.name}",
        provider=entry.name,
        modality=modality,
        operations=model.operations,
        price=model.price.price(),
        description=model.description,
        generative=model.generative,
        max_input_pixels=model.max_input_pixels,
        max_output_side_pixels=MAX_OUTPUT_SIDE_PIXELS if modality is not Modality.AUDIO else 0,
        max_outputs=model.max_outputs,
        takes=takes,
        sizes=model.sizes,
        allowed=(),
        max_seconds=0 if modality is Modality.IMAGE else MAX_SECONDS,
        parameters_note=model.parameters_note,
    )


def capability_of(entry: SelfHosted, models: Iterable[Model], proof: Proof) -> Capability:
    """What the operator says of the system. Raises UndeclaredCapability."""
    return Capability(
        provider=entry.name,
        runs=Runs.HOSTED,
        proof=proof,
        credentials=(),
        max_concurrent=entry.max_concurrent,
        calls_back=False,
        models=tuple(models),
        regions=entry.regions,
        keeps_inputs_hours=entry.keeps_inputs_hours,
        trains_on_inputs=entry.trains_on_inputs,
        terms_url=entry.terms_url,
        hosts=(urlsplit(entry.base_url).netloc.lower(),),
    )
