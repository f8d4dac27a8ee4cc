"""Files that are not photos, or are made to break whoever opens them."""

import random
import struct
import zlib
from collections.abc import Iterator

from PIL import Image

from chalicelib.media.limits import MAX_UPLOAD_BYTES
from chalicelib.media.photo import Reason
from tests.hostile.case import (
    ANY,
    HEIGHT,
    SECRET,
    WIDTH,
    Case,
    accepted,
    after_soi,
    jpeg,
    picture,
    png,
    png_chunk,
    rejected,
    saved,
    zeros_compressed,
)
from tests.hostile.honest import SEEDS, animation

EMPTY, TOO_LARGE, UNRECOGNISED, UNSUPPORTED = (
    Reason.EMPTY,
    Reason.TOO_LARGE,
    Reason.UNRECOGNISED,
    Reason.UNSUPPORTED_TYPE,
)
MISMATCH, PIXELS, SMALL, FRAMES = (
    Reason.TYPE_MISMATCH,
    Reason.TOO_MANY_PIXELS,
    Reason.TOO_SMALL,
    Reason.TOO_MANY_FRAMES,
)
TRUNCATED, UNDECODABLE = Reason.TRUNCATED, Reason.UNDECODABLE


def originals() -> dict[str, bytes]:
    """One whole file of each format, by the last part of its type. Noise, so that damage hits pixels."""
    chance = random.Random(0)
    noise = Image.frombytes("RGB", (160, 120), chance.randbytes(160 * 120 * 3))
    return {
        "jpeg": saved(noise, "jpeg", quality=92),
        "png": saved(noise, "png"),
        "webp": saved(noise, "webp", quality=90),
        "gif": saved(noise, "gif"),
        "avif": saved(noise, "avif", quality=80),
        "heic": (SEEDS / "plain.heic").read_bytes(),
    }


def bombs() -> Iterator[Case]:
    yield rejected(
        "60000-squared.png", png(60_000, 60_000, 1, 0, zeros_compressed(60_000 * 7_501)), "image/png", PIXELS
    )
    yield rejected("header-only-2-to-31.png", png(2**31 - 1, 2**31 - 1, 8, 6, b""), "image/png", PIXELS)
    yield rejected("just-too-large.png", png(6325, 6325, 1, 0, zeros_compressed(6325 * 792)), "image/png", PIXELS)
    yield rejected("too-long.png", png(16_385, 40, 8, 0, zeros_compressed(16_386 * 40)), "image/png", PIXELS)
    yield rejected("65500-squared.jpeg", resized_jpeg(65_500, 65_500), "image/jpeg", PIXELS)
    yield rejected("65535-squared.gif", resized_gif(65_535, 65_535), "image/gif", PIXELS)
    yield rejected("frame-beyond-screen.gif", grown_gif_frame(65_000), "image/gif", PIXELS)
    yield rejected("canvas-16384-squared.webp", resized_webp(16_384, 16_384), "image/webp", PIXELS)
    for name in ("heic", "avif"):
        # libavif has a limit of its own, and says no more than that it will not.
        data = resized_boxes(originals()[name], 60_000, 60_000)
        yield rejected(f"60000-squared.{name}", data, f"image/{name}", PIXELS, UNDECODABLE)
    bomb = zeros_compressed(256 << 20)
    for name, kind, start in (
        ("text", b"zTXt", b"a\0\0"),
        ("itxt", b"iTXt", b"a\0\1\0\0\0"),
        ("profile", b"iCCP", b"a\0\0"),
    ):
        yield rejected(f"{name}-bomb.png", texts_bomb(kind, start + bomb), "image/png", UNDECODABLE)
    overfull = png(64, 64, 1, 0, zeros_compressed(512 << 20))
    yield accepted("pixels-never-end.png", overfull, "image/png", ((0, 0, 0),) * 4)
    yield accepted("half-a-million-chunks.png", texts_bomb(b"tEXt", b"a\0b", 500_000), "image/png")


def frames() -> Iterator[Case]:
    yield rejected("201-frames.gif", animation("gif", 201), "image/gif", FRAMES)
    yield rejected("201-frames.webp", animation("webp", 201), "image/webp", FRAMES)
    yield rejected("100000-frames.gif", many_frames_gif(100_000), "image/gif", FRAMES)
    control = png_chunk(b"acTL", struct.pack(">II", 1_000_000, 0))
    whole = saved(picture(), "png")
    yield rejected("claims-a-million-frames.png", whole[:33] + control + whole[33:], "image/png", FRAMES)
    long_comment = b"!\xfe" + (b"\xff" + b"x" * 255) * 20_000 + b"\0"
    gif = saved(picture("P"), "gif")
    yield accepted("five-megabytes-of-comment.gif", gif[:-1] + long_comment + b";", "image/gif")


def sizes() -> Iterator[Case]:
    for width, height in ((1, 1), (31, 400), (400, 31)):
        thin = Image.new("RGB", (width, height), (9, 9, 9))
        yield rejected(f"{width}x{height}.png", saved(thin, "png"), "image/png", SMALL)
    yield accepted("32x32.png", saved(Image.new("RGB", (32, 32)), "png"), "image/png", ((0, 0, 0),) * 4)
    yield rejected("zero-width.png", png(0, 64, 8, 0, zlib.compress(b"")), "image/png", UNDECODABLE)
    yield rejected("empty.jpeg", b"", "image/jpeg", EMPTY)
    yield rejected("too-large.jpeg", jpeg() + bytes(MAX_UPLOAD_BYTES), "image/jpeg", TOO_LARGE)


def truncated() -> Iterator[Case]:
    for name, data in originals().items():
        for percent in (3, 10, 35, 60, 90, 97):
            cut = data[: max(13, len(data) * percent // 100)]
            yield rejected(f"first-{percent}-percent.{name}", cut, f"image/{name}", TRUNCATED)
    for name, signature, declared in (
        ("signature-only.jpeg", b"\xff\xd8\xff", "image/jpeg"),
        ("signature-only.png", b"\x89PNG\r\n\x1a\n", "image/png"),
        ("signature-only.gif", b"GIF89a", "image/gif"),
        ("signature-only.webp", b"RIFF\xff\xff\0\0WEBP", "image/webp"),
        ("signature-only.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image/heic"),
        ("signature-only.avif", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", "image/avif"),
    ):
        yield rejected(name, signature, declared, TRUNCATED, UNDECODABLE)


def damaged() -> Iterator[Case]:
    chance = random.Random(1)
    for name, data in originals().items():
        for number in range(12):
            harmed = bytearray(data)
            for _ in range(chance.choice((1, 4, 40))):
                harmed[chance.randrange(12, len(harmed))] = chance.randrange(256)
            yield Case(f"damaged-{number}.{name}", bytes(harmed), f"image/{name}", ANY)
        middle = len(data) // 2
        yield Case(f"hole.{name}", data[:middle] + bytes(64) + data[middle + 64 :], f"image/{name}", ANY)
        yield Case(f"doubled-middle.{name}", data[:middle] + data[middle // 2 :], f"image/{name}", ANY)
    whole = saved(picture(), "png")
    at = whole.index(b"IDAT")
    yield rejected("wrong-crc.png", whole[: at + 8] + b"\xaa" + whole[at + 9 :], "image/png", UNDECODABLE)
    yield rejected("not-compressed.png", png(64, 64, 8, 2, b"\0" * 4000), "image/png", UNDECODABLE)
    yield rejected("colour-type-7.png", png(64, 64, 8, 7, zlib.compress(bytes(9000))), "image/png", UNDECODABLE)
    yield rejected("no-palette.png", png(64, 64, 8, 3, zlib.compress(bytes(65 * 64))), "image/png", UNDECODABLE)
    tables_first = jpeg()
    yield rejected("no-tables.jpeg", without_segments(tables_first, 0xDB), "image/jpeg", UNDECODABLE)
    endless = after_soi(jpeg(), b"\xff" * 100_000)
    yield accepted("a-hundred-thousand-fill-bytes.jpeg", endless, "image/jpeg")
    lying = after_soi(jpeg(), b"\xff\xe1\xff\xff" + SECRET)
    yield rejected("segment-longer-than-file.jpeg", lying, "image/jpeg", TRUNCATED)
    scans = jpeg(progressive=True)
    yield accepted("two-thousand-scans.jpeg", repeated_scans(scans, 2_000), "image/jpeg")


IMPOSTORS: dict[str, bytes] = {
    "page.html": b"<!DOCTYPE html><html><script>alert(1)</script></html>",
    "page-after-spaces.html": b"\xef\xbb\xbf \r\n\t<HTML><body onload=alert(1)>",
    "page-utf-16.html": b"\xff\xfe" + "<!DOCTYPE html><script>1</script>".encode("utf-16-le"),
    "fragment.html": b"<script src=//evil.example></script>",
    "xhtml.html": b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>',
    "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "declared-drawing.svg": b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "b">]><svg><text>&a;</text></svg>',
    "commented-drawing.svg": b"<!-- hello --><svg/>",
    "feed.xml": b'<?xml version="1.0"?><rss/>',
    "document.pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "page.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "archive.zip": b"PK\x03\x04\x14\0\0\0",
    "archive.rar": b"Rar!\x1a\x07\x01\0",
    "archive.7z": b"7z\xbc\xaf\x27\x1c\0\4",
    "archive.gz": b"\x1f\x8b\x08\0",
    "archive.bz2": b"BZh91AY&SY",
    "archive.xz": b"\xfd7zXZ\0\0\x04",
    "scan-intel.tiff": b"II*\0\x08\0\0\0",
    "scan-motorola.tiff": b"MM\0*\0\0\0\x08",
    "layers.psd": b"8BPS\0\1",
    "old.bmp": b"BM\x36\0\0\0",
    "icon.ico": b"\0\0\1\0\1\0",
    "wavelets.jp2": b"\0\0\0\x0cjP  \r\n\x87\n",
    "wavelets.j2k": b"\xff\x4f\xff\x51\0\x2f",
    "new.jxl": b"\xff\x0a\xfa\x1f",
    "boxed.jxl": b"\0\0\0\x0cJXL \r\n\x87\n",
    "raw.cr3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    "film.mp4": b"\0\0\0\x18ftypisom\0\0\2\0isommp41",
    "film.mov": b"\0\0\0\x14ftypqt  \0\0\2\0qt  ",
    "film.webm": b"\x1aE\xdf\xa3\x9fB\x86\x81\1",
    "film.avi": b"RIFF\x24\0\0\0AVI LIST",
    "sound.wav": b"RIFF\x24\0\0\0WAVEfmt ",
    "sound.mp3": b"ID3\4\0\0",
    "sound.ogg": b"OggS\0\2",
    "program.exe": b"MZ\x90\0\3",
    "program.elf": b"\x7fELF\2\1\1",
    "script.sh": b"#!/bin/sh\nrm -rf /\n",
    "script.php": b"<?php system($_GET[0]);",
    "notes.txt": b"Dear Sir or Madam,\nplease find my photo attached.\n",
    "data.json": b'{"image": "none"}',
    "playlist.m3u8": b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
    "rows.sqlite": b"SQLite format 3\0",
}  # fmt: skip


def impostors() -> Iterator[Case]:
    for name, data in IMPOSTORS.items():
        yield rejected(f"{name}.jpg", data + b"\n" * 4 if data[:1] == b"<" else data, "image/jpeg", UNSUPPORTED)
    chance = random.Random(2)
    yield rejected("chance.jpg", b"\xf0" + chance.randbytes(4096), "image/jpeg", UNRECOGNISED)
    yield rejected("zeros.jpg", bytes(4096), "image/jpeg", UNRECOGNISED)
    yield rejected("one-byte.jpg", b"\xff", "image/jpeg", UNRECOGNISED)
    whole = originals()
    for kind, declared in (
        ("png", "jpeg"),
        ("jpeg", "png"),
        ("gif", "png"),
        ("webp", "gif"),
        ("heic", "avif"),
        ("avif", "heic"),
    ):
        yield rejected(f"{kind}-declared-{declared}", whole[kind], f"image/{declared}", MISMATCH)
    yield rejected("declared-as-html", whole["png"], "text/html", MISMATCH)


def crooked() -> Iterator[Case]:
    """All of them."""
    for family in (bombs, frames, sizes, truncated, damaged, impostors):
        yield from family()


def resized_jpeg(width: int, height: int) -> bytes:
    """A JPEG whose frame header (T.81 B.2.2) claims another size."""
    data = bytearray(jpeg())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def resized_gif(width: int, height: int) -> bytes:
    """A GIF whose screen claims another size."""
    data = saved(picture("P"), "gif")
    return data[:6] + struct.pack("<HH", width, height) + data[10:]


def grown_gif_frame(side: int) -> bytes:
    """A GIF whose first picture is far larger than its screen."""
    data = bytearray(saved(picture("P"), "gif"))
    at = data.index(b"," + struct.pack("<HHHH", 0, 0, WIDTH, HEIGHT))
    data[at + 5 : at + 9] = struct.pack("<HH", side, side)
    return bytes(data)


def many_frames_gif(count: int) -> bytes:
    """A GIF with its one picture repeated: 50 bytes a frame, each as large as the screen."""
    gif = saved(Image.new("P", (64, 64)), "gif")
    at = gif.index(b"," + struct.pack("<HHHH", 0, 0, 64, 64))
    return gif[:at] + gif[at:-1] * count + b";"


def resized_webp(width: int, height: int) -> bytes:
    """A WebP whose extended header (RFC 9649 §2.7) claims another canvas."""
    data = bytearray(saved(picture(), "webp", xmp=b"<x/>"))
    at = data.index(b"VP8X")
    data[at + 12 : at + 18] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


def resized_boxes(data: bytes, width: int, height: int) -> bytes:
    """A HEIF or AVIF whose `ispe` box (ISO/IEC 23008-12 §6.5.3) claims another size."""
    at = data.index(b"ispe")
    return data[: at + 8] + struct.pack(">II", width, height) + data[at + 16 :]


def texts_bomb(kind: bytes, body: bytes, count: int = 1) -> bytes:
    whole = saved(picture(), "png")
    return whole[:33] + png_chunk(kind, body) * count + whole[33:]


def without_segments(data: bytes, marker: int) -> bytes:
    """A JPEG without its segments of that kind (before the scan)."""
    kept, at = bytearray(data[:2]), 2
    while data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] != marker:
            kept += data[at:end]
        at = end
    return bytes(kept) + data[at:]


def repeated_scans(data: bytes, count: int) -> bytes:
    """A progressive JPEG with its last scan again and again: cheap to write, slow to decode."""
    at = data.rindex(b"\xff\xda")
    return data[:at] + data[at:-2] * count + data[-2:]
