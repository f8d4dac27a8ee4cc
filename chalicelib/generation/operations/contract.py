"""What an operation is. Each is one pure file beside this one, named as the operation, that declares `OPERATION`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict


class Prompt(StrEnum):
    """Whether an operation takes the `prompt` of an order."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class Parameters(BaseModel):
    """The base of every operation's parameters: unknown members and wrong types are refused, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def no_measures(_: Any) -> dict[str, float]:
    """Of an operation whose price hangs on none of its parameters."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Something that can be done, whoever does it.

    `reference_parameter` is the parameter that may name a second upload (a picture to work after), or None. `texts`
    are the parameters that hold words of a person: they are sealed wherever they are kept. `measures` says of parsed
    parameters what prices may hang on: `megapixels`, `seconds`, `scale`, `quality`.
    """

    name: str
    summary: str
    parameters: type[Parameters]
    needs_photo: bool
    prompt: Prompt
    reference_parameter: str | None
    texts: tuple[str, ...]
    measures: Callable[[Any], Mapping[str, float]]

    def parse(self, parameters: object) -> Parameters:
        """The validated parameters. Raises pydantic.ValidationError, whose messages say what is allowed."""
        return self.parameters.model_validate(parameters)

    def reference_upload(self, parameters: Parameters) -> str | None:
        """The id of the second upload that these parameters name, if any."""
        named: Any = getattr(parameters, self.reference_parameter) if self.reference_parameter else None
        return named if isinstance(named, str) else None
