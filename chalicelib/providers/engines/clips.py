"""Clips as MP4 (ISO/IEC 14496-12; AV1 in it: https://aomediacodec.github.io/av1-isobmff/), from animated AVIF.

Both are boxes around the same frames. AVIF's sample table is kept as it is, but for where the frames begin; what is
around it is written anew, without times, names or any other metadata.
"""

import struct
from dataclasses import dataclass

from chalicelib.media.measure import boxes

#: Units of the AVIF that Pillow writes.
TICKS_PER_SECOND = 1000
_TABLE = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_KEPT = frozenset({b"stsd", b"stts", b"stsc", b"stsz", b"stss"})
_UNTURNED = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


@dataclass(frozen=True, slots=True)
class Clip:
    """An MP4 file. Sides in pixels."""

    data: bytes
    width: int
    height: int
    seconds: float


class Unclippable(ValueError):
    """The animated AVIF is not built as this Pillow builds it."""


def clip_of(sequence: bytes, width: int, height: int) -> Clip:
    """The MP4 of an animated AVIF with one track. Raises Unclippable."""
    table = _sample_table(sequence)
    frames = _frames(sequence, table)
    ticks = _ticks(table[b"stts"])
    kinds = _box(b"ftyp", b"isom\0\0\2\0isomiso6av01mp41")
    # The first has the length of the second: where the frames begin is a number of fixed length.
    frames_at = len(kinds) + len(_movie(table, width, height, ticks, 0)) + 8
    data = kinds + _movie(table, width, height, ticks, frames_at) + _box(b"mdat", frames)
    return Clip(data, width, height, ticks / TICKS_PER_SECOND)


def _sample_table(sequence: bytes) -> dict[bytes, bytes]:
    """The boxes of the sample table, by kind: their content."""
    start, end = 0, len(sequence)
    for wanted in _TABLE:
        inside = [(begin, stop) for kind, _, begin, stop in boxes(sequence, start, end) if kind == wanted]
        if len(inside) != 1:
            raise Unclippable(f"{len(inside)} boxes of the kind {wanted.decode()}")
        start, end = inside[0]
    table = {kind: sequence[begin:stop] for kind, _, begin, stop in boxes(sequence, start, end)}
    missing = (_KEPT | {b"stco"}) - table.keys() - {b"stss"}
    if missing:
        raise Unclippable(f"no {sorted(missing)} in the sample table")
    return table


def _frames(sequence: bytes, table: dict[bytes, bytes]) -> bytes:
    """The coded frames: one chunk of them, and a size for each."""
    chunks, start = struct.unpack_from(">II", table[b"stco"], 4)
    same, count = struct.unpack_from(">II", table[b"stsz"], 4)
    if chunks != 1 or same:
        raise Unclippable("frames in several places")
    return sequence[start : start + sum(struct.unpack_from(f">{count}I", table[b"stsz"], 12))]


def _ticks(times: bytes) -> int:
    (entries,) = struct.unpack_from(">I", times, 4)
    numbers = struct.unpack_from(f">{2 * entries}I", times, 8)
    return sum(count * each for count, each in zip(numbers[::2], numbers[1::2], strict=True))


def _movie(table: dict[bytes, bytes], width: int, height: int, ticks: int, frames_at: int) -> bytes:
    """The moov box: one track, shown at once."""
    kept = [_box(kind, content) for kind, content in table.items() if kind in _KEPT]
    place = _box(b"stco", struct.pack(">3I", 0, 1, frames_at))
    here = _box(b"dinf", _box(b"dref", struct.pack(">II", 0, 1), _box(b"url ", struct.pack(">I", 1))))
    media = _box(
        b"mdia",
        _box(b"mdhd", struct.pack(">5IHH", 0, 0, 0, TICKS_PER_SECOND, ticks, 0x55C4, 0)),
        _box(b"hdlr", struct.pack(">II4s12xx", 0, 0, b"vide")),
        _box(b"minf", _box(b"vmhd", struct.pack(">I8x", 1)), here, _box(b"stbl", *kept, place)),
    )
    seen = struct.pack(">6I16x", 3, 0, 0, 1, 0, ticks) + _UNTURNED + struct.pack(">II", width << 16, height << 16)
    movie = struct.pack(">5IIH10x", 0, 0, 0, TICKS_PER_SECOND, ticks, 0x10000, 0x100) + _UNTURNED
    return _box(
        b"moov",
        _box(b"mvhd", movie, struct.pack(">24xI", 2)),
        _box(b"trak", _box(b"tkhd", seen), media),
    )


def _box(kind: bytes, *content: bytes) -> bytes:
    inside = b"".join(content)
    return struct.pack(">I4s", len(inside) + 8, kind) + inside
