"""What the audit reads of a deployment, and nothing else: rows page by page, names of objects, never their content."""

import heapq
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

from chalicelib.aws import session
from chalicelib.aws.settings import Settings
from chalicelib.credits.lanes import partition, partitions, place_of
from infra.fotogenic.checks.objects import Stored
from infra.fotogenic.checks.rows import Row, plain

#: The first name after all that begin with `…#`.
AFTER = "$"

#: Rows by what they are; more than one of a kind stand in two places.
Found = dict[str, list[Row]]


class Reading:
    """All reads are consistent. Needs Scan, Query and GetItem on the tables and ListBucket on the buckets."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._dynamodb = session.client("dynamodb")
        self._s3 = session.client("s3")

    def partitions(self) -> Iterator[str]:
        """Every partition key of the credits table: of accounts, and of their lanes' places (`acct_…#n`).

        A scan gives each partition in one piece.
        """
        rows = self._scan(self.settings.credits_table, ProjectionExpression="account_id")
        for key, _ in groupby(row["account_id"] for row in rows):
            yield key

    def places(self, account_id: str) -> list[str]:
        """All partition keys that the account's books may use."""
        balance = self.get(self.settings.credits_table, account_id=account_id, item="balance")
        return partitions(account_id, spread=bool(balance and balance.get("spread")))

    def rows(self, table: str) -> Iterator[Row]:
        """Every row of a table."""
        return self._scan(table)

    def others(self, account_id: str) -> Iterator[Row]:
        """The account's rows of the credits table but the entries of holds and their resolutions."""
        between = {"low": f"move#hold{AFTER}", "high": "move#settle#"}
        for at in self.places(account_id):
            yield from self._credits(at, "#i < :low", low="move#hold#")
            yield from self._credits(at, "#i BETWEEN :low AND :high", **between)
            yield from self._credits(at, "#i > :low", low=f"move#settle{AFTER}")

    def state(self, account_id: str) -> Iterator[Row]:
        """The rows of the credits table that change: the balance, the counters, the lanes."""
        for at in self.places(account_id):
            for first in ("balance", "lane#", "usage#"):
                yield from self._credits(at, "begins_with(#i, :low)", low=first)

    def jobs(self, account_id: str) -> Iterator[tuple[str, Found]]:
        """(generation id, its rows by `hold`, `settle`, `generation`), in order.

        Sorted streams are read side by side, so that an account of any size is never in memory.
        """
        streams = [_named("generation", "id", self._generations(account_id), "")]
        for at in self.places(account_id):
            for kind in ("hold", "settle"):
                prefix = f"move#{kind}#"
                rows = self._credits(at, "begins_with(#i, :low)", low=prefix)
                streams.append(_named(kind, "item", rows, prefix))
        merged = heapq.merge(*streams, key=itemgetter(0))
        for generation_id, found in groupby(merged, key=itemgetter(0)):
            yield generation_id, _by_kind((kind, row) for _, kind, row in found)

    def job(self, account_id: str, generation_id: str) -> Found:
        """The same of one generation, as it is at one moment."""
        keys = [
            (kind, self.settings.credits_table, {"account_id": at, "item": f"move#{kind}#{generation_id}"})
            for kind in ("hold", "settle")
            for at in (account_id, partition(account_id, place_of(generation_id)))
        ]
        keys.append(("generation", self.settings.generations_table, {"account_id": account_id, "id": generation_id}))
        items = [{"Get": {"TableName": table, "Key": _typed(key)}} for _, table, key in keys]
        answers = self._dynamodb.transact_get_items(TransactItems=items)["Responses"]
        pairs = zip(keys, answers, strict=True)
        return _by_kind((kind, plain(answer["Item"])) for (kind, _, _), answer in pairs if answer.get("Item"))

    def get(self, table: str, **key: str) -> Row | None:
        """One row, or None."""
        item = self._dynamodb.get_item(TableName=table, Key=_typed(key), ConsistentRead=True).get("Item")
        return plain(item) if item else None

    def objects(self, bucket: str, prefix: str = "") -> Iterator[Stored]:
        """The bucket's objects by name, those that begin so."""
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", ()):
                yield Stored(found["Key"], int(found["LastModified"].timestamp()))

    def _generations(self, account_id: str) -> Iterator[Row]:
        condition = "account_id = :owner AND begins_with(id, :low)"
        values = {":owner": {"S": account_id}, ":low": {"S": "gen_"}}
        return self._query(self.settings.generations_table, condition, values)

    def _credits(self, at: str, condition: str, **values: str) -> Iterator[Row]:
        named = {":owner": {"S": at}, **{f":{name}": {"S": value} for name, value in values.items()}}
        whole = f"account_id = :owner AND {condition}"
        return self._query(self.settings.credits_table, whole, named, ExpressionAttributeNames={"#i": "item"})

    def _query(self, table: str, condition: str, values: dict[str, Any], **more: Any) -> Iterator[Row]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
            **more,
        )
        return (plain(item) for page in pages for item in page["Items"])

    def _scan(self, table: str, **more: Any) -> Iterator[Row]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True, **more)
        return (plain(item) for page in pages for item in page["Items"])


def _named(kind: str, member: str, rows: Iterator[Row], prefix: str) -> Iterator[tuple[str, str, Row]]:
    for row in rows:
        yield str(row[member]).removeprefix(prefix), kind, row


def _by_kind(pairs: Iterable[tuple[str, Row]]) -> Found:
    found: Found = {}
    for kind, row in pairs:
        found.setdefault(kind, []).append(row)
    return found


def _typed(key: dict[str, str]) -> dict[str, dict[str, str]]:
    return {name: {"S": value} for name, value in key.items()}
