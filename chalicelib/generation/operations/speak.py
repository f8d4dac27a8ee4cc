"""Speak: a text read aloud. The text is the prompt."""

from typing import Annotated

from pydantic import Field, StrictStr

from chalicelib.generation.operations.contract import Operation, Parameters, Prompt, no_measures


class SpeakParameters(Parameters):
    voice: Annotated[
        StrictStr | None,
        Field(pattern=r"^[A-Za-z0-9_.-]{1,80}$", description="As the model calls it; its own first if left out."),
    ] = None
    speed: Annotated[float, Field(ge=0.5, le=2, description="1 is as fast as people speak.")] = 1.0


OPERATION = Operation(
    name="speak",
    summary="Reads a text aloud.",
    parameters=SpeakParameters,
    needs_photo=False,
    prompt=Prompt.REQUIRED,
    reference_parameter=None,
    texts=(),
    measures=no_measures,
)
