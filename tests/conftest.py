"""Fixtures and marks for every suite. A test's mark is the folder it lies in."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.stack import Stack

if TYPE_CHECKING:
    from tests.support.standin import Desk

TESTS = Path(__file__).parent
SUITES = ("unit", "tidy", "integration", "faults", "e2e", "browser", "bench")


#: Suites that share one running stack: all their files go to the same worker, which starts it once.
TOGETHER = ("e2e", "browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks each test with its suite, and says which tests go to a worker together: those of a file at least."""
    for item in items:
        suite = item.path.relative_to(TESTS).parts[0]
        if suite in SUITES:
            item.add_marker(suite)
        item.add_marker(pytest.mark.xdist_group("stack" if suite in TOGETHER else str(item.path)))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole service, each function alone with its own role. Restart it only if every test can bear that."""
    running = Stack(tmp_path_factory.mktemp("stack") / "data")
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture
def desk(tmp_path: Path) -> "Iterator[Desk]":
    """A fresh stand-in for Stripe with a webhook of its own; it starts in milliseconds."""
    from tests.support.standin import Running  # the library behind it is slow to import

    running = Running(tmp_path / "stripe")
    try:
        yield running.desk
    finally:
        running.stop()


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """AWS with the template deployed and nothing running on it: queues keep their messages.

    The stand-in for Stripe runs beside it, and tells nobody of its events.
    """
    running = Stack(tmp_path_factory.mktemp("emulator") / "data", only_emulator=True)
    try:
        yield running.start()
    finally:
        running.stop()
