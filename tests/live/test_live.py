"""One small job at each vendor whose key is in the environment: it costs a few cents.

`FOTOGENIC_LIVE_OPENAI_API_KEY=… .venv/bin/python -m pytest tests/live`; the variable of each credential is named like
`FOTOGENIC_LIVE_<PROVIDER>_<MEMBER>`. What has none is skipped. Nothing here runs in `make test`.
"""

import os
import time
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.aws import bedrock
from chalicelib.outbound.gateway import Outbound
from chalicelib.outbound.policy import Hosts
from chalicelib.providers.configuration import read
from chalicelib.providers.job import Accepted, Done, Output
from chalicelib.providers.registry import REGISTRY
from chalicelib.providers.setup import Setup
from tests.support import files
from tests.unit.providers.jobs import job

PATIENCE_SECONDS = 600
PHOTO = files.jpeg(640, 480)
PROMPT = "a red apple on a wooden table"


def configured() -> dict[str, Any]:
    """The part of each provider whose variables are set."""
    parts: dict[str, Any] = {}
    for name, declared in REGISTRY.providers.items():
        members = {member: f"FOTOGENIC_LIVE_{name}_{member}".upper() for member in declared.configuration.model_fields}
        given = {member: os.environ[variable] for member, variable in members.items() if os.environ.get(variable)}
        if given:
            parts[name] = given
    return parts


ENABLED = read(configured(), REGISTRY)
WORK = [
    (model, operation)
    for name, offer in ENABLED.offers.items()
    if name != "local"
    for model in offer.capability.models
    for operation in model.operations
]


@pytest.mark.skipif(not WORK, reason="no vendor's key is in the environment")
@pytest.mark.parametrize(("model", "operation"), WORK, ids=[f"{model.id}-{name}" for model, name in WORK])
@pytest.mark.timeout(PATIENCE_SECONDS + 60)
def test_a_real_job_is_done(model: Any, operation: str) -> None:
    offer = ENABLED.offer(model.provider)
    send = Outbound(Hosts(offer.register, offer.origins))
    provider = offer.make(Setup(configuration=offer.configuration, send=send, invoke=bedrock.invoke))
    fitting = job(model, operation)
    wanted = replace(
        fitting,
        idempotency_key=f"live/{time.time_ns()}",
        prompt=PROMPT if fitting.prompt is not None else None,
        photo=PHOTO if fitting.photo is not None else None,
    )

    answer = provider.submit(wanted)
    ends = time.monotonic() + PATIENCE_SECONDS
    while not isinstance(answer, Done):
        assert isinstance(answer, Accepted)
        assert time.monotonic() < ends
        time.sleep(answer.poll_after_seconds)
        said = provider.poll(answer.ticket, wanted)
        answer = said if isinstance(said, Done) else answer

    (output,) = answer.outputs
    assert isinstance(output, Output)
    assert output.content_type.startswith(f"{model.modality}/")
    print(model.id, operation, output.width, output.height, output.seconds, answer.cost_microdollars)
