"""Networks that look a few pixels around each one and nowhere else, run tile by tile on ncnn's CPU kernels.

Tiles that are cut with that margin fit together without seams, and memory does not grow with the photo.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from threading import Lock

import ncnn
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chalicelib.providers.engines.pictures import Colours, colours, levels

#: Tiles are shared out to this many threads. OpenMP inside ncnn would wait by spinning: three times the processor time
#: on a busy machine, for nothing.
THREADS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Where a network is, and how it is run. `package` carries it as data in its folder `models`; it makes a picture
    `scale` times as large and looks `margin_pixels` around each pixel."""

    package: str
    name: str
    input: str
    output: str
    scale: int
    margin_pixels: int
    tile_pixels: int


class Tiled:
    """Loads its network when it is first needed; one job at a time, whichever thread asks."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._lock = Lock()
        self._loaded: ncnn.Net | None = None

    def of(self, picture: Image.Image) -> Image.Image:
        """What the network makes of an RGB or RGBA picture.

        Transparency goes through the same network, and colours as they show (multiplied by it), so that whatever
        colour lies hidden under transparent pixels does not bleed into the edges.
        """
        if picture.mode == "RGB":
            return Image.fromarray(self._made(colours(picture)))
        red, green, blue, alpha = picture.split()
        cover = colours(alpha)[..., None]
        shown = self._made(colours(Image.merge("RGB", (red, green, blue))) * cover)
        made_alpha = self._made(np.repeat(cover, 3, axis=2))[..., 1]
        made_cover = np.maximum(made_alpha / np.float32(255), np.float32(1 / 255))
        made = levels(shown / np.float32(255) / made_cover[..., None])
        return Image.fromarray(np.dstack([made, made_alpha]))

    def _made(self, pixels: Colours) -> NDArray[np.uint8]:
        height, width = pixels.shape[:2]
        tile, margin, scale = self._network.tile_pixels, self._network.margin_pixels, self._network.scale
        framed = np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
        made = np.empty((height * scale, width * scale, 3), dtype=np.uint8)

        def fill(corner: tuple[int, int]) -> None:
            top, left = corner
            high, wide = min(tile, height - top), min(tile, width - left)
            piece = framed[top : top + high + 2 * margin, left : left + wide + 2 * margin]
            done = _middle(self._run(network, piece), high * scale, wide * scale)
            made[top * scale : (top + high) * scale, left * scale : (left + wide) * scale] = levels(done)

        with self._lock, ThreadPoolExecutor(THREADS) as threads:
            network = self._loaded = self._loaded or _load(self._network)
            # Taking every result raises what went wrong in any thread.
            list(threads.map(fill, product(range(0, height, tile), range(0, width, tile))))
        return made

    def _run(self, network: ncnn.Net, piece: Colours) -> Colours:
        """The network on one piece with its margin. Raises RuntimeError."""
        # ncnn reads this memory where it lies and does not keep it alive: it must have a name until the work is done.
        planes = np.ascontiguousarray(piece.transpose(2, 0, 1))
        with network.create_extractor() as extractor:
            refused = extractor.input(self._network.input, ncnn.Mat(planes))
            failed, result = extractor.extract(self._network.output)
            if refused or failed:
                raise RuntimeError(f"ncnn could not compute {self._network.output}: {refused or failed}")
            return np.array(result, copy=True).transpose(1, 2, 0)


def _middle(pixels: Colours, height: int, width: int) -> Colours:
    """Without the margin, which some networks leave out themselves."""
    top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
    return pixels[top : top + height, left : left + width]


def _load(wanted: Network) -> ncnn.Net:
    network = ncnn.Net()
    network.opt.use_vulkan_compute = False
    network.opt.num_threads = 1
    # Half precision is used where the machine has it; results would differ from one machine to the next.
    network.opt.use_fp16_packed = network.opt.use_fp16_storage = network.opt.use_fp16_arithmetic = False
    weights = _weights_folder(wanted.package) / wanted.name
    if network.load_param(f"{weights}.param") or network.load_model(f"{weights}.bin"):
        raise RuntimeError(f"ncnn could not load {wanted.name}")
    return network


def _weights_folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(f"{package}, which carries the network, is not installed")
    return Path(spec.origin).parent / "models"
