"""Takes metadata out of a made file and leaves pictures and sound as they are, bit for bit: nothing is decoded.

The formats are those of `measure`, which also cites them. Pictures are taken to be sRGB, so colour profiles go too.
"""

from chalicelib.media.measure import Unmeasurable, boxes, mp3_start

#: JFIF's header, and Adobe's, without which colours cannot be decoded.
_JPEG_KEPT = frozenset({0xE0, 0xEE})
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"sRGB", b"gAMA", b"IDAT", b"IEND"})
_WEBP_KEPT = frozenset({b"VP8 ", b"VP8L", b"ALPH"})
#: In VP8X: animation, XMP, EXIF and ICC profile are there. Transparency stays.
_WEBP_FLAGS = 0x10
_WAV_KEPT = frozenset({b"fmt ", b"data"})
_MP4_TOLD = frozenset({b"udta", b"meta", b"uuid"})
_MP4_WALKED = frozenset({b"moov", b"trak", b"mdia"})


def strip(content_type: str, data: bytes) -> bytes:
    """The file without metadata. Raises Unmeasurable if it is cut short or damaged."""
    try:
        return {
            "image/jpeg": _jpeg,
            "image/png": _png,
            "image/webp": _webp,
            "video/mp4": _mp4,
            "audio/wav": _wav,
            "audio/mpeg": _mp3,
        }[content_type](data)
    except IndexError:
        raise Unmeasurable("a file that ends in the middle") from None


def _jpeg(data: bytes) -> bytes:
    kept, at = bytearray(data[:2]), 2
    while True:
        if data[at] != 0xFF:
            raise Unmeasurable("a damaged JPEG")
        marker = data[at + 1]
        if marker == 0xD9:
            return bytes(kept + b"\xff\xd9")
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        is_told = (0xE0 <= marker <= 0xEF and marker not in _JPEG_KEPT) or marker == 0xFE
        if marker == 0xDA:
            end = _scan_end(data, end)
        if not is_told:
            kept += data[at:end]
        at = max(end, at + 2)


def _scan_end(data: bytes, at: int) -> int:
    """Where a scan's coded data end: at the first marker that is neither stuffing nor a restart."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            raise Unmeasurable("a JPEG that ends in the middle")
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2


def _png(data: bytes) -> bytes:
    kept, at = bytearray(data[:8]), 8
    while at + 12 <= len(data):
        kind, end = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            break
        if kind in _PNG_KEPT:
            kept += data[at:end]
        if kind == b"IEND":
            return bytes(kept)
        at = end
    raise Unmeasurable("a PNG that ends in the middle")


def _webp(data: bytes) -> bytes:
    kept = b""
    for kind, chunk in _riff(data, b"WEBP"):
        if kind == b"VP8X":
            kept += chunk[:8] + bytes([chunk[8] & _WEBP_FLAGS]) + chunk[9:]
        elif kind in _WEBP_KEPT:
            kept += chunk
    return b"RIFF" + (len(kept) + 4).to_bytes(4, "little") + b"WEBP" + kept


def _wav(data: bytes) -> bytes:
    kept = b"".join(chunk for kind, chunk in _riff(data, b"WAVE") if kind in _WAV_KEPT)
    return b"RIFF" + (len(kept) + 4).to_bytes(4, "little") + b"WAVE" + kept


def _riff(data: bytes, form: bytes) -> list[tuple[bytes, bytes]]:
    """(type, whole chunk with its header) of each; a last one of unknown size is given its true one."""
    if data[8:12] != form:
        raise Unmeasurable("another kind of file")
    found, at = [], 12
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if size >= 0x7FFFFFFF:
            size = len(data) - at - 8
        if at + 8 + size > len(data):
            raise Unmeasurable("a file that ends in the middle")
        content = data[at + 8 : at + 8 + size]
        found.append((kind, kind + size.to_bytes(4, "little") + content + b"\0" * (size % 2)))
        at += 8 + size + size % 2
    return found


def _mp4(data: bytes) -> bytes:
    """What tells becomes free space of the same size, so that nothing that points into the file has to move."""
    bare, found = bytearray(data), [(0, len(data))]
    while found:
        start, end = found.pop()
        for kind, at, inside, stop in boxes(data, start, end):
            if kind in _MP4_TOLD:
                bare[at + 4 : at + 8] = b"free"
                bare[inside:stop] = bytes(stop - inside)
            elif kind in _MP4_WALKED:
                found.append((inside, stop))
    return bytes(bare)


def _mp3(data: bytes) -> bytes:
    end = len(data) - 128 if data[-128:-125] == b"TAG" else len(data)
    return data[mp3_start(data) : end]
