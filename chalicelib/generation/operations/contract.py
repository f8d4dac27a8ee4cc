"""What an operation is. Each is one pure file beside this one, named as the operation, that declares `OPERATION`."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict


class Parameters(BaseModel):
    """The base of every operation's parameters: unknown members and wrong types are refused, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Something that can be done, whoever does it.

    `reference_parameter` is the parameter that may name a second upload (a picture to work after), or None.
    """

    name: str
    summary: str
    parameters: type[Parameters]
    needs_photo: bool
    reference_parameter: str | None

    def parse(self, parameters: object) -> Parameters:
        """The validated parameters. Raises pydantic.ValidationError, whose messages say what is allowed."""
        return self.parameters.model_validate(parameters)

    def reference_upload(self, parameters: Parameters) -> str | None:
        """The id of the second upload that these parameters name, if any."""
        named: Any = getattr(parameters, self.reference_parameter) if self.reference_parameter else None
        return named if isinstance(named, str) else None
