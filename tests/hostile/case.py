"""What a hostile (or honest) file is, and the picture that most of them are made of."""

import io
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from PIL import Image

from chalicelib.media.photo import Reason

WIDTH, HEIGHT = 96, 64
RED, GREEN, BLUE, YELLOW = (220, 40, 40), (40, 200, 60), (50, 70, 220), (235, 220, 60)
#: The corners of the picture, seen upright: left to right, top to bottom.
CORNERS = (RED, GREEN, BLUE, YELLOW)
#: Must be in no output: it stands in every comment, tag and appended script.
SECRET = b"SECRET-51.5074N-0.1278W"

#: Whatever happens is right, as long as it is an answer: for damage done at random.
ANY = frozenset(Reason) | {None}


@dataclass(frozen=True, slots=True)
class Case:
    """A file, the type it is declared as, and the reasons it may be rejected for (None: it may be accepted).

    `corners` are the colours that an accepted file must show, if it shows the picture.
    """

    name: str
    data: bytes
    declared: str
    allowed: frozenset[Reason | None]
    corners: tuple[tuple[int, int, int], ...] | None = None


def accepted(name: str, data: bytes, declared: str, corners: tuple[tuple[int, int, int], ...] | None = CORNERS) -> Case:
    return Case(name, data, declared, frozenset({None}), corners)


def rejected(name: str, data: bytes, declared: str, *reasons: Reason) -> Case:
    return Case(name, data, declared, frozenset(reasons))


def picture(mode: str = "RGB") -> Image.Image:
    """Four flat corners: easy to recognise after any turn, loss or change of mode."""
    image = Image.new("RGB", (WIDTH, HEIGHT))
    for number, colour in enumerate(CORNERS):
        left, top = (number % 2) * WIDTH // 2, (number // 2) * HEIGHT // 2
        image.paste(colour, (left, top, left + WIDTH // 2, top + HEIGHT // 2))
    if mode == "P":
        return image.quantize(16)
    return image if mode == "RGB" else image.convert(mode)


def saved(image: Image.Image, format_name: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format_name, **options)
    return out.getvalue()


def jpeg(image: Image.Image | None = None, **options: Any) -> bytes:
    return saved(image or picture(), "JPEG", **{"quality": 92, "subsampling": 0, **options})


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG chunk with its length and CRC (REC-png-3 §5.3)."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, depth: int, colour_type: int, idat: bytes, *before: bytes) -> bytes:
    """A PNG of raw parts: `idat` is compressed already, `before` are chunks that come ahead of it."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(before) + png_chunk(b"IDAT", idat) + png_chunk(b"IEND", b"")


def zeros_compressed(count: int) -> bytes:
    """That many zero bytes, compressed, without ever holding them."""
    squeeze = zlib.compressobj(6)
    block = bytes(1 << 20)
    parts = [squeeze.compress(block) for _ in range(count >> 20)]
    return b"".join([*parts, squeeze.compress(bytes(count & ((1 << 20) - 1))), squeeze.flush()])


def jpeg_segment(marker: int, body: bytes) -> bytes:
    """A JPEG marker segment (T.81 B.1.1.4)."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def after_soi(data: bytes, *segments: bytes) -> bytes:
    """A JPEG with more segments at its beginning."""
    return data[:2] + b"".join(segments) + data[2:]
