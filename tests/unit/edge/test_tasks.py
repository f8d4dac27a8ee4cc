"""The event door: one bad message never fails the others, and a crash is not swallowed."""

from typing import Any

import pytest

from chalicelib.edge import observe, tasks
from tests.support.faults import Crash


def event(*bodies, count="1"):
    return {
        "Records": [
            {"messageId": str(number), "body": body, "attributes": {"ApproximateReceiveCount": count}}
            for number, body in enumerate(bodies)
        ]
    }


@pytest.fixture
def lines(monkeypatch):
    written: list[tuple[Any, ...]] = []
    monkeypatch.setattr(observe, "event", lambda name, **fields: written.append((name, fields)))
    monkeypatch.setattr(observe, "failure", lambda name, error, **fields: written.append((name, error, fields)))
    return written


def test_F22_a_poison_message_leaves_the_others_alone(lines):
    done = []

    @tasks.sqs_batch("thing.done")
    def handle(record):
        done.append(tasks.ids(record, "account_id"))

    good = '{"v": 1, "account_id": "acct_1"}'
    answer = handle(event(good, "not json", '{"v": 9}', good, '{"v": 1}'), None)
    assert [failed["itemIdentifier"] for failed in answer["batchItemFailures"]] == ["1", "2", "4"]
    assert done == [["acct_1"], ["acct_1"]]
    assert [line[0] for line in lines].count("thing.done.failed") == 3


def test_F23_a_batch_that_fails_whole_is_reported_one_by_one(lines):
    @tasks.sqs_batch("thing.done")
    def handle(record):
        raise ZeroDivisionError

    answer = handle(event("a", "b"), None)
    assert len(answer["batchItemFailures"]) == 2


def test_a_process_that_dies_reports_nothing_so_that_the_queue_keeps_all(lines):
    @tasks.sqs_batch("thing.done")
    def handle(record):
        raise Crash

    with pytest.raises(Crash):
        handle(event("a", "b"), None)


def test_the_log_says_how_often_a_message_came_and_nothing_of_its_body(lines):
    @tasks.sqs_batch("thing.done")
    def handle(record):
        if record.body == "canary":
            raise ValueError("canary")

    handle(event("canary", "fine", count="4"), None)
    assert "'attempt': 4" in str(lines)
    assert {line[0] for line in lines} == {"thing.done.failed", "thing.done"}
    assert "canary" not in str([line[-1] for line in lines])


def test_each_thing_has_its_turn_whatever_another_raises(lines):
    def handle(number):
        if number == "2":
            raise ZeroDivisionError
        return "even" if int(number) % 2 == 0 else "odd"

    counts = tasks.each("things.seen", [("1",), ("2",), ("3",), ("4",)], handle)
    assert counts == {"odd": 2, "crashed": 1, "even": 1}
    with pytest.raises(Crash):
        tasks.each("things.seen", [("1",)], lambda _: (_ for _ in ()).throw(Crash()))


def test_F22_a_queue_of_two_kinds_tells_them_apart_and_refuses_a_third(lines):
    found = []
    handle = tasks.sqs_batch("mixed")(lambda record: found.append(tasks.either(record, "event_id", "balance_low")))
    bodies = ['{"v": 1, "event_id": "evt_1"}', '{"v": 1, "balance_low": "acct_1"}', '{"v": 1, "other": "x"}', "{"]
    answer = handle(event(*bodies), None)
    assert found == [("event_id", "evt_1"), ("balance_low", "acct_1")]
    assert len(answer["batchItemFailures"]) == 2
