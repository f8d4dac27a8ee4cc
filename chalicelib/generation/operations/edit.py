"""Edit: a photo changed as the prompt says."""

from typing import Annotated

from pydantic import Field, StrictStr

from chalicelib.generation.operations.contract import Operation, Parameters, Prompt
from chalicelib.generation.operations.sizes import Quality, Size, picture_measures


class EditParameters(Parameters):
    size: Size = None
    quality: Quality = None
    negative_prompt: Annotated[
        StrictStr | None, Field(max_length=2000, description="What the picture should not show.")
    ] = None
    strength: Annotated[
        float | None, Field(ge=0, le=1, description="0 leaves the photo as it is, 1 makes a new picture.")
    ] = None


OPERATION = Operation(
    name="edit",
    summary="Changes a photo as the prompt says.",
    parameters=EditParameters,
    needs_photo=True,
    prompt=Prompt.REQUIRED,
    reference_parameter=None,
    texts=("negative_prompt",),
    measures=lambda parameters: picture_measures(parameters.size, parameters.quality),
)
