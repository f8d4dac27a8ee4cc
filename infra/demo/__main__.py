"""`python -m infra.demo [--photo me.jpg] [--style starry-strokes] [--out picture.jpg] [--port 8000] [--data DIR]`."""

import argparse
import importlib.util
import signal
import sys
from pathlib import Path

from infra.demo.client import DemoError
from infra.demo.journey import STEPS, Outcome, travel
from infra.demo.laptop import service
from infra.demo.progress import Report

MAX_PHOTO_BYTES = 25_000_000
STYLE = "starry-strokes"


def shipped_photo() -> Path:
    """The photo of an astronaut (NASA, public domain) that comes with scikit-image."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise DemoError("scikit-image, whose photo the demo uses, is not installed: run `make setup`, or name a PHOTO")
    return Path(spec.origin).parent / "data" / "astronaut.png"


def read(path: Path) -> bytes:
    """The photo's bytes. Raises DemoError when they cannot be read or are too many."""
    try:
        if path.stat().st_size > MAX_PHOTO_BYTES:
            raise DemoError(f"{path} has more than {MAX_PHOTO_BYTES // 1_000_000} MB")
        return path.read_bytes()
    except OSError as error:
        raise DemoError(f"cannot read {path}: {error.strerror}") from None


def tell(outcome: Outcome, report: Report) -> None:
    """What came of it, in numbers."""
    unit = "asset" if outcome.cost == 1 else "assets"
    took = ", ".join(f"{title.lower()} {seconds:.1f} s" for title, seconds in report.seconds.items())
    report.say()
    report.say(f"saved    {outcome.saved} ({outcome.width} x {outcome.height})")
    report.say(f"cost     {outcome.cost} {unit} ({', '.join(outcome.reasons)})")
    report.say(f"balance  {outcome.before} before, {outcome.after} after")
    report.say(f"took     {took}; {sum(report.seconds.values()):.1f} s in all")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.demo", description="the main job, on a real photo")
    parser.add_argument("--photo", type=Path, help="yours; else the photo of an astronaut")
    parser.add_argument("--style", default=STYLE, help="a style's name or number: GET /v1/models lists them")
    parser.add_argument("--out", type=Path, help="where to save the picture; else ./fotogenic-demo-STYLE.jpg")
    parser.add_argument("--port", type=int, default=8000, help="for the service, if the demo has to start it")
    parser.add_argument("--data", type=Path, default=Path(".local/data"), help="the service's data folder")
    return parser.parse_args()


def main() -> int:
    """Runs the demo; returns the exit code. Every failure is one line."""
    given = arguments()
    report = Report(STEPS)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        photo = read(given.photo or shipped_photo())
        out = given.out or Path(f"fotogenic-demo-{''.join(c if c.isalnum() else '-' for c in given.style)}")
        with service(given.data, given.port, report) as client:
            outcome = travel(client, photo, given.style, out, report)
        tell(outcome, report)
        return 0
    except DemoError as error:
        print(f"fotogenic demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("fotogenic demo: stopped before it was done", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
