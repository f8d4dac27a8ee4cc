"""What a measurement is, and how measurements are shown: each beside a floor measured in the same run."""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

HEADINGS = ("what", "measured", "floor", "ratio", "the floor")


@dataclass(frozen=True)
class Row:
    """One measurement in `unit`; `floor` is what the least that could do the same costs on the same machine, now.

    `note` says what the floor is, `detail` what the measurement consists of.
    """

    what: str
    measured: float
    floor: float
    unit: str
    note: str
    detail: str = ""

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        ratio = f"{self.measured / self.floor:.1f}"
        return self.what, f"{figure(self.measured)} {self.unit}", f"{figure(self.floor)} {self.unit}", ratio, self.note


def figure(value: float) -> str:
    """Three significant digits, and no more than a reader can use."""
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def emit(rows: Iterable[Row]) -> None:
    """Prints the rows for the process that asked, a JSON line each."""
    for row in rows:
        print(json.dumps(asdict(row)), file=sys.stderr, flush=True)


def parse(lines: str) -> list[Row]:
    """What `emit` printed; other lines are left out."""
    return [Row(**json.loads(line)) for line in lines.splitlines() if line.startswith('{"what"')]


def show(rows: Sequence[Row]) -> str:
    """The table."""
    cells = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    lines = [
        "  ".join(_cell(text, width, at) for at, (text, width) in enumerate(zip(line, widths, strict=True)))
        for line in cells
    ]
    rule = "  ".join("-" * width for width in widths)
    details = [f"{row.what}: {row.detail}" for row in rows if row.detail]
    return "\n".join(line.rstrip() for line in (lines[0], rule, *lines[1:], *([""] if details else []), *details))


def _cell(text: str, width: int, column: int) -> str:
    return text.rjust(width) if column in (1, 2, 3) else text.ljust(width)


def median_seconds(act: Callable[[], object], times: int) -> float:
    """The median wall time of so many runs."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def best_cpu_microseconds(act: Callable[[], object], *, loops: int, rounds: int = 7) -> float:
    """Processor time of one run: the best of some rounds, which is the one that others disturbed least."""
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(loops):
            act()
        best = min(best, (time.process_time() - began) / loops)
    return best * 1e6
