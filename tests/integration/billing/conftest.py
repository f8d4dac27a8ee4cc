"""One process on the deployed tables, and for each test a stand-in for Stripe of its own."""

from collections.abc import Iterator

import pytest

from tests.support.deployed import Deployed, deployed
from tests.support.shop import Shop
from tests.support.stack import Stack
from tests.support.standin import Desk


@pytest.fixture(scope="module")
def core(emulator: Stack) -> Iterator[Deployed]:
    with deployed(emulator) as process:
        yield process


@pytest.fixture
def shop(core: Deployed, desk: Desk) -> Shop:
    return Shop(core, desk)
