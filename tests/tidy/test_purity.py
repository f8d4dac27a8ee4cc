"""Pure files are pure, one file reads the environment and one the clock, and imports do nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy import purity
from tests.tidy.tree import EXEMPT, ROOT, Kind, Module, service_modules

PURE = "chalicelib/credits/ledger.py"


def test_pure_files_import_no_role_no_sdk_and_no_world() -> None:
    assert purity.impure(service_modules()) == []


@pytest.mark.parametrize(
    "line",
    [
        "import boto3",
        "import stripe",
        "import os",
        "import random",
        "import time",
        "import urllib.request",
        "from urllib import request",
        "from uuid import uuid4",
        "from os import environ",
        "from http import client",
        "from chalicelib.credits.store import CreditsStore",
        "from chalicelib.keys import service",
        "from chalicelib.aws import tables",
        "from chalicelib import wiring",
        "from chalicelib.edge.http import Door",
        "from chalicelib.kernel.clock import SystemClock",
        "from datetime import datetime\nstarted = datetime.now()",
        "import datetime\nstarted = datetime.datetime.utcnow()",
        "def f():\n    import boto3",
    ],
)
def test_an_impure_line_is_found(line: str) -> None:
    assert purity.impure([Module(PURE, line)])


@pytest.mark.parametrize(
    "line",
    [
        "from datetime import datetime, timedelta",
        "from pydantic import BaseModel",
        "from chalicelib.kernel.clock import rfc3339",
        "from chalicelib.credits.ledger import Bucket",
        "def expires_at(now, ttl_seconds):\n    return now + ttl_seconds",
    ],
)
def test_a_pure_line_is_left_alone(line: str) -> None:
    assert purity.impure([Module(PURE, line)]) == []


def test_a_role_file_may_use_an_sdk_and_numpy_is_for_engines_only() -> None:
    assert purity.impure([Module("chalicelib/credits/store.py", "import pynamodb")]) == []
    assert purity.impure([Module("chalicelib/providers/engines/style.py", "import numpy")]) == []
    assert purity.impure([Module("chalicelib/media/photo.py", "import numpy")])


def test_a_vendor_is_told_by_the_capability_that_it_declares() -> None:
    assert Module("chalicelib/providers/acme.py", "CAPABILITY = 1\nimport httpx").kind is Kind.EDGE
    assert Module("chalicelib/providers/acme.py", "CAPABILITY: int = 1").kind is Kind.EDGE
    assert Module("chalicelib/providers/registry.py", "import pkgutil").kind is Kind.PURE
    assert Module("chalicelib/credits/acme.py", "CAPABILITY = 1").kind is Kind.PURE


def test_every_exempt_file_exists() -> None:
    assert [path for path in EXEMPT if not (ROOT / path).is_file()] == []


def test_only_the_settings_read_the_environment() -> None:
    assert purity.reads_environment(service_modules()) == []
    for planted in ("import os\nx = os.environ['A']", "from os import getenv", "import os\nx = os.getenv('A')"):
        assert purity.reads_environment([Module("chalicelib/aws/session.py", planted)])
    assert purity.reads_environment([Module(purity.SETTINGS_FILE, "import os\nx = os.environ")]) == []


def test_only_the_kernel_clock_reads_the_clock() -> None:
    assert purity.reads_clock(service_modules()) == []
    for planted in (
        "from datetime import datetime\nx = datetime.now()",
        "import time\nx = time.time()",
        "from time import time",
        "from datetime import date\nx = date.today()",
    ):
        assert purity.reads_clock([Module("chalicelib/aws/tables.py", planted)])
    assert purity.reads_clock([Module("chalicelib/edge/http.py", "import time\nx = time.perf_counter()")]) == []


def test_only_one_file_draws_chance() -> None:
    assert purity.draws_chance(service_modules()) == []
    for planted in (
        "import secrets",
        "from random import choice",
        "import uuid\nx = uuid.uuid4()",
        "import os\nos.urandom(1)",
    ):
        assert purity.draws_chance([Module("chalicelib/keys/store.py", planted)])


def test_imports_call_nothing_that_acts() -> None:
    assert purity.acts_on_import(service_modules()) == []


@pytest.mark.parametrize(
    "planted",
    [
        "import boto3\nddb = boto3.client('dynamodb')",
        "from chalicelib.aws.session import client\nclass Store:\n    s3 = client('s3')",
        "import stripe\nstripe.StripeClient('x')",
        "from pathlib import Path\nTEXT = Path('a').read_text()",
        "TEXT = open('a').read()",
        "def f(at=SystemClock().now()): ...",
        "from chalicelib.wiring import services\nif True:\n    ledger = services().credits",
        "import requests\nRATES = requests.get('https://example.com').json()",
    ],
)
def test_a_call_on_import_is_found(planted: str) -> None:
    assert purity.acts_on_import([Module("chalicelib/credits/store.py", planted)])


@pytest.mark.parametrize(
    "line",
    [
        "def f():\n    return open('a')",
        "import re\nWORD = re.compile('a')",
        "make = lambda: open('a')",
        "if __name__ == '__main__':\n    print(open('a').read())",
    ],
)
def test_what_runs_later_may_act(line: str) -> None:
    assert purity.acts_on_import([Module("chalicelib/credits/store.py", line)]) == []


def test_providers_know_nobody() -> None:
    assert purity.providers_know_too_much(service_modules()) == []
    for planted in (
        "from chalicelib.accounts import email",
        "import chalicelib.privacy.law",
        "from chalicelib import portal",
    ):
        assert purity.providers_know_too_much([Module("chalicelib/providers/acme.py", planted)])
    allowed = "from chalicelib.providers import capability\nfrom chalicelib.kernel.errors import Problem"
    assert purity.providers_know_too_much([Module("chalicelib/providers/acme.py", allowed)]) == []


#: Loaded only where a photo is decoded or an engine runs, never by the API.
HEAVY_MODULES = ("chalicelib.media.decoder", "chalicelib.providers.engines")


def watched_import(names: list[str], folder: Path) -> dict[str, list[str]]:
    """What importing those modules does, in a child that has no other variable; `folder` comes first on its path."""
    program = ROOT / "tests/tidy/watched_import.py"
    command = [sys.executable, "-B", str(program), *names]
    path = {"PYTHONPATH": f"{folder}:{ROOT}"}
    child = subprocess.run(command, env=path, capture_output=True, text=True, timeout=60, check=False)
    assert child.returncode == 0, child.stderr[-2000:]
    result: dict[str, list[str]] = json.loads(child.stdout.splitlines()[-1])
    return result


def test_importing_all_of_it_without_any_variable_does_nothing_and_loads_nothing_heavy(tmp_path: Path) -> None:
    names = [".".join(module.parts).removesuffix(".__init__") for module in service_modules()]
    light = [name for name in names if not name.startswith(HEAVY_MODULES)]
    assert "app" in light
    assert watched_import(light, tmp_path) == {"done": [], "heavy": []}


@pytest.mark.parametrize(
    ("planted", "kind", "seen"),
    [
        ("import socket\nsocket.socket().connect_ex(('127.0.0.1', 9))", "done", "socket.connect"),
        ("open('/dev/null', 'w').close()", "done", "opens /dev/null to write"),
        ("import subprocess, sys\nsubprocess.run([sys.executable, '-V'])", "done", "subprocess.Popen"),
        ("import sys\nsys.modules['numpy'] = sys", "heavy", "numpy"),
    ],
)
def test_a_module_that_acts_on_import_is_seen(planted: str, kind: str, seen: str, tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(planted)
    assert seen in watched_import(["planted"], tmp_path)[kind]
