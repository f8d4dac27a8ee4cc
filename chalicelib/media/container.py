"""Just enough of each container to know, without decoding, whether it is cut short and how many frames it holds.

PNG chunks (W3C REC-png-3 §5.3), RIFF (RFC 9649 §2.3), ISO base media boxes (ISO/IEC 14496-12 §4.2), GIF89a blocks.
All of them walk lengths that the file claims, never forwards past its end and never more steps than it has bytes.
"""

PNG_HEADER_BYTES = 8
PNG_CHUNK_OVERHEAD_BYTES = 12
GIF_TRAILER, GIF_EXTENSION, GIF_IMAGE = 0x3B, 0x21, 0x2C


def is_cut_short(content_type: str, data: bytes) -> bool:
    """Whether the container's own lengths say that the end is missing, asked of a file that could not be decoded.

    False where the format has no such lengths.
    """
    match content_type:
        case "image/png":
            return _png_is_cut(data)
        case "image/webp":
            return int.from_bytes(data[4:8], "little") + 8 > len(data)
        case "image/avif" | "image/heic" | "image/heif":
            return _boxes_are_cut(data)
        case "image/jpeg":
            return b"\xff\xd9" not in data
    return False


def webp_is_lossless(data: bytes) -> bool:
    """Whether the first picture of a WebP is coded without loss (a VP8L chunk comes before any VP8 chunk)."""
    lossless, lossy = data.find(b"VP8L", 12), data.find(b"VP8 ", 12)
    return lossless >= 0 and (lossy < 0 or lossless < lossy)


def gif_frames(data: bytes, enough: int) -> int:
    """The number of pictures in a GIF, counted up to `enough`. Damage ends the count."""
    if len(data) < 13:
        return 0
    at = 13 + _colour_table_bytes(data[10])
    frames = 0
    while at < len(data) and frames < enough:
        block = data[at]
        if block == GIF_IMAGE and at + 10 <= len(data):
            frames += 1
            at = _skip_sub_blocks(data, at + 11 + _colour_table_bytes(data[at + 9]))
        elif block == GIF_EXTENSION:
            at = _skip_sub_blocks(data, at + 2)
        else:
            break
    return frames


def _colour_table_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_sub_blocks(data: bytes, at: int) -> int:
    """The offset after the empty sub-block that ends a chain, or the end of the file."""
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1


def _png_is_cut(data: bytes) -> bool:
    at = PNG_HEADER_BYTES
    while at + PNG_CHUNK_OVERHEAD_BYTES <= len(data):
        if data[at + 4 : at + 8] == b"IEND":
            return False
        at += PNG_CHUNK_OVERHEAD_BYTES + int.from_bytes(data[at : at + 4], "big")
    return True


def _boxes_are_cut(data: bytes) -> bool:
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size == 0:
            return False
        if size < 8:
            return False
        at += size
    return at != len(data)
