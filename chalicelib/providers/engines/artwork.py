"""The drawings that pictures are composed of: 3D emoji (`art/LICENSE`), each with its names and how it stands."""

import json
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image

FOLDER = Path(__file__).parent / "art"
#: A drawing takes up to a megabyte when it is open.
OPEN_DRAWINGS = 32


class Kind(StrEnum):
    """How a drawing stands in a scene."""

    #: On the ground, whole.
    STAND = "stand"
    #: A small thing, on the ground or a table.
    THING = "thing"
    #: A head, or a person down to the waist: behind something.
    BUST = "bust"
    #: A building or a tree: farther away.
    FAR = "far"
    #: In the air.
    SKY = "sky"
    #: On water.
    FLOAT = "float"
    #: Under water.
    SWIM = "swim"


class Drawing(NamedTuple):
    """One entry of the index. `size` is from 1 (an ant) to 6 (a castle); `home` the place that suits it, or empty."""

    art: str
    names: tuple[str, ...]
    kind: Kind
    size: int
    home: str


@lru_cache(maxsize=1)
def drawings() -> dict[str, Drawing]:
    """Every drawing by its file's name."""
    entries = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))
    return {
        entry["art"]: Drawing(
            entry["art"], tuple(entry["names"]), Kind(entry["kind"]), int(entry["size"]), str(entry["home"])
        )
        for entry in entries
    }


@lru_cache(maxsize=OPEN_DRAWINGS)
def opened(art: str) -> Image.Image:
    """The drawing in RGBA, cut to what is not transparent, up to 900 pixels a side. Not to be changed."""
    with Image.open(FOLDER / f"{art}.webp", formats=["WEBP"]) as image:
        return image.convert("RGBA")
