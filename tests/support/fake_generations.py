"""Fakes of what generations work with: store, engine and registry."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.credits.service import AlreadyDone
from chalicelib.generation.generation import OPEN, Asset, Generation, Listing, Status
from chalicelib.generation.store import KeyTaken, LostClaim
from chalicelib.kernel.transaction import Transaction
from chalicelib.providers.capability import Input, Job, Modality, Model, Output
from tests.support.fakes import Memory, write

#: What a worker's commit raises when the generation is not its own any more.
LOST = (LostClaim, AlreadyDone)


class FakeGenerationStore:
    """`generation.store` in memory: rows, requests and objects."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.rows: dict[tuple[str, str], Generation] = {}
        self.due_at: dict[tuple[str, str], datetime] = {}
        self.requests: dict[tuple[str, str], tuple[str, str, str, datetime]] = {}
        self.objects: dict[str, bytes] = {}

    def add(self, tx: Transaction, made: Generation) -> None:
        def apply() -> None:
            self.rows[made.account_id, made.id] = made
            self.due_at[made.account_id, made.id] = made.created_at

        tx.add(write(apply, lambda: ((made.account_id, made.id) not in self.rows, None)))

    def add_request(self, tx: Transaction, account_id: str, key_hash: str, *rest: Any) -> None:
        fingerprint, generation_id, answer, now = rest
        record = (fingerprint, generation_id, answer, now + timedelta(hours=24))
        place = (account_id, key_hash)

        def free() -> tuple[bool, Any]:
            bound = self.requests.get(place)
            return bound is None or bound[3] <= now, bound

        tx.add(write(lambda: self.requests.__setitem__(place, record), free, KeyTaken))

    def request(self, account_id: str, key_hash: str, now: datetime) -> tuple[str, str, str] | None:
        bound = self.requests.get((account_id, key_hash))
        return bound[:3] if bound and bound[3] > now else None

    def get(self, account_id: str, generation_id: str) -> Generation | None:
        return self.rows.get((account_id, generation_id))

    def newest(self, account_id: str, now: datetime, listing: Listing) -> list[Generation]:
        found = [m for (owner, _), m in self.rows.items() if owner == account_id and not m.deleted and not m.over(now)]
        return sorted(found, key=lambda made: made.id, reverse=True)[: listing.limit]

    def change_assets(self, made: Generation, assets: tuple[Asset, ...], *, deleted: bool = False) -> bool:
        place = (made.account_id, made.id)
        with self.memory.lock:
            now = self.rows[place]
            if now.version != made.version:
                return False
            self.rows[place] = replace(now, assets=assets, deleted=deleted or made.deleted, version=now.version + 1)
        return True

    def claim(self, account_id: str, generation_id: str, now: datetime, until: datetime) -> Generation | None:
        place = (account_id, generation_id)
        with self.memory.lock:
            row = self.rows.get(place)
            overdue = row is not None and row.status is Status.RUNNING and self.due_at[place] <= now
            if row is None or not (row.status is Status.QUEUED or overdue):
                return None
            self.rows[place] = replace(row, status=Status.RUNNING, attempt=row.attempt + 1)
            self.due_at[place] = until
            return self.rows[place]

    def requeue(self, made: Generation, due_at: datetime) -> bool:
        place = (made.account_id, made.id)
        with self.memory.lock:
            row = self.rows[place]
            if (row.attempt, row.status) != (made.attempt, made.status):
                return False
            self.rows[place] = replace(row, status=Status.QUEUED)
            self.due_at[place] = due_at
        return True

    def finish(self, tx: Transaction, before: Generation, after: Generation) -> None:
        place = (before.account_id, before.id)

        def mine() -> tuple[bool, Any]:
            row = self.rows[place]
            return (row.attempt, row.status) == (before.attempt, before.status), row

        def apply() -> None:
            self.rows[place] = replace(after, version=after.version + 1)
            del self.due_at[place]

        tx.add(write(apply, mine, lambda _: LostClaim(before.id)))

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        return [place for place, due in self.due_at.items() if due <= now and self.rows[place].status in OPEN][:limit]

    def write_result(self, key: str, data: bytes, content_type: str) -> None:
        self.objects[key] = data

    def delete_result(self, key: str) -> None:
        self.objects.pop(key, None)

    def delete_results(self, prefix: str) -> int:
        gone = [key for key in self.objects if key.startswith(prefix)]
        for key in gone:
            del self.objects[key]
        return len(gone)

    def result_url(self, asset: Asset, filename: str) -> str:
        return f"https://results.invalid/{asset.key}?as={filename}"


MODEL = Model(
    id="fake/stylize-1",
    provider="fake",
    modality=Modality.IMAGE,
    operations=("stylize",),
    price_assets=2,
    description="answers at once",
    generative=True,
    input=Input.PHOTO,
    max_input_pixels=1_000_000,
    max_output_side_pixels=1_000,
    max_outputs=4,
    parameters_note="none",
)


class FakeEngine:
    """A provider and the registry that knows it. `does` is what happens with each job; by default it is done."""

    def __init__(self, does: Callable[[Job], None] = lambda _: None) -> None:
        self.does = does
        self.jobs: list[Job] = []

    def model(self, model_id: str) -> Model:
        if model_id != MODEL.id:
            raise LookupError(model_id)
        return MODEL

    def provider_for(self, model_id: str) -> "FakeEngine":
        assert model_id == MODEL.id
        return self

    def generate(self, job: Job) -> list[Output]:
        self.jobs.append(job)
        self.does(job)
        return self.outputs(job)

    def outputs(self, job: Job) -> list[Output]:
        """What comes of a job that is done."""
        picture = b"picture of " + job.generation_id.encode()
        return [Output(data=picture, content_type="image/jpeg", width=8, height=6, seed=job.seed) for _ in range(job.n)]
