"""What holds for every hosted provider that puts jobs into a queue and is asked for them."""

from typing import Any

import pytest

from chalicelib.outbound.request import NoReply, NotSent
from chalicelib.providers.job import Done, Job, Pending, ProviderCanceled, ProviderFailed, ProviderUnavailable
from tests.support.vendors import HOSTED
from tests.support.vendors.standin import as_reply
from tests.unit.providers.jobs import QUEUED, job, refused, standin_for


def asked_until_it_ends(provider: Any, ticket: str, wanted: Job) -> None:
    for _ in range(10):
        assert isinstance(provider.poll(ticket, wanted), Pending)


@pytest.mark.parametrize("name", sorted(QUEUED))
def test_F38_a_job_is_canceled_and_says_so(name: str) -> None:
    hosted = HOSTED[name]
    model = hosted.capability.models[0]
    standin = standin_for(name, model)
    standin.holds = 5
    provider, wanted = hosted.provider(standin), job(model, model.operations[0])
    ticket = provider.submit(wanted).ticket

    provider.cancel(ticket)

    with pytest.raises(ProviderCanceled):
        asked_until_it_ends(provider, ticket, wanted)
    provider.cancel(ticket)


@pytest.mark.parametrize("name", sorted(QUEUED))
def test_F33_a_provider_that_cannot_be_asked_is_asked_again(name: str) -> None:
    hosted = HOSTED[name]
    model = hosted.capability.models[0]
    standin = standin_for(name, model)
    provider, wanted = hosted.provider(standin), job(model, model.operations[0])
    ticket = provider.submit(wanted).ticket
    for step in (NoReply("cut"), NotSent("no"), as_reply(500, {}), as_reply(429, {}), as_reply(401, {})):
        standin.asked = [step]
        with pytest.raises(ProviderUnavailable):
            provider.poll(ticket, wanted)
        standin.asked = [step]
        with pytest.raises(ProviderUnavailable):
            provider.cancel(ticket)
    assert isinstance(provider.poll(ticket, wanted), Done)
    assert isinstance(provider.poll(ticket, wanted), Done), "asking again after the end is safe"


@pytest.mark.parametrize("name", sorted(QUEUED))
def test_a_ticket_that_is_none_is_never_part_of_a_request(name: str) -> None:
    hosted = HOSTED[name]
    model = hosted.capability.models[0]
    for ticket in ("", "../../account", "a b", "x" * 600, "pred1?x=1", "fal-ai/flux-1/requests/../../x"):
        standin = standin_for(name, model)
        with pytest.raises(ProviderFailed):
            hosted.provider(standin).poll(ticket, job(model, model.operations[0]))
        assert standin.sent == []


@pytest.mark.parametrize("name", sorted(QUEUED))
def test_a_job_that_failed_there_failed(name: str) -> None:
    hosted = HOSTED[name]
    model = hosted.capability.models[0]
    standin = standin_for(name, model)
    standin.ends = "failed"
    assert type(refused(hosted, standin, job(model, model.operations[0]))) is ProviderFailed
