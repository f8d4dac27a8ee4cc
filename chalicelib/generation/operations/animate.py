"""Animate: a photo set in motion for a few seconds."""

from typing import Annotated, Literal

from pydantic import Field

from chalicelib.generation.operations.contract import Operation, Parameters, Prompt


class AnimateParameters(Parameters):
    seconds: Annotated[float, Field(ge=1, le=10, description="How long the clip is.")] = 4
    motion: Annotated[
        Literal["zoom-in", "zoom-out", "pan-left", "pan-right"] | None,
        Field(description="How the camera moves; the model's own choice if left out."),
    ] = None


OPERATION = Operation(
    name="animate",
    summary="Sets a photo in motion.",
    parameters=AnimateParameters,
    needs_photo=True,
    prompt=Prompt.OPTIONAL,
    reference_parameter=None,
    texts=(),
    measures=lambda parameters: {"seconds": parameters.seconds},
)
