"""Small files of every kind that results come in, made from nothing."""

import io
import struct
import wave

from PIL import Image, PngImagePlugin

#: Stands in metadata, where nothing of ours may keep it.
CANARY = "metadata-canary"


def png(width: int = 48, height: int = 32, *, told: bool = True) -> bytes:
    """A picture that is not flat, with a text chunk."""
    info = PngImagePlugin.PngInfo()
    if told:
        info.add_text("parameters", CANARY)
    out = io.BytesIO()
    _noise(width, height).save(out, "PNG", pnginfo=info)
    return out.getvalue()


def jpeg(width: int = 48, height: int = 32) -> bytes:
    out = io.BytesIO()
    _noise(width, height).save(out, "JPEG", comment=CANARY.encode(), exif=b"Exif\0\0" + CANARY.encode())
    return out.getvalue()


def webp(width: int = 48, height: int = 32) -> bytes:
    out = io.BytesIO()
    _noise(width, height).save(out, "WEBP", xmp=CANARY.encode(), lossless=True)
    return out.getvalue()


def _noise(width: int, height: int) -> Image.Image:
    return Image.effect_noise((width, height), 60).convert("RGB")


def wav(seconds: float = 1.5, rate: int = 8000) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(bytes(2 * int(seconds * rate)))
    whole = out.getvalue() + b"LIST" + struct.pack("<I", len(CANARY) + 1) + CANARY.encode() + b"\0"
    return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]


def mp3(frames: int = 40) -> bytes:
    """Frames of MPEG 1 Layer III, 128 kbit/s, 44.1 kHz, with both kinds of tags."""
    frame = b"\xff\xfb\x90\x00" + bytes(413)
    tag = CANARY.encode()
    head = b"ID3\x04\x00\x00" + bytes([0, 0, 0, len(tag)]) + tag
    return head + frame * frames + (b"TAG" + tag).ljust(128, b"\0")


def box(kind: bytes, *content: bytes) -> bytes:
    """A box of ISO base media."""
    inside = b"".join(content)
    return struct.pack(">I", len(inside) + 8) + kind + inside


def mp4(width: int = 64, height: int = 36, seconds: float = 4.0) -> bytes:
    """A video as far as its boxes go, with metadata in three places."""
    mvhd = box(b"mvhd", struct.pack(">IIIII", 0, 0, 0, 1000, int(seconds * 1000)), bytes(80))
    tkhd = box(b"tkhd", bytes(76), struct.pack(">II", width << 16, height << 16))
    told = box(b"udta", CANARY.encode())
    moov = box(b"moov", mvhd, box(b"trak", tkhd, told), box(b"meta", CANARY.encode()))
    return box(b"ftyp", b"isommp42") + moov + box(b"uuid", CANARY.encode() + bytes(16)) + box(b"mdat", bytes(200))
