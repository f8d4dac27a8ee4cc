"""Stylize: a photo painted over in one of 26 styles, in a blend of them, or in the style of another picture."""

import math
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, StrictInt, StrictStr, field_validator, model_validator

from chalicelib.generation.operations.contract import Operation, Parameters, Prompt, no_measures
from chalicelib.kernel.ids import is_id

#: The styles by number. The networks' authors named none; each is called after what it does to a photo.
STYLES = (
    "ochre-pastel",
    "yellow-blocks",
    "charcoal-peach",
    "neon-strokes",
    "crimson-poster",
    "autumn-oil",
    "midnight-pebbles",
    "primary-oil",
    "pop-watercolor",
    "teal-mosaic",
    "burnt-sienna",
    "sepia-engraving",
    "lilac-impression",
    "lime-woodcut",
    "pale-aqua",
    "stained-glass",
    "violet-chalk",
    "woven-grid",
    "olive-linocut",
    "starry-strokes",
    "red-nocturne",
    "coral-cutout",
    "bold-ink",
    "soft-dusk",
    "indigo-print",
    "carved-relief",
)
NUMERALS = tuple(str(number) for number in range(len(STYLES)))
MAX_WEIGHT = 1000.0
ALLOWED = (
    f"a style is a number from 0 to {len(STYLES) - 1}, or one of {', '.join(STYLES)}; "
    'a blend is an object of styles and positive weights, like {"3": 0.5, "12": 0.5}'
)


def style_number(style: object) -> int:
    """The number of a style given as a number, a numeral or a name. Raises ValueError that lists what is allowed."""
    if type(style) is str and style in STYLES:
        return STYLES.index(style)
    if type(style) is str and style in NUMERALS:
        return NUMERALS.index(style)
    if type(style) is int and 0 <= style < len(STYLES):
        return style
    raise ValueError(ALLOWED)


def style_weights(style: object) -> tuple[float, ...]:
    """How much of each of the 26 styles, summing to 1. Raises ValueError that says what is allowed."""
    weights = [0.0] * len(STYLES)
    blend = style if isinstance(style, dict) else {style_number(style): 1}
    if not blend:
        raise ValueError(ALLOWED)
    for named, weight in blend.items():
        number = style_number(named)
        if type(weight) not in (int, float) or not math.isfinite(weight) or not 0 < weight <= MAX_WEIGHT:
            raise ValueError(f"the weight of a style is a number above 0 and at most {MAX_WEIGHT:.0f}")
        if weights[number]:
            raise ValueError(f"the style {number} ({STYLES[number]}) is named twice")
        weights[number] = float(weight)
    total = sum(weights)
    return tuple(weight / total for weight in weights)


def _checked(style: Any) -> Any:
    """Refuses a wrong style in one sentence, instead of one for each type that it might have been."""
    if style is not None:
        style_weights(style)
    return style


Style = Annotated[
    StrictInt | StrictStr | dict[str, float] | None,
    BeforeValidator(_checked),
    Field(
        description="A style by number or name, or a blend: an object of styles and weights.",
        json_schema_extra={
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": len(STYLES) - 1},
                {"type": "string", "enum": [*STYLES, *NUMERALS]},
                {
                    "type": "object",
                    "propertyNames": {"enum": [*STYLES, *NUMERALS]},
                    "additionalProperties": {"type": "number", "exclusiveMinimum": 0, "maximum": MAX_WEIGHT},
                    "minProperties": 1,
                },
                {"type": "null"},
            ]
        },
    ),
]


class StylizeParameters(Parameters):
    """Exactly one of `style` and `style_upload_id`."""

    style: Style = None
    style_upload_id: Annotated[
        StrictStr | None, Field(description="A ready upload of yours: the picture whose style to take.")
    ] = None
    strength: Annotated[float, Field(ge=0, le=1, description="0 leaves the photo as it is, 1 is all style.")] = 1.0
    preserve_color: Annotated[bool, Field(description="Keep the photo's own colours.")] = False

    @field_validator("style_upload_id")
    @classmethod
    def _is_an_upload(cls, given: str | None) -> str | None:
        if given is not None and not is_id("upl", given):
            raise ValueError("style_upload_id is the id of an upload, upl_ and 26 letters and digits")
        return given

    @model_validator(mode="after")
    def _is_one_style(self) -> Self:
        if (self.style is None) == (self.style_upload_id is None):
            raise ValueError(f"give exactly one of style and style_upload_id; {ALLOWED}")
        return self

    def weights(self) -> tuple[float, ...] | None:
        """How much of each of the 26 styles, summing to 1; None when the style is another picture's."""
        return None if self.style is None else style_weights(self.style)


OPERATION = Operation(
    name="stylize",
    summary="Paints a photo over in a style: one of 26, a blend of them, or that of another picture.",
    parameters=StylizeParameters,
    needs_photo=True,
    prompt=Prompt.NONE,
    reference_parameter="style_upload_id",
    texts=(),
    measures=no_measures,
)
