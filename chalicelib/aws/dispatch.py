"""SQS: a message is a hint that a row changed; it carries ids, never content."""

import json
from collections.abc import Mapping

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.aws.session import client

#: Version of the message shape. A worker reads this one and the one before; an unknown one is retried, then kept in
#: the dead-letter queue, never dropped.
VERSION = 1
#: SQS keeps a message back for so long at most (`DelaySeconds`).
MAX_DELAY_SECONDS = 900


class UnknownMessage(Exception):
    """The message is not one that this code knows how to read."""


def send(queue_url: str, ids: Mapping[str, str], *, delay_seconds: int = 0) -> None:
    """Queues a message of ids, to be seen after `delay_seconds`, or MAX_DELAY_SECONDS if that is sooner."""
    body, delay = json.dumps({"v": VERSION, **ids}), min(max(delay_seconds, 0), MAX_DELAY_SECONDS)
    client("sqs").send_message(QueueUrl=queue_url, MessageBody=body, **({"DelaySeconds": delay} if delay else {}))


def hint(queue_url: str, ids: Mapping[str, str], *, delay_seconds: int = 0) -> Exception | None:
    """Queues a message whose loss a scheduled look makes good. Returns what went wrong instead of raising it."""
    try:
        send(queue_url, ids, delay_seconds=delay_seconds)
    except (BotoCoreError, ClientError) as error:
        return error
    return None


def read(body: str, *names: str) -> dict[str, str]:
    """The ids of a message. Raises UnknownMessage saying which member is missing or which version is unknown."""
    try:
        message = json.loads(body)
    except ValueError:
        raise UnknownMessage("the body is not JSON") from None
    if not isinstance(message, dict) or message.get("v") != VERSION:
        raise UnknownMessage("the version is not one this code reads")
    missing = [name for name in names if not isinstance(message.get(name), str)]
    if missing:
        raise UnknownMessage(f"missing: {', '.join(missing)}")
    return {name: message[name] for name in names}
