"""Files that were made: what they are, how large or long, and that nothing but the picture or sound is left of them."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from chalicelib.media.measure import Measured, Unmeasurable, measure
from chalicelib.media.strip import strip
from tests.support import files

EACH = {
    "png": (files.png(), Measured("image/png", 48, 32, None)),
    "jpeg": (files.jpeg(), Measured("image/jpeg", 48, 32, None)),
    "webp": (files.webp(), Measured("image/webp", 48, 32, None)),
    "wav": (files.wav(), Measured("audio/wav", None, None, 1.5)),
    "mp3": (files.mp3(), Measured("audio/mpeg", None, None, pytest.approx(40 * 1152 / 44_100))),  # type: ignore[arg-type]
    "mp4": (files.mp4(), Measured("video/mp4", 64, 36, 4.0)),
}
EACH_FILE = pytest.mark.parametrize(("data", "expected"), EACH.values(), ids=EACH)


@EACH_FILE
def test_a_file_is_measured_by_its_own_structure(data: bytes, expected: Measured) -> None:
    assert measure(data) == expected


@EACH_FILE
def test_metadata_go_and_the_rest_stays_as_it_is(data: bytes, expected: Measured) -> None:
    assert files.CANARY.encode() in data

    bare = strip(expected.content_type, data)

    assert files.CANARY.encode() not in bare
    assert measure(bare) == expected
    assert strip(expected.content_type, bare) == bare
    if expected.content_type.startswith("image/"):
        with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(bare)) as after:
            assert after.convert("RGB").tobytes() == before.convert("RGB").tobytes()


@EACH_FILE
def test_a_file_that_is_cut_short_is_no_file(data: bytes, expected: Measured) -> None:
    for end in (0, 3, 9, 15, 25, 40):
        with pytest.raises(Unmeasurable):
            strip(measure(data[:end]).content_type, data[:end])


def test_what_follows_the_end_of_a_picture_goes_too() -> None:
    for made, content_type in ((files.png(), "image/png"), (files.jpeg(), "image/jpeg")):
        assert strip(content_type, made + b"behind the end").endswith(strip(content_type, made)[-4:])
        assert b"behind" not in strip(content_type, made + b"behind the end")


def test_a_progressive_jpeg_keeps_all_its_scans() -> None:
    out = io.BytesIO()
    Image.effect_noise((90, 70), 50).convert("RGB").save(out, "JPEG", progressive=True)
    assert strip("image/jpeg", out.getvalue()) == out.getvalue()


def test_transparency_is_kept() -> None:
    for kind in ("PNG", "WEBP"):
        out = io.BytesIO()
        Image.new("RGBA", (40, 40), (1, 2, 3, 77)).save(out, kind, lossless=True, exif=files.CANARY.encode())
        with Image.open(io.BytesIO(strip(f"image/{kind.lower()}", out.getvalue()))) as after:
            assert after.convert("RGBA").getpixel((3, 3)) == (1, 2, 3, 77)


def test_a_sound_that_was_streamed_is_as_long_as_it_is() -> None:
    whole = files.wav()
    start = whole.index(b"data")
    streamed = whole[: start + 4] + b"\xff\xff\xff\xff" + whole[start + 8 : start + 8 + 24_000]
    assert measure(streamed).seconds == 1.5
    assert measure(strip("audio/wav", streamed)).seconds == 1.5


@pytest.mark.parametrize(
    "data",
    [b"", b"<html><body>no", b"GIF89a" + bytes(20), b"%PDF-1.7", files.box(b"ftyp", b"avifavif"), b"\xff\xfb\x90\x00"],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(Unmeasurable):
        measure(data)


@given(st.sampled_from(sorted(EACH)), st.integers(0, 400), st.binary(min_size=1, max_size=12))
def test_damage_is_refused_or_measured_and_never_anything_else(name: str, at: int, damage: bytes) -> None:
    data = bytearray(EACH[name][0])
    data[at : at + len(damage)] = damage
    try:
        measured = measure(bytes(data))
        strip(measured.content_type, bytes(data))
    except Unmeasurable:
        return
    assert measured.content_type.partition("/")[0] in ("image", "video", "audio")
