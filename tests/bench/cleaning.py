"""What it costs to make an upload safe, against decoding and encoding it where one trusts it."""

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from chalicelib.media.gateway import PhotoCleaner
from tests.bench.table import Row, emit, median_seconds
from tests.e2e.person import ASTRONAUT, jpeg

SIZE = (4000, 3000)
TIMES = 3


def photo() -> bytes:
    """A JPEG of 12 megapixels."""
    with Image.open(ASTRONAUT) as opened:
        return jpeg(opened.convert("RGB").resize(SIZE))


def again(data: bytes) -> None:
    """Decodes and encodes with the settings that the cleaner uses, in this process."""
    with Image.open(io.BytesIO(data)) as opened:
        opened.convert("RGB").save(io.BytesIO(), "JPEG", quality=95, subsampling=0)


def measure() -> Iterator[Row]:
    """The cleaner's child process included."""
    data, cleaner = photo(), PhotoCleaner()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "photo"
        source.write_bytes(data)
        again(data)
        cleaner.clean(source, "image/jpeg")
        floor = median_seconds(lambda: again(data), TIMES) * 1000
        safe = median_seconds(lambda: cleaner.clean(source, "image/jpeg"), TIMES) * 1000
    yield Row("upload cleaning: JPEG of 12 megapixels", safe, floor, "ms", "Pillow decodes and encodes it, unconfined")


if __name__ == "__main__":
    emit(measure())
