"""What the child may not do, and what the parent makes of a child that lies, dies or hangs."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chalicelib.media import gateway, limits
from chalicelib.media.decoder import FORMATS
from chalicelib.media.gateway import PhotoCleaner
from chalicelib.media.photo import Reason, RejectedPhoto
from tests.hostile.case import jpeg

ROOT = Path(__file__).parents[3]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg())
    return path


def with_rights_given_up(attempt: str) -> subprocess.CompletedProcess[str]:
    """A program that gives up its rights as the decoder does, then tries something."""
    program = f"from chalicelib.media.decoder import give_up_rights\nimport os\ngive_up_rights('JPEG')\n{attempt}"
    command = [sys.executable, "-c", program]
    return subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        (f"held = bytearray({limits.CHILD_ADDRESS_SPACE_BYTES})", "MemoryError"),
        ("files = [os.open('/dev/null', os.O_RDONLY) for _ in range(64)]", "Too many open files"),
    ],
)
def test_the_child_cannot_take_more(attempt: str, error: str) -> None:
    ended = with_rights_given_up(attempt)

    assert ended.returncode != 0
    assert error in ended.stderr


def test_the_child_cannot_write_a_file(tmp_path: Path) -> None:
    target = tmp_path / "written"

    ended = with_rights_given_up(
        f"print('ready', flush=True)\nopen({str(target)!r}, 'wb', buffering=0).write(b'x' * 9)"
    )

    assert ended.stdout == "ready\n"
    assert ended.returncode != 0
    assert target.stat().st_size == 0


def test_the_child_is_stopped_when_its_processor_time_is_over() -> None:
    ended = with_rights_given_up(
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass",
    )
    bounded = with_rights_given_up("import resource; print(resource.getrlimit(resource.RLIMIT_CPU))")

    assert ended.returncode < 0
    assert bounded.stdout == f"({limits.CHILD_CPU_SECONDS}, {limits.CHILD_CPU_SECONDS})\n"


def test_the_child_sees_no_credentials_and_no_folder_of_ours(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-for-decoders")
    monkeypatch.setattr(gateway, "BOOT", "import json, os; print(json.dumps([dict(os.environ), os.getcwd()]))")

    with photo.open("rb") as file:
        environment, folder = json.loads(PhotoCleaner()._ask_child(file, "image/jpeg"))

    assert set(environment) <= {"LD_LIBRARY_PATH", "MALLOC_ARENA_MAX", "LC_CTYPE"}
    assert folder == "/"


def test_a_child_that_hangs_is_killed_with_all_it_started(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hang = "import os, time; print(os.fork(), flush=True); time.sleep(600)"
    monkeypatch.setattr(gateway, "BOOT", hang)
    cleaner = PhotoCleaner(wall_seconds=0.5)

    started = time.monotonic()
    with photo.open("rb") as file:
        answer = cleaner._ask_child(file, "image/jpeg")
    took_seconds = time.monotonic() - started

    grandchild = max(int(line) for line in answer.split())
    assert took_seconds < 10
    assert is_gone(grandchild)
    with pytest.raises(RejectedPhoto) as rejected:
        cleaner.clean(photo, "image/jpeg")
    assert rejected.value.reason is Reason.UNDECODABLE


def is_gone(pid: int) -> bool:
    """Whether that process has ended (its parent may not have asked yet)."""
    for _ in range(50):
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False


def test_a_child_that_never_stops_talking_is_cut_off(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_CLEAN_BYTES", 1_000_000)
    monkeypatch.setattr(gateway, "BOOT", "import sys\nwhile True: sys.stdout.buffer.write(b'x' * 65536)")

    with photo.open("rb") as file:
        answer = PhotoCleaner()._ask_child(file, "image/jpeg")

    assert len(answer) == limits.MAX_HEADER_BYTES + 1_000_000 + 1


PLAUSIBLE = {"content_type": "image/jpeg", "width": 96, "height": 64, "bytes": 3}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"not a header",
        b"\n\xff\xd8\xff",
        b"[]\n\xff\xd8\xff",
        b"null\n\xff\xd8\xff",
        b"7\n\xff\xd8\xff",
        b"{}\n\xff\xd8\xff",
        b"\xff\xfe\n\xff\xd8\xff",
        b'{"reason": "because"}\n',
        b'{"reason": ["empty"]}\n',
        b" " * (limits.MAX_HEADER_BYTES + 1) + b"\n",
        *(
            json.dumps(PLAUSIBLE | lie).encode() + b"\n\xff\xd8\xff"
            for lie in (
                {"bytes": 4},
                {"bytes": None},
                {"content_type": "text/html"},
                {"content_type": "image/png"},
                {"content_type": ["image/jpeg"]},
                {"width": 31},
                {"width": True},
                {"width": "96"},
                {"height": 99_999},
                {"width": 16_000, "height": 16_000},
            )
        ),
        json.dumps(PLAUSIBLE).encode() + b"\n<ht",
    ],
)
def test_an_implausible_answer_means_the_file_broke_the_child(answer: bytes) -> None:
    with pytest.raises(RejectedPhoto) as rejected:
        gateway._parse(answer)

    assert rejected.value.reason is Reason.UNDECODABLE


def test_a_plausible_answer_is_believed() -> None:
    photo = gateway._parse(json.dumps(PLAUSIBLE).encode() + b"\n\xff\xd8\xff")

    assert (photo.width, photo.height, photo.data) == (96, 64, b"\xff\xd8\xff")


def test_the_decoder_knows_exactly_the_accepted_types() -> None:
    assert set(FORMATS) == set(limits.ACCEPTED_TYPES)
    assert {format_name for format_name, _ in FORMATS.values()} == {"JPEG", "PNG", "WEBP", "GIF", "HEIF", "AVIF"}


def test_the_same_photo_is_cleaned_to_the_same_bytes(photo: Path) -> None:
    first, again = (PhotoCleaner().clean(photo, "image/jpeg") for _ in range(2))

    assert first == again


def test_a_photo_that_cannot_be_read_is_our_problem(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        PhotoCleaner().clean(tmp_path / "missing", "image/jpeg")
