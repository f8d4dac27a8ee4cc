"""Clips from a photo: what the camera sees, and that the file is an MP4 with nothing else in it."""

import io
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chalicelib.generation.operations import operations
from chalicelib.media.measure import Unmeasurable, boxes, measure
from chalicelib.media.strip import strip
from chalicelib.providers import local
from chalicelib.providers.engines.clips import Unclippable, clip_of
from chalicelib.providers.engines.moving import FRAMES_PER_SECOND, MAX_SIDE_PIXELS, MOTIONS, NEAR
from chalicelib.providers.job import Output, ProviderFailed
from tests.unit.providers.test_contract import assert_refused, generate, job, opened, photo

WIDTH, HEIGHT = opened(photo()).size


@cache
def clip(photo_bytes: bytes | None = None, **parameters: Any) -> Output:
    parsed = operations()["animate"].parse({"seconds": 1, **parameters})
    return generate(local.CLIP, "animate", photo=photo_bytes or photo(), parameters=parsed)


def frames(output: Output) -> list[Image.Image]:
    """The frames, decoded: with an animated AVIF's names for its boxes, Pillow reads the file."""
    data = output.data.replace(b"ftypisom", b"ftypavis", 1).replace(b"vide", b"pict", 1)
    with Image.open(io.BytesIO(data)) as sequence:
        found = []
        for number in range(getattr(sequence, "n_frames", 1)):
            sequence.seek(number)
            found.append(sequence.convert("RGB"))
    return found


def seen(right: float, part: float) -> Image.Image:
    """What a camera sees of the photo that sees that part of each side, that far to the right."""
    left, top = WIDTH * (1 - part) * right, HEIGHT * (1 - part) / 2
    box = (left, top, left + WIDTH * part, top + HEIGHT * part)
    return opened(photo()).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC, box=box)


def far_apart(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures of the same size, in levels of 255."""
    pixels = [np.asarray(image, dtype=np.float32) for image in (one, other)]
    return float(np.abs(pixels[0] - pixels[1]).mean())


@pytest.mark.parametrize(
    ("motion", "first", "last"),
    [
        ("zoom-in", (0.5, 1), (0.5, NEAR)),
        ("zoom-out", (0.5, NEAR), (0.5, 1)),
        ("pan-left", (1, NEAR), (0, NEAR)),
        ("pan-right", (0, NEAR), (1, NEAR)),
    ],
)
def test_the_camera_moves_as_it_was_told(motion: str, first: tuple[float, float], last: tuple[float, float]) -> None:
    shown = frames(clip(motion=motion))

    assert len(shown) == FRAMES_PER_SECOND
    assert far_apart(shown[0], seen(*first)) < 8 < far_apart(shown[0], seen(*last))
    assert far_apart(shown[-1], seen(*last)) < 8 < far_apart(shown[-1], seen(*first))
    steps = [far_apart(one, other) for one, other in pairwise(shown)]
    assert max(steps) < far_apart(shown[0], shown[-1]) / 2, "it jumps"


def test_there_is_a_motion_for_each_that_can_be_asked_for() -> None:
    schema = operations()["animate"].parameters.model_json_schema()["properties"]["motion"]

    assert set(schema["anyOf"][0]["enum"]) == set(MOTIONS)
    assert clip().data == clip(motion="zoom-in").data


@pytest.mark.parametrize(("seconds", "count"), [(1, 25), (1.5, 38), (2.02, 50)])
def test_it_is_as_long_as_was_asked_for(seconds: float, count: int) -> None:
    output = clip(seconds=seconds)

    assert output.seconds == pytest.approx(count / FRAMES_PER_SECOND)
    assert len(frames(output)) == count


def test_it_is_an_mp4_whose_sides_and_length_are_told() -> None:
    output = clip()

    assert output.content_type == "video/mp4"
    read = measure(output.data)
    assert (read.content_type, read.width, read.height) == ("video/mp4", output.width, output.height)
    assert read.seconds == output.seconds == 1
    assert [kind for kind, *_ in boxes(output.data, 0, len(output.data))] == [b"ftyp", b"moov", b"mdat"]


def test_it_carries_no_metadata_and_is_the_same_each_time() -> None:
    output = clip()

    assert strip("video/mp4", output.data) == output.data
    assert generate(local.CLIP, "animate", parameters=operations()["animate"].parse({"seconds": 1})) == output


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (33, 47, (32, 46)),
        (640, 32, (640, 32)),
        (2600, 32, (MAX_SIDE_PIXELS, 16)),
    ],
)
def test_sides_are_even_and_limited(width: int, height: int, size: tuple[int, int]) -> None:
    out = io.BytesIO()
    opened(photo()).resize((width, height)).save(out, "PNG")

    output = clip(out.getvalue())

    assert (output.width, output.height) == size == frames(output)[0].size


def test_what_is_transparent_becomes_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (64, 64), (255, 0, 0, 0)).save(out, "PNG")

    assert min(frames(clip(out.getvalue()))[-1].getpixel((32, 32))) > 250  # type: ignore[arg-type]


def test_jobs_that_do_not_fit_are_refused_and_say_why() -> None:
    fits = job(local.CLIP, "animate")
    huge = io.BytesIO()
    Image.new("L", (7000, 7000)).save(huge, "PNG")
    for changes, code in (
        ({"prompt": "a canary"}, "prompt_not_taken"),
        ({"operation": "upscale"}, "wrong_operation"),
        ({"photo": None}, "photo_missing"),
        ({"photo": photo()[:500]}, "photo_unreadable"),
        ({"photo": huge.getvalue()}, "photo_too_large"),
        ({"n": 2}, "too_many_outputs"),
    ):
        assert_refused(fits, changes, code)


def still() -> bytes:
    out = io.BytesIO()
    opened(photo()).save(out, "AVIF")
    return out.getvalue()


@pytest.mark.parametrize(
    "data", [b"", b"\0\0\0\x08ftyp", still(), still()[:-9]], ids=["nothing", "head", "still", "cut"]
)
def test_another_file_than_an_animated_avif_makes_no_clip(data: bytes) -> None:
    with pytest.raises((Unclippable, Unmeasurable)):
        clip_of(data, 8, 8)


def test_an_encoder_that_is_missing_fails_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*_: object, **__: object) -> None:
        raise KeyError("AVIF")

    monkeypatch.setattr(Image.Image, "save", cannot)

    with pytest.raises(ProviderFailed, match="engine_failed"):
        clip(seconds=1.1)
