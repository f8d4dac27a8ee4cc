"""One process on the deployed tables, and an injector below botocore's retries."""

from collections.abc import Iterator

import pytest

from tests.support.deployed import Deployed, deployed
from tests.support.faults import Injector, injected
from tests.support.stack import Stack


@pytest.fixture(scope="module")
def core(emulator: Stack) -> Iterator[Deployed]:
    with deployed(emulator) as process:
        yield process


@pytest.fixture
def injector(core: Deployed, monkeypatch: pytest.MonkeyPatch) -> Iterator[Injector]:
    with injected(monkeypatch) as made:
        yield made
