"""What a made file is, and how large or long, read from its own structure: never from a name or a declared type.

JPEG (ITU-T T.81 Annex B), PNG (W3C REC-png-3 §11.2.1), WebP (RFC 9649 §2.3), MP4 (ISO/IEC 14496-12 §8.2.2, §8.3.2),
WAV (RFC 2361), MP3 (ISO/IEC 11172-3 §2.4.2.3, 13818-3). Every walk follows lengths that the file claims, forwards only
and never past its end.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.media.sniff import HEAD_BYTES, JPEG, PNG, WEBP, sniff

MAX_BOX_DEPTH = 6
#: Frame headers without a size and arithmetic-coded ones are not among them: nobody sends such a picture.
_SOF = frozenset({0xC0, 0xC1, 0xC2})
_CONTAINERS = frozenset({b"moov", b"trak", b"mdia"})
_MP3_KBITS_V1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MP3_KBITS_V2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MP3_HERTZ = (44_100, 48_000, 32_000)


class Unmeasurable(ValueError):
    """It is none of the formats that results come in, or is cut short or damaged. The message says what was found."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Sides in pixels, None for sound; `seconds` of a video or sound, else None."""

    content_type: str
    width: int | None
    height: int | None
    seconds: float | None


def measure(data: bytes) -> Measured:
    """Raises Unmeasurable."""
    try:
        return _measure(data)
    except (IndexError, struct.error):
        raise Unmeasurable("a file that ends in the middle") from None


def _measure(data: bytes) -> Measured:
    kind = sniff(data[:HEAD_BYTES])
    if kind is JPEG:
        return _picture("image/jpeg", _jpeg_sides(data))
    if kind is PNG:
        return _picture("image/png", (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")))
    if kind is WEBP:
        return _picture("image/webp", _webp_sides(data))
    if data[4:8] == b"ftyp" and (kind is None or kind.content_type is None):
        return _mp4(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return Measured("audio/wav", None, None, _wav_seconds(data))
    if data[:3] == b"ID3" or (data[:1] == b"\xff" and data[1] & 0xE0 == 0xE0):
        return Measured("audio/mpeg", None, None, _mp3_seconds(data))
    raise Unmeasurable(kind.called if kind else "an unknown kind of file")


def _picture(content_type: str, sides: tuple[int, int]) -> Measured:
    if min(sides) < 1:
        raise Unmeasurable("a picture without a size")
    return Measured(content_type, *sides, None)


def _jpeg_sides(data: bytes) -> tuple[int, int]:
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _SOF:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    raise Unmeasurable("a JPEG without a frame")


def _webp_sides(data: bytes) -> tuple[int, int]:
    form = data[12:16]
    if form == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if form == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if form == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise Unmeasurable("a WebP without a picture")


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int, int]]:
    """(type, where it begins, where its content begins, where it ends) of each box. Raises Unmeasurable for one that
    claims to end past `end`."""
    at = start
    while at + 8 <= end:
        size, kind, header = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, header = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = end - at
        if size < header or at + size > end:
            raise Unmeasurable("a video that ends in the middle")
        yield kind, at, at + header, at + size
        at += size


def _mp4(data: bytes) -> Measured:
    seconds, sides, found = 0.0, (0, 0), [(0, len(data), 0)]
    media = False
    while found:
        start, end, depth = found.pop()
        for kind, _, inside, stop in boxes(data, start, end):
            media = media or kind == b"mdat"
            if kind in _CONTAINERS and depth < MAX_BOX_DEPTH:
                found.append((inside, stop, depth + 1))
            elif kind == b"mvhd":
                seconds = _duration(data, inside)
            elif kind == b"tkhd":
                # The sides are the last two numbers, 16.16 fixed point; a track of sound has none.
                width, height = struct.unpack_from(">II", data, stop - 8)
                sides = max(sides, (width >> 16, height >> 16))
    if not (media and seconds > 0 and min(sides) > 0):
        raise Unmeasurable("a video without pictures")
    return Measured("video/mp4", *sides, seconds)


def _duration(data: bytes, at: int) -> float:
    long = data[at] == 1
    scale, length = struct.unpack_from(">IQ" if long else ">II", data, at + (20 if long else 12))
    return length / scale if scale else 0.0


def _wav_seconds(data: bytes) -> float:
    at, rate = 12, 0
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if kind == b"fmt ":
            rate = int.from_bytes(data[at + 16 : at + 20], "little")
        if kind == b"data":
            # Whoever streams does not know the size beforehand, and claims the largest there is.
            size = min(size, len(data) - at - 8) if size >= 0x7FFFFFFF else size
            if not rate or not size or at + 8 + size > len(data):
                raise Unmeasurable("a sound that ends in the middle")
            return size / rate
        at += 8 + size + size % 2
    raise Unmeasurable("a sound without samples")


def mp3_start(data: bytes) -> int:
    """Where the first frame may begin: after an ID3v2 tag (https://id3.org/id3v2.4.0-structure §3.1), if any."""
    if data[:3] != b"ID3":
        return 0
    return 10 + sum((data[at] & 0x7F) << shift for at, shift in ((6, 21), (7, 14), (8, 7), (9, 0)))


def _mp3_seconds(data: bytes) -> float:
    at, seconds, frames = mp3_start(data), 0.0, 0
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] & 0xE0 == 0xE0:
        version, layer = data[at + 1] >> 3 & 3, data[at + 1] >> 1 & 3
        rate, hertz = data[at + 2] >> 4, data[at + 2] >> 2 & 3
        if layer != 1 or version == 1 or not 0 < rate < 15 or hertz == 3:
            break
        first = version == 3
        kbits = (_MP3_KBITS_V1 if first else _MP3_KBITS_V2)[rate]
        frequency = _MP3_HERTZ[hertz] >> (0 if first else 1 if version == 2 else 2)
        samples = 1152 if first else 576
        seconds += samples / frequency
        frames += 1
        at += samples // 8 * kbits * 1000 // frequency + (data[at + 2] >> 1 & 1)
    # The last frame may be cut by what streamed it; a single one is chance.
    if frames < 2:
        raise Unmeasurable("a sound without frames")
    return seconds
