"""Use cases of a worker: run a generation that was committed, and rescue what was left lying.

The row is the truth, the queue a hint: every step is conditional on the row's status and attempt, so a message may
come twice, late, out of order or not at all. A generation ends in one transaction with the resolution of its hold;
objects are written before it, under keys of the attempt's own, and removed by whoever loses.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.generation import operations
from chalicelib.generation.generation import (
    DEADLINE,
    MAX_ATTEMPTS,
    OPEN,
    QUEUE_PATIENCE,
    Asset,
    AssetStatus,
    Failure,
    Generation,
    Status,
    abandoned_keys,
    result_key,
)
from chalicelib.generation.ports import Pictures, Providers, Settlement, WorkStore
from chalicelib.kernel.clock import Clock
from chalicelib.kernel.errors import Gone
from chalicelib.kernel.transaction import Transact, Transaction
from chalicelib.providers.capability import Job, Output, ProviderError, ProviderFailed, ProviderUnavailable

RESCUE_BATCH = 100
#: A provider that was unavailable is tried again after this long, longer with each attempt.
RETRY_AFTER = timedelta(seconds=5)


class Outcome(StrEnum):
    """What came of one message or of one look of the rescue."""

    NOTHING_TO_DO = "nothing_to_do"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    QUEUED_AGAIN = "queued_again"
    LOST = "lost"


class Running:
    """`lost` are what the commit raises when the generation is not this worker's any more: its row has moved on, or
    its hold has been resolved."""

    def __init__(
        self,
        store: WorkStore,
        ledger: Settlement,
        pictures: Pictures,
        providers: Providers,
        transact: Transact,
        clock: Clock,
        *,
        queue: Callable[[str, str], None],
        retention_hours: Callable[[str], int],
        claim_seconds: int,
        lost: tuple[type[Exception], ...],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._pictures = pictures
        self._providers = providers
        self._transact = transact
        self._clock = clock
        self._queue = queue
        self._retention_hours = retention_hours
        self._claim = timedelta(seconds=claim_seconds)
        self._lost = lost

    def run(self, account_id: str, generation_id: str) -> Outcome:
        """Claims and runs a generation. What the engine did wrong ends it; what may pass is left to be tried again.

        Anything unforeseen is raised after the claim is given back, so that the queue and the rescue bring it again,
        MAX_ATTEMPTS times in all.
        """
        now = self._clock.now()
        made = self._store.claim(account_id, generation_id, now, now + self._claim)
        if made is None:
            return Outcome.NOTHING_TO_DO
        try:
            return self._attempt(made)
        except Exception:
            # Conditional on this very claim: nothing happens if the generation has ended after all.
            self._store.requeue(made, now + QUEUE_PATIENCE)
            raise

    def overdue(self) -> list[tuple[str, str]]:
        """(account id, generation id) of generations that nobody seems to look after: committed but never taken, or
        claimed by a worker that died."""
        return self._store.due(self._clock.now(), RESCUE_BATCH)

    def look_after(self, account_id: str, generation_id: str) -> Outcome:
        """Has an overdue generation tried again, or ends it when it was tried often enough or for too long."""
        made, now = self._store.get(account_id, generation_id), self._clock.now()
        if made is None or made.status not in OPEN:
            return Outcome.NOTHING_TO_DO
        if made.attempt >= MAX_ATTEMPTS or made.created_at + DEADLINE <= now:
            # The claim keeps a worker that is late after all from publishing what is about to be deleted.
            claimed = self._store.claim(account_id, generation_id, now, now + self._claim)
            return self._give_up(claimed) if claimed is not None else Outcome.LOST
        if self._store.requeue(made, now + QUEUE_PATIENCE * 2):
            self._queue(made.account_id, made.id)
            return Outcome.QUEUED_AGAIN
        return Outcome.LOST

    def _attempt(self, made: Generation) -> Outcome:
        if made.attempt > MAX_ATTEMPTS:
            return self._give_up(made)
        try:
            outputs = self._generate(made)
        except Gone:
            return self._fail(made, Failure("upload_gone", "The photo was deleted or expired before it was used."))
        except ProviderUnavailable:
            return self._again(made)
        except ProviderError as error:
            return self._fail(made, Failure(error.code, error.message))
        return self._succeed(made, outputs)

    def _give_up(self, made: Generation) -> Outcome:
        """Ends a generation whose claims were all used up without a result, or that no worker took in its time."""
        if made.attempt > MAX_ATTEMPTS:
            return self._fail(made, Failure("engine_error", f"It was tried {MAX_ATTEMPTS} times without a result."))
        return self._fail(made, Failure("deadline", "No worker could take it in time."), lapsed=True)

    def _generate(self, made: Generation) -> list[Output]:
        operation = operations.operation(made.operation)
        pictures = {param: self._pictures.photo(made.account_id, upload) for param, upload in made.uploads.items()}
        job = Job(
            generation_id=made.id,
            idempotency_key=made.id,
            model=made.model,
            operation=made.operation,
            parameters=operation.parse(made.parameters),
            photo=pictures.pop("upload_id", None),
            reference=next(iter(pictures.values()), None),
            n=len(made.assets),
            seed=made.seed,
        )
        outputs: list[Output] = self._providers.provider_for(made.model).generate(job)
        if len(outputs) != job.n:
            raise ProviderFailed("engine_error", f"The engine made {len(outputs)} results instead of {job.n}.")
        return outputs

    def _succeed(self, made: Generation, outputs: list[Output]) -> Outcome:
        now = self._clock.now()
        written: list[Asset] = []
        for index, (asset, output) in enumerate(zip(made.assets, outputs, strict=True)):
            key = result_key(made.account_id, made.id, made.attempt, index)
            self._store.write_result(key, output.data, output.content_type)
            ready = replace(
                asset,
                status=AssetStatus.SUCCEEDED,
                key=key,
                content_type=output.content_type,
                width=output.width,
                height=output.height,
                size_bytes=len(output.data),
                charged=made.price,
            )
            written.append(ready)
        until = now + timedelta(hours=self._retention_hours(made.account_id))
        after = replace(
            made,
            status=Status.SUCCEEDED,
            assets=tuple(written),
            charged=made.cost,
            finished_at=now,
            expires_at=until,
        )
        self._discard_abandoned(made)
        outcome = self._end(made, after, posted=made.cost)
        if outcome is Outcome.LOST:
            for asset in written:
                self._store.delete_result(asset.key or "")
            return outcome
        return Outcome.SUCCEEDED

    def _fail(self, made: Generation, failure: Failure, *, lapsed: bool = False) -> Outcome:
        now = self._clock.now()
        after = replace(
            made,
            status=Status.FAILED,
            assets=tuple(replace(asset, status=AssetStatus.FAILED) for asset in made.assets),
            finished_at=now,
            failure=failure,
        )
        self._discard_abandoned(made)
        return self._end(made, after, posted=0, lapsed=lapsed) or Outcome.FAILED

    def _discard_abandoned(self, made: Generation) -> None:
        """Removes what earlier attempts wrote and never published; this claim keeps them from doing it now.

        Before the end, not after it: nobody comes back to a generation that has ended.
        """
        for key in abandoned_keys(made):
            self._store.delete_result(key)

    def _again(self, made: Generation) -> Outcome:
        """Gives the claim back; the rescue brings it again when its time has come."""
        if made.attempt >= MAX_ATTEMPTS:
            return self._fail(made, Failure("provider_unavailable", "The provider could not be reached."))
        due_at: datetime = self._clock.now() + RETRY_AFTER * 2**made.attempt
        return Outcome.QUEUED_AGAIN if self._store.requeue(made, due_at) else Outcome.LOST

    def _end(self, before: Generation, after: Generation, *, posted: int, lapsed: bool = False) -> Outcome | None:
        """Terminal state and resolution of the hold, together; LOST if another worker was first."""

        def build(tx: Transaction) -> None:
            self._store.finish(tx, before, after)
            self._ledger.settle(
                tx,
                before.account_id,
                before.id,
                posted,
                spender=before.spender,
                request_id=before.request_id,
                lane=before.lane,
                model=before.model,
                lapsed=lapsed,
            )

        try:
            self._transact(build)
        except self._lost:
            return Outcome.LOST
        return None
