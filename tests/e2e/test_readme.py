"""The README's walk-through, run as it stands."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def walk_through() -> str:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    found: list[str] = [block for block in blocks if "$BASE/v1/" in block]
    assert ["/v1/generations" in block for block in found] == [True, False], "the main job, then buying"
    return "\n".join(found)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_walk_throughs_of_the_readme_work_when_pasted(stack, tmp_path):
    # GIVEN the running service, and a folder with the README's own photo
    photo = ROOT / "docs" / "images" / "before.jpg"
    environment = {**os.environ, "BASE": stack.base_url, "KEY": stack.demo["api_key"], "PHOTO": str(photo)}
    # WHEN the blocks are pasted into a shell
    done = subprocess.run(
        ["bash", "-c", walk_through()],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # THEN every step does what the README says
    assert done.returncode == 0, done.stderr
    assert "sent: 201" in done.stdout
    assert "succeeded" in done.stdout
    assert "deleted: 204" in done.stdout
    assert "afterwards: 410" in done.stdout
    assert "paid: 303" in done.stdout
    assert (tmp_path / "result.jpg").stat().st_size > 10_000
