"""One look of a worker at the provider of a generation: submit it, ask for it, or find out what became of it.

A job is sent again, or to another provider, only where it is proven that the first has not begun: the provider said
so, no connection was made, or it was asked. What may have begun and cannot be asked for waits until its time is over.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from chalicelib.generation import operations
from chalicelib.generation.generation import MAX_TRIES, Failure, Generation, Status
from chalicelib.generation.ordering.order import ready
from chalicelib.generation.ports import Admission, Pictures, Providers, WorkStore
from chalicelib.generation.submitting.verdict import (
    End,
    Finish,
    Lost,
    Verdict,
    Wait,
    accepted,
    asked_in_vain,
    backoff_seconds,
    elsewhere,
    not_started,
    pending,
    unclear,
)
from chalicelib.kernel.clock import Clock
from chalicelib.kernel.errors import Gone, NotFound
from chalicelib.providers.capability import Capability, Proof, Runs
from chalicelib.providers.job import (
    Accepted,
    ContentBlocked,
    Done,
    Job,
    Pending,
    Provider,
    ProviderCanceled,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    ProviderUncertain,
)

UPLOAD_GONE = Failure("upload_gone", "The photo was deleted or expired before it was used.")
MODEL_GONE = Failure("model_gone", "The model is not offered here any more.")
LATE = Failure("deadline", "It was not done in its time.")
ENDED = Failure("ended_by_provider", "The provider ended it before it was done.")
UNKNOWN = Failure("provider_unknown", "The provider never said what came of it. Nothing is charged.")


class Submitting:
    """`callback_url(generation)` is where its provider may say that it is done; None if it cannot be reached."""

    def __init__(
        self,
        store: WorkStore,
        pictures: Pictures,
        providers: Providers,
        admission: Admission,
        clock: Clock,
        *,
        callback_url: Callable[[Generation], str | None],
        claim: timedelta,
    ) -> None:
        self._store = store
        self._pictures = pictures
        self._providers = providers
        self._admission = admission
        self._clock = clock
        self._callback_url = callback_url
        self._claim = claim

    def look(self, made: Generation) -> Verdict:
        """What is to become of a generation that this worker has claimed. Raises what is not foreseen."""
        try:
            provider = self._providers.provider_for(made.model)
            capability = self._providers.capability(made.provider)
        except LookupError:
            return elsewhere(made, MODEL_GONE) if not made.sent.begun else self._orphaned(made)
        if made.sent.ticket is None and not (made.sent.begun and capability.runs is Runs.HOSTED):
            if made.cancel_requested:
                return End(None, canceled=True)
            if made.deadline_at <= self._clock.now():
                return End(LATE, lapsed=True)
        verdict = self._step(made, provider, capability)
        if made.sent.ticket is not None and not isinstance(verdict, Wait):
            # It was told that the provider works when that took the job; how the job went says nothing of that.
            self._admission.leave(made.provider, made.id, worked=None)
        return verdict

    def _step(self, made: Generation, provider: Provider, capability: Capability) -> Verdict:
        if made.sent.ticket is not None:
            return self._ask(made, provider, made.sent.ticket)
        if made.sent.begun and capability.proof is not Proof.REPLAY:
            return self._find(made, provider, capability)
        if capability.runs is Runs.HOSTED:
            until = min(made.deadline_at, self._clock.now() + self._claim)
            seconds = self._admission.enter(made.provider, made.id, limit=capability.max_concurrent, until=until)
            if seconds is not None:
                return self._turned_away(made, seconds)
        return self._submit(made, provider, capability)

    def _turned_away(self, made: Generation, seconds: int) -> Verdict:
        """The provider has enough to do, or does not work: later, or elsewhere."""
        if made.sent.begun:
            return Wait(made, seconds)
        if made.others and self._admission.is_open(made.provider):
            return elsewhere(made, _unavailable(None))
        return Wait(replace(made, status=Status.QUEUED), seconds)

    def _submit(self, made: Generation, provider: Provider, capability: Capability) -> Verdict:
        hosted, again, ours = capability.runs is Runs.HOSTED, made.sent.begun, True
        answer: Done | Accepted | ProviderError | None = None
        try:
            job = self._job(made, with_pictures=True, calls_back=capability.calls_back)
            # Before anything goes out, so that a worker that dies leaves word that something may have.
            if hosted and not again and not self._store.mark_begun(made):
                ours = False
                return Lost()
            made = replace(made, sent=replace(made.sent, begun=hosted))
            answer = provider.submit(job)
        except (Gone, NotFound):  # expired; expired so long ago that its row is gone too
            return End(UPLOAD_GONE)
        except ProviderError as error:
            answer = error
        finally:
            if hosted and ours:  # else the slot is that of the worker who has it now
                self._leave(made, answer)
        if isinstance(answer, ProviderError):
            # Sent again, a job that is turned away may have been done the first time.
            turned_away = isinstance(answer, ProviderRefused | ProviderUnavailable)
            unclear_still = again and turned_away and not isinstance(answer, ContentBlocked)
            return self._unclear(made, capability) if unclear_still else self._refused(made, answer, capability)
        return accepted(made, answer) if isinstance(answer, Accepted) else Finish(answer)

    def _leave(self, made: Generation, answer: Done | Accepted | ProviderError | None) -> None:
        """Gives the slot back, with what it says of the provider; one that took the job has it until the deadline."""
        if isinstance(answer, Accepted):
            self._admission.extend(made.provider, made.id, made.deadline_at)
        else:
            self._admission.leave(made.provider, made.id, worked=_speaks(answer))

    def _refused(self, made: Generation, error: ProviderError, capability: Capability) -> Verdict:
        """What a submission that gave nothing leads to."""
        failure = Failure(error.code, error.message)
        if isinstance(error, ProviderCanceled):
            return End(None, canceled=True)
        if isinstance(error, ContentBlocked):
            return End(failure, blocked=True)
        if isinstance(error, ProviderRefused):
            return elsewhere(made, failure)
        if isinstance(error, ProviderUnavailable):
            tries = made.sent.tries + 1
            if made.others or tries >= MAX_TRIES:
                return elsewhere(made, _unavailable(error))
            return not_started(made, tries=tries, seconds=error.retry_after_seconds or backoff_seconds(tries))
        if isinstance(error, ProviderUncertain):
            return self._unclear(made, capability)
        return End(failure)

    def _unclear(self, made: Generation, capability: Capability) -> Verdict:
        """It may have been done: asked for, or sent again under the same key, where that proves something."""
        left = made.deadline_at - self._clock.now()
        if left <= timedelta(0):
            return End(UNKNOWN)
        seconds = max(1, int(left.total_seconds()))
        asked_again = seconds if capability.proof is Proof.NONE else backoff_seconds(made.sent.tries)
        return unclear(made, min(seconds, asked_again))

    def _find(self, made: Generation, provider: Provider, capability: Capability) -> Verdict:
        """What became of a submission whose answer was lost."""
        if capability.proof is Proof.NONE:
            return self._unclear(made, capability)
        try:
            found = provider.find(self._job(made))
        except ProviderUnavailable:
            return self._unclear(made, capability)
        except ProviderError as error:
            return self._refused(made, error, capability)
        if found is None:
            if made.cancel_requested:
                return End(None, canceled=True)
            return not_started(made, tries=made.sent.tries, seconds=0)
        return accepted(made, found) if isinstance(found, Accepted) else Finish(found)

    def _ask(self, made: Generation, provider: Provider, ticket: str) -> Verdict:
        """How far the provider that took it has come; past its deadline, or canceled, it is asked to stop."""
        late = made.deadline_at <= self._clock.now()
        try:
            answer: Done | Pending = provider.poll(ticket, self._job(made))
            if isinstance(answer, Pending) and (late or made.cancel_requested):
                provider.cancel(ticket)
        except ProviderCanceled:
            return End(None, canceled=True) if made.cancel_requested else End(ENDED)
        except (ProviderUnavailable, ProviderUncertain) as error:
            if late:
                return End(LATE, lapsed=True)
            return asked_in_vain(made, error if isinstance(error, ProviderUnavailable) else None)
        except ProviderError as error:
            return End(Failure(error.code, error.message), blocked=isinstance(error, ContentBlocked))
        if isinstance(answer, Done):
            return Finish(answer)
        return End(LATE, lapsed=True) if late else pending(made, answer)

    def _orphaned(self, made: Generation) -> Verdict:
        """Its provider was taken out of the configuration while it had the job: it may come back."""
        if made.deadline_at <= self._clock.now():
            return End(UNKNOWN)
        return asked_in_vain(made, None)

    def _job(self, made: Generation, *, with_pictures: bool = False, calls_back: bool = False) -> Job:
        """Raises Gone or NotFound when a photo that goes with it is not there any more."""
        operation, model = operations.operation(made.operation), self._providers.model(made.model)
        uploads = made.uploads if with_pictures else {}
        pictures = {param: self._pictures.photo(made.account_id, upload) for param, upload in uploads.items()}
        parsed = operation.parse({**made.parameters, **made.words.parameters})
        return Job(
            generation_id=made.id,
            idempotency_key=made.submission_key,
            model=made.model,
            operation=made.operation,
            parameters=ready(parsed, model),
            prompt=made.words.prompt,
            photo=pictures.pop("upload_id", None),
            reference=next(iter(pictures.values()), None),
            n=len(made.assets),
            seed=made.seed,
            callback_url=self._callback_url(made) if calls_back else None,
        )


def _unavailable(error: ProviderUnavailable | None) -> Failure:
    said = f" It said: {error.message}" if error else ""
    return Failure("provider_unavailable", f"The provider could not take it.{said}")


def _speaks(answer: Done | Accepted | ProviderError | None) -> bool | None:
    """Whether what came back speaks for the provider's working, against it, or says nothing of it."""
    if isinstance(answer, ProviderUnavailable | ProviderUncertain):
        return False
    return True if isinstance(answer, Done | ProviderRefused | ProviderCanceled) else None
