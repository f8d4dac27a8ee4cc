"""An append-only file of committed changes: what the emulator answered for is in it before the answer leaves.

A line is the CRC-32 of the rest in hex, a space, and a JSON list of changes that belong together (one AWS call). A line
cut off by a kill fails its check and is dropped whole, so a transaction is restored whole or not at all.
"""

import json
import os
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Change = list[Any]


class Journal:
    """The open journal. `add` from any thread; `commit` and `rotate` from the event loop's thread only."""

    def __init__(self, folder: Path, number: int) -> None:
        """Opens journal `number` of `folder` for appending."""
        self._folder = folder
        self._pending: list[str] = []
        self._lock = threading.Lock()
        self.bytes = 0
        self._descriptor = self._open(number)

    def _open(self, number: int) -> int:
        self.number = number
        self.bytes = 0
        return os.open(path_of(self._folder, number), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def add(self, change: Change) -> None:
        """Notes a change as it is now: later changes to the same object do not alter it."""
        text = json.dumps(change, separators=(",", ":"))
        with self._lock:
            self._pending.append(text)

    def commit(self) -> None:
        """Hands what was noted to the operating system, in one line. It then outlives this process."""
        if not self._pending:
            return
        with self._lock:
            pending, self._pending = self._pending, []
        body = f"[{','.join(pending)}]".encode()
        line = b"%08x %s\n" % (zlib.crc32(body), body)
        written = 0
        while written < len(line):
            written += os.write(self._descriptor, line[written:])
        self.bytes += len(line)

    def rotate(self) -> int:
        """Commits, then continues in the next journal; returns its number."""
        self.commit()
        os.close(self._descriptor)
        self._descriptor = self._open(self.number + 1)
        return self.number


def path_of(folder: Path, number: int) -> Path:
    """Where journal `number` lies."""
    return folder / f"journal-{number:06d}.jsonl"


def numbers(folder: Path) -> list[int]:
    """The journals in `folder`, oldest first."""
    return sorted(int(path.stem.rpartition("-")[2]) for path in folder.glob("journal-*.jsonl"))


def read(path: Path) -> Iterator[list[Change]]:
    """The groups of changes of one journal in order, up to the first line that is not whole."""
    with open(path, "rb") as file:
        for line in file:
            checksum, _, body = line.rstrip(b"\n").partition(b" ")
            if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(body):
                return
            yield json.loads(body)
