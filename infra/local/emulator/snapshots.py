"""Snapshots of everything the emulator holds, each a folder that counts only when it is whole.

`state/CURRENT` names the folder in force; it is replaced in one step after the folder is complete. A full snapshot
starts a new journal in the same instant; a light one leaves DynamoDB and SQS to the journals since the last full one,
so its cost does not grow with the data. Both are copied on the event loop's thread, between two requests: one moment
for all services. Loading is: the folder in force, then every journal since its full snapshot.
"""

import json
import logging
import os
import shutil
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ministack import app as ministack
from ministack.core import persistence

from infra.local.emulator import durable, journal

_log = logging.getLogger("laptop.snapshots")
JOURNALED = ("dynamodb", "sqs")
MAX_JOURNAL_BYTES = 16_000_000
_ATTEMPTS = 8


class SnapshotError(Exception):
    """The stored state cannot be read; the message names the file."""


class Snapshots:
    """The state folder of one emulator."""

    def __init__(self, folder: Path) -> None:
        """Raises SnapshotError when the folder in force is not whole."""
        self._folder = folder
        self._sequence = 0
        self._first_journal = 1
        self._checksums: dict[str, int] = {}
        self._writing: threading.Thread | None = None
        self.longest_pause_seconds = 0.0
        self.failed = False
        current = folder / "CURRENT"
        if current.exists():
            self._sequence = int(current.read_text())
            self._verify()

    @property
    def _in_force(self) -> Path:
        return self._folder / f"snapshot-{self._sequence:08d}"

    def _verify(self) -> None:
        """The emulator would start empty on a file that it cannot read, and then overwrite it. We do not."""
        manifest = self._in_force / "snapshot.json"
        try:
            described = json.loads(manifest.read_text())
            self._first_journal, self._checksums = int(described["first_journal"]), dict(described["checksums"])
        except (OSError, ValueError, KeyError, TypeError):
            raise SnapshotError(f"{manifest} is damaged") from None
        for name, checksum in self._checksums.items():
            path = self._in_force / f"{name}.json"
            if not path.exists() or zlib.crc32(path.read_bytes()) != checksum:
                raise SnapshotError(f"{path} is damaged")

    def load(self) -> None:
        """Makes the emulator's own start read the snapshot in force. Call before it starts."""
        persistence.STATE_DIR = str(self._in_force if self._sequence else self._folder / "none")

    def replay(self) -> journal.Journal:
        """Applies the journals since the snapshot, and opens a new one. Call when the emulator has started."""
        # The emulator must never write there itself: it does so file by file.
        persistence.PERSIST_STATE = ministack.PERSIST_STATE = False
        for name in JOURNALED:
            ministack._get_module(name)
        present = journal.numbers(self._folder)
        for number in present:
            if number >= self._first_journal:
                for group in journal.read(journal.path_of(self._folder, number)):
                    durable.apply(group)
        durable.release_received_messages()
        return journal.Journal(self._folder, max([*present, 0]) + 1)

    def take(self, log: journal.Journal, queues: durable.QueueWatch, *, full: bool, wait: bool = False) -> bool:
        """Takes a snapshot, on the event loop's thread; the files are written by another.

        Returns False, having done nothing, while the last one is still being written. `wait` waits for both.
        """
        if self._writing is not None and self._writing.is_alive():
            if not wait:
                return False
            self._writing.join()
        started = time.perf_counter()
        queues.note()
        log.commit()
        services = ministack._build_persistence_save_dict()
        states = {name: _copy(name, get) for name, get in services.items() if full or name not in JOURNALED}
        first_journal = self._first_journal
        if full:
            first_journal = log.rotate()
            queues.forget()
        pause = time.perf_counter() - started
        self.longest_pause_seconds = max(pause, self.longest_pause_seconds)
        target = (self._sequence + 1, first_journal, self._in_force)
        self._writing = threading.Thread(target=self._write_or_log, args=(states, *target), name="snapshot")
        self._writing.start()
        if wait:
            self._writing.join()
        return True

    def _write_or_log(self, states: dict[str, Any], sequence: int, first_journal: int, previous: Path) -> None:
        try:
            self._write(states, sequence, first_journal, previous)
        except OSError as error:  # a full disk: the snapshot in force and the journals since stay valid
            self.failed = True
            _log.error("cannot write a snapshot: %s", error)

    def _write(self, states: dict[str, Any], sequence: int, first_journal: int, previous: Path) -> None:
        folder = self._folder / f"snapshot-{sequence:08d}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        checksums = {}
        for name, state in states.items():
            if state is not None:
                checksums[name] = _write_state(folder / f"{name}.json", name, state)
        for name in JOURNALED:
            if name not in states and name in self._checksums:
                os.link(previous / f"{name}.json", folder / f"{name}.json")
                checksums[name] = self._checksums[name]
        (folder / "snapshot.json").write_text(json.dumps({"first_journal": first_journal, "checksums": checksums}))
        pointer = self._folder / "CURRENT.part"
        pointer.write_text(str(sequence))
        pointer.replace(self._folder / "CURRENT")
        self._sequence, self._first_journal, self._checksums = sequence, first_journal, checksums
        self._discard(sequence, first_journal)

    def _discard(self, sequence: int, first_journal: int) -> None:
        for folder in self._folder.glob("snapshot-*"):
            if int(folder.name.rpartition("-")[2]) != sequence:
                shutil.rmtree(folder, ignore_errors=True)
        for number in journal.numbers(self._folder):
            if number < first_journal:
                journal.path_of(self._folder, number).unlink(missing_ok=True)


def _copy(name: str, get: Callable[[], Any]) -> Any:
    """A service's state, copied. Its own threads may change it under us: then it is copied again."""
    for attempt in range(_ATTEMPTS):
        try:
            return get()
        except RuntimeError as error:  # "dictionary changed size during iteration"
            if attempt == _ATTEMPTS - 1:
                raise
            _log.info("copying %s again: %s", name, error)
    return None


def _write_state(path: Path, name: str, state: Any) -> int:
    """Writes one service's state; returns the CRC-32 of the file."""
    wrapped = {"__ministack_format__": persistence._state_format_version(name), "payload": state}
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    encoded = json.dumps(wrapped, default=persistence._json_default).encode()
    with os.fdopen(descriptor, "wb") as file:
        file.write(encoded)
    return zlib.crc32(encoded)
