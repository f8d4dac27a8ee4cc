"""The stack that the demo runs against: the one that is running on the data folder, or one that it starts and stops."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.demo.client import Client, DemoError, is_alive
from infra.demo.progress import Report

PROJECT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0
STOP_SECONDS = 60.0


@contextmanager
def service(data: Path, port: int, report: Report) -> Iterator[Client]:
    """A client of a running service with the demo account's key. Raises DemoError if none can be had."""
    running = _running(data)
    if running is not None:
        report.say(f"using the service that runs at {running.base_url}")
        yield running
        return
    process = _start(data, port, report)
    try:
        found = _running(data)
        if found is None:
            raise DemoError(f"the service started, but {data / 'demo.json'} does not lead to it")
        yield found
    finally:
        report.say("stopping the service")
        _stop(process)


def _running(data: Path) -> Client | None:
    """The service that `demo.json` names, if it answers."""
    try:
        known = json.loads((data / "demo.json").read_text())
        base_url, api_key = str(known["base_url"]), str(known["api_key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Client(base_url, api_key) if is_alive(base_url) else None


def _start(data: Path, port: int, report: Report) -> "subprocess.Popen[str]":
    """Starts the stack and returns when it is ready. Raises DemoError with its own words."""
    command = [sys.executable, "-m", "infra.local", "run", "--port", str(port), "--data", str(data.absolute())]
    began = time.monotonic()
    report.say("starting the service")
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C reaches the demo alone, which then stops the service in order
    )
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_listen, args=(process, lines), daemon=True).start()
    last = "it said nothing"
    try:
        while time.monotonic() - began < START_SECONDS:
            try:
                line = lines.get(timeout=1.0)
            except queue.Empty:
                continue
            if line is None:
                raise DemoError(last.removeprefix("fotogenic: "))
            if line.startswith("ready "):
                report.say(f"ready at {line.removeprefix('ready ')} after {time.monotonic() - began:.1f} s")
                return process
            last = line
        raise DemoError(f"the service was not ready after {START_SECONDS:.0f} s: {last}")
    except BaseException:
        _stop(process)
        raise


def _listen(process: "subprocess.Popen[str]", lines: "queue.Queue[str | None]") -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line.strip())
    lines.put(None)


def _stop(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
