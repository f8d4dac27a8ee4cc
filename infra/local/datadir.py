"""The data folder of one laptop stack: what lies where in it, who may use it, what it remembers between starts."""

import fcntl
import json
import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

FORMAT = 1
HOST = "127.0.0.1"
REGION = "us-east-1"
ACCOUNT = "000000000000"
WARM_ROLE = "fotogenic-laptop"
MAX_LOG_BYTES = 16_000_000


class LaptopError(Exception):
    """The laptop stack cannot run; the message is one line that says what to do."""


@dataclass(frozen=True)
class Secrets:
    """What only the owner of the data folder may know; stored 0600 in it.

    `root_key_id`/`root_secret`: the emulator's root. `control_token`: opens the emulator's control routes and the
    runner. `session_secret`: the functions' role sessions are derived from it, so that they survive restarts.
    """

    root_key_id: str
    root_secret: str
    control_token: str
    session_secret: str

    @staticmethod
    def make() -> "Secrets":
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
        key_id = "AKIA" + "".join(secrets.choice(alphabet) for _ in range(16))
        return Secrets(key_id, *(secrets.token_urlsafe(32) for _ in range(3)))


class DataDir:
    """Paths and small state files. Opening it creates it; see `lock` before writing."""

    def __init__(self, root: Path) -> None:
        """Raises LaptopError when the folder cannot be written, is not ours, or is damaged."""
        self.root = root.absolute()
        self.outbox = self.root / "outbox"
        self.logs = self.root / "logs"
        self.state = self.root / "state"
        self.objects = self.root / "objects"
        self.build = self.root / "build"
        self.stripe = self.root / "stripe"
        self.demo = self.root / "demo.json"
        self.functions = self.root / "functions.json"
        self._marker = self.root / "laptop.json"
        self._open()

    def _open(self) -> None:
        try:
            fresh = not self.root.exists() or not any(self.root.iterdir())
            if not fresh and not self._marker.exists() and not self._abandoned():
                raise LaptopError(f"{self.root} is not empty and not a Fotogenic data folder: choose another DATA")
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in (self.outbox, self.logs, self.state, self.objects, self.build):
                folder.mkdir(exist_ok=True, mode=0o700)
            if self._marker.exists():
                self._memory = _read_marker(self._marker)
            else:
                self._memory = {"format": FORMAT, "secrets": vars(Secrets.make()), "ports": {}}
                self._remember()
        except NotADirectoryError:
            raise LaptopError(f"{self.root} is a file: choose another DATA") from None
        except FileExistsError:
            raise LaptopError(f"{self.root} holds a file where a folder belongs: choose another DATA") from None
        except OSError as error:
            raise LaptopError(f"cannot write {self.root} ({error.strerror}): choose another DATA") from None

    def _abandoned(self) -> bool:
        # A start that was killed before it could write the marker leaves only these, empty.
        ours = {self.outbox, self.logs, self.state, self.objects, self.build, self.root / "lock"}
        return all(entry in ours and not (entry.is_dir() and any(entry.iterdir())) for entry in self.root.iterdir())

    def _remember(self) -> None:
        write_private(self._marker, json.dumps(self._memory, indent=1))

    @property
    def secrets(self) -> Secrets:
        """The secrets of this folder."""
        return Secrets(**self._memory["secrets"])

    def listen(self, name: str) -> socket.socket:
        """Listens on the port remembered for `name`, or on a free one, remembered from now on, when it is taken."""
        remembered = self._memory["ports"].get(name)
        try:
            listener = listen_on(remembered if isinstance(remembered, int) else 0)
        except OSError:
            listener = listen_on(0)
        port = listener.getsockname()[1]
        if port != remembered:
            self._memory["ports"][name] = port
            self._remember()
        return listener

    @property
    def deployed(self) -> str:
        """The fingerprint of what is deployed; empty before the first deployment."""
        return str(self._memory.get("deployed", ""))

    @deployed.setter
    def deployed(self, fingerprint: str) -> None:
        self._memory["deployed"] = fingerprint
        self._remember()

    @property
    def offered(self) -> str:
        """The version of the catalog that Stripe was told last, and which Stripe; empty before the first time."""
        return str(self._memory.get("offered", ""))

    @offered.setter
    def offered(self, version: str) -> None:
        self._memory["offered"] = version
        self._remember()

    def lock(self) -> IO[str]:
        """Takes the folder for this process until it ends, however it ends.

        Returns the open file that holds the lock. Raises LaptopError naming the process that has it.
        """
        return take_lock(self.root / "lock", f"{self.root} is in use", "stop it or choose another DATA")


def take_lock(path: Path, problem: str, remedy: str) -> IO[str]:
    """An exclusive lock that the system drops when the process ends, so none is ever stale. Raises LaptopError."""
    file = open(path, "a+", encoding="ascii")  # noqa: SIM115 - open as long as the process
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise LaptopError(f"{problem} by process {owner}: {remedy}") from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def _read_marker(path: Path) -> dict[str, Any]:
    damaged = LaptopError(f"{path} is damaged: restore it, or move {path.parent} away to start afresh")
    try:
        memory = json.loads(path.read_text())
        if not isinstance(memory, dict) or not isinstance(memory["ports"], dict):
            raise damaged
        Secrets(**memory["secrets"])
    except (ValueError, KeyError, TypeError):
        raise damaged from None
    if memory.get("format") != FORMAT:
        raise LaptopError(f"{path.parent} was written by another version of Fotogenic: choose another DATA")
    return memory


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, whole or not at all."""
    temporary = path.with_name(path.name + ".part")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def listen_on(port: int) -> socket.socket:
    """A socket that listens on this port of the loopback interface; 0 is any free one. Raises OSError when taken."""
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(256)
    except OSError:
        listener.close()
        raise
    return listener
