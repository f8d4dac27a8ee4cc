"""From the order of a picture to the picture, through the whole running stack, against the engine called directly."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chalicelib.generation import operations
from chalicelib.providers import local
from chalicelib.providers.job import Job
from chalicelib.providers.setup import Setup
from tests.bench.table import Row, emit
from tests.e2e.person import Person, photo, stylizing
from tests.support.stack import Stack

#: Sides of the photos in pixels, and how often each is measured.
TIMES = {512: 3, 1024: 2}
POLL_SECONDS = 0.1
STYLE = 19


def through_the_stack(person: Person, upload_id: str) -> float:
    """Seconds from the request to the moment when a client sees that it succeeded."""
    began = time.perf_counter()
    path = f"/v1/generations/{person.order(stylizing(upload_id, STYLE)).json()['id']}"
    while (made := person.get(path))["status"] in ("queued", "running"):
        time.sleep(POLL_SECONDS)
    assert made["status"] == "succeeded", made
    return time.perf_counter() - began


def nowhere(request: object) -> Any:
    """The engines send nothing."""
    raise AssertionError(request)


def nothing(region: str, model: str, body: bytes) -> Any:
    """Nor do they invoke anything."""
    raise AssertionError(region, model, body)


def alone(data: bytes) -> float:
    """Seconds of the engine on the same photo, in this process."""
    operation = operations.operation("stylize")
    job = Job(
        generation_id="gen",
        idempotency_key="gen",
        model="local/style-1",
        operation="stylize",
        parameters=operation.parse({"style": STYLE}),
        prompt=None,
        photo=data,
        reference=None,
        n=1,
        seed=0,
        callback_url=None,
    )
    began = time.perf_counter()
    local.Provider(Setup(configuration={}, send=nowhere, invoke=nothing)).submit(job)
    return time.perf_counter() - began


def measure() -> Iterator[Row]:
    """The stack as `make run` starts it. Both ways take turns; the first turn, which loads the engine, is left out."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "data", isolated=False)
        try:
            stack.start()
            person = Person(stack, stack.new_account())
            for side, times in TIMES.items():
                upload_id = person.ready(photo(side))
                turns = [(through_the_stack(person, upload_id), alone(photo(side))) for _ in range(times + 1)][-times:]
                whole, least = (statistics.median(taken) for taken in zip(*turns, strict=True))
                note = "the engine alone on the same photo; polled every 100 ms, laptop stack"
                yield Row(f"end to end: stylize at {side} px", whole, least, "s", note)
        finally:
            stack.stop()


if __name__ == "__main__":
    emit(measure())
