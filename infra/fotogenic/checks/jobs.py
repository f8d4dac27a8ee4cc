"""One generation against its hold and the hold's resolution: rules 3 and 4, and holds that nobody will resolve."""

from collections.abc import Iterator
from dataclasses import dataclass

from infra.fotogenic.checks.finding import Finding, Rule
from infra.fotogenic.checks.rows import Generation, Move

#: A generation ends within an hour of its order, or ten minutes later where no worker could ask its provider; its hold
#: is resolved with it, by the rescue at the latest.
DEADLINE_MILLIS = 4_200_000
#: How long the rescue may take for that.
MARGIN_MILLIS = 900_000


@dataclass(frozen=True, slots=True)
class Job:
    """What there is of one generation. The row of the generation ends long before its entries, which stay."""

    account_id: str
    generation_id: str
    hold: Move | None = None
    settle: Move | None = None
    generation: Generation | None = None

    @property
    def where(self) -> str:
        return f"{self.account_id}/{self.generation_id}"

    @property
    def held(self) -> int:
        """What is set aside for it now."""
        return self.hold.amount if self.hold is not None and self.settle is None else 0

    @property
    def taken(self) -> int:
        """What it counts for in its window of the cap: what is held, or was posted."""
        if self.hold is None:
            return 0
        return self.hold.amount if self.settle is None else self.settle.posted


def check(job: Job, now_millis: int) -> list[Finding]:
    """What is wrong with it, if anything."""
    return [Finding(rule, job.where, what) for rule, what in _found(job, now_millis)]


def _found(job: Job, now_millis: int) -> Iterator[tuple[Rule, str]]:
    hold, settle, generation = job.hold, job.settle, job.generation
    if hold is None:
        if settle is not None:
            yield Rule.ONE_RESOLUTION, "resolved without a hold"
        if generation is not None:
            yield Rule.CHARGED, f"{generation.status} without a hold"
        return
    if settle is not None:
        yield from _resolution(hold, settle)
    elif _abandoned(hold, generation, now_millis):
        state = generation.status if generation is not None else "gone"
        yield Rule.ORPHAN_HOLD, f"{hold.amount} held and its generation is {state}"
    if generation is not None:
        yield from _generation(job, generation, hold)


def _resolution(hold: Move, settle: Move) -> Iterator[tuple[Rule, str]]:
    if settle.kind not in ("post", "void", "expire"):
        yield Rule.ONE_RESOLUTION, f"resolved by an entry of kind {settle.kind}"
    if not 0 <= settle.posted <= hold.amount:
        yield Rule.ONE_RESOLUTION, f"{settle.posted} posted of {hold.amount} held"
    if settle.lines.get("held", 0) != -hold.amount:
        yield Rule.ONE_RESOLUTION, f"{-settle.lines.get('held', 0)} released of {hold.amount} held"


def _abandoned(hold: Move, generation: Generation | None, now_millis: int) -> bool:
    """A generation that has ended took its hold with it; one that is gone or late has a hold that nobody looks at."""
    if generation is not None and generation.ended:
        return True
    return hold.at + DEADLINE_MILLIS + MARGIN_MILLIS < now_millis


def _generation(job: Job, generation: Generation, hold: Move) -> Iterator[tuple[Rule, str]]:
    if job.settle is not None and not generation.ended:
        yield Rule.CHARGED, f"{generation.status} and its hold is resolved"
    charged = job.settle.posted if job.settle is not None and generation.ended else 0
    if generation.charged != charged:
        yield Rule.CHARGED, f"says that {generation.charged} were charged; {charged} were posted"
    if generation.price < 1:
        yield Rule.PRICE, f"ran for {generation.price}"
    if generation.charged != generation.charges:
        yield Rule.CHARGED, f"{generation.charged} were charged; its results say {generation.charges}"
    if hold.amount != generation.held or generation.price * generation.outputs > hold.amount:
        yield Rule.CHARGED, f"{hold.amount} held for {generation.outputs} results at {generation.price}"
