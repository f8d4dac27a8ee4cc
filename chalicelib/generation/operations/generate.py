"""Generate: a picture from words."""

from typing import Annotated

from pydantic import Field, StrictStr

from chalicelib.generation.operations.contract import Operation, Parameters, Prompt
from chalicelib.generation.operations.sizes import Quality, Size, picture_measures


class GenerateParameters(Parameters):
    size: Size = None
    quality: Quality = None
    negative_prompt: Annotated[
        StrictStr | None, Field(max_length=2000, description="What the picture should not show.")
    ] = None
    transparent: Annotated[bool, Field(description="Leave the background transparent.")] = False


OPERATION = Operation(
    name="generate",
    summary="Makes a picture from a prompt.",
    parameters=GenerateParameters,
    needs_photo=False,
    prompt=Prompt.REQUIRED,
    reference_parameter=None,
    texts=("negative_prompt",),
    measures=lambda parameters: picture_measures(parameters.size, parameters.quality),
)
