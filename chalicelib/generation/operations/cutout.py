"""Cutout: what is in front of a photo, with nothing behind it."""

from chalicelib.generation.operations.contract import Operation, Parameters, Prompt, no_measures


class CutoutParameters(Parameters):
    """It takes none."""


OPERATION = Operation(
    name="cutout",
    summary="Cuts out what is in front, on a transparent ground.",
    parameters=CutoutParameters,
    needs_photo=True,
    prompt=Prompt.NONE,
    reference_parameter=None,
    texts=(),
    measures=no_measures,
)
