"""Denoise: the same photo with less noise and fewer traces of compression."""

from typing import Annotated

from pydantic import Field

from chalicelib.generation.operations.contract import Operation, Parameters, Prompt, no_measures


class DenoiseParameters(Parameters):
    level: Annotated[int, Field(ge=0, le=3, description="From 0, hardly any, to 3, strong.")] = 3


OPERATION = Operation(
    name="denoise",
    summary="Takes noise out of a photo and leaves its size.",
    parameters=DenoiseParameters,
    needs_photo=True,
    prompt=Prompt.NONE,
    reference_parameter=None,
    texts=(),
    measures=no_measures,
)
