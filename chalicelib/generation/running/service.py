"""Use cases of a worker: run a generation that was committed, and rescue what was left lying.

The row is the truth, the queue a hint: every step is conditional on the row's status and attempt, so a message may
come twice, late, out of order or not at all. A generation ends in one transaction with the resolution of its hold;
objects are written before it, under keys of the attempt's own, and removed by whoever loses.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from chalicelib.generation.generation import (
    DEADLINE_GRACE,
    DELIVERY_LIFE,
    MAX_ATTEMPTS,
    OPEN,
    QUEUE_PATIENCE,
    Asset,
    AssetStatus,
    Failure,
    Generation,
    Retention,
    Status,
)
from chalicelib.generation.ports import Ender, Results, Tell, WorkStore
from chalicelib.generation.submitting.verdict import End, Finish, Verdict, Wait
from chalicelib.kernel.clock import Clock
from chalicelib.providers.job import Done, Missing, Output

RESCUE_BATCH = 100


class Outcome(StrEnum):
    """What came of one message or of one look of the rescue."""

    NOTHING_TO_DO = "nothing_to_do"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    WAITING = "waiting"
    QUEUED_AGAIN = "queued_again"
    LOST = "lost"


class Look(Protocol):
    """What running needs of submitting."""

    def look(self, made: Generation) -> Verdict: ...


class HandOver(Protocol):
    """What running needs of handing over."""

    def hand_over(self, made: Generation, outputs: Sequence[Output | Missing]) -> tuple[Asset, ...]: ...


class Running:
    """`queue(generation, delay_seconds)` hints the worker of its provider."""

    def __init__(
        self,
        store: WorkStore,
        results: Results,
        submitting: Look,
        handing: HandOver,
        ending: Ender,
        clock: Clock,
        *,
        tell: Tell,
        queue: Callable[[Generation, int], None],
        retention_hours: Callable[[str], int],
        claim: timedelta,
    ) -> None:
        self._store = store
        self._results = results
        self._submitting = submitting
        self._handing = handing
        self._ending = ending
        self._clock = clock
        self._tell = tell
        self._queue = queue
        self._retention_hours = retention_hours
        self._claim = claim

    def run(self, account_id: str, generation_id: str, *, waiting: bool = False) -> Outcome:
        """Claims a generation and takes it one step on. What the provider did wrong ends it; what may pass is left to
        be tried again. `waiting` is a guess that it is with a provider, which saves a call where it is right.

        Anything unforeseen is raised after the claim is given back, so that the queue and the rescue bring it again,
        MAX_ATTEMPTS times in all.
        """
        now = self._clock.now()
        until = now + self._claim
        made = self._store.claim(account_id, generation_id, now, until, waiting=waiting)
        if made is None:
            made = self._store.claim(account_id, generation_id, now, until, waiting=not waiting)
        if made is None:
            return Outcome.NOTHING_TO_DO
        try:
            if made.attempt == made.idle:  # no claim before this one came to anything
                self._tell.running(made)
            return self._step(made)
        except Exception:
            # Conditional on this very claim: nothing happens if the generation has ended after all.
            self._store.give_back(made, now + QUEUE_PATIENCE)
            raise

    def overdue(self) -> list[tuple[str, str]]:
        """(account id, generation id) of generations that nobody seems to look after: committed but never taken, or
        claimed by a worker that died."""
        return self._store.due(self._clock.now(), RESCUE_BATCH)

    def look_after(self, account_id: str, generation_id: str) -> Outcome:
        """Has an overdue generation tried again, or ends it when it was tried often enough or for too long.

        One that a provider may have is left to the workers, who can ask it, until well after its deadline.
        """
        made, now = self._store.get(account_id, generation_id), self._clock.now()
        if made is None or made.status not in OPEN:
            return Outcome.NOTHING_TO_DO
        ends = made.deadline_at + (DEADLINE_GRACE if made.sent.begun else timedelta(0))
        if made.idle >= MAX_ATTEMPTS or ends <= now:
            # The claim keeps a worker that is late after all from publishing what is about to be deleted.
            waiting = made.status is not Status.QUEUED
            claimed = self._store.claim(account_id, generation_id, now, now + self._claim, waiting=waiting)
            return self._give_up(claimed) if claimed is not None else Outcome.LOST
        if self._store.give_back(made, now + QUEUE_PATIENCE * 2, overdue_at=now):
            self._queue(made, 0)
            return Outcome.QUEUED_AGAIN
        return Outcome.LOST

    def _step(self, made: Generation) -> Outcome:
        if made.idle > MAX_ATTEMPTS:
            return self._give_up(made)
        verdict = self._submitting.look(made)
        if isinstance(verdict, Finish):
            return self._finish(made, verdict.done)
        if isinstance(verdict, Wait):
            return self._wait(made, verdict)
        return self._end(made, verdict) if isinstance(verdict, End) else Outcome.LOST

    def _wait(self, made: Generation, wait: Wait) -> Outcome:
        due_at = self._clock.now() + timedelta(seconds=wait.seconds) + QUEUE_PATIENCE
        after = replace(wait.after, idle=0)
        if not self._store.keep(made, after, due_at):
            return Outcome.LOST
        self._queue(after, wait.seconds)
        return Outcome.QUEUED_AGAIN if after.status is Status.QUEUED else Outcome.WAITING

    def _give_up(self, made: Generation) -> Outcome:
        """Ends a generation whose claims were all used up without a result, or that no worker took in its time."""
        if made.idle > MAX_ATTEMPTS:
            message = f"It was tried {MAX_ATTEMPTS} times without a result."
            return self._end(made, End(Failure("engine_error", message)))
        return self._end(made, End(Failure("deadline", "No worker could finish it in its time."), lapsed=True))

    def _finish(self, made: Generation, done: Done) -> Outcome:
        """With whatever came: what did not is not charged, and nothing at all is a failure."""
        now = self._clock.now()
        assets = self._handing.hand_over(made, done.outputs)
        charged = sum(asset.charged for asset in assets)
        after = replace(
            made,
            assets=assets,
            charged=charged,
            finished_at=now,
            provider_request_id=done.request_id or made.provider_request_id,
            cost_microdollars=done.cost_microdollars,
        )
        if charged:
            after = replace(after, status=Status.SUCCEEDED, expires_at=now + self._life(made))
        else:
            after = replace(after, status=Status.FAILED, failure=_failure(assets))
        written = {asset.key for asset in assets if asset.key}
        if made.attempt > 1:
            # What earlier attempts wrote and never published. Before the end: nobody comes back to what has ended.
            self._results.delete_results(made.prefix, but=written)
        if self._ending.end(made, after):
            return Outcome.SUCCEEDED if charged else Outcome.FAILED
        for key in written:
            self._results.delete_result(key)
        return Outcome.LOST

    def _end(self, made: Generation, end: End) -> Outcome:
        asset = AssetStatus.BLOCKED if end.blocked else AssetStatus.CANCELED if end.canceled else AssetStatus.FAILED
        code = end.failure.code if end.failure else None
        after = replace(
            made,
            status=Status.CANCELED if end.canceled else Status.FAILED,
            assets=tuple(Asset(each.id, asset, code=code) for each in made.assets),
            finished_at=self._clock.now(),
            failure=end.failure,
        )
        if made.attempt > 1:
            self._results.delete_results(made.prefix)
        if not self._ending.end(made, after, lapsed=end.lapsed):
            return Outcome.LOST
        return Outcome.CANCELED if end.canceled else Outcome.FAILED

    def _life(self, made: Generation) -> timedelta:
        """How long its results are kept: what the account says, or less where the order said so."""
        if made.retention is Retention.NONE:
            return DELIVERY_LIFE
        hours = self._retention_hours(made.account_id)
        return timedelta(hours=min(hours, made.retention_hours or hours))


def _failure(assets: tuple[Asset, ...]) -> Failure:
    """Of a generation without any result."""
    codes = [asset.code for asset in assets if asset.code]
    blocked = all(asset.status is AssetStatus.BLOCKED for asset in assets)
    message = "The provider refused what it shows." if blocked else "There is no result of it."
    return Failure(codes[0] if codes else "not_made", message)
