"""People, and the description of the API that runs."""

import json
from typing import Any

import pytest

from tests.e2e.person import Person
from tests.support.stack import Stack


@pytest.fixture(scope="module")
def person(stack: Stack) -> Person:
    """Somebody who signed up, with 100 assets."""
    return Person(stack, stack.new_account())


@pytest.fixture(scope="module")
def stranger(stack: Stack) -> Person:
    """Somebody else."""
    return Person(stack, stack.new_account())


@pytest.fixture(scope="session")
def document(stack: Stack) -> dict[str, Any]:
    """The OpenAPI document as served."""
    answer = stack.api("GET", "/openapi.json", key="")
    assert answer.status_code == 200
    found: dict[str, Any] = json.loads(answer.text)
    return found
