"""Child processes that cannot outlive their parent, and the environment they get."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

PROJECT = Path(__file__).resolve().parents[2]
MAX_RESTARTS = 20
RESTART_WINDOW_SECONDS = 120.0
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "VIRTUAL_ENV", "SYSTEMROOT")


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """A clean environment: nothing of the user's AWS settings can reach a child, so none can call the real AWS."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(PROJECT),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        **extra,
    }


class Child:
    """A Python module run as a process; `start` may be called again after it died."""

    def __init__(
        self,
        name: str,
        arguments: list[str],
        log: Path,
        listener: socket.socket | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """`arguments` follow `python -m`; output goes to `log`.

        `listener` stays open here and is handed to every start of the child, as its first argument: a restart neither
        loses the port nor refuses a connection, callers only wait.
        """
        self.name = name
        self.arguments = arguments
        self._log = log
        self._listener = listener
        self._variables = variables or {}
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline: IO[bytes] | None = None
        self._starts: list[float] = []

    def start(self) -> None:
        """Starts the process. It reads a pipe from us and ends when we do, whatever ended us."""
        reader, writer = os.pipe()
        descriptors = [] if self._listener is None else [self._listener.fileno()]
        module, *arguments = self.arguments
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *map(str, descriptors), *arguments],
                cwd=PROJECT,
                env=environment(self._variables),
                pass_fds=descriptors,
                stdin=reader,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        os.close(reader)
        if self._lifeline is not None:
            self._lifeline.close()
        self._lifeline = os.fdopen(writer, "wb")
        self._starts.append(time.monotonic())

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def died(self) -> bool:
        """Whether it was started and is gone."""
        return self._process is not None and self._process.poll() is not None

    @property
    def exit_code(self) -> int | None:
        """How it ended; negative is a signal."""
        return self._process.poll() if self._process is not None else None

    @property
    def exhausted(self) -> bool:
        """Whether it was started so often lately that another start would only burn the machine."""
        since = time.monotonic() - RESTART_WINDOW_SECONDS
        self._starts = [moment for moment in self._starts if moment > since]
        return len(self._starts) > MAX_RESTARTS

    def wait(self, seconds: float) -> int | None:
        """Waits for it to end by itself; its exit code, or None when it still runs after so long."""
        assert self._process is not None, "it was not started"
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, grace_seconds: float) -> None:
        """Asks it to end, waits, and ends it."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(grace_seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None

    def kill(self) -> None:
        """Ends it at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def end_with_parent() -> None:
    """In a child: end at once when the parent's end of the pipe on standard input closes."""

    def watch() -> None:
        while os.read(0, 4096):
            continue
        os._exit(0)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def trim_log(path: Path, max_bytes: int) -> None:
    """Keeps a log that a process appends to from growing without end: the older half goes."""
    try:
        if path.stat().st_size <= max_bytes:
            return
    except FileNotFoundError:
        return
    with open(path, "r+b") as log:
        log.seek(-max_bytes // 2, os.SEEK_END)
        log.readline()
        newer = log.read()
        log.seek(0)
        log.write(newer)
        log.truncate()
