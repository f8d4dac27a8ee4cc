"""From the order of a picture to the picture, through the whole running stack, against the engine called directly."""

import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Work:
    """An order of a square photo, without its upload, and how often it is measured."""

    name: str
    side: int
    body: Mapping[str, Any]
    times: int


def through_the_stack(person: Person, body: Mapping[str, Any]) -> float:
    """Seconds from the request to the moment when a client sees that it succeeded."""
    began = time.perf_counter()
    path = f"/v1/generations/{person.order(dict(body)).json()['id']}"
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


def alone(body: Mapping[str, Any], data: bytes) -> float:
    """Seconds of the engine on the same photo, in this process."""
    operation = operations.operation(body["operation"])
    job = Job(
        generation_id="gen",
        idempotency_key="gen",
        model=body["model"],
        operation=operation.name,
        parameters=operation.parse(body["parameters"]),
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


def compared(works: Iterable[Work]) -> Iterator[Row]:
    """The stack as `make run` starts it. Both ways take turns; the first turn, which loads the engine, is left out."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "data", isolated=False)
        try:
            stack.start()
            person = Person(stack, stack.new_account())
            for work in works:
                data = photo(work.side)
                body = {**work.body, "upload_id": person.ready(data)}
                turns = [(through_the_stack(person, body), alone(body, data)) for _ in range(work.times + 1)][1:]
                whole, least = (statistics.median(taken) for taken in zip(*turns, strict=True))
                note = "the engine alone on the same photo; polled every 100 ms, laptop stack"
                yield Row(f"end to end: {work.name} at {work.side} px", whole, least, "s", note)
        finally:
            stack.stop()


def measure() -> Iterator[Row]:
    yield from compared(Work("stylize", side, stylizing("", STYLE), times) for side, times in TIMES.items())


if __name__ == "__main__":
    emit(measure())
