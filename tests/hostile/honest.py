"""Files that are photos: every format, mode and orientation, with all the metadata that must not survive."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from tests.hostile.case import (
    HEIGHT,
    RED,
    SECRET,
    WIDTH,
    Case,
    accepted,
    after_soi,
    jpeg,
    jpeg_segment,
    picture,
    png,
    png_chunk,
    saved,
    zeros_compressed,
)

SEEDS = Path(__file__).parent / "seeds"
GREYS = tuple((grey, grey, grey) for grey in (95, 136, 81, 206))
#: What must be done to the upright picture so that EXIF's orientation undoes it.
STORED_BY = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def formats() -> Iterator[Case]:
    for format_name in ("jpeg", "png", "webp", "gif", "avif"):
        yield accepted(f"plain.{format_name}", saved(picture(), format_name), f"image/{format_name}")
    yield accepted("progressive.jpeg", jpeg(progressive=True), "image/jpeg")
    yield accepted("lossless.webp", saved(picture(), "webp", lossless=True), "image/webp")
    yield accepted("interlaced.gif", saved(picture("P"), "gif", interlace=1), "image/gif")
    for seed in ("plain.heic", "turned-with-gps.heic", "two.heif"):
        yield accepted(seed, (SEEDS / seed).read_bytes(), "image/heic")
    yield accepted("heic-declared-heif.heic", (SEEDS / "plain.heic").read_bytes(), "image/heif")
    transparent = (SEEDS / "transparent.heic").read_bytes()
    yield accepted("transparent.heic", transparent, "image/heic")
    yield accepted(
        "two-pictures.mpo.jpeg", saved(picture(), "MPO", save_all=True, append_images=[picture()]), "image/jpeg"
    )
    yield accepted("thirty-frames.webp", animation("webp", 30), "image/webp")
    yield accepted("two-hundred-frames.gif", animation("gif", 200), "image/gif")
    yield accepted("apng.png", animation("png", 3), "image/png")
    yield accepted("jpeg-after-jpeg.jpeg", jpeg() + jpeg(), "image/jpeg")


def animation(format_name: str, frames: int) -> bytes:
    """The picture, then that many frames in all that differ from it and from each other."""
    others = []
    for number in range(1, frames):
        frame = picture()
        frame.putpixel((number % WIDTH, number % HEIGHT), (number % 256, 0, 255))
        others.append(frame)
    options = {"lossless": True} if format_name == "webp" else {}
    return saved(picture(), format_name, save_all=True, append_images=others, duration=20, **options)


def orientations() -> Iterator[Case]:
    for number, stored_by in STORED_BY.items():
        stored = picture() if stored_by is None else picture().transpose(stored_by)
        exif = Image.Exif()
        exif[0x0112] = number
        yield accepted(f"orientation-{number}.jpeg", jpeg(stored, exif=exif), "image/jpeg")
        if number in (5, 6, 8):
            for format_name in ("png", "webp", "avif"):
                data = saved(stored, format_name, exif=exif, quality=95)
                yield accepted(f"orientation-{number}.{format_name}", data, f"image/{format_name}")
    for wrong in (0, 9, 65535):
        exif = Image.Exif()
        exif[0x0112] = wrong
        yield accepted(f"orientation-{wrong}.jpeg", jpeg(exif=exif), "image/jpeg")


def modes() -> Iterator[Case]:
    yield accepted("cmyk.jpeg", jpeg(picture("CMYK")), "image/jpeg")
    yield accepted("grey.jpeg", saved(picture("L"), "JPEG", quality=92), "image/jpeg", GREYS)
    yield accepted("palette.png", saved(picture("P"), "png"), "image/png")
    yield accepted("grey-alpha.png", saved(picture("LA"), "png"), "image/png", GREYS)
    yield accepted("opaque-alpha.png", saved(picture("RGBA"), "png"), "image/png")
    see_through = picture("RGBA")
    see_through.paste((0, 0, 0, 0), (WIDTH // 2 - 4, HEIGHT // 2 - 4, WIDTH // 2 + 4, HEIGHT // 2 + 4))
    for format_name in ("png", "webp", "avif"):
        data = saved(see_through, format_name, quality=95)
        yield accepted(f"transparent.{format_name}", data, f"image/{format_name}")
    keyed = picture("P")
    yield accepted("palette-transparent.png", saved(keyed, "png", transparency=255), "image/png")
    yield accepted("colour-key.png", saved(picture(), "png", transparency=(1, 2, 3)), "image/png")
    yield accepted("one-bit.png", saved(Image.new("1", (64, 64), 1), "png"), "image/png", ((255, 255, 255),) * 4)
    grey16 = b"".join(b"\0" + struct.pack(">64H", *([0x8080] * 64)) for _ in range(64))
    middle = ((128, 128, 128),) * 4
    yield accepted("grey-16-bit.png", png(64, 64, 16, 0, zlib.compress(grey16)), "image/png", middle)
    colour16 = b"".join(
        b"\0" + b"".join(struct.pack(">3H", *(value * 257 for value in RED)) for _ in range(64)) for _ in range(64)
    )
    yield accepted("colour-16-bit.png", png(64, 64, 16, 2, zlib.compress(colour16)), "image/png", (RED,) * 4)
    yield accepted("largest.png", png(6324, 6324, 1, 0, zeros_compressed(6324 * 792)), "image/png", ((0, 0, 0),) * 4)


def swapped_profile() -> bytes:
    """An ICC profile whose red is green and whose green is red: whoever applies it sees them swapped."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile[:24] + bytes(12) + profile[36:]  # the date of its making
    profile = profile.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    swapped = bytearray(profile)
    swapped[red : red + 4], swapped[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(swapped)


def profiles() -> Iterator[Case]:
    swapped = ((40, 220, 40), (200, 40, 60), (70, 50, 220), (220, 235, 60))
    profile = swapped_profile()
    for format_name in ("jpeg", "png", "webp", "avif"):
        data = saved(picture(), format_name, icc_profile=profile, quality=95)
        yield accepted(f"swapped-profile.{format_name}", data, f"image/{format_name}", swapped)
    see_through = saved(picture("RGBA"), "png", icc_profile=profile)
    yield accepted("swapped-profile-alpha.png", see_through, "image/png", swapped)
    for name, bad in (("garbage", SECRET * 40), ("cut", profile[:200]), ("empty-table", profile[:128] + bytes(4))):
        yield accepted(f"profile-{name}.jpeg", jpeg(icc_profile=bad), "image/jpeg")
    grey_with_colour_profile = saved(picture("L"), "png", icc_profile=profile)
    yield accepted("profile-of-another-mode.png", grey_with_colour_profile, "image/png", GREYS)


def full_exif() -> Image.Exif:
    """A place, a camera, a serial number, a maker's note and a copyright line."""
    exif = Image.Exif()
    exif[0x010F] = exif[0x8298] = exif[0x013B] = SECRET.decode()
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2], gps[3], gps[4] = "N", (51.0, 30.0, 26.64), "W", (0.0, 7.0, 40.08)
    details = exif.get_ifd(0x8769)
    details[0x927C], details[0xA431], details[0x9286] = SECRET, SECRET.decode(), SECRET
    return exif


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:creator="' + SECRET + b'"/></rdf:RDF></x:xmpmeta>'
)


def metadata() -> Iterator[Case]:
    exif = full_exif()
    exif_with_thumbnail = exif.tobytes() + jpeg(picture().resize((48, 32))) + SECRET
    everything = after_soi(
        jpeg(comment=SECRET, icc_profile=swapped_profile()),
        jpeg_segment(0xE1, b"Exif\0\0" + exif_with_thumbnail.removeprefix(b"Exif\0\0")),
        jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
        jpeg_segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0" + struct.pack(">H", len(SECRET)) + SECRET),
        jpeg_segment(0xEB, b"JP" + SECRET),
    )
    yield accepted("everything.jpeg", everything, "image/jpeg", None)
    yield accepted("gps.jpeg", jpeg(exif=exif, comment=SECRET), "image/jpeg")
    yield accepted("gps.avif", saved(picture(), "avif", exif=exif, xmp=XMP), "image/avif")
    yield accepted("gps.webp", saved(picture(), "webp", exif=exif, xmp=XMP), "image/webp")
    yield accepted("comment.gif", saved(picture(), "gif", comment=SECRET), "image/gif")
    texts = PngInfo()
    texts.add_text("parameters", SECRET.decode() + " a prompt")
    texts.add_text("Comment", SECRET.decode(), zip=True)
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    yield accepted("texts.png", saved(picture(), "png", pnginfo=texts, exif=exif, dpi=(300, 300)), "image/png")
    plain = saved(picture(), "png")
    yield accepted("unknown-chunk.png", plain[:33] + png_chunk(b"prVt", SECRET) + plain[33:], "image/png")
    for name, broken in (
        ("loop", b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x01\0\0\0\x08\0\0\0"),
        ("far", b"Exif\0\0MM\0*\xff\xff\xff\xf0" + SECRET),
        ("short", b"Exif\0\0II*\0"),
        ("text", b"Exif\0\0" + SECRET),
        ("orientation-as-text", b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0abc\0\0\0\0\0"),
    ):
        yield accepted(f"broken-exif-{name}.jpeg", after_soi(jpeg(), jpeg_segment(0xE1, broken)), "image/jpeg")


def polyglots() -> Iterator[Case]:
    archive = b"PK\x03\x04" + SECRET + b"PK\x05\x06" + bytes(18)
    script = b"<script>/*" + SECRET + b"*/</script><?php system('" + SECRET + b"'); ?>"
    yield accepted("jpeg-and-zip.jpeg", jpeg() + archive, "image/jpeg")
    yield accepted("jpeg-and-html.jpeg", jpeg(comment=script), "image/jpeg")
    yield accepted("png-and-php.png", saved(picture(), "png") + script, "image/png")
    yield accepted("webp-and-zip.webp", saved(picture(), "webp") + archive, "image/webp")
    # `GIF89a=1;/*` is a statement in JavaScript and a valid beginning of a GIF.
    gif = saved(picture("P"), "gif")
    yield accepted("gif-and-js.gif", gif + b"*/=1;" + script, "image/gif")
    yield accepted("avif-and-html.avif", saved(picture(), "avif") + script, "image/avif", None)
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='" + SECRET + b"'/>"
    yield accepted("jpeg-with-svg.jpeg", after_soi(jpeg(), jpeg_segment(0xEF, svg)), "image/jpeg")


def honest() -> Iterator[Case]:
    """All of them."""
    for family in (formats, orientations, modes, profiles, metadata, polyglots):
        yield from family()
