"""Puts a written corpus through the real cleaner and tells what came of it: `python -m tests.hostile.judge FOLDER`.

Runs as a process of its own, so that a crash is seen as one and the peak memory of the children is theirs alone.
Prints one JSON object: {peak_child_kib, outcomes: [{name, reason, content_type, corners, leftovers}]}.
"""

import io
import json
import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image

from chalicelib.media.gateway import PhotoCleaner
from chalicelib.media.photo import CleanPhoto, RejectedPhoto
from tests.hostile.case import SECRET

#: What a picture needs and no more: JFIF's own header (with no thumbnail), tables, frame, scan.
JPEG_SEGMENTS = {0xE0, 0xDB, 0xC0, 0xC4, 0xDA}
PNG_CHUNKS = {b"IHDR", b"IDAT", b"IEND"}


def leftovers(photo: CleanPhoto) -> list[str]:
    """Whatever is in the file besides the picture, found by walking its segments or chunks."""
    found = ["a secret"] if SECRET in photo.data else []
    return found + (jpeg_leftovers(photo.data) if photo.content_type == "image/jpeg" else png_leftovers(photo.data))


def jpeg_leftovers(data: bytes) -> list[str]:
    found, at = [], 2
    while data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at] != 0xFF or data[at + 1] not in JPEG_SEGMENTS or (data[at + 1] == 0xE0 and length != 16):
            found.append(f"segment {data[at + 1]:02x} of {length} bytes")
        at += 2 + length
    end = data.find(b"\xff\xd9", at)
    return found if end == len(data) - 2 else [*found, "bytes after the end"]


def png_leftovers(data: bytes) -> list[str]:
    found, at, kind = [], 8, b""
    while kind != b"IEND":
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind not in PNG_CHUNKS:
            found.append(f"chunk {kind!r} of {length} bytes")
        at += 12 + length
    return found if at == len(data) else [*found, "bytes after the end"]


def judge(cleaner: PhotoCleaner, path: Path, declared: str) -> dict[str, Any]:
    try:
        photo = cleaner.clean(path, declared)
    except RejectedPhoto as rejected:
        return {"name": path.name, "reason": str(rejected.reason), "sentence": rejected.sentence}
    with Image.open(io.BytesIO(photo.data)) as opened:
        assert opened.size == (photo.width, photo.height)
        image = opened.convert("RGB")
    corners = [
        image.getpixel((x, y))
        for y in (image.height // 4, image.height * 3 // 4)
        for x in (image.width // 4, image.width * 3 // 4)
    ]
    return {
        "name": path.name,
        "reason": "accepted",
        "content_type": photo.content_type,
        "size": [photo.width, photo.height],
        "corners": corners,
        "leftovers": leftovers(photo),
    }


def main(folder: Path) -> None:
    index = json.loads((folder / "index.json").read_text())
    cleaner = PhotoCleaner()
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda case: judge(cleaner, folder / case["name"], case["declared"]), index))
    peak_child_kib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps({"peak_child_kib": peak_child_kib, "outcomes": outcomes}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
