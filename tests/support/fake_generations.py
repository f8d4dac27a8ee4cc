"""Fakes of what generations work with: store, engine and registry."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.credits.service import AlreadyDone
from chalicelib.generation.generation import OPEN, Asset, Generation, Listing, Status
from chalicelib.generation.ordering.store import KeyTaken
from chalicelib.generation.store import LostClaim
from chalicelib.kernel.transaction import Transaction
from chalicelib.providers.capability import Capability, Modality, Model, Proof, Runs
from chalicelib.providers.job import (
    Done,
    Immediate,
    Job,
    Missing,
    Output,
)
from chalicelib.providers.price import Price
from tests.support.fakes import Memory, write

#: What a worker's commit raises when the generation is not its own any more.
LOST = (LostClaim, AlreadyDone)


class NothingThere(Exception):
    """There is no such object."""


class FakeGenerationStore:
    """Rows, requests and objects of generations, in memory."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.rows: dict[tuple[str, str], Generation] = {}
        self.due_at: dict[tuple[str, str], datetime] = {}
        self.leases: dict[tuple[str, str], datetime] = {}
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

    def claim(
        self, account_id: str, generation_id: str, now: datetime, until: datetime, *, waiting: bool
    ) -> Generation | None:
        place = (account_id, generation_id)
        states = (Status.RUNNING, Status.RECONCILING) if waiting else (Status.QUEUED,)
        with self.memory.lock:
            row = self.rows.get(place)
            if row is None or row.status not in states or (place in self.leases and self.leases[place] > now):
                return None
            status = row.status if waiting else Status.RUNNING
            self.rows[place] = replace(row, status=status, attempt=row.attempt + 1, idle=row.idle + 1)
            self.leases[place] = self.due_at[place] = until
            return self.rows[place]

    def mark_begun(self, made: Generation) -> bool:
        return self._write(made, sent=replace(self.rows[made.account_id, made.id].sent, begun=True))

    def keep(self, before: Generation, after: Generation, due_at: datetime) -> bool:
        names = (
            *("status", "model", "price", "others", "sent", "idle"),
            *("progress_percent", "queue_position", "provider_request_id"),
        )
        return self._write(before, due_at, **{name: getattr(after, name) for name in names})

    def give_back(self, made: Generation, due_at: datetime, *, overdue_at: datetime | None = None) -> bool:
        place = (made.account_id, made.id)
        if overdue_at is not None and self.due_at[place] > overdue_at:
            return False
        begun = self.rows[place].sent.begun
        return self._write(made, due_at, **({} if begun else {"status": Status.QUEUED}))

    def request_cancel(self, made: Generation) -> bool:
        place = (made.account_id, made.id)
        with self.memory.lock:
            if self.rows[place].status not in OPEN:
                return False
            self.rows[place] = replace(self.rows[place], cancel_requested=True)
        return True

    def _write(self, made: Generation, due_at: datetime | None = None, **changes: Any) -> bool:
        """With `due_at` the lease is given back too."""
        place = (made.account_id, made.id)
        with self.memory.lock:
            row = self.rows[place]
            if (row.attempt, row.status) != (made.attempt, made.status):
                return False
            self.rows[place] = replace(row, **changes)
            if due_at is not None:
                self.due_at[place] = due_at
                self.leases.pop(place, None)
        return True

    def finish(self, tx: Transaction, before: Generation, after: Generation) -> None:
        place = (before.account_id, before.id)

        def mine() -> tuple[bool, Any]:
            row = self.rows[place]
            return (row.attempt, row.status) == (before.attempt, before.status), row

        def apply() -> None:
            words = type(after.words)()
            self.rows[place] = replace(after, words=words, version=after.version + 1)
            del self.due_at[place]
            self.leases.pop(place, None)

        tx.add(write(apply, mine, lambda _: LostClaim(before.id)))

    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        return [place for place, due in self.due_at.items() if due <= now and self.rows[place].status in OPEN][:limit]

    def write_result(self, key: str, data: bytes, content_type: str) -> None:
        self.objects[key] = data

    def delete_result(self, key: str) -> None:
        self.objects.pop(key, None)

    def read_result(self, key: str) -> bytes:
        if key not in self.objects:
            raise NothingThere(key)
        return self.objects[key]

    def delete_results(self, prefix: str, *, but: Collection[str] = ()) -> int:
        gone = [key for key in self.objects if key.startswith(prefix) and key not in but]
        for key in gone:
            del self.objects[key]
        return len(gone)

    def result_url(self, asset: Asset, filename: str) -> str:
        return f"https://results.invalid/{asset.key}?as={filename}"


def model(model_id: str, price: int = 2, **changes: Any) -> Model:
    """A model that stylizes photos, but for the changes."""
    members: dict[str, Any] = {
        "id": model_id,
        "provider": model_id.partition("/")[0],
        "modality": Modality.IMAGE,
        "operations": ("stylize",),
        "price": Price(assets=price, steps=()),
        "description": "answers at once",
        "generative": True,
        "max_input_pixels": 1_000_000,
        "max_output_side_pixels": 1_000,
        "max_outputs": 4,
        "takes": ("style", "style_upload_id", "strength", "preserve_color"),
        "sizes": (),
        "allowed": (),
        "max_seconds": 0,
        "parameters_note": "none",
    }
    return Model(**{**members, **changes})


def capability(*models: Model, **changes: Any) -> Capability:
    """Of a provider of ours, but for the changes."""
    members: dict[str, Any] = {
        "provider": models[0].provider,
        "runs": Runs.EMBEDDED,
        "proof": Proof.REPLAY,
        "credentials": (),
        "max_concurrent": 0,
        "calls_back": False,
        "models": models,
        "regions": ("deployment",),
        "keeps_inputs_hours": 0,
        "trains_on_inputs": False,
        "terms_url": "https://example.com/terms",
        "hosts": (),
    }
    return Capability(**{**members, **changes})


MODEL = model("fake/stylize-1")


def picture(job: Job, index: int = 0) -> Output:
    """What comes of a job that is done."""
    data = b"picture of " + job.generation_id.encode()
    return Output(data=data, content_type="image/jpeg", width=8, height=6, seconds=None, seed=job.seed + index)


class FakeEngine(Immediate):
    """A provider of ours, and the catalog that knows it and those in `clouds`, by name. `does` is what happens with
    each job; by default it is done."""

    name = "fake"

    def __init__(self, does: Callable[[Job], None] = lambda _: None) -> None:
        self.does = does
        self.jobs: list[Job] = []
        self.clouds: dict[str, Any] = {}

    @property
    def models(self) -> dict[str, Model]:
        hosted = [each for cloud in self.clouds.values() for each in cloud.capability.models]
        return {each.id: each for each in (MODEL, *hosted)}

    def model(self, model_id: str) -> Model:
        return self.models[model_id]

    def capability(self, provider: str) -> Capability:
        return capability(MODEL) if provider == "fake" else self.clouds[provider].capability

    def provider_for(self, model_id: str) -> Any:
        provider = self.model(model_id).provider
        return self if provider == "fake" else self.clouds[provider]

    def submit(self, job: Job) -> Done:
        self.jobs.append(job)
        self.does(job)
        return Done(outputs=self.outputs(job), request_id="", cost_microdollars=None)

    def outputs(self, job: Job) -> tuple[Output | Missing, ...]:
        """What comes of a job that is done."""
        return tuple(picture(job, index) for index in range(job.n))
