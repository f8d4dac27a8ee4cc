"""The event door: SQS batches in which one bad message never fails the others, and schedules."""

import functools
import time
from collections.abc import Callable, Iterable
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from chalicelib.aws import dispatch
from chalicelib.edge import observe

BatchResponse = dict[str, Any]


def sqs_batch(name: str) -> Callable[[Callable[[SQSRecord], None]], Callable[[Any, Any], BatchResponse]]:
    """Wraps a function of one record as a handler of a batch.

    What the function raises leaves that message in the queue (visible again after its time-out, in the dead-letter
    queue after `maxReceiveCount`); the others are done. The function must be idempotent.
    """

    def wrap(handle: Callable[[SQSRecord], None]) -> Callable[[Any, Any], BatchResponse]:
        @functools.wraps(handle)
        def one(record: SQSRecord) -> None:
            started = time.perf_counter()
            attempt = int(record.attributes.approximate_receive_count)
            try:
                handle(record)
            except Exception as error:
                observe.failure(f"{name}.failed", error, attempt=attempt)
                raise
            observe.event(name, attempt=attempt, milliseconds=int((time.perf_counter() - started) * 1000))

        @functools.wraps(handle)
        def batch(event: Any, context: Any) -> BatchResponse:
            processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
            answer: Any = process_partial_response(
                event=_plain(event), record_handler=one, processor=processor, context=context
            )
            return dict(answer)

        return batch

    return wrap


def ids(record: SQSRecord, *names: str) -> list[str]:
    """The ids that a message of ours carries, in that order. Raises UnknownMessage."""
    found = dispatch.read(record.body, *names)
    return [found[name] for name in names]


def either(record: SQSRecord, *names: str) -> tuple[str, str]:
    """(name, id) of the first of these that a message carries, for a queue of several kinds. Raises UnknownMessage."""
    for name in names[:-1]:
        try:
            return name, ids(record, name)[0]
        except dispatch.UnknownMessage:
            continue
    return names[-1], ids(record, names[-1])[0]


def each(name: str, things: Iterable[tuple[str, ...]], handle: Callable[..., str]) -> dict[str, int]:
    """Handles things one by one, and returns how many came to which outcome.

    What one of them raises is logged and counted as `crashed`; the others still have their turn.
    """
    counts: dict[str, int] = {}
    for thing in things:
        try:
            outcome = str(handle(*thing))
        except Exception as error:
            observe.failure(f"{name}.failed", error)
            outcome = "crashed"
        counts[outcome] = counts.get(outcome, 0) + 1
    for outcome, count in counts.items():
        observe.event(name, reason=outcome, count=count)
    return counts


def _plain(event: Any) -> dict[str, Any]:
    """Chalice hands its workers an event object of its own; a plain handler gets the dictionary."""
    return event.to_dict() if hasattr(event, "to_dict") else event
