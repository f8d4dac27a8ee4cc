"""Messages whose loss a scheduled look makes good: it is logged and nothing more."""

from collections.abc import Mapping
from typing import Unpack

from chalicelib.aws import dispatch
from chalicelib.edge import observe


def hint(
    queue_url: str, ids: Mapping[str, str], lost: str, *, delay_seconds: int = 0, **logged: Unpack[observe.Fields]
) -> None:
    """Queues a message of ids; `lost` is the event that says that it was."""
    error = dispatch.hint(queue_url, ids, delay_seconds=delay_seconds)
    if error is not None:
        observe.failure(lost, error, **logged)
