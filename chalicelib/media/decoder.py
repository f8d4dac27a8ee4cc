"""The only code that lets a codec touch a stranger's bytes. It runs in a child process of `gateway.PhotoCleaner`.

The file comes in on stdin and the answer goes out on stdout: one line of JSON (at most MAX_HEADER_BYTES), then the
cleaned picture. Before the first byte is read the process takes away its own means: memory, processor time, files to
write, files to open, processes to start. Whatever a codec raises means that the file is no photo (in a corpus of 7,100
damaged files Pillow raised seven kinds of exception besides its own), so nothing is raised from here.
"""

import io
import json
import resource
import sys
import warnings
from importlib import import_module
from typing import Any

from PIL import Image

from chalicelib.media import limits
from chalicelib.media.container import gif_frames, is_cut_short, webp_is_lossless
from chalicelib.media.photo import Reason

#: The one Pillow format that each type may be opened as, and the plugin that reads it. A JPEG that Pillow then takes
#: for an MPO is still only a JPEG with more pictures behind it; "MPO" must not be asked for (it is never registered).
FORMATS = {
    "image/jpeg": ("JPEG", "PIL.JpegImagePlugin"),
    "image/png": ("PNG", "PIL.PngImagePlugin"),
    "image/webp": ("WEBP", "PIL.WebPImagePlugin"),
    "image/gif": ("GIF", "PIL.GifImagePlugin"),
    "image/avif": ("AVIF", "PIL.AvifImagePlugin"),
    "image/heic": ("HEIF", "pi_heif"),
    "image/heif": ("HEIF", "pi_heif"),
}
LOSSY_TYPES = frozenset({"image/jpeg", "image/avif", "image/heic", "image/heif"})
#: libde265 decodes on a thread of its own, whatever it is told, and the kernel counts threads as processes.
THREADED_FORMATS = frozenset({"HEIF"})

EXIF_ORIENTATION = 0x0112
#: EXIF 2.32 §4.6.4 tag 0x0112: what to do to the stored picture to see it upright.
UPRIGHT_BY = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
#: 4:4:4, so that the one more generation of JPEG costs as little as it can.
JPEG_OPTIONS: dict[str, Any] = {"format": "JPEG", "quality": 95, "subsampling": 0}
#: Results are temporary: level 3 is a third of the time of level 6 for a tenth more bytes.
PNG_OPTIONS: dict[str, Any] = {"format": "PNG", "compress_level": 3}


class Refused(Exception):
    """The file breaks a limit."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def give_up_rights(format_name: str) -> None:
    """Bounds this process for good: hard limits cannot be raised again without privileges."""
    for what, most in (
        (resource.RLIMIT_AS, limits.CHILD_ADDRESS_SPACE_BYTES),
        (resource.RLIMIT_CPU, limits.CHILD_CPU_SECONDS),
        (resource.RLIMIT_NOFILE, limits.CHILD_OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        *([] if format_name in THREADED_FORMATS else [(resource.RLIMIT_NPROC, 0)]),
    ):
        _, ceiling = resource.getrlimit(what)
        bound = most if ceiling == resource.RLIM_INFINITY else min(most, ceiling)
        resource.setrlimit(what, (bound, bound))


def prepare(content_type: str) -> str:
    """Loads the codec of that type and nothing else, on one thread; returns the name Pillow opens it by."""
    format_name, plugin = FORMATS[content_type]
    module: Any = import_module(plugin)
    if format_name == "HEIF":
        module.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    if format_name == "AVIF":
        module.DEFAULT_MAX_THREADS = 1
    Image.MAX_IMAGE_PIXELS = limits.MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    return format_name


def clean(data: bytes, content_type: str, format_name: str) -> tuple[dict[str, object], bytes]:
    """The answer's header and body for a file of that type: {content_type, width, height} or {reason}."""
    try:
        return _clean(data, content_type, format_name)
    except Refused as refused:
        return {"reason": refused.reason}, b""
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return {"reason": Reason.TOO_MANY_PIXELS}, b""
    except Exception as error:  # codecs raise anything at all; each means the same, see the top of this file
        cut = "truncated" in str(error).lower() or is_cut_short(content_type, data)
        return {"reason": Reason.TRUNCATED if cut else Reason.UNDECODABLE}, b""


def _clean(data: bytes, content_type: str, format_name: str) -> tuple[dict[str, object], bytes]:
    if content_type == "image/gif" and gif_frames(data, limits.MAX_FRAMES + 1) > limits.MAX_FRAMES:
        raise Refused(Reason.TOO_MANY_FRAMES)
    picture: Image.Image = Image.open(io.BytesIO(data), formats=[format_name])
    _check_size(picture)
    if content_type != "image/gif" and getattr(picture, "n_frames", 1) > limits.MAX_FRAMES:
        raise Refused(Reason.TOO_MANY_FRAMES)
    picture.load()
    _check_size(picture)
    orientation = _orientation(picture)
    picture = _in_srgb(_in_eight_bits(picture))
    if orientation in UPRIGHT_BY:
        picture = picture.transpose(UPRIGHT_BY[orientation])
    lossy = content_type in LOSSY_TYPES or (content_type == "image/webp" and not webp_is_lossless(data))
    return _encode(picture, as_jpeg=lossy and picture.mode == "RGB")


def _check_size(picture: Image.Image) -> None:
    width, height = picture.size
    if width * height > limits.MAX_PIXELS or max(width, height) > limits.MAX_SIDE_PIXELS:
        raise Refused(Reason.TOO_MANY_PIXELS)
    if min(width, height) < limits.MIN_SIDE_PIXELS:
        raise Refused(Reason.TOO_SMALL)


def _orientation(picture: Image.Image) -> int:
    """The EXIF orientation, or 1. Damaged EXIF does not make a photo unusable: all of it is dropped anyway."""
    try:
        return int(picture.getexif().get(EXIF_ORIENTATION, 1))
    except Exception:  # the parser raises as variously as the codecs do
        return 1


def _in_eight_bits(picture: Image.Image) -> Image.Image:
    """The picture in a mode that `_in_srgb` knows: L, CMYK, RGB or RGBA. Transparency that hides nothing is dropped."""
    if picture.mode.startswith("I"):
        # Pillow keeps 16-bit greys as they are and would clip them, not scale them, on the way to 8 bits.
        return picture.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    if picture.has_transparency_data:
        profile = picture.info.get("icc_profile")
        picture = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        if picture.getchannel("A").getextrema() == (255, 255):
            picture = picture.convert("RGB")
        picture.info["icc_profile"] = profile
        return picture
    if picture.mode in ("L", "CMYK", "RGB"):
        return picture
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _in_srgb(picture: Image.Image) -> Image.Image:
    """RGB or RGBA in the sRGB colour space. A profile that is damaged or does not fit the picture is ignored."""
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    profile = picture.info.get("icc_profile")
    if profile:
        from PIL import ImageCms

        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if ImageCms.getProfileDescription(source).startswith("sRGB"):
                return picture.convert(mode)
            target = ImageCms.createProfile("sRGB")
            return ImageCms.profileToProfile(picture, source, target, outputMode=mode) or picture.convert(mode)
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            return picture.convert(mode)
    return picture if picture.mode == mode else picture.convert(mode)


def _encode(picture: Image.Image, *, as_jpeg: bool) -> tuple[dict[str, object], bytes]:
    # Pillow would write comments and profiles that it finds here into the new file.
    picture.info.clear()
    out = io.BytesIO()
    picture.save(out, **(JPEG_OPTIONS if as_jpeg else PNG_OPTIONS))
    if out.tell() > limits.MAX_CLEAN_BYTES:
        raise Refused(Reason.TOO_LARGE)
    header: dict[str, object] = {
        "content_type": "image/jpeg" if as_jpeg else "image/png",
        "width": picture.width,
        "height": picture.height,
    }
    return header, out.getvalue()


def main(content_type: str) -> None:
    """Reads the file from stdin, writes the answer to stdout."""
    format_name = prepare(content_type)
    give_up_rights(format_name)
    data = sys.stdin.buffer.read(limits.MAX_UPLOAD_BYTES + 1)
    header, body = clean(data, content_type, format_name)
    header["bytes"] = len(body)
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\n")
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()
