"""The generations table."""

import json
from datetime import datetime
from typing import Any

from pynamodb.attributes import BinaryAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from chalicelib.aws.sealing import KeyDestroyed, Sealer
from chalicelib.aws.tables import ConditionFailed, bind, get, update
from chalicelib.generation.generation import (
    OPEN,
    QUEUE_PATIENCE,
    REMEMBERED,
    Asset,
    Generation,
    Listing,
    Status,
    Words,
)
from chalicelib.generation.rows import (
    attributes,
    generation_of,
    plain_asset,
    plain_sent,
    plain_words,
    words_of,
)
from chalicelib.kernel.clock import epoch_millis, epoch_seconds
from chalicelib.kernel.ids import CROCKFORD
from chalicelib.kernel.transaction import Transaction, Write, stale

#: Open generations are spread over so many partitions of the index that the rescue reads.
SHARDS = 4


class LostClaim(Exception):
    """Another worker has the generation, or it has ended."""


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
    held = NumberAttribute()
    others = JSONAttribute(null=True)
    words = BinaryAttribute(null=True, legacy_encoding=False)
    retention = UnicodeAttribute(null=True)
    retention_hours = NumberAttribute(null=True)
    seed = NumberAttribute()
    spender = UnicodeAttribute()
    request_id = UnicodeAttribute()
    assets = JSONAttribute()
    version = NumberAttribute(default=1)
    charged = NumberAttribute(default=0)
    attempt = NumberAttribute(default=0)
    idle = NumberAttribute(default=0)
    lease = NumberAttribute(null=True)
    begun = NumberAttribute(null=True)
    sent = JSONAttribute(null=True)
    cancel_requested = NumberAttribute(null=True)
    progress_percent = NumberAttribute(null=True)
    queue_position = NumberAttribute(null=True)
    provider_request_id = UnicodeAttribute(null=True)
    cost_microdollars = NumberAttribute(null=True)
    deleted = NumberAttribute(default=0)
    created_at = NumberAttribute()
    deadline_at = NumberAttribute()
    expires_at = NumberAttribute(null=True)
    finished_at = NumberAttribute(null=True)
    failure = JSONAttribute(null=True)
    lane = UnicodeAttribute(null=True)
    open = UnicodeAttribute(null=True)
    due_at = NumberAttribute(null=True)
    ttl = NumberAttribute(null=True)
    due = Due()


class GenerationStore:
    """All reads are consistent but those of the `due` index, whose findings are read again by key.

    `lease` says until when a worker has the row; it is there only while one has. `begun` is there from just before a
    provider is sent anything until it is proven that it did nothing.
    """

    def __init__(self, table: str, sealer: Sealer) -> None:
        self._rows = bind(GenerationRow, table)
        self._sealer = sealer

    def add(self, tx: Transaction, made: Generation) -> None:
        row = self._rows(
            made.account_id,
            made.id,
            **attributes(made),
            words=self._sealed(made),
            open=_shard(made.id),
            due_at=epoch_millis(made.created_at + QUEUE_PATIENCE),
        )
        tx.add(Write("put", row, stale, GenerationRow.id.does_not_exist()))

    def get(self, account_id: str, generation_id: str) -> Generation | None:
        row = get(self._rows, account_id, generation_id)
        return self._generation(row) if row else None

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
        return [self._generation(row) for row in found if row.id != listing.before][: listing.limit]

    def claim(
        self, account_id: str, generation_id: str, now: datetime, until: datetime, *, waiting: bool
    ) -> Generation | None:
        """The generation with a new attempt, if no worker has it; None if it is not to be had.

        `waiting`: one that is running or reconciling, as it is; else one that is queued, which is running then.
        """
        free = GenerationRow.lease.does_not_exist() | (GenerationRow.lease <= epoch_millis(now))
        actions = [
            GenerationRow.attempt.add(1),
            GenerationRow.idle.add(1),
            GenerationRow.lease.set(epoch_millis(until)),
            GenerationRow.due_at.set(epoch_millis(until)),
        ]
        if waiting:
            free &= GenerationRow.status.is_in(Status.RUNNING.value, Status.RECONCILING.value)
        else:
            free &= GenerationRow.status == Status.QUEUED.value
            actions.append(GenerationRow.status.set(Status.RUNNING.value))
        return self._step(account_id, generation_id, free, actions)

    def mark_begun(self, made: Generation) -> bool:
        """Notes that the provider is about to be sent it; False if it is not ours any more."""
        mine = (GenerationRow.attempt == made.attempt) & (GenerationRow.status == made.status.value)
        return self._step(made.account_id, made.id, mine, [GenerationRow.begun.set(1)]) is not None

    def keep(self, before: Generation, after: Generation, due_at: datetime) -> bool:
        """Writes what has become of a claimed generation, and gives it back; False if it is not ours any more."""
        actions: list[Any] = [
            GenerationRow.status.set(after.status.value),
            GenerationRow.model.set(after.model),
            GenerationRow.price.set(after.price),
            GenerationRow.sent.set(plain_sent(after.sent)),
            GenerationRow.idle.set(after.idle),
            GenerationRow.due_at.set(epoch_millis(due_at)),
            GenerationRow.lease.remove(),
            GenerationRow.begun.set(1) if after.sent.begun else GenerationRow.begun.remove(),
        ]
        others = [[other.model, other.price] for other in after.others]
        known: tuple[tuple[Any, Any], ...] = (
            (GenerationRow.others, others or None),
            (GenerationRow.progress_percent, after.progress_percent),
            (GenerationRow.queue_position, after.queue_position),
            (GenerationRow.provider_request_id, after.provider_request_id),
        )
        actions += [attribute.remove() if value is None else attribute.set(value) for attribute, value in known]
        return self._step(before.account_id, before.id, _mine(before), actions) is not None

    def give_back(self, made: Generation, due_at: datetime, *, overdue_at: datetime | None = None) -> bool:
        """The same attempt → queued, or as it is where a provider may have it; False if it is not ours any more.

        `overdue_at`: only if nobody has looked after it until then.
        """
        mine = _mine(made)
        if overdue_at is not None:
            mine &= GenerationRow.due_at <= epoch_millis(overdue_at)
        back = [GenerationRow.lease.remove(), GenerationRow.due_at.set(epoch_millis(due_at))]
        queued = [GenerationRow.status.set(Status.QUEUED.value), *back]
        fresh = GenerationRow.begun.does_not_exist()
        if self._step(made.account_id, made.id, mine & fresh, queued) is not None:
            return True
        begun = GenerationRow.begun.exists()
        return self._step(made.account_id, made.id, mine & begun, back) is not None

    def request_cancel(self, made: Generation) -> bool:
        """Has its worker stop it; False if it has ended."""
        is_open = GenerationRow.status.is_in(*(status.value for status in OPEN))
        return self._step(made.account_id, made.id, is_open, [GenerationRow.cancel_requested.set(1)]) is not None

    def finish(self, tx: Transaction, before: Generation, after: Generation) -> None:
        """The terminal state; the commit raises LostClaim unless the row still is as `before` says."""
        ended = after.finished_at or after.created_at
        actions: list[Any] = [
            GenerationRow.status.set(after.status.value),
            GenerationRow.assets.set([plain_asset(asset) for asset in after.assets]),
            GenerationRow.charged.set(after.charged),
            GenerationRow.finished_at.set(epoch_millis(ended)),
            GenerationRow.ttl.set(epoch_seconds((after.expires_at or ended) + REMEMBERED)),
            GenerationRow.open.remove(),
            GenerationRow.due_at.remove(),
            GenerationRow.lease.remove(),
            GenerationRow.words.remove(),  # what a person wrote is kept no longer than it is needed
            GenerationRow.version.add(1),
        ]
        if after.expires_at:
            actions.append(GenerationRow.expires_at.set(epoch_millis(after.expires_at)))
        if after.failure:
            actions.append(GenerationRow.failure.set([after.failure.code, after.failure.message]))
        if after.provider_request_id:
            actions.append(GenerationRow.provider_request_id.set(after.provider_request_id))
        if after.cost_microdollars is not None:
            actions.append(GenerationRow.cost_microdollars.set(after.cost_microdollars))
        row = self._rows(before.account_id, before.id)
        tx.add(Write("update", row, lambda _: LostClaim(before.id), _mine(before), tuple(actions)))

    def change_assets(self, made: Generation, assets: tuple[Asset, ...], *, deleted: bool = False) -> bool:
        """Replaces the assets if they are as they were read; False if they have changed meanwhile."""
        actions = [
            GenerationRow.assets.set([plain_asset(asset) for asset in assets]),
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

    def _step(self, account_id: str, generation_id: str, condition: Any, actions: list[Any]) -> Generation | None:
        try:
            row = update(self._rows, account_id, generation_id, actions=actions, condition=condition)
        except ConditionFailed:
            return None
        return self._generation(row)

    def _generation(self, row: Any) -> Generation:
        if row.words is None:
            return generation_of(row, Words())
        try:
            plain = self._sealer.open(row.account_id, _place(row.id), row.words)
        except KeyDestroyed:  # its owner was erased
            return generation_of(row, Words())
        return generation_of(row, words_of(json.loads(plain)))

    def _sealed(self, made: Generation) -> bytes | None:
        if not made.words:
            return None
        return self._sealer.seal(made.account_id, _place(made.id), json.dumps(plain_words(made.words)))


def _mine(made: Generation) -> Any:
    """Whether the row is as the one who claimed it left it."""
    return (GenerationRow.attempt == made.attempt) & (GenerationRow.status == made.status.value)


def _place(generation_id: str) -> str:
    """What the sealed words are bound to."""
    return f"generations/{generation_id}/words"


def _shard(generation_id: str) -> str:
    return f"open#{CROCKFORD.index(generation_id[-2]) % SHARDS}"
