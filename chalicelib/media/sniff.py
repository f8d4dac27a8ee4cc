"""What a file is, told from its first bytes and never from its name or declared type.

Signatures: PNG (W3C REC-png-3 §5.2), JPEG (ITU-T T.81 Annex B), GIF89a §17, WebP (RFC 9649 §2.3), HEIF and AVIF
(ISO/IEC 23008-12 §10, AV1 Image File Format §8: the brands of the `ftyp` box); the impostors by WHATWG MIME Sniffing
and their own specifications.
"""

from dataclasses import dataclass

from chalicelib.media.limits import ACCEPTED_TYPES
from chalicelib.media.photo import Reason, RejectedPhoto

#: How much of the file's beginning `sniff` wants to see.
HEAD_BYTES = 4096
PHOTO_ADVICE = "Send a JPEG, PNG, WebP, GIF, AVIF or HEIC photo."


@dataclass(frozen=True, slots=True)
class Kind:
    """A recognised format: `content_type` if it is one of ACCEPTED_TYPES, `called` as it stands in a sentence."""

    called: str
    content_type: str | None = None


JPEG = Kind("a JPEG image", "image/jpeg")
PNG = Kind("a PNG image", "image/png")
WEBP = Kind("a WebP image", "image/webp")
GIF = Kind("a GIF image", "image/gif")
AVIF = Kind("an AVIF image", "image/avif")
HEIC = Kind("a HEIC image", "image/heic")
HEIF = Kind("a HEIF image", "image/heif")
MOVIE = Kind("a video")
HTML = Kind("an HTML page")
SVG = Kind("an SVG drawing")
XML = Kind("an XML document")
TEXT = Kind("a text file")

ACCEPTED_KINDS = (JPEG, PNG, WEBP, GIF, AVIF, HEIC, HEIF)
#: HEIC is HEIF coded with HEVC (RFC 9695): phones declare either name for the same file.
SAME_TYPES = (frozenset({"image/heic", "image/heif"}),)

STARTS: tuple[tuple[bytes, Kind], ...] = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"%PDF-", Kind("a PDF document")),
    (b"%!PS", Kind("a PostScript file")),
    (b"\xc5\xd0\xd3\xc6", Kind("a PostScript file")),
    (b"PK\x03\x04", Kind("a ZIP archive or an Office document")),
    (b"PK\x05\x06", Kind("a ZIP archive or an Office document")),
    (b"Rar!\x1a\x07", Kind("a RAR archive")),
    (b"7z\xbc\xaf\x27\x1c", Kind("a 7z archive")),
    (b"\x1f\x8b", Kind("a gzip archive")),
    (b"BZh", Kind("a bzip2 archive")),
    (b"\xfd7zXZ\x00", Kind("an XZ archive")),
    (b"II*\x00", Kind("a TIFF image or a camera's raw file")),
    (b"MM\x00*", Kind("a TIFF image or a camera's raw file")),
    (b"II+\x00", Kind("a TIFF image")),
    (b"MM\x00+", Kind("a TIFF image")),
    (b"FUJIFILMCCD-RAW", Kind("a camera's raw file")),
    (b"8BPS", Kind("a Photoshop document")),
    (b"BM", Kind("a BMP image")),
    (b"\x00\x00\x01\x00", Kind("an icon file")),
    (b"\x00\x00\x00\x0cjP  ", Kind("a JPEG 2000 image")),
    (b"\xff\x4f\xff\x51", Kind("a JPEG 2000 image")),
    (b"\xff\x0a", Kind("a JPEG XL image")),
    (b"\x00\x00\x00\x0cJXL ", Kind("a JPEG XL image")),
    (b"\x1aE\xdf\xa3", MOVIE),
    (b"OggS", Kind("an audio or video file")),
    (b"ID3", Kind("an audio file")),
    (b"fLaC", Kind("an audio file")),
    (b"MZ", Kind("a Windows program")),
    (b"\x7fELF", Kind("a Linux program")),
    (b"\xcf\xfa\xed\xfe", Kind("a macOS program")),
    (b"SQLite format 3\x00", Kind("a database")),
    (b"#!", Kind("a script")),
)
HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"})
AVIF_BRANDS = frozenset({b"avif", b"avis"})
HEIF_BRANDS = frozenset({b"mif1", b"msf1", b"mif2"})
HTML_STARTS = tuple(b"<" + tag for tag in b"!doctype html|html|head|body|script|iframe|title|a |div|p".split(b"|"))
TEXT_BYTES = frozenset(range(0x20, 0x7F)) | {0x09, 0x0A, 0x0C, 0x0D}


def sniff(head: bytes) -> Kind | None:
    """The kind of file that begins with `head` (HEAD_BYTES are enough), or None if nothing is recognised."""
    if head[4:8] == b"ftyp":
        return _box_kind(head)
    if head[:4] == b"RIFF":
        return WEBP if head[8:12] == b"WEBP" else Kind("an audio or video file")
    for start, kind in STARTS:
        if head.startswith(start):
            return kind
    return _text_kind(head)


def check_declared(kind: Kind | None, declared_type: str) -> Kind:
    """The kind, if it is accepted and is what was declared.

    Raises RejectedPhoto (unrecognised, unsupported_type, type_mismatch) with a sentence that names what was found.
    """
    if kind is None:
        raise RejectedPhoto(Reason.UNRECOGNISED)
    declared = _called(declared_type)
    if kind.content_type is None:
        raise RejectedPhoto(Reason.UNSUPPORTED_TYPE, f"This is {kind.called}, not {declared}. {PHOTO_ADVICE}")
    pair = {kind.content_type, declared_type}
    if len(pair) > 1 and not any(pair <= same for same in SAME_TYPES):
        raise RejectedPhoto(Reason.TYPE_MISMATCH, f"This is {kind.called}, but it was declared as {declared}.")
    return kind


def _called(declared_type: str) -> str:
    """The declared type in words; a type outside ACCEPTED_TYPES is a stranger's text and is not repeated."""
    if declared_type not in ACCEPTED_TYPES:
        return "a photo"
    return next(kind.called for kind in ACCEPTED_KINDS if kind.content_type == declared_type)


def _box_kind(head: bytes) -> Kind:
    """ISO base media: the major brand decides, then the compatible ones; a generic one means another codec."""
    length = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, length - 3, 4))]
    for known, kind in ((AVIF_BRANDS, AVIF), (HEIC_BRANDS, HEIC)):
        if brands[0] in known:
            return kind
    if brands[0] in HEIF_BRANDS:
        for known, kind in ((AVIF_BRANDS, AVIF), (HEIC_BRANDS, HEIC)):
            if known.intersection(brands):
                return kind
        return HEIF
    return Kind("a camera's raw file") if brands[0] == b"crx " else MOVIE


def _text_kind(head: bytes) -> Kind | None:
    """HTML, SVG, XML, or plain text; None if the bytes are not text at all."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head[2:].replace(b"\x00", b"")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n\f\x00").lower()
    if not text:
        return None
    if text.startswith(HTML_STARTS):
        return HTML
    if text.startswith((b"<?php", b"<?=")):
        return Kind("a script")
    if text.startswith(b"<svg") or (text.startswith((b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in text):
        return SVG
    if b"<html" in text and text.startswith((b"<?xml", b"<!--")):
        return HTML
    if text.startswith(b"<?xml"):
        return XML
    strange = sum(byte not in TEXT_BYTES and byte < 0x80 for byte in text)
    return TEXT if strange == 0 and _mostly_ascii(text) else None


def _mostly_ascii(text: bytes) -> bool:
    return sum(byte in TEXT_BYTES for byte in text) * 10 >= len(text) * 7
