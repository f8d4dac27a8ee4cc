"""Fixtures and marks for every suite. A test's mark is the folder it lies in."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import Stack

TESTS = Path(__file__).parent
SUITES = ("unit", "tidy", "integration", "faults", "e2e", "browser", "bench")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks each test with its suite."""
    for item in items:
        suite = item.path.relative_to(TESTS).parts[0]
        if suite in SUITES:
            item.add_marker(suite)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole service, each function alone with its own role. Restart it only if every test can bear that."""
    running = Stack(tmp_path_factory.mktemp("stack") / "data")
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """AWS with the template deployed and nothing running on it: queues keep their messages."""
    running = Stack(tmp_path_factory.mktemp("emulator") / "data", only_emulator=True)
    try:
        yield running.start()
    finally:
        running.stop()
