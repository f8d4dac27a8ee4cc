"""How many generations a second the laptop's whole stack accepts, against how many health checks it answers."""

import itertools
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.table import Row, emit
from tests.e2e.person import Person, photo, stylizing
from tests.support.stack import Stack

CLIENTS = 4
SECONDS = 6.0
PEOPLE = 8


def per_second(act: Callable[[], object]) -> float:
    """How often some clients side by side do it in a second."""
    done, until = [0] * CLIENTS, time.perf_counter() + SECONDS

    def client(number: int) -> None:
        while time.perf_counter() < until:
            act()
            done[number] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / SECONDS


def measure() -> Iterator[Row]:
    """Orders are canceled at once, so that what is measured is accepting them and not the engine. They come from
    several people, because each key may make 600 requests a minute."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "data", isolated=False)
        try:
            stack.start()
            people = [Person(stack, stack.new_account()) for _ in range(PEOPLE)]
            bodies = [stylizing(person.ready(photo(256))) for person in people]
            turns = itertools.count()

            def accept() -> None:
                number = next(turns) % PEOPLE
                made = people[number].order(bodies[number])
                assert made.status_code == 202, made.text
                people[number].call("POST", f"/v1/generations/{made.json()['id']}/cancel").raise_for_status()

            accept()
            floor = per_second(lambda: people[0].get("/healthz"))
            note = f"GET /healthz, {CLIENTS} clients; each order is canceled by a second request"
            yield Row("generations accepted a second, laptop", per_second(accept), floor, "/s", note)
        finally:
            stack.stop()


if __name__ == "__main__":
    emit(measure())
