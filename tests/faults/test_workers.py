"""Workers on the real tables: messages twice, late, out of order or never; workers that die or come late."""

import json
import threading
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.aws import session
from chalicelib.generation import worker
from chalicelib.generation.operations import operation
from chalicelib.generation.running.service import Outcome
from chalicelib.generation.store import GenerationStore
from chalicelib.kernel.errors import Gone
from chalicelib.providers.job import Done, Job
from tests.faults.sweep import EXPECTED
from tests.support.audit import Audit
from tests.support.deployed import Deployed
from tests.support.faults import Crash, Fault, Injector


@pytest.fixture(autouse=True)
def at_rest(core: Deployed) -> None:
    """An engine that answers at once, and nothing left over that the rescue could find."""
    core.engine.does = lambda _: None
    core.settle_everything("what was there before")


#: What EventBridge sends a scheduled function.
TICK = {
    "version": "0",
    "id": "1",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "000000000000",
    "time": "2026-11-24T12:00:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {},
}


def ready(core: Deployed, assets: int = 10) -> tuple[str, str]:
    account_id = core.account(assets)
    return account_id, core.photo(account_id)


def sqs_event(*bodies: str) -> dict[str, Any]:
    return {
        "Records": [
            {"messageId": f"m-{number}", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}
            for number, body in enumerate(bodies)
        ]
    }


def test_F20_messages_that_come_twice_and_out_of_order_have_one_effect(core: Deployed) -> None:
    account_id, upload_id = ready(core)
    made = [core.order(account_id, upload_id, f"k{number}") for number in range(3)]
    outcomes = [core.running.run(account_id, each) for each in [*reversed(made), *made, *made]]
    assert outcomes == [Outcome.SUCCEEDED] * 3 + [Outcome.NOTHING_TO_DO] * 6
    audit = Audit(core, account_id)
    audit.check_at_rest()
    assert audit.spendable == 4


def test_F20_a_message_that_two_workers_get_at_once_is_run_by_one(core: Deployed) -> None:
    account_id, upload_id = ready(core)
    made = core.order(account_id, upload_id)
    outcomes: list[Outcome] = []
    barrier = threading.Barrier(8)

    def one() -> None:
        barrier.wait()
        outcomes.append(core.running.run(account_id, made))

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == sorted([Outcome.SUCCEEDED] + [Outcome.NOTHING_TO_DO] * 7)
    Audit(core, account_id).check_at_rest()


def test_F12_a_worker_that_is_killed_leaves_its_claim_and_is_replaced_in_time(core: Deployed) -> None:
    account_id, upload_id = ready(core)
    made = core.order(account_id, upload_id)

    def killed(_: Job) -> None:
        raise Crash

    core.engine.does = killed
    with pytest.raises(Crash):
        core.running.run(account_id, made)
    core.engine.does = lambda _: None
    assert core.running.run(account_id, made) is Outcome.NOTHING_TO_DO
    core.settle_everything(account_id)
    audit = Audit(core, account_id)
    audit.check_at_rest()
    assert audit.status(made) == "succeeded"


def test_F21_a_stale_worker_that_finishes_late_changes_nothing(core: Deployed) -> None:
    account_id, upload_id = ready(core)
    made = core.order(account_id, upload_id)

    def overtaken(_: Job) -> None:
        core.engine.does = lambda _: None
        core.clock.forward(seconds=121)
        assert core.running.run(account_id, made) is Outcome.SUCCEEDED

    core.engine.does = overtaken
    assert core.running.run(account_id, made) is Outcome.LOST
    audit = Audit(core, account_id)
    audit.check_at_rest()
    assert audit.results == [f"results/{account_id}/{made}/2-0"]


def test_F21_a_stale_worker_cannot_publish_what_its_successor_is_about_to_remove(core: Deployed) -> None:
    """It finishes while the second attempt is still running: the hold is open, only the attempt tells them apart."""
    account_id, upload_id = ready(core)
    made = core.order(account_id, upload_id)
    late: list[Outcome] = []

    def first(_: Job) -> None:
        core.engine.does = second
        core.clock.forward(seconds=121)
        outcomes.append(core.running.run(account_id, made))

    def second(_: Job) -> None:
        claimed = core.store.get(account_id, made)
        assert claimed is not None
        assert claimed.attempt == 2
        stale = replace(claimed, attempt=1)
        late.append(core.running._finish(stale, done(core, made)))

    outcomes: list[Outcome] = []
    core.engine.does = first
    outcomes.append(core.running.run(account_id, made))
    assert (outcomes, late) == ([Outcome.SUCCEEDED, Outcome.LOST], [Outcome.LOST])
    audit = Audit(core, account_id)
    audit.check_at_rest()
    assert audit.results == [f"results/{account_id}/{made}/2-0"]


def test_F21_a_stale_worker_that_read_the_ledger_first_loses_too(core: Deployed, injector: Injector) -> None:
    """Its commit meets a balance that has changed; when it reads again, the hold is resolved already."""
    account_id, upload_id = ready(core)
    made = core.order(account_id, upload_id)
    claimed = core.store.claim(account_id, made, core.clock.now(), core.clock.now(), waiting=False)
    assert claimed is not None
    snapshot = core.services.credits._store.snapshot
    core.clock.forward(seconds=1)

    def overtaken(*arguments: Any, **named: Any) -> Any:
        found = snapshot(*arguments, **named)
        core.services.credits._store.snapshot = snapshot  # type: ignore[method-assign]
        assert core.running.run(account_id, made) is Outcome.SUCCEEDED
        return found

    core.services.credits._store.snapshot = overtaken  # type: ignore[method-assign]
    late = core.running._finish(claimed, done(core, made))
    assert late is Outcome.LOST
    Audit(core, account_id).check_at_rest()


def done(core: Deployed, generation_id: str) -> Done:
    """What the engine makes of it."""
    job = Job(
        generation_id=generation_id,
        idempotency_key=f"{generation_id}-1",
        model="fake/stylize-1",
        operation="stylize",
        parameters=operation("stylize").parse({"style": 3}),
        prompt=None,
        photo=b"",
        reference=None,
        n=1,
        seed=1,
        callback_url=None,
    )
    return Done(outputs=core.engine.outputs(job), request_id="", cost_microdollars=None)


@pytest.mark.parametrize("fault", [Fault.CRASH_BEFORE, Fault.DROP_REQUEST, Fault.THROTTLE])
def test_F26_a_hint_that_is_lost_is_made_good_by_the_rescue(core: Deployed, injector: Injector, fault: Fault) -> None:
    account_id, upload_id = ready(core)
    drained(core)
    with injector.plan(fault, times=9, operation="SendMessage"):
        try:
            made = core.order(account_id, upload_id)
        except Crash:
            made = core.order(account_id, upload_id)
        assert injector.reached
    assert drained(core) == []
    core.clock.forward(seconds=31)
    core.rescue()
    assert drained(core) == [{"v": 1, "account_id": account_id, "generation_id": made, "state": "queued"}]
    core.running.run(account_id, made)
    Audit(core, account_id).check_at_rest()


def drained(core: Deployed) -> list[dict[str, Any]]:
    """Takes all messages from the engine queue."""
    sqs = session.client("sqs")
    found: list[dict[str, Any]] = []
    while True:
        url = core.settings.engine_queue_url
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        if not messages:
            return found
        for message in messages:
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def test_F57_an_upload_that_is_deleted_while_it_is_used_charges_nothing(core: Deployed) -> None:
    account_id, upload_id = ready(core)
    queued = core.order(account_id, upload_id)
    core.uploads.delete(account_id, upload_id)
    assert core.running.run(account_id, queued) is Outcome.FAILED
    with pytest.raises(Gone):
        core.order(account_id, upload_id, "k2")
    audit = Audit(core, account_id)
    audit.check_at_rest()
    assert audit.spendable == 10


def test_F57_a_photo_that_was_read_before_it_was_deleted_is_finished(core: Deployed) -> None:
    account_id, upload_id = ready(core)
    made = core.order(account_id, upload_id)
    core.engine.does = lambda _: core.uploads.delete(account_id, upload_id)
    assert core.running.run(account_id, made) is Outcome.SUCCEEDED
    Audit(core, account_id).check_at_rest()


def test_F22_a_poison_message_leaves_the_others_of_its_batch_alone(core: Deployed) -> None:
    """Through the function's own handler, which builds its services from the environment."""
    unknown = json.dumps({"v": 1, "account_id": "acct_x", "generation_id": "gen_x", "state": "queued"})
    answer = worker.generate(sqs_event(unknown, "{", json.dumps({"v": 2}), unknown), None)
    assert [failed["itemIdentifier"] for failed in answer["batchItemFailures"]] == ["m-1", "m-2"]


def test_a_generation_that_breaks_the_rescue_does_not_keep_it_from_the_others(
    core: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id, upload_id = ready(core)
    broken, fine = (core.order(account_id, upload_id, key) for key in ("k1", "k2"))
    monkeypatch.setattr(worker, "services", lambda: core.services)
    table, key = core.settings.generations_table, {"account_id": {"S": account_id}, "id": {"S": broken}}
    session.client("dynamodb").update_item(
        TableName=table,
        Key=key,
        UpdateExpression="SET assets = :nonsense",
        ExpressionAttributeValues={":nonsense": {"S": "not json"}},
    )
    core.clock.forward(seconds=31)
    try:
        counts = worker.rescue(TICK, None)
    finally:
        session.client("dynamodb").delete_item(TableName=table, Key=key)
    assert counts == {"crashed": 1, "queued_again": 1}
    core.settle_everything(account_id)
    assert core.generations.get(account_id, fine).status == "succeeded"


def test_F11_the_index_may_lag_because_its_findings_are_read_again(
    core: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id, upload_id = ready(core)
    made = core.order(account_id, upload_id)
    core.clock.forward(seconds=31)
    lagging = core.running.overdue()
    core.running.run(account_id, made)
    monkeypatch.setattr(GenerationStore, "due", lambda *_: lagging)
    assert (account_id, made) in core.running.overdue()
    assert core.running.look_after(account_id, made) is Outcome.NOTHING_TO_DO
    Audit(core, account_id).check_at_rest()


def test_a_claim_whose_answer_is_lost_for_good_is_found_by_the_rescue(core: Deployed, injector: Injector) -> None:
    account_id, upload_id = ready(core)
    made = core.order(account_id, upload_id)
    with injector.plan(Fault.LOSE_RESPONSE, times=3, operation="UpdateItem"), pytest.raises(EXPECTED):
        core.running.run(account_id, made)
    core.settle_everything(account_id)
    audit = Audit(core, account_id)
    audit.check_at_rest()
    assert audit.status(made) == "succeeded"
