"""From the order of a larger or cleaner picture to the picture, against the engine called directly."""

from collections.abc import Iterator

from tests.bench.stylizing import Work, compared
from tests.bench.table import Row, emit

SIDE = 512
#: Name, model, operation, parameters.
WORKS = (
    ("upscale 2x", "local/upscale-1", "upscale", {"scale": 2}),
    ("upscale 4x", "local/upscale-4", "upscale", {"scale": 4}),
    ("denoise", "local/denoise-1", "denoise", {"level": 1}),
)


def measure() -> Iterator[Row]:
    """Each once, after the turn that loads its network."""
    for_each = ((name, {"model": model, "operation": does, "parameters": asked}) for name, model, does, asked in WORKS)
    yield from compared(Work(name, SIDE, body, times=1) for name, body in for_each)


if __name__ == "__main__":
    emit(measure())
