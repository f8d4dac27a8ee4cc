"""The import contracts of pyproject.toml hold, and each of them breaks when its arrow is drawn."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy.tree import ROOT

#: A small house with one room that exists today and one that does not yet.
ROOMS = ("accounts", "credits", "keys", "notices", "providers", "showcase")
ROLES = ("gateway", "routes", "service", "store", "worker")
HOUSE = [
    *(f"{room}/{name}.py" for room in ROOMS for name in ("__init__", "subject", *ROLES)),
    *(f"showcase/wall/{name}.py" for name in ("__init__", "subject", *ROLES)),
    *(f"{folder}/{name}.py" for folder in ("aws", "edge", "kernel") for name in ("__init__", "thing")),
    "wiring.py",
    "__init__.py",
]


def contracts(folder: Path) -> subprocess.CompletedProcess[str]:
    """Checks the chalicelib in that folder against our contracts."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    path = {**os.environ, "PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}
    command += ["--config", str(ROOT / "pyproject.toml")]
    return subprocess.run(command, cwd=folder, env=path, capture_output=True, text=True, timeout=60, check=False)


def build(folder: Path, planted: dict[str, str]) -> None:
    for name in HOUSE:
        path = folder / "chalicelib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(planted.get(name, ""))


def test_the_contracts_hold() -> None:
    done = contracts(ROOT)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "9 kept, 0 broken" in done.stdout


def test_a_proper_house_keeps_them(tmp_path: Path) -> None:
    proper = {
        "showcase/routes.py": "from chalicelib import wiring\nfrom chalicelib.showcase import service",
        "showcase/service.py": "from chalicelib.showcase import subject\nfrom chalicelib.credits import service",
        "showcase/store.py": "import pynamodb\nfrom chalicelib.aws import thing",
        "edge/thing.py": "from chalicelib import wiring",
        "wiring.py": "from chalicelib.showcase import service, store\nimport chalicelib.credits.service",
    }
    build(tmp_path, proper)
    done = contracts(tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize(
    ("file", "line", "broken"),
    [
        ("kernel/thing.py", "from chalicelib.credits import subject", "The kernel imports nothing"),
        ("aws/thing.py", "from chalicelib.showcase import service", "aws knows no room"),
        ("showcase/service.py", "from chalicelib.showcase import store", "A service gets"),
        ("showcase/service.py", "from chalicelib.aws import thing", "A service gets"),
        ("showcase/wall/service.py", "from chalicelib.showcase import store", "A service gets"),
        ("showcase/wall/routes.py", "from chalicelib.showcase.wall import store", "A door calls"),
        ("showcase/service.py", "import pynamodb", "A service gets"),
        ("showcase/service.py", "from chalicelib import wiring", "A service gets"),
        ("showcase/store.py", "from chalicelib.showcase import service", "A store or gateway"),
        ("showcase/store.py", "from chalicelib.credits import store", "A store or gateway"),
        ("showcase/gateway.py", "from chalicelib.showcase import worker", "A store or gateway"),
        ("showcase/routes.py", "from chalicelib.showcase import store", "A door calls"),
        ("showcase/worker.py", "from chalicelib.aws import thing", "A door calls"),
        ("showcase/worker.py", "import boto3", "A door calls"),
        ("edge/thing.py", "from chalicelib.showcase import service", "The edge knows"),
        ("providers/subject.py", "from chalicelib.accounts import subject", "Vendors never see"),
        ("showcase/subject.py", "from chalicelib import wiring", "Only doors and the edge"),
        ("showcase/subject.py", "from chalicelib.credits import subject", "No cycles"),
    ],
)
def test_a_forbidden_arrow_breaks_its_contract(file: str, line: str, broken: str, tmp_path: Path) -> None:
    build(tmp_path, {"credits/subject.py": "from chalicelib.showcase import subject", file: line})
    done = contracts(tmp_path)
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-1000:]
    assert any(row.startswith(broken) and row.endswith("BROKEN") for row in done.stdout.splitlines()), done.stdout
