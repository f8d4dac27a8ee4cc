"""People cut out of photos: MediaPipe's selfie model (Apache-2.0) on LiteRT (Apache-2.0), both optional packages.

The network sees 256 x 256 pixels. A guided filter (He, Sun and Tang, "Guided Image Filtering", 2013; its fast variant,
arXiv:1505.00996) takes its answer to the edges that the photo has.
"""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from chalicelib.providers.engines.pictures import colours, levels
from chalicelib.providers.job import ProviderRefused

WEIGHTS = Path("modules") / "selfie_segmentation" / "selfie_segmentation.tflite"
THREADS = 2
#: The longer side at which edges are looked for.
EDGES_SIDE_PIXELS = 1024
#: Of the longer side there: how far the network's answer may be from an edge.
REACH = 0.012
SMOOTHNESS = 1e-4
#: A photo of which less is covered shows nobody.
LEAST_PART = 0.01
#: Of the longer side: how wide the blur is at strength 1, and where colours of the edge are taken from.
WIDEST_BLUR, EDGE = 0.03, 0.004

#: Height x width, 0 to 1: how much of each pixel is the person.
Cover = NDArray[np.float32]


class Portraits:
    """Loads the network when it is first needed; one job at a time, whichever thread asks."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._network: Any = None

    def cut_out(self, picture: Image.Image) -> Image.Image:
        """The person of an RGB or RGBA photo, on a transparent ground. Raises ProviderRefused."""
        shown = picture.convert("RGB")
        cover = self.cover(shown)
        edge = _spread(shown, cover, EDGE * max(shown.size))
        solid = np.clip((cover[..., None] - np.float32(0.9)) * 10, 0, 1)
        cut = Image.fromarray(levels(solid * colours(shown) + (1 - solid) * edge))
        alpha = cover * colours(picture.getchannel("A")) if picture.mode == "RGBA" else cover
        cut.putalpha(Image.fromarray(levels(alpha)))
        return cut

    def blur(self, picture: Image.Image, strength: float) -> Image.Image:
        """The photo with what is behind the person out of focus; `strength` from 0 to 1. Raises ProviderRefused."""
        shown = picture.convert("RGB")
        cover = self.cover(shown)
        # Without the person's own colours, which would glow around them.
        behind = _spread(shown, 1 - cover, WIDEST_BLUR * strength * max(shown.size))
        blurred = Image.fromarray(levels(behind + cover[..., None] * (colours(shown) - behind)))
        if picture.mode == "RGBA":
            blurred.putalpha(picture.getchannel("A"))
        return blurred

    def cover(self, picture: Image.Image) -> Cover:
        """How much of each pixel of an RGB picture is a person. Raises ProviderRefused if nobody is there."""
        coarse = self._answer(picture)
        if float(coarse.mean()) < LEAST_PART or float(coarse.max()) < 0.5:
            raise ProviderRefused("no_person", "This model cuts out people, and finds nobody in this photo.")
        grey = picture.convert("L")
        small = grey.copy()
        small.thumbnail((EDGES_SIDE_PIXELS, EDGES_SIDE_PIXELS), Image.Resampling.BOX)
        slope, offset = _guided(colours(small), _sized(coarse, small.size), max(2, round(REACH * max(small.size))))
        fine = _sized(slope, picture.size) * colours(grey) + _sized(offset, picture.size)
        return np.clip((fine - np.float32(0.1)) / np.float32(0.8), 0, 1)

    def _answer(self, picture: Image.Image) -> Cover:
        with self._lock:
            network = self._network = self._network or _load()
            inside, outside = network.get_input_details()[0], network.get_output_details()[0]
            height, width = inside["shape"][1:3].tolist()
            small = picture.resize((width, height), Image.Resampling.BOX if min(picture.size) > width else None)
            network.set_tensor(inside["index"], colours(small)[None])
            network.invoke()
            return np.array(network.get_tensor(outside["index"])[0, ..., 0], dtype=np.float32)


def _load() -> Any:
    litert = import_module("ai_edge_litert.interpreter")
    spec = find_spec("mediapipe")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("mediapipe, which carries the network, is not installed")
    weights = Path(spec.submodule_search_locations[0]) / WEIGHTS
    network = litert.Interpreter(model_path=str(weights), num_threads=THREADS)
    network.allocate_tensors()
    return network


def _guided(guide: Cover, answer: Cover, reach: int) -> tuple[Cover, Cover]:
    """Slope and offset: what, times the guide and plus, is the answer with the guide's edges."""
    mean, mean_answer = _mean(guide, reach), _mean(answer, reach)
    spread = _mean(guide * guide, reach) - mean * mean
    together = _mean(guide * answer, reach) - mean * mean_answer
    slope = np.asarray(together / (spread + SMOOTHNESS), dtype=np.float32)
    offset = np.asarray(mean_answer - slope * mean, dtype=np.float32)
    return _mean(slope, reach), _mean(offset, reach)


def _mean(values: Cover, reach: int) -> Cover:
    """Of the square of `reach` pixels around each; edges are repeated."""
    size = 2 * reach + 1
    sums: NDArray[np.float64] = np.pad(values.astype(np.float64), reach, mode="edge")
    for axis in (0, 1):
        sums = np.cumsum(np.insert(sums, 0, 0, axis=axis), axis=axis)
        ends = np.arange(size, sums.shape[axis])
        sums = np.take(sums, ends, axis=axis) - np.take(sums, ends - size, axis=axis)
    return (sums / (size * size)).astype(np.float32)


def _sized(values: Cover, size: tuple[int, int]) -> Cover:
    """Enlarged or made smaller to width x height."""
    return np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BILINEAR), dtype=np.float32)


def _spread(picture: Image.Image, weight: Cover, radius: float) -> NDArray[np.float32]:
    """The picture blurred, of each pixel as much as its weight says; where nothing has any, as it was."""
    soft = ImageFilter.GaussianBlur(radius)
    weighed = Image.fromarray(levels(colours(picture) * weight[..., None])).filter(soft)
    weights = colours(Image.fromarray(levels(weight)).filter(soft))[..., None]
    few = weights < np.float32(4 / 255)
    return np.where(few, colours(picture), colours(weighed) / np.maximum(weights, np.float32(1 / 255)))
