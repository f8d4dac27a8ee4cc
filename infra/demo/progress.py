"""Progress on a terminal as a bar that moves; elsewhere as one line a step."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

WIDTH = 24
REDRAW_SECONDS = 0.1
#: A wait whose length nobody knows fills half its bar in this time, and never all of it.
HALF_SECONDS = 2.0
_CLEAR = "\r\x1b[2K"


class Step:
    """What is being done: `share` of it is done, from 0 to 1, or None if nobody can know; `note` says what."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.note = ""
        self.share: float | None = None
        self.began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def shown(self) -> float:
        """How much of the bar is filled."""
        return self.share if self.share is not None else 1 - 0.5 ** (self.seconds / HALF_SECONDS)


class Report:
    """Shows the steps of a job, `total` of them, and remembers the seconds that each took."""

    def __init__(self, total: int, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._is_terminal = self._out.isatty()
        self._total = total
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Does one step; its line is finished when the block ends, or says that it failed."""
        step = Step(title)
        number = len(self.seconds) + 1
        over = threading.Event()
        drawing = threading.Thread(target=self._draw, args=(step, number, over), daemon=True)
        if self._is_terminal:
            drawing.start()
        mark = "failed"
        try:
            yield step
            mark = "done"
        finally:
            over.set()
            if self._is_terminal:
                drawing.join()
            self.seconds[title] = step.seconds
            self._finish(step, number, mark)

    def say(self, text: str = "") -> None:
        """A line of its own."""
        print(text, file=self._out, flush=True)

    def _draw(self, step: Step, number: int, over: threading.Event) -> None:
        while not over.wait(REDRAW_SECONDS):
            filled = int(step.shown() * WIDTH)
            bar = "█" * filled + "░" * (WIDTH - filled)
            self._out.write(f"{_CLEAR}{number}/{self._total} {step.title:<10} {bar} {step.seconds:5.1f} s  {step.note}")
            self._out.flush()

    def _finish(self, step: Step, number: int, mark: str) -> None:
        filled = WIDTH if mark == "done" else int(step.shown() * WIDTH)
        bar = f"{'█' * filled}{'░' * (WIDTH - filled)} " if self._is_terminal else ""
        start = _CLEAR if self._is_terminal else ""
        what = step.note or mark if mark == "done" else f"{mark}: {step.note}"
        self.say(f"{start}{number}/{self._total} {step.title:<10} {bar}{self.seconds[step.title]:5.1f} s  {what}")
