"""Which changes go to the journal: DynamoDB items and SQS messages, the state that changes with every request.

Everything else the emulator holds (stack, roles, keys, secrets, executions) changes rarely and is in the snapshots. S3
writes objects to disk before it answers.
"""

import threading
import time
from typing import Any

from ministack.core import concurrency
from ministack.services import dynamodb, sqs

from infra.local.emulator.journal import Change, Journal

#: MiniStack's own expiry, each minute and without DynamoDB's limit of five years. Ours is `infra.local.sweeper`.
REAPER = "dynamodb-ttl-reaper"


class QueueWatch:
    """Finds the messages that came and went since the last look."""

    def __init__(self, journal: Journal) -> None:
        self.changed = False
        self._journal = journal
        self._known: dict[tuple[str, str, str], set[str]] = {}

    def forget(self) -> None:
        """Takes the present messages as known: they are in the snapshot."""
        self._known = {key: {m["id"] for m in list(q["messages"])} for key, q in sqs._queues.all_items()}

    def note(self) -> None:
        """Notes in the journal what changed."""
        if not self.changed:
            return
        self.changed = False
        for key, queue in list(sqs._queues.all_items()):
            messages = {m["id"]: m for m in list(queue["messages"])}
            known = self._known.get(key, set())
            for message_id in messages.keys() - known:
                self._journal.add(["message", *key, messages[message_id]])
            for message_id in known - messages.keys():
                self._journal.add(["gone", *key, message_id])
            self._known[key] = set(messages)


def watch(journal: Journal) -> QueueWatch:
    """Makes the emulator note every change of an item and of a queue from now on, and leave expiry to the sweeper."""
    store, remove = dynamodb._set_item, dynamodb._remove_item

    def set_item(table: dict[str, Any], hash_value: str, range_value: str, item: dict[str, Any]) -> Any:
        journal.add(["item", *_scope(table), hash_value, range_value, item])
        return store(table, hash_value, range_value, item)

    def remove_item(table: dict[str, Any], hash_value: str, range_value: str) -> Any:
        if threading.current_thread().name == REAPER:
            return None
        journal.add(["item", *_scope(table), hash_value, range_value, None])
        return remove(table, hash_value, range_value)

    dynamodb._set_item, dynamodb._remove_item = set_item, remove_item
    queues = QueueWatch(journal)
    _watch_queues(queues)
    return queues


def _watch_queues(queues: QueueWatch) -> None:
    wake = concurrency.esm_wake.set

    def wake_and_tell() -> None:
        queues.changed = True
        wake()

    # Every way into a queue ends in this call, whichever service sends.
    concurrency.esm_wake.set = wake_and_tell

    def also_after(function: Any) -> Any:
        def wrapped(*arguments: Any) -> Any:
            try:
                return function(*arguments)
            finally:
                queues.changed = True

        return wrapped

    sqs._delete_messages_for_esm = also_after(sqs._delete_messages_for_esm)
    sqs._dlq_sweep = also_after(sqs._dlq_sweep)
    for name in ("_act_delete_message", "_act_delete_message_batch", "_act_purge_queue"):
        wrapped = also_after(getattr(sqs, name))
        setattr(sqs, name, wrapped)
        for action, handler in list(sqs._HANDLERS.items()):
            if handler.__name__ == name:
                sqs._HANDLERS[action] = wrapped


def _scope(table: dict[str, Any]) -> tuple[str, str, str]:
    _, _, _, region, account, _ = table["TableArn"].split(":", 5)
    return account, region, table["TableName"]


def apply(changes: list[Change]) -> None:
    """Restores one group of changes onto the emulator's loaded state. Applying a group twice changes nothing."""
    for kind, account, region, name, *rest in changes:
        if kind == "item":
            table = dynamodb._tables.get_scoped(account, region, name)
            if table is None:
                continue  # the table was deleted by a later snapshot
            hash_value, range_value, item = rest
            if item is None:
                dynamodb._remove_item(table, hash_value, range_value)
            else:
                dynamodb._set_item(table, hash_value, range_value, item)
        else:
            _apply_to_queue(kind, sqs._queues.get_scoped(account, region, name), rest[0])


def _apply_to_queue(kind: str, queue: dict[str, Any] | None, value: Any) -> None:
    if queue is None:
        return
    message_id = value["id"] if kind == "message" else value
    queue["messages"] = [m for m in queue["messages"] if m["id"] != message_id]
    if kind == "message":
        queue["messages"].append(value)


def release_received_messages() -> None:
    """After a start: whoever held a message is gone with the last process, so it is due again at once."""
    now = time.time()
    for _, queue in sqs._queues.all_items():
        for message in queue["messages"]:
            if message.get("receipt_handle"):
                message["receipt_handle"] = None
                message["visible_at"] = min(message["visible_at"], now)
