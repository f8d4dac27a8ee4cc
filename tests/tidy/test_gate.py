"""The gate itself: what it installs is pinned, its steps can fail, and `.ci/run` cannot end well without tests."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from infra.tools import check
from tests.tidy.tree import ROOT

REGISTRY = "https://registry.npmjs.org/"
LOCKS = ("requirements.txt", "requirements-dev.txt", "infra/build/uv-requirements.txt")


def unpinned(lock: str) -> list[str]:
    """Requirements of a lock file that are not one exact version with a hash."""
    entries = re.split(r"\n(?=\S)", lock.strip())
    wanted = [entry for entry in entries if not entry.startswith("#")]
    return [entry.split()[0] for entry in wanted if "==" not in entry.split()[0] or "--hash=sha256:" not in entry]


def npm_objections(package: dict, lock: dict) -> list[str]:
    """Tools that are not pinned exactly, and locked packages without a hash or from elsewhere than the registry."""
    wanted = {**package.get("dependencies", {}), **package.get("devDependencies", {})}
    found = [
        f"{name} {version} is not exact"
        for name, version in wanted.items()
        if not re.fullmatch(r"\d+\.\d+\.\d+", version)
    ]
    for name, entry in lock["packages"].items():
        if name and "integrity" not in entry:
            found.append(f"{name} has no hash")
        if not entry.get("resolved", REGISTRY).startswith(REGISTRY):
            found.append(f"{name} comes from elsewhere")
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_python_packages_are_pinned_with_hashes(name: str) -> None:
    text = (ROOT / name).read_text()
    assert unpinned(text) == []
    assert "==" in text


def test_an_unpinned_package_is_found() -> None:
    good = "a==1 \\\n    --hash=sha256:00\n    # via b\n"
    assert unpinned(good) == []
    assert unpinned(good + "b>=1 \\\n    --hash=sha256:00\n") == ["b>=1"]
    assert unpinned(good + "c==1\n") == ["c==1"]


def test_npm_tools_are_pinned_with_hashes_and_without_hosts() -> None:
    package, lock = (json.loads((check.TOOLS / name).read_text()) for name in ("package.json", "package-lock.json"))
    assert npm_objections(package, lock) == []
    assert len(lock["packages"]) > len(package["devDependencies"])


def test_a_loose_npm_tool_is_found() -> None:
    lock = {"packages": {"": {}, "node_modules/a": {"integrity": "sha512-x", "resolved": REGISTRY + "a.tgz"}}}
    assert npm_objections({"devDependencies": {"a": "1.0.0"}}, lock) == []
    assert npm_objections({"devDependencies": {"a": "^1.0.0"}}, lock) != []
    assert npm_objections({}, {"packages": {"node_modules/a": {}}}) != []
    elsewhere = {"integrity": "sha512-x", "resolved": "https://mirror.example.com/a.tgz"}
    assert npm_objections({}, {"packages": {"node_modules/a": elsewhere}}) != []


def test_a_step_fails_with_what_its_tool_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check.run("printf", "fine") == "fine"
    with pytest.raises(check.CheckFailed, match=r"^wrong$"):
        check.run("sh", "-c", "echo wrong; exit 3")
    with pytest.raises(check.CheckFailed, match="code 3"):
        check.run("sh", "-c", "exit 3")
    monkeypatch.setattr(check, "STEP_SECONDS", 0.2)
    with pytest.raises(check.CheckFailed, match="longer than"):
        check.run("sleep", "20")
    with pytest.raises(check.CheckFailed, match="make tools"):
        check.npm_tool("no-such-tool")


def test_a_linter_that_accepts_the_bad_sample_is_itself_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "npm_tool", lambda *_: "all is well")
    with pytest.raises(check.CheckFailed, match="proves nothing"):
        check.workflows()


def test_the_gate_stops_at_the_first_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = []

    def fails() -> str:
        ran.append("fails")
        raise check.CheckFailed("wrong")

    def holds() -> str:
        ran.append("holds")
        return "fine"

    monkeypatch.setattr(check, "STEPS", {"first": holds, "second": fails, "third": holds})
    monkeypatch.setattr("sys.argv", ["check"])
    assert check.main() == 1
    assert ran == ["holds", "fails"]
    monkeypatch.setattr("sys.argv", ["check", "--keep-going"])
    assert check.main() == 1
    assert ran == ["holds", "fails", "holds", "fails", "holds"]
    monkeypatch.setattr("sys.argv", ["check", "third"])
    assert check.main() == 0
    assert capsys.readouterr().out.endswith("check: everything holds\n")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A miniature checkout with our `.ci/run`, and npm and node that are only names, so that nothing is installed."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci/run").write_bytes((ROOT / ".ci/run").read_bytes())
    (tmp_path / "bin").mkdir()
    for name, says in (("npm", ""), ("node", "v22.12.0")):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\necho {says}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def run_ci(checkout: Path, checks: str, tests: str) -> subprocess.CompletedProcess[str]:
    (checkout / "Makefile").write_text(f"check:\n\t@{checks}\ntest:\n\t@{tests}\n")
    path = {**os.environ, "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}"}
    command = ["bash", ".ci/run"]
    return subprocess.run(command, cwd=checkout, env=path, capture_output=True, text=True, timeout=60, check=False)


def test_ci_ends_well_with_the_closing_line_of_pytest(checkout: Path) -> None:
    closing = "==== 12 passed, 1 skipped in 61.20s (0:01:01) ===="
    done = run_ci(checkout, "echo checked", f"echo '{closing}'")
    assert (done.returncode, done.stdout) == (0, f"checked\n{closing}\n")


@pytest.mark.parametrize(
    ("checks", "tests"),
    [
        ("false", "echo '=== 3 passed in 0.20s ==='"),
        ("echo checked", "echo '=== 1 failed, 3 passed in 0.20s ==='; exit 1"),
        ("echo checked", "echo '=== 3 skipped in 0.20s ==='"),
        ("echo checked", "echo '=== no tests ran in 0.02s ==='"),
        ("echo checked", "true"),
    ],
)
def test_ci_fails_when_a_check_or_test_fails_or_none_ran(checkout: Path, checks: str, tests: str) -> None:
    assert run_ci(checkout, checks, tests).returncode != 0
