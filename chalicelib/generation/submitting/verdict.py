"""What a worker's look at a provider came to: pure."""

from dataclasses import dataclass, replace

from chalicelib.generation.generation import Failure, Generation, Sent, Status
from chalicelib.providers.job import Accepted, Done, Pending, ProviderUnavailable

#: A provider that was not to be had is asked again after so long, twice as long each time.
FIRST_WAIT_SECONDS = 5
LONGEST_WAIT_SECONDS = 300
#: Polls get rarer: every five of them the least time between two doubles, up to a minute.
POLLS_AT_A_PACE = 5
LONGEST_PACE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Finish:
    """The provider is done."""

    done: Done


@dataclass(frozen=True, slots=True)
class Wait:
    """To be kept as `after`, and looked at again after so many seconds."""

    after: Generation
    seconds: int


@dataclass(frozen=True, slots=True)
class End:
    """Nothing will come of it. `lapsed`: nobody made it in its time."""

    failure: Failure | None
    blocked: bool = False
    canceled: bool = False
    lapsed: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """It is not this worker's any more."""


Verdict = Finish | Wait | End | Lost


def backoff_seconds(tries: int) -> int:
    """After so many tries."""
    return int(min(FIRST_WAIT_SECONDS * 2.0 ** min(tries, 20), LONGEST_WAIT_SECONDS))


def accepted(made: Generation, answer: Accepted) -> Wait:
    """The provider works on it."""
    after = replace(
        made,
        status=Status.RUNNING,
        sent=replace(made.sent, begun=True, ticket=answer.ticket, tries=0),
        provider_request_id=answer.request_id or None,
    )
    return Wait(after, max(1, answer.poll_after_seconds))


def pending(made: Generation, answer: Pending) -> Wait:
    """The provider works on it still."""
    polls = made.sent.polls + 1
    after = replace(
        made,
        status=Status.RUNNING,
        sent=replace(made.sent, polls=polls, tries=0),
        progress_percent=answer.progress_percent,
        queue_position=answer.queue_position,
    )
    pace = min(2.0 ** (polls // POLLS_AT_A_PACE), LONGEST_PACE_SECONDS)
    return Wait(after, max(1, answer.poll_after_seconds, int(pace)))


def asked_in_vain(made: Generation, error: ProviderUnavailable | None) -> Wait:
    """The provider that has it could not be asked."""
    after = replace(made, sent=replace(made.sent, tries=made.sent.tries + 1))
    said = error.retry_after_seconds if error else None
    return Wait(after, said or backoff_seconds(made.sent.tries))


def unclear(made: Generation, seconds: int) -> Wait:
    """It may have been done, and no answer came."""
    sent = replace(made.sent, begun=True, tries=made.sent.tries + 1)
    return Wait(replace(made, status=Status.RECONCILING, sent=sent), seconds)


def not_started(made: Generation, *, tries: int, seconds: int) -> Wait:
    """It is proven that the provider has not begun, so another submission may."""
    sent = Sent(number=made.sent.number + 1, tries=tries)
    return Wait(replace(made, status=Status.QUEUED, sent=sent), seconds)


def elsewhere(made: Generation, failure: Failure) -> Wait | End:
    """Nothing can exist where it was sent: on to the next model that the caller named, or the end."""
    if not made.others:
        return End(failure)
    first, *others = made.others
    sent = Sent(number=made.sent.number + 1)
    after = replace(made, status=Status.QUEUED, model=first.model, price=first.price, others=tuple(others), sent=sent)
    return Wait(after, 0)
