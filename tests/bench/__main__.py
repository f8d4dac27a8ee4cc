"""`python -m tests.bench [SECTION …]`: what it costs, as one table. Each section runs in a process of its own."""

import argparse
import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.table import Row, parse, show
from tests.support.stack import PROJECT

SECTIONS = (
    "imports",
    "dispatch",
    "calls",
    "costs",
    "accepted",
    "holds",
    "ledger",
    "cleaning",
    "stylizing",
    "upscaling",
)
LIMIT_SECONDS = 100
PACKAGES = ("boto3", "chalice", "pynamodb", "pydantic", "aws-lambda-powertools", "pillow", "onnxruntime", "ministack")


class Broken(Exception):
    """A section ended without its measurements; the message is what it said last."""


def processor() -> str:
    """The processor's name, as the system gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def describe() -> str:
    """Machine, versions and date: a number without them says nothing."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return "\n".join(
        (
            f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            f"{processor()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {platform.platform()}",
            f"Python {platform.python_version()}, {versions}",
        )
    )


def measure(section: str) -> list[Row]:
    """The rows of one section. Raises Broken."""
    command = [sys.executable, "-m", f"tests.bench.{section}"]
    try:
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Broken(f"{section}: not done after {LIMIT_SECONDS} s") from None
    rows = parse(done.stderr)
    if done.returncode or not rows:
        raise Broken(f"{section}: {(done.stderr.strip() or 'nothing was measured').splitlines()[-1]}")
    return rows


def main() -> int:
    """Measures and prints; 1 if a section broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="what it costs")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; all if none")
    asked = parser.parse_args().sections or SECTIONS
    if unknown := set(asked) - set(SECTIONS):
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    began = time.monotonic()
    print(describe(), flush=True)
    rows: list[Row] = []
    for section in asked:
        print(f"measuring {section} …", file=sys.stderr, flush=True)
        try:
            rows += measure(section)
        except Broken as broken:
            print(f"bench: {broken}", file=sys.stderr)
            return 1
    print(f"\n{show(rows)}\n\n{len(rows)} measurements in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
