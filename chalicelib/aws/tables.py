"""DynamoDB through PynamoDB: rows bound to a deployment's tables, transactions that say what a refusal means."""

import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.connection.table import TableConnection
from pynamodb.exceptions import TransactWriteError
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from chalicelib.aws.entropy import jitter
from chalicelib.aws.session import client
from chalicelib.aws.settings import region
from chalicelib.kernel.transaction import Contended, Result, StaleRead, Transaction, Write

Row = TypeVar("Row", bound=Model)

COMMIT_ATTEMPTS = 8
STALE_ATTEMPTS = 24
FIRST_WAIT_SECONDS = 0.02
#: Cancellation reasons after which the very same transaction may be sent again (nothing was written).
TRANSIENT = {"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
#: PynamoDB sends the writes of a transaction in this order, and reasons come back in the order that was sent.
SENT_ORDER = {"check": 0, "delete": 1, "put": 2, "update": 3}


@cache
def connection() -> Connection:
    """The process's one DynamoDB connection, on our own client (shared pool, SDK_ATTEMPTS)."""
    made = Connection(region=region())
    made._client = client("dynamodb")
    return made


class Due(GlobalSecondaryIndex[Any]):
    """What the schedule has to look after, by its kind and by when. Sparse: rows without `due` are not in it.

    It lags behind the table, so whatever it finds is read again by its key.
    """

    class Meta:
        index_name = "due"
        projection = KeysOnlyProjection()

    due = UnicodeAttribute(hash_key=True)
    due_at = NumberAttribute(range_key=True)


def bind(row: type[Row], table_name: str) -> type[Row]:
    """`row` for a named table, on the shared client. Nothing is sent."""
    bound: Any = type(row.__name__, (row,), {"Meta": type("Meta", (), {"table_name": table_name, "region": region()})})
    own: TableConnection = bound._get_connection()
    own.connection._client = client("dynamodb")
    return bound


class Busy(Exception):
    """Another transaction has one of the items just now, or DynamoDB takes no more; nothing was written."""


def commit(transaction: Transaction) -> None:
    """Sends the writes as one TransactWriteItems.

    Raises what the first failed condition means (Write.refusal, given the item that stood in the way), or Busy. A
    failed condition always wins over a conflict: retrying could not help it.
    """
    if not transaction.writes:
        return
    ordered = sorted(transaction.writes, key=lambda write: SENT_ORDER[write.kind])
    try:
        with TransactWrite(connection=connection()) as sent:
            for write in ordered:
                _add(sent, write)
    except TransactWriteError as error:
        _refuse(ordered, error)
        raise Busy from None


def transact(build: Callable[[Transaction], Result]) -> Result:
    """`kernel.transaction.Transact`: at most STALE_ATTEMPTS builds whose reads went stale and COMMIT_ATTEMPTS that met
    a conflict, with full jitter between them. After a conflict too it is built anew: whoever was first has changed what
    was read."""
    stale = busy = 0
    while stale < STALE_ATTEMPTS and busy < COMMIT_ATTEMPTS:
        transaction = Transaction(stale + busy)
        try:
            result = build(transaction)
            commit(transaction)
        except StaleRead:
            stale += 1
        except Busy:
            busy += 1
        else:
            for hint in transaction.then:
                hint()
            return result
        time.sleep(jitter(FIRST_WAIT_SECONDS * 2 ** min(stale + busy - 1, 5)))
    raise Contended(f"{stale} reads went stale, {busy} commits met a conflict")


def _add(sent: TransactWrite, write: Write) -> None:
    model: Model = write.model
    if write.kind == "check":
        sent.condition_check(type(model), *_keys(model), condition=write.condition)
        # PynamoDB has no argument for it, and without the item a refusal cannot say why.
        sent._condition_check_items[-1]["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    elif write.kind == "delete":
        sent.delete(model, condition=write.condition)
    elif write.kind == "put":
        sent.save(model, condition=write.condition, return_values="ALL_OLD")
    else:
        sent.update(model, actions=list(write.actions), condition=write.condition, return_values="ALL_OLD")


def _keys(model: Model) -> tuple[Any, ...]:
    names = [name for name in (type(model)._hash_keyname, type(model)._range_keyname) if name]
    return tuple(getattr(model, name) for name in names)


def _refuse(ordered: list[Write], error: TransactWriteError) -> None:
    """Raises the refusal, or the error itself when it is not one that a retry can help; else returns."""
    reasons = error.cancellation_reasons
    if not reasons:
        raise error
    for write, reason in zip(ordered, reasons, strict=True):
        if reason is not None and reason.code == "ConditionalCheckFailed":
            item = type(write.model).from_raw_data(reason.raw_item) if reason.raw_item else None
            raise write.refusal(item) from None
    if not {reason.code for reason in reasons if reason is not None} <= TRANSIENT:
        raise error


class ConditionFailed(Exception):
    """A single conditional write was refused. `row` is the item as it stands, None if there is none."""

    def __init__(self, row: Any | None) -> None:
        super().__init__("the condition does not hold")
        self.row = row


def update(row: type[Row], *keys: Any, actions: Iterable[Any], condition: Any = None) -> Row:
    """One UpdateItem; returns the row as it is afterwards. Raises ConditionFailed with the row that stood in the way.

    Unlike `Model.update`, the item comes back with the refusal, which saves the read to find out why.
    """
    request = row._get_connection().get_operation_kwargs(
        *keys,
        actions=list(actions),
        condition=condition,
        return_values="ALL_NEW",
        return_values_on_condition_failure="ALL_OLD",
    )
    try:
        answer = client("dynamodb").update_item(**request)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        stood: Any = error.response.get("Item")
        raise ConditionFailed(row.from_raw_data(stood) if stood else None) from None
    return row.from_raw_data(answer["Attributes"])


def get(row: type[Row], *keys: Any) -> Row | None:
    """One consistent GetItem; None if there is no such item."""
    try:
        return row.get(*keys, consistent_read=True)
    except row.DoesNotExist:
        return None


def read_items(
    table: str, keys: Iterable[dict[str, str]], row_for: Callable[[dict[str, Any]], type[Model]]
) -> list[Any]:
    """Those of the keys that exist, read consistently in one BatchGetItem, each as the row that `row_for` names.

    Keys are plain text attributes by name. Raises Contended when DynamoDB leaves some unread each time.
    """
    left: Any = [{name: {"S": value} for name, value in key.items()} for key in keys]
    found: list[Any] = []
    for attempt in range(COMMIT_ATTEMPTS):
        answer = client("dynamodb").batch_get_item(RequestItems={table: {"Keys": left, "ConsistentRead": True}})
        found += [row_for(raw).from_raw_data(raw) for raw in answer["Responses"].get(table, ())]
        left = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys")
        if not left:
            return found
        time.sleep(jitter(FIRST_WAIT_SECONDS * 2**attempt))
    raise Contended(f"{len(left)} items stayed unread")
