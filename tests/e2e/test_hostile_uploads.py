"""Files that are not photos, through the real form: rejected with the reason, the worker alive and small."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.media.photo import CleanPhoto
from tests.e2e.person import Person, photo
from tests.hostile.case import Case
from tests.hostile.crooked import crooked
from tests.hostile.honest import metadata
from tests.hostile.judge import leftovers
from tests.support.stack import Stack, children_of, command_of

CHOSEN = (
    "60000-squared.png",
    "65500-squared.jpeg",
    "100000-frames.gif",
    "profile-bomb.png",
    "first-60-percent.jpeg",
    "first-90-percent.png",
    "page.html.jpg",
    "drawing.svg.jpg",
    "document.pdf.jpg",
    "png-declared-jpeg",
    "chance.jpg",
    "1x1.png",
    "empty.jpeg",
)
#: What Lambda would give the function; its own process and the decoder below it share it.
FUNCTION = "ProcessUpload"


@pytest.fixture(scope="module")
def cases() -> dict[str, Case]:
    return {case.name: case for case in crooked() if case.name in CHOSEN}


class Watch:
    """The most memory that a process and everything below it held at once, looked at every few milliseconds."""

    def __init__(self, pid: int) -> None:
        self.peak_bytes = 0
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.01):
            now = sum(resident_bytes(pid) for pid in (self._pid, *children_of(self._pid)))
            self.peak_bytes = max(self.peak_bytes, now)


def resident_bytes(pid: int) -> int:
    """A process's resident memory; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    except (FileNotFoundError, ProcessLookupError):
        return 0


def worker_of(stack: Stack) -> tuple[int, int]:
    """(process id, bytes of memory that its function has) of the worker that processes uploads."""
    functions: dict[str, Any] = json.loads((stack.data / "functions.json").read_text())["functions"]
    name, memory = next((n, f["memory_mb"] << 20) for n, f in functions.items() if f["logical_id"] == FUNCTION)
    [pid] = [pid for pid in children_of(stack.pids()["functions"]) if name in command_of(pid)]
    return pid, memory


@pytest.fixture(scope="module")
def watched(stack: Stack, person: Person) -> Iterator[Watch]:
    """The worker's memory while all the hostile files go through it."""
    assert person.ready(photo())
    pid, memory_bytes = worker_of(stack)
    with Watch(pid) as watch:
        yield watch
    assert worker_of(stack)[0] == pid, "the worker died of a file"
    assert 0 < watch.peak_bytes < memory_bytes


@pytest.mark.parametrize("name", CHOSEN)
def test_it_is_rejected_with_its_reason(person: Person, cases: dict[str, Case], watched: Watch, name: str) -> None:
    case = cases[name]
    upload = person.upload(case.data, case.declared)
    assert upload["status"] == "rejected"
    assert upload["reason"] in {str(reason) for reason in case.allowed}
    assert upload["message"].endswith(".")
    assert (upload["width"], upload["height"]) == (None, None)
    bucket, prefixes = person.stack.outputs["UploadsBucket"], ("incoming", "clean")
    for prefix in prefixes:
        key = f"{prefix}/{person.account.account_id}/{upload['id']}"
        assert person.stack.client("s3").list_objects_v2(Bucket=bucket, Prefix=key)["KeyCount"] == 0


def test_P6_where_and_with_what_it_was_taken_is_not_kept(stack: Stack, person: Person) -> None:
    for case in metadata():
        if case.name not in ("everything.jpeg", "gps.webp", "texts.png"):
            continue
        upload = person.upload(case.data, case.declared)
        assert upload["status"] == "ready", (case.name, upload)
        key = f"clean/{person.account.account_id}/{upload['id']}"
        stored = stack.client("s3").get_object(Bucket=stack.outputs["UploadsBucket"], Key=key)
        kept = CleanPhoto(stored["Body"].read(), stored["ContentType"], upload["width"], upload["height"], "")
        assert leftovers(kept) == [], case.name


def test_the_worker_takes_photos_afterwards(person: Person) -> None:
    assert person.upload(photo(200))["status"] == "ready"
