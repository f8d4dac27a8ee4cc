"""Upscale: the same photo with more pixels."""

from typing import Annotated, Literal

from pydantic import Field

from chalicelib.generation.operations.contract import Operation, Parameters, Prompt


class UpscaleParameters(Parameters):
    scale: Annotated[
        Literal[2, 4], Field(description="How many times as wide and as high; the model's own if left out.")
    ] = 2


OPERATION = Operation(
    name="upscale",
    summary="Makes a photo larger and keeps its edges sharp.",
    parameters=UpscaleParameters,
    needs_photo=True,
    prompt=Prompt.NONE,
    reference_parameter=None,
    texts=(),
    measures=lambda parameters: {"scale": parameters.scale},
)
