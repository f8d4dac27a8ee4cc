"""Who is made of what: generations and what they need."""

import time
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.aws import entropy
from chalicelib.aws.objects import ObjectMissing
from chalicelib.aws.sealing import KeyDestroyed, Unreadable
from chalicelib.aws.tables import transact
from chalicelib.generation.generation import Generation, Status
from chalicelib.providers.capability import Runs
from chalicelib.wiring.hints import hint
from chalicelib.wiring.webhooks import Webhooking

if TYPE_CHECKING:
    from chalicelib.generation.admission.service import Admission
    from chalicelib.generation.callbacks.service import Callbacks
    from chalicelib.generation.compat.service import Compat
    from chalicelib.generation.ending.service import Ending
    from chalicelib.generation.handing.store import ResultStore
    from chalicelib.generation.ordering.service import Ordering
    from chalicelib.generation.running.service import Running
    from chalicelib.generation.service import Generations
    from chalicelib.generation.store import GenerationStore
    from chalicelib.generation.telling.service import Telling


class Generating(Webhooking):
    """Imports are inside, so that a function loads only the rooms that it uses."""

    @cached_property
    def ordering(self) -> "Ordering":
        from chalicelib.generation.ordering.service import Ordering
        from chalicelib.generation.ordering.store import KeyTaken, RequestStore

        return Ordering(
            self._generation_store,
            RequestStore(self.settings.generations_table),
            self.credits,
            self.uploads,
            self.models,
            transact,
            self.clock,
            entropy.token_bytes,
            keyed_hash=self.peppers.hash,
            queue=self._hint_worker,
            tell=self._generation_telling,
            retention_hours=self.accounts.retention_hours,
            key_taken=KeyTaken,
        )

    @cached_property
    def generations(self) -> "Generations":
        from chalicelib.generation.service import Generations

        return Generations(
            self._generation_store,
            self._results,
            self._ending,
            self.models,
            self.clock,
            tell=self._generation_telling,
            queue=self._hint_worker,
            sleep=time.sleep,
            missing=ObjectMissing,
        )

    @cached_property
    def running(self) -> "Running":
        from chalicelib.generation.handing.service import Handing
        from chalicelib.generation.running.service import Running
        from chalicelib.generation.submitting.service import Submitting

        claim = timedelta(seconds=self.settings.engine_seconds)
        submitting = Submitting(
            self._generation_store,
            self.uploads,
            self.models,
            self.admission,
            self.clock,
            callback_url=self.callbacks.url,
            claim=claim,
        )
        return Running(
            self._generation_store,
            self._results,
            submitting,
            Handing(self._results, self.send_public),
            self._ending,
            self.clock,
            tell=self._generation_telling,
            queue=self._hint_worker,
            retention_hours=self.accounts.retention_hours,
            claim=claim,
        )

    @cached_property
    def compat(self) -> "Compat":
        """Requests in OpenAI's shapes."""
        from chalicelib.generation.compat.service import Compat
        from chalicelib.generation.compat.store import PointerStore, PointerTaken

        return Compat(
            PointerStore(self.settings.generations_table),
            self.ordering,
            self.generations,
            self.uploads,
            self.clock,
            keyed_hash=self.peppers.hash,
            token=lambda: entropy.token_bytes(16).hex(),
            sleep=time.sleep,
            taken=PointerTaken,
        )

    @cached_property
    def callbacks(self) -> "Callbacks":
        from chalicelib.generation.callbacks.service import Callbacks

        return Callbacks(
            self._generation_store,
            self.sealer,
            self.models,
            self.clock,
            queue=self._hint_worker,
            unsealed=(KeyDestroyed, Unreadable),
            public_url=self.settings.public_url,
        )

    @cached_property
    def admission(self) -> "Admission":
        """Whether a hosted provider may be sent a job now."""
        from chalicelib.generation.admission.service import Admission
        from chalicelib.generation.admission.store import AdmissionStore

        return Admission(AdmissionStore(self.settings.generations_table), self.clock, draw=entropy.below)

    @cached_property
    def _ending(self) -> "Ending":
        from chalicelib.credits.service import AlreadyDone
        from chalicelib.generation.ending.service import Ending
        from chalicelib.generation.store import LostClaim

        tell, lost = self._generation_telling, (LostClaim, AlreadyDone)
        return Ending(self._generation_store, self.credits, transact, tell=tell, lost=lost)

    @cached_property
    def _generation_telling(self) -> "Telling":
        from chalicelib.generation.telling.service import Telling

        return Telling(self.webhooks)

    @cached_property
    def _generation_store(self) -> "GenerationStore":
        from chalicelib.generation.store import GenerationStore

        return GenerationStore(self.settings.generations_table, self.sealer)

    @cached_property
    def _results(self) -> "ResultStore":
        from chalicelib.generation.handing.store import ResultStore

        return ResultStore(self.settings.results_bucket)

    def _hint_worker(self, made: Generation, delay_seconds: int) -> None:
        """The rescue finds what a lost hint leaves."""
        state = "queued" if made.status is Status.QUEUED else "waiting"
        ids = {"account_id": made.account_id, "generation_id": made.id, "state": state}
        hint(self._queue_of(made), ids, "generation.hint_lost", delay_seconds=delay_seconds, generation_id=made.id)

    def _queue_of(self, made: Generation) -> str:
        """Of the worker for its provider; what is not offered any more goes to the one without engines."""
        try:
            runs = self.models.capability(made.provider).runs
        except LookupError:
            return self.settings.provider_queue_url
        return self.settings.engine_queue_url if runs is Runs.EMBEDDED else self.settings.provider_queue_url
