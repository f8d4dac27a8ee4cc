"""The door to the decoder: starts it as a child, holds it to its limits, and believes nothing that it says.

Works where AWS Lambda runs it: no shared memory, no semaphores, no writable disk, and no credentials in the child's
environment. The child starts in about 60 ms because it loads one codec and skips the interpreter's `site`.
"""

import json
import os
import signal
import subprocess
import sys
import sysconfig
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from threading import Timer
from typing import BinaryIO

from chalicelib.media import limits
from chalicelib.media.photo import CleanPhoto, Reason, RejectedPhoto
from chalicelib.media.sniff import HEAD_BYTES, check_declared, sniff

#: The child's program. Its packages are named to it, since it is started without `site` and without an environment.
BOOT = "import sys; sys.path[:0] = sys.argv[2:]; from chalicelib.media.decoder import main; main(sys.argv[1])"
PACKAGES = ("chalicelib", "PIL", "pi_heif")
SIGNATURES = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}


class PhotoCleaner:
    """Makes a photo safe to use: decodes it in a sandboxed child and keeps nothing of the file but its pixels."""

    def __init__(self, *, wall_seconds: float = limits.CHILD_WALL_SECONDS) -> None:
        self._wall_seconds = wall_seconds
        self._package_folders = tuple(dict.fromkeys(_folder_of(package) for package in PACKAGES))
        # Python's own shared library is not on the loader's default path everywhere (it is not in Lambda).
        self._environment = {"LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR") or ""), "MALLOC_ARENA_MAX": "1"}

    def clean(self, source: Path, declared_type: str) -> CleanPhoto:
        """The photo in the file `source`, declared as `declared_type` (one of limits.ACCEPTED_TYPES), made safe.

        Raises RejectedPhoto for every file that is not a whole photo within the limits, whatever it does to its
        decoder; OSError only when `source` itself cannot be read.
        """
        size_bytes = source.stat().st_size
        if size_bytes == 0:
            raise RejectedPhoto(Reason.EMPTY)
        if size_bytes > limits.MAX_UPLOAD_BYTES:
            raise RejectedPhoto(Reason.TOO_LARGE)
        with source.open("rb") as file:
            kind = check_declared(sniff(file.read(HEAD_BYTES)), declared_type)
            file.seek(0)
            answer = self._ask_child(file, kind.content_type or "")
        return _parse(answer)

    def _ask_child(self, file: BinaryIO, content_type: str) -> bytes:
        """What the child wrote before it ended or was ended; at most one byte more than an answer may have."""
        with subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", BOOT, content_type, *self._package_folders],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environment,
            cwd="/",
            start_new_session=True,
        ) as child:
            alarm = Timer(self._wall_seconds, _kill_group, (child.pid,))
            alarm.daemon = True
            alarm.start()
            try:
                assert child.stdout is not None
                return child.stdout.read(limits.MAX_HEADER_BYTES + limits.MAX_CLEAN_BYTES + 1)
            finally:
                alarm.cancel()
                alarm.join()
                # Until it is waited for, the id is still this child's and no one else's.
                _kill_group(child.pid)


def _folder_of(package: str) -> str:
    """Where `package` is imported from, without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(f"{package} is not installed, and no photo can be cleaned without it")
    return str(Path(spec.origin).parents[1])


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return  # it has ended by itself


def _parse(answer: bytes) -> CleanPhoto:
    """The photo in a child's answer; anything but a whole and plausible one means that the file broke the child."""
    head, newline, body = answer.partition(b"\n")
    if not newline or len(head) > limits.MAX_HEADER_BYTES:
        raise RejectedPhoto(Reason.UNDECODABLE)
    try:
        header = json.loads(head)
        if "reason" in header:
            raise RejectedPhoto(Reason(header["reason"]))
        photo = CleanPhoto(body, header["content_type"], header["width"], header["height"], sha256(body).hexdigest())
        stated_bytes = header["bytes"]
    except (ValueError, KeyError, TypeError):
        raise RejectedPhoto(Reason.UNDECODABLE) from None
    if stated_bytes != len(body) or not _is_plausible(photo):
        raise RejectedPhoto(Reason.UNDECODABLE)
    return photo


def _is_plausible(photo: CleanPhoto) -> bool:
    sides = (photo.width, photo.height)
    return (
        photo.content_type in limits.CLEAN_TYPES
        and photo.data.startswith(SIGNATURES[photo.content_type])
        and all(type(side) is int and limits.MIN_SIDE_PIXELS <= side <= limits.MAX_SIDE_PIXELS for side in sides)
        and photo.width * photo.height <= limits.MAX_PIXELS
        and len(photo.data) <= limits.MAX_CLEAN_BYTES
    )
