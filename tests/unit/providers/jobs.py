"""Jobs for the tests of hosted providers, and how they are taken to their end."""

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from chalicelib.generation.operations import operations
from chalicelib.generation.ordering.order import ready
from chalicelib.providers.capability import Model
from chalicelib.providers.job import Done, Job, Pending, ProviderError
from tests.support import files
from tests.support.vendors import HOSTED, Hosted
from tests.support.vendors.standin import QUOTED, StandIn

#: The least that each operation can be asked for.
PARAMETERS: dict[str, dict[str, Any]] = {"stylize": {"style": 19}}
QUEUED = {"comfyui", "fal", "replicate"}
PROMPT = "a prompt-canary on a hill"

WORK = [
    (name, model, operation)
    for name, hosted in HOSTED.items()
    for model in hosted.capability.models
    for operation in model.operations
]
IDS = [f"{model.id}-{operation}" for _, model, operation in WORK]


@cache
def photo() -> bytes:
    return files.jpeg(300, 200)


def job(model: Model, operation: str, parameters: dict[str, Any] | None = None, **changes: Any) -> Job:
    offered = operations()[operation]
    made = Job(
        generation_id="gen_" + "0" * 26,
        idempotency_key="gen_0/1",
        model=model.id,
        operation=operation,
        parameters=ready(offered.parse(PARAMETERS.get(operation, {}) if parameters is None else parameters), model),
        prompt=PROMPT if offered.prompt.value != "none" else None,
        photo=photo() if offered.needs_photo else None,
        reference=None,
        n=1,
        seed=7,
        callback_url=None,
    )
    return replace(made, **changes)


def finish(hosted: Hosted, standin: StandIn, wanted: Job, *, polls: int = 10) -> Done:
    """What a worker does: submits, and asks until it is done."""
    provider = hosted.provider(standin)
    answer = provider.submit(wanted)
    if isinstance(answer, Done):
        return answer
    assert 0 < len(answer.ticket) <= 500
    asked = replace(wanted, photo=None, reference=None)
    for _ in range(polls):
        said: Done | Pending = provider.poll(answer.ticket, asked)
        if isinstance(said, Done):
            return said
        assert said.poll_after_seconds >= 1
    raise AssertionError("it was never done")


def standin_for(name: str, model: Model) -> StandIn:
    standin = HOSTED[name].standin()
    standin.modality = model.modality
    return standin


def refused(hosted: Hosted, standin: StandIn, wanted: Any) -> ProviderError:
    with pytest.raises(ProviderError) as error:
        finish(hosted, standin, wanted)
    said = f"{error.value} {error.value.message}"
    assert error.value.message.endswith(".")
    for quoted in (QUOTED, PROMPT, "not-a-real-key"):
        assert quoted not in said
    return error.value
