"""Files are told by their bytes."""

import pytest

from chalicelib.media.container import gif_frames, is_cut_short, webp_is_lossless
from chalicelib.media.limits import ACCEPTED_TYPES
from chalicelib.media.photo import SENTENCES, Reason, RejectedPhoto
from chalicelib.media.sniff import ACCEPTED_KINDS, HEAD_BYTES, check_declared, sniff
from tests.hostile.case import picture, saved
from tests.hostile.crooked import IMPOSTORS, originals
from tests.hostile.honest import SEEDS, animation


@pytest.mark.parametrize(("name", "data"), originals().items(), ids=originals())
def test_photos_are_recognised_by_their_beginning(name: str, data: bytes) -> None:
    kind = sniff(data[:HEAD_BYTES])

    assert kind is not None
    assert kind.content_type == f"image/{name}"
    assert check_declared(kind, f"image/{name}") is kind


@pytest.mark.parametrize(("name", "data"), IMPOSTORS.items(), ids=IMPOSTORS)
def test_impostors_are_called_what_they_are(name: str, data: bytes) -> None:
    kind = sniff(data)

    assert kind is not None
    assert kind.content_type is None
    word = {"html": "HTML", "svg": "SVG", "xml": "XML", "pdf": "PDF", "zip": "ZIP", "tiff": "TIFF", "mp4": "video"}
    assert word.get(name.rsplit(".", 1)[1], "") in kind.called


@pytest.mark.parametrize(
    ("brands", "expected"),
    [
        (b"avifmif1miaf", "image/avif"),
        (b"mif1avifmiaf", "image/avif"),
        (b"avisavifmsf1", "image/avif"),
        (b"heicmif1heic", "image/heic"),
        (b"mif1heicmiaf", "image/heic"),
        (b"msf1hevcmiaf", "image/heic"),
        (b"mif1miafMiHE", "image/heif"),
        (b"isomiso2mp41", None),
        (b"qt  qt  qt  ", None),
        (b"crx crx isom", None),
    ],
)
def test_boxes_are_told_by_their_brands(brands: bytes, expected: str | None) -> None:
    box = b"\0\0\0\x18ftyp" + brands[:4] + b"\0\0\0\0" + brands[4:]

    kind = sniff(box + b"more brands than the box has: avif heic")

    assert kind is not None
    assert kind.content_type == expected


def test_every_accepted_type_is_recognised_and_every_reason_has_a_sentence() -> None:
    assert {kind.content_type for kind in ACCEPTED_KINDS} == set(ACCEPTED_TYPES)
    assert set(SENTENCES) == set(Reason)
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())


def test_heic_may_be_declared_as_heif_but_avif_may_not() -> None:
    heic, avif = sniff((SEEDS / "plain.heic").read_bytes()), sniff(originals()["avif"])

    assert check_declared(heic, "image/heif") is heic
    with pytest.raises(RejectedPhoto, match="type_mismatch"):
        check_declared(avif, "image/heif")


def test_a_stranger_type_is_not_repeated() -> None:
    with pytest.raises(RejectedPhoto) as rejected:
        check_declared(sniff(b"%PDF-1.7"), "<script>")

    assert rejected.value.sentence.startswith("This is a PDF document, not a photo.")


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"\xff", b"\n\n", b"GIF88a", b"RIF", b"\x89PNG\r\n\x1a", bytes(8) + b"ftyp"]
)
def test_too_little_or_nothing_is_not_recognised_as_a_photo(data: bytes) -> None:
    kind = sniff(data)

    assert kind is None or kind.content_type is None


@pytest.mark.parametrize("name", ["png", "webp", "avif", "heic"])
def test_lengths_tell_when_the_end_is_missing(name: str) -> None:
    data = originals()[name]

    assert not is_cut_short(f"image/{name}", data)
    assert is_cut_short(f"image/{name}", data[:-1])
    assert is_cut_short(f"image/{name}", data[: len(data) // 2])


def test_frames_of_a_gif_are_counted_without_decoding_and_no_further_than_needed() -> None:
    three = animation("gif", 3)

    assert gif_frames(saved(picture("P"), "gif"), 10) == 1
    assert gif_frames(three, 10) == 3
    assert gif_frames(three, 2) == 2
    assert gif_frames(three[: len(three) // 2], 10) < 3
    assert [gif_frames(three[:length], 10) for length in (0, 6, 12, 13)] == [0, 0, 0, 0]


def test_lossless_webp_is_told_from_lossy() -> None:
    assert webp_is_lossless(saved(picture(), "webp", lossless=True))
    assert not webp_is_lossless(saved(picture(), "webp"))
    assert not webp_is_lossless(saved(picture(), "webp", xmp=b"VP8L"))
