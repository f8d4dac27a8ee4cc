"""`make demo`: the whole job from the shell, and one clear line when it cannot be done."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from infra.demo.progress import Report
from tests.e2e.person import jpeg, open_image
from tests.support.stack import PROJECT, Stack, children_of, is_running


def demo(stack: Stack, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """The demo against a running stack, started in a folder where it may leave its picture."""
    return subprocess.run(
        [sys.executable, "-m", "infra.demo", "--data", str(stack.data), *more],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_it_does_all_steps_and_leaves_the_picture(stack: Stack, tmp_path: Path) -> None:
    before = stack.api("GET", "/v1/balance").json()["available"]
    done = demo(stack, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    saved = tmp_path / "fotogenic-demo-starry-strokes.jpg"
    assert open_image(saved.read_bytes()).size == (512, 512)
    lines = done.stdout.splitlines()
    steps = [line for line in lines if line[1:3] == "/5"]
    assert [line.split()[1] for line in steps] == ["Upload", "Generate", "Save", "Account", "Delete"]
    assert all(" s  " in line for line in steps)
    assert f"saved    {saved} (512 x 512)" in lines
    assert "cost     1 asset (hold -1, post +0)" in lines
    assert f"balance  {before} before, {before - 1} after" in lines
    assert stack.api("GET", "/v1/balance").json()["available"] == before - 1
    newest = stack.api("GET", "/v1/generations?limit=1").json()["data"][0]
    assert newest["assets"][0]["status"] == "deleted"


def test_it_takes_a_photo_a_style_and_a_place(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "me.jpg").write_bytes(jpeg(Image.linear_gradient("L").convert("RGB")))
    done = demo(stack, tmp_path, "--photo", "me.jpg", "--style", "3", "--out", "art.jpg")
    assert done.returncode == 0, done.stderr
    assert open_image((tmp_path / "art.jpg").read_bytes()).size == (256, 256)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--photo", "missing.jpg"], "cannot read missing.jpg: No such file or directory"),
        (["--photo", "page.jpg"], "not a JPEG, PNG, WebP, GIF, AVIF or HEIC photo"),
        (["--photo", "cut.jpg"], "the photo was rejected: The file stops in the middle"),
        (["--style", "none"], "400 parameters.style: a style is a number from 0 to 25"),
        (["--out", "missing/a.jpg"], "cannot write missing/a.jpg: No such file or directory"),
    ],
)
def test_whatever_fails_is_one_line(stack: Stack, tmp_path: Path, more: list[str], says: str) -> None:
    (tmp_path / "page.jpg").write_text("<!doctype html>")
    (tmp_path / "cut.jpg").write_bytes((PROJECT / "docs/images/before.jpg").read_bytes()[:3000])
    done = demo(stack, tmp_path, *more)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("fotogenic demo: ")
    assert says in line


def test_without_a_service_it_starts_one_and_stops_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "infra.demo", "--port", "0", "--data", str(tmp_path / "data")]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "a.jpg")],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "a.jpg").exists()
    owner = int((tmp_path / "data" / "lock").read_text())
    assert not is_running(owner)
    assert json.loads((tmp_path / "data" / "demo.json").read_text())["api_key"]


def test_ctrl_c_stops_what_it_started(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "infra.demo", "--port", "0", "--data", str(tmp_path / "data")]
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "starting the service" in process.stdout.readline()
    time.sleep(1.0)
    [below] = children_of(process.pid)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said.strip()) == (130, "fotogenic demo: stopped before it was done")
    assert not is_running(below)


def test_a_taken_port_is_told_in_the_services_own_words(stack: Stack, tmp_path: Path) -> None:
    taken = stack.base_url.rpartition(":")[2]
    command = [sys.executable, "-m", "infra.demo", "--port", taken, "--data", str(tmp_path / "data")]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"port {taken} is in use" in done.stderr.strip()
    assert len(done.stderr.splitlines()) == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_a_bar_moves() -> None:
    out = Terminal()
    report = Report(2, out)
    with report.step("Upload") as step:
        for share in (0.25, 0.75):
            step.share = share
            time.sleep(0.25)
    bars = [frame.split()[2] for frame in out.getvalue().split("\r\x1b[2K")[1:]]
    assert bars[0].count("█") == 6
    assert "█" * 18 + "░" * 6 in bars
    assert bars[-1] == "█" * 24
    with pytest.raises(ValueError, match="broken"), report.step("Next"):
        raise ValueError("broken")
    assert "failed" in out.getvalue().splitlines()[-1]
