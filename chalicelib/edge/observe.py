"""Logs are allow-lists: an event has a name and the fields declared here, nothing else can be written.

No prompt, address, header, body, query or exception argument is ever a field. One line per request and per message.
"""

from functools import cache
from typing import TypedDict, Unpack

from aws_lambda_powertools import Logger


class Fields(TypedDict, total=False):
    """Everything that a log line may say beside its name, time and level."""

    request_id: str
    account_id: str
    key_id: str
    upload_id: str
    generation_id: str
    event_id: str
    endpoint_id: str
    payment_id: str
    model: str
    operation: str
    method: str
    route: str
    status: int
    problem: str
    reason: str
    error_type: str
    error_at: str
    milliseconds: int
    attempt: int
    count: int


@cache
def _logger() -> Logger:
    return Logger(service="fotogenic", location=None, utc=True)


def event(name: str, **fields: Unpack[Fields]) -> None:
    """Writes one JSON line at level INFO."""
    _logger().info(name, extra=dict(fields))


def failure(name: str, error: BaseException, **fields: Unpack[Fields]) -> None:
    """Writes one JSON line at level ERROR: the error's type and where it was raised, never its text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    at = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace else "?"
    _logger().error(name, extra={**fields, "error_type": type(error).__name__, "error_at": at})
