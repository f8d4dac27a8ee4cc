"""The generations table and the results bucket."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from chalicelib.aws.objects import Objects
from chalicelib.aws.tables import ConditionFailed, bind, get, update
from chalicelib.generation.generation import (
    IDEMPOTENCY_LIFE,
    QUEUE_PATIENCE,
    REMEMBERED,
    Asset,
    AssetStatus,
    Failure,
    Generation,
    Listing,
    Review,
    Status,
)
from chalicelib.kernel.clock import epoch_millis, epoch_seconds, from_epoch
from chalicelib.kernel.ids import CROCKFORD
from chalicelib.kernel.transaction import Transaction, Write, stale

#: Open generations are spread over so many partitions of the index that the rescue reads.
SHARDS = 4


class LostClaim(Exception):
    """Another worker has the generation, or it has ended."""


class KeyTaken(Exception):
    """The Idempotency-Key stands for another generation; `row` says which."""

    def __init__(self, row: Any) -> None:
        super().__init__("the Idempotency-Key is taken")
        self.row = row


class Due(GlobalSecondaryIndex[Any]):
    """Generations that are not finished, by when somebody should look after them. Sparse."""

    class Meta:
        index_name = "due"
        projection = KeysOnlyProjection()

    open = UnicodeAttribute(hash_key=True)
    due_at = NumberAttribute(range_key=True)


class GenerationRow(Model):
    account_id = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    status = UnicodeAttribute()
    model = UnicodeAttribute()
    operation = UnicodeAttribute()
    parameters = JSONAttribute()
    upload_id = UnicodeAttribute(null=True)
    reference_upload_id = UnicodeAttribute(null=True)
    price = NumberAttribute()
    seed = NumberAttribute()
    spender = UnicodeAttribute()
    request_id = UnicodeAttribute()
    assets = JSONAttribute()
    version = NumberAttribute(default=1)
    charged = NumberAttribute(default=0)
    attempt = NumberAttribute(default=0)
    deleted = NumberAttribute(default=0)
    created_at = NumberAttribute()
    expires_at = NumberAttribute(null=True)
    finished_at = NumberAttribute(null=True)
    failure = JSONAttribute(null=True)
    lane = UnicodeAttribute(null=True)
    open = UnicodeAttribute(null=True)
    due_at = NumberAttribute(null=True)
    ttl = NumberAttribute(null=True)
    due = Due()


class RequestRow(Model):
    """What an Idempotency-Key was used for, and what was answered."""

    account_id = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)
    fingerprint = UnicodeAttribute()
    generation_id = UnicodeAttribute()
    answer = UnicodeAttribute()
    expires_at = NumberAttribute()
    ttl = NumberAttribute()


class GenerationStore:
    """All reads are consistent but those of the `due` index, whose findings are read again by key."""

    def __init__(self, table: str, bucket: str) -> None:
        self._rows = bind(GenerationRow, table)
        self._requests = bind(RequestRow, table)
        self._objects = Objects(bucket)

    def add(self, tx: Transaction, made: Generation) -> None:
        row = self._rows(
            made.account_id,
            made.id,
            status=made.status.value,
            model=made.model,
            operation=made.operation,
            parameters=made.parameters,
            upload_id=made.upload_id,
            reference_upload_id=made.reference_upload_id,
            price=made.price,
            seed=made.seed,
            spender=made.spender,
            request_id=made.request_id,
            lane=made.lane or None,
            assets=[_plain(asset) for asset in made.assets],
            created_at=epoch_millis(made.created_at),
            open=_shard(made.id),
            due_at=epoch_millis(made.created_at + QUEUE_PATIENCE),
        )
        tx.add(Write("put", row, stale, GenerationRow.id.does_not_exist()))

    def add_request(
        self,
        tx: Transaction,
        account_id: str,
        key_hash: str,
        fingerprint: str,
        generation_id: str,
        answer: str,
        now: datetime,
    ) -> None:
        """Binds the Idempotency-Key; the commit raises KeyTaken if it is bound and in its time."""
        ends = now + IDEMPOTENCY_LIFE
        row = self._requests(
            account_id,
            f"request#{key_hash}",
            fingerprint=fingerprint,
            generation_id=generation_id,
            answer=answer,
            expires_at=epoch_millis(ends),
            ttl=epoch_seconds(ends),
        )
        free = RequestRow.id.does_not_exist() | (RequestRow.expires_at <= epoch_millis(now))
        tx.add(Write("put", row, KeyTaken, free))

    def request(self, account_id: str, key_hash: str, now: datetime) -> tuple[str, str, str] | None:
        """(fingerprint, generation id, answer) of a key that is bound and in its time."""
        row = get(self._requests, account_id, f"request#{key_hash}")
        if row is None or int(row.expires_at) <= epoch_millis(now):
            return None
        return str(row.fingerprint), str(row.generation_id), str(row.answer)

    def get(self, account_id: str, generation_id: str) -> Generation | None:
        row = get(self._rows, account_id, generation_id)
        return _generation(row) if row else None

    def newest(self, account_id: str, now: datetime, listing: Listing) -> list[Generation]:
        """Newest first; deleted and expired ones are left out."""
        in_time = GenerationRow.expires_at.does_not_exist() | (GenerationRow.expires_at > epoch_millis(now))
        shown: Any = (GenerationRow.deleted == 0) & in_time
        if listing.status is not None:
            shown &= GenerationRow.status == listing.status.value
        if listing.since is not None:
            shown &= GenerationRow.created_at > epoch_millis(listing.since)
        found = self._rows.query(
            account_id,
            GenerationRow.id.between("gen_", listing.before or "gen_~"),
            filter_condition=shown,
            scan_index_forward=False,
            consistent_read=True,
            limit=listing.limit + 1,  # `between` includes the one that is not wanted
        )
        return [_generation(row) for row in found if row.id != listing.before][: listing.limit]

    def claim(self, account_id: str, generation_id: str, now: datetime, until: datetime) -> Generation | None:
        """Queued, or running with a claim that ran out → running, with a new attempt; None if it is not to be had."""
        free = (GenerationRow.status == Status.QUEUED.value) | (
            (GenerationRow.status == Status.RUNNING.value) & (GenerationRow.due_at <= epoch_millis(now))
        )
        actions = [
            GenerationRow.status.set(Status.RUNNING.value),
            GenerationRow.attempt.add(1),
            GenerationRow.due_at.set(epoch_millis(until)),
        ]
        return self._step(account_id, generation_id, free, actions)

    def requeue(self, made: Generation, due_at: datetime) -> bool:
        """The same attempt, queued or running → queued; False if it is not ours any more."""
        mine = (GenerationRow.attempt == made.attempt) & (GenerationRow.status == made.status.value)
        actions = [GenerationRow.status.set(Status.QUEUED.value), GenerationRow.due_at.set(epoch_millis(due_at))]
        return self._step(made.account_id, made.id, mine, actions) is not None

    def finish(self, tx: Transaction, before: Generation, after: Generation) -> None:
        """The terminal state; the commit raises LostClaim unless the row still is as `before` says."""
        ended = after.finished_at or after.created_at
        actions: list[Any] = [
            GenerationRow.status.set(after.status.value),
            GenerationRow.assets.set([_plain(asset) for asset in after.assets]),
            GenerationRow.charged.set(after.charged),
            GenerationRow.finished_at.set(epoch_millis(ended)),
            GenerationRow.ttl.set(epoch_seconds((after.expires_at or ended) + REMEMBERED)),
            GenerationRow.open.remove(),
            GenerationRow.due_at.remove(),
            GenerationRow.version.add(1),
        ]
        if after.expires_at:
            actions.append(GenerationRow.expires_at.set(epoch_millis(after.expires_at)))
        if after.failure:
            actions.append(GenerationRow.failure.set([after.failure.code, after.failure.message]))
        mine = (GenerationRow.attempt == before.attempt) & (GenerationRow.status == before.status.value)
        row = self._rows(before.account_id, before.id)
        tx.add(Write("update", row, lambda _: LostClaim(before.id), mine, tuple(actions)))

    def change_assets(self, made: Generation, assets: tuple[Asset, ...], *, deleted: bool = False) -> bool:
        """Replaces the assets if they are as they were read; False if they have changed meanwhile."""
        actions = [
            GenerationRow.assets.set([_plain(asset) for asset in assets]),
            GenerationRow.deleted.set(int(deleted or made.deleted)),
            GenerationRow.version.add(1),
        ]
        same = GenerationRow.version == made.version
        return self._step(made.account_id, made.id, same, actions) is not None

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        """(account id, generation id) of open generations that somebody should look after."""
        found: list[tuple[str, str]] = []
        for shard in range(SHARDS):
            rows = self._rows.due.query(f"open#{shard}", Due.due_at <= epoch_millis(now), limit=limit)
            found += [(row.account_id, row.id) for row in rows]
        return found

    def write_result(self, key: str, data: bytes, content_type: str) -> None:
        self._objects.write(key, data, content_type)

    def delete_result(self, key: str) -> None:
        self._objects.delete(key)

    def delete_results(self, prefix: str) -> int:
        return self._objects.delete_prefix(prefix)

    def result_url(self, asset: Asset, filename: str) -> str:
        return self._objects.download_url(
            asset.key or "", content_type=asset.content_type or "application/octet-stream", filename=filename
        )

    def _step(self, account_id: str, generation_id: str, condition: Any, actions: list[Any]) -> Generation | None:
        try:
            return _generation(update(self._rows, account_id, generation_id, actions=actions, condition=condition))
        except ConditionFailed:
            return None


def _shard(generation_id: str) -> str:
    return f"open#{CROCKFORD.index(generation_id[-2]) % SHARDS}"


def _plain(asset: Asset) -> dict[str, Any]:
    return {name: value for name, value in asdict(asset).items() if value is not None}


def _asset(plain: dict[str, Any]) -> Asset:
    return Asset(**{**plain, "status": AssetStatus(plain["status"]), "review": Review(plain["review"])})


def _generation(row: Any) -> Generation:
    def time(millis: Any) -> datetime | None:
        return from_epoch(int(millis) / 1000) if millis else None

    return Generation(
        id=row.id,
        account_id=row.account_id,
        status=Status(row.status),
        model=row.model,
        operation=row.operation,
        parameters=row.parameters,
        upload_id=row.upload_id,
        reference_upload_id=row.reference_upload_id,
        price=int(row.price),
        seed=int(row.seed),
        created_at=from_epoch(int(row.created_at) / 1000),
        spender=row.spender,
        request_id=row.request_id,
        assets=tuple(_asset(plain) for plain in row.assets),
        charged=int(row.charged),
        attempt=int(row.attempt),
        deleted=bool(row.deleted),
        expires_at=time(row.expires_at),
        finished_at=time(row.finished_at),
        failure=Failure(*row.failure) if row.failure else None,
        lane=row.lane or "",
        version=int(row.version),
    )
