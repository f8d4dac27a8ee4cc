"""Sizes and qualities of pictures as parameters name them, and what prices hang on of them."""

from typing import Annotated, Literal

from pydantic import Field, StrictStr

Size = Annotated[
    StrictStr | None,
    Field(
        pattern=r"^[1-9][0-9]{1,4}x[1-9][0-9]{1,4}$",
        examples=["1024x1024"],
        description="Width x height in pixels, one of the model's `sizes`; the first of them if left out.",
    ),
]
Quality = Annotated[Literal["low", "medium", "high"] | None, Field(description="The model's own default if left out.")]

QUALITIES: dict[str | None, float] = {None: 0, "low": 1, "medium": 2, "high": 3}


def sides(size: str) -> tuple[int, int]:
    """(width, height) in pixels of a size like 1024x1536."""
    width, _, height = size.partition("x")
    return int(width), int(height)


def picture_measures(size: str | None, quality: str | None) -> dict[str, float]:
    """`megapixels` if a size is named, `quality` from 1 (low) to 3 (high), 0 if none is named."""
    measures = {"quality": QUALITIES[quality]}
    if size is not None:
        width, height = sides(size)
        measures["megapixels"] = width * height / 1_000_000
    return measures
