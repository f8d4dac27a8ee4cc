"""Blur: a portrait with what is behind the person out of focus."""

from typing import Annotated

from pydantic import Field

from chalicelib.generation.operations.contract import Operation, Parameters, Prompt, no_measures


class BlurParameters(Parameters):
    strength: Annotated[float, Field(ge=0.1, le=1, description="How far out of focus: 0.1 hardly, 1 strongly.")] = 0.5


OPERATION = Operation(
    name="blur",
    summary="Puts what is behind a person out of focus.",
    parameters=BlurParameters,
    needs_photo=True,
    prompt=Prompt.NONE,
    reference_parameter=None,
    texts=(),
    measures=no_measures,
)
