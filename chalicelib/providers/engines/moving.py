"""A photo as a clip: a camera moves over it. AV1 in MP4, by the libaom (BSD-2-Clause) that comes with Pillow.

Video libraries' wheels carry encoders under the GPL. Pillow writes animated AVIF, which is AV1 between boxes of its
own: `clips` puts the same stream between those of MP4.
"""

import io
from collections.abc import Iterator

from PIL import Image

from chalicelib.providers.engines.clips import Clip, clip_of
from chalicelib.providers.engines.pictures import fit, on_white

FRAMES_PER_SECOND = 25
#: The part of each side that the camera sees when it is nearest, or moves sideways.
NEAR = 0.8
MAX_SIDE_PIXELS = 1280
#: Fixed numbers: the same job must give the same bytes.
THREADS = 2
SPEED, QUALITY = 9, 70

#: Where the camera is at the beginning and at the end: how far to the right (0 to 1 of what there is), and how much of
#: each side it sees.
MOTIONS = {
    "zoom-in": ((0.5, 1.0), (0.5, NEAR)),
    "zoom-out": ((0.5, NEAR), (0.5, 1.0)),
    "pan-left": ((1.0, NEAR), (0.0, NEAR)),
    "pan-right": ((0.0, NEAR), (1.0, NEAR)),
}


def moved(photo: Image.Image, motion: str, seconds: float) -> Clip:
    """The clip of an RGB or RGBA photo; transparency becomes white. Sides are even, and at most MAX_SIDE_PIXELS."""
    frames = list(_frames(on_white(photo), motion, round(seconds * FRAMES_PER_SECOND)))
    out = io.BytesIO()
    frames[0].save(
        out,
        "AVIF",
        save_all=True,
        append_images=frames[1:],
        duration=1000 // FRAMES_PER_SECOND,
        quality=QUALITY,
        speed=SPEED,
        max_threads=THREADS,
        codec="aom",
        range="limited",
        autotiling=False,
    )
    return clip_of(out.getvalue(), frames[0].width, frames[0].height)


def _frames(photo: Image.Image, motion: str, count: int) -> Iterator[Image.Image]:
    width, height = (max(2, side // 2 * 2) for side in fit(photo, MAX_SIDE_PIXELS).size)
    # What is finer than the nearest frame can show would only be filtered away again in every frame.
    photo = fit(photo, round(MAX_SIDE_PIXELS / NEAR))
    photo.info.clear()
    for number in range(count):
        view = _view(photo.size, motion, number / max(1, count - 1))
        yield photo.resize((width, height), Image.Resampling.BICUBIC, box=view)


def _view(size: tuple[int, int], motion: str, time: float) -> tuple[float, float, float, float]:
    """What the camera sees at a time from 0 to 1: it starts and stops gently."""
    (right_from, part_from), (right_to, part_to) = MOTIONS[motion]
    gone = time * time * (3 - 2 * time)
    right, part = right_from + (right_to - right_from) * gone, part_from + (part_to - part_from) * gone
    width, height = size
    left, top = width * (1 - part) * right, height * (1 - part) / 2
    return left, top, min(width, left + width * part), min(height, top + height * part)
