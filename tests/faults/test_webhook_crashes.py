"""F01 to F04, F66 to F69 for webhooks: every fault at every call, then what the schedule makes of it."""

import json
from datetime import timedelta
from functools import partial

import pytest

from chalicelib.aws.tables import transact
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.transaction import Transaction
from chalicelib.webhooks.delivery import Status
from chalicelib.webhooks.endpoint import Because
from tests.faults.sweep import OUTLIVES_RETRIES, positions, refusals, spoiled
from tests.support.deployed import Deployed
from tests.support.fake_webhooks import Receivers
from tests.support.faults import Fault, Injector
from tests.support.hooks import Hooks

CASES = [(fault, 1) for fault in Fault] + [(Fault.LOSE_RESPONSE, OUTLIVES_RETRIES)]
every_fault = pytest.mark.parametrize(("fault", "times"), CASES)


def hooks_of(core: Deployed) -> tuple[Hooks, Receivers]:
    receivers = Receivers()
    return Hooks(core, core.account(assets=0), receivers), receivers


@every_fault
def test_F68_what_is_told_and_told_again_is_one_event(
    core: Deployed, injector: Injector, fault: Fault, times: int
) -> None:
    for at in positions(injector, fault):
        hooks, receivers = hooks_of(core)
        hooks.endpoint()
        hooks.restart()

        def flow(hooks: Hooks = hooks) -> None:
            def build(tx: Transaction) -> None:
                data = {"id": "gen_1", "seq": 3}
                hooks.core.services.webhooks.tell(tx, hooks.account_id, "generation.succeeded", data, key="k")

            transact(build)

        spoiled(injector, fault, at, flow, times)
        hooks.restart()
        flow()
        hooks.settle()
        assert len(hooks.events()) == 1
        assert [json.loads(sent.body)["data"]["id"] for sent in receivers.requests] == ["gen_1"]


@every_fault
def test_F66_a_worker_that_dies_anywhere_still_delivers_to_each_endpoint(
    core: Deployed, injector: Injector, fault: Fault, times: int
) -> None:
    for at in positions(injector, fault):
        hooks, receivers = hooks_of(core)
        made = [hooks.endpoint(f"https://{name}.example/") for name in ("one", "two")]
        hooks.tell()
        (event_id,) = hooks.events()

        def flow(hooks: Hooks = hooks, event_id: str = event_id) -> None:
            work = hooks.core.services.webhook_deliveries
            work.spread(hooks.account_id, event_id)
            for endpoint in hooks.core.services.webhook_endpoints.all(hooks.account_id):
                work.deliver(hooks.account_id, event_id, endpoint.id)

        spoiled(injector, fault, at, flow, times)
        hooks.restart()
        hooks.settle()
        for endpoint in made:
            (known,) = hooks.deliveries(endpoint)
            assert known.status is Status.SUCCEEDED
            sent = [request for request in receivers.requests if request.url == endpoint.url]
            assert 1 <= len(sent) <= 2
            assert {request.headers["webhook-id"] for request in sent} == {event_id}
            assert len({request.body for request in sent}) == 1


@every_fault
def test_F66_an_endpoint_that_says_410_ends_disabled_and_everybody_knows(
    core: Deployed, injector: Injector, fault: Fault, times: int
) -> None:
    for at in positions(injector, fault):
        hooks, receivers = hooks_of(core)
        gone, other = hooks.endpoint("https://gone.example/"), hooks.endpoint("https://other.example/")
        receivers.will(410, url=gone.url)
        hooks.tell()
        (event_id,) = hooks.events()
        hooks.core.services.webhook_deliveries.spread(hooks.account_id, event_id)
        hooks.restart()

        def flow(hooks: Hooks = hooks, event_id: str = event_id, gone_id: str = gone.id) -> None:
            hooks.core.services.webhook_deliveries.deliver(hooks.account_id, event_id, gone_id)

        spoiled(injector, fault, at, flow, times)
        hooks.restart()
        hooks.settle()
        known = hooks.core.services.webhook_endpoints.get(hooks.account_id, gone.id)
        assert (known.because, known.told) == (Because.GONE, True)
        assert hooks.deliveries(known)[0].status is Status.FAILED
        told = [json.loads(sent.body) for sent in receivers.requests if sent.url == other.url]
        disabled = {each["id"] for each in told if each["type"] == "webhook_endpoint.disabled"}
        assert len(disabled) == 1


@every_fault
def test_a_change_of_endpoints_is_done_or_not_and_finished_by_its_repetition(
    core: Deployed, injector: Injector, fault: Fault, times: int
) -> None:
    for at in positions(injector, fault):
        hooks, _ = hooks_of(core)
        kept = hooks.endpoint()

        def flow(hooks: Hooks = hooks, kept_id: str = kept.id) -> None:
            endpoints = hooks.core.services.webhook_endpoints
            endpoints.rotate(hooks.account_id, kept_id, timedelta(0))
            hooks.endpoint()
            endpoints.delete(hooks.account_id, kept_id)

        spoiled(injector, fault, at, flow, times)
        hooks.restart()
        there, counted = hooks.count()
        assert there == counted
        with refusals(NotFound):
            hooks.core.services.webhook_endpoints.delete(hooks.account_id, kept.id)
        there, counted = hooks.count()
        assert there == counted <= 1


@every_fault
def test_a_replay_is_sent_or_can_be_asked_for_again(
    core: Deployed, injector: Injector, fault: Fault, times: int
) -> None:
    for at in positions(injector, fault):
        hooks, receivers = hooks_of(core)
        made = hooks.endpoint()
        hooks.tell()
        hooks.settle()
        (event_id,) = hooks.events()
        replay = partial(hooks.core.services.webhook_endpoints.replay, hooks.account_id, made.id, event_id)
        done = spoiled(injector, fault, at, replay, times)
        hooks.restart()
        if hooks.due() or done:
            hooks.settle()
        assert hooks.deliveries(made)[0].status is Status.SUCCEEDED
        assert len(receivers.requests) == 2 or not done
