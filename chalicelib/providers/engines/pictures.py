"""Pictures in and out of the engines: cleaned photos to arrays, arrays to files without metadata."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from chalicelib.media.limits import MAX_PIXELS
from chalicelib.providers.capability import Model
from chalicelib.providers.job import Job, ProviderRefused

#: Height x width x 3, red green blue, 0 to 1.
Colours = NDArray[np.float32]

JPEG_OPTIONS: dict[str, Any] = {"format": "JPEG", "quality": 95, "subsampling": 0}
PNG_OPTIONS: dict[str, Any] = {"format": "PNG", "compress_level": 6}


def open_photo(data: bytes) -> Image.Image:
    """An RGB or RGBA picture from the bytes of a cleaned photo (JPEG or PNG). Raises ProviderRefused."""
    try:
        picture: Image.Image = Image.open(io.BytesIO(data), formats=["JPEG", "PNG"])
        if picture.width * picture.height > MAX_PIXELS:
            raise ProviderRefused("photo_too_large", "A picture has more pixels than any model takes.")
        picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ProviderRefused("photo_unreadable", "A picture could not be read: it is no cleaned photo.") from error
    if picture.mode in ("RGB", "RGBA"):
        return picture
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def photo_for(job: Job, model: Model) -> Image.Image:
    """The job's photo, if the model takes it. Raises ProviderRefused."""
    if job.photo is None:
        raise ProviderRefused("photo_missing", "This model works on a photo, and none was given.")
    picture = open_photo(job.photo)
    if picture.width * picture.height > model.max_input_pixels:
        most = model.max_input_pixels // 1_000_000
        raise ProviderRefused("photo_too_large", f"This model takes photos of up to {most} megapixels.")
    return picture


def fit(picture: Image.Image, max_side_pixels: int) -> Image.Image:
    """The picture, made smaller if a side is longer than that."""
    longer = max(picture.size)
    if longer <= max_side_pixels:
        return picture
    width, height = (max(1, round(side * max_side_pixels / longer)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def on_white(picture: Image.Image) -> Image.Image:
    """The picture in RGB, with white where it is transparent."""
    if picture.mode == "RGB":
        return picture
    paper = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    return Image.alpha_composite(paper, picture).convert("RGB")


def colours(picture: Image.Image) -> Colours:
    """The pixels of an RGB picture."""
    return np.asarray(picture, dtype=np.float32) / np.float32(255)


def picture_of(array: NDArray[np.float32]) -> Image.Image:
    """An RGB (or, of two dimensions, grey) picture; values beyond 0 to 1 are cut off, the rest rounded."""
    return Image.fromarray(levels(array))


def levels(array: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """0 to 1 as 0 to 255, rounded; values beyond are cut off."""
    return (np.clip(array, 0, 1) * 255 + 0.5).astype(np.uint8)


def encode(picture: Image.Image) -> tuple[bytes, str]:
    """(file, content type): PNG for a picture with transparency, else JPEG at quality 95 with full colour (4:4:4)."""
    picture.info.clear()
    out = io.BytesIO()
    opaque = picture.mode == "RGB"
    picture.save(out, **(JPEG_OPTIONS if opaque else PNG_OPTIONS))
    return out.getvalue(), "image/jpeg" if opaque else "image/png"
