"""A provider's circuit: when it is spared, and how it is tried again (Nygard, "Release It!", 2nd ed., 5.3). Pure.

Times are whole milliseconds since 1970, as they are stored, so that nothing is lost in between.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

#: So many different generations must fail in a row, within so long. One or two fail whenever a connection drops or the
#: provider deploys; five, with nothing between them that worked, fail within a minute only if it is the provider.
MAX_FAILURES = 5
WINDOW_MILLIS = 60_000
#: How long it stays open: doubled each time a probe fails.
FIRST_OPEN_MILLIS = 10_000
MAX_OPEN_MILLIS = 300_000
#: Longest wait for what another's probe shows: most say it in seconds, though they may take until their time is over.
PROBE_LOOK_MILLIS = 10_000


class State(StrEnum):
    """In turn they let in everybody, nobody, one to probe, and nobody but that one."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    PROBING = "probing"


@dataclass(frozen=True, slots=True)
class Circuit:
    """`failures` are (generation id, when) of what was counted since something worked, oldest first. It opened
    `openings` times in a row, last until `open_until_millis`; `probe` is the generation that tries it until
    `probe_until_millis`. `turn` counts changes."""

    failures: tuple[tuple[str, int], ...] = ()
    openings: int = 0
    open_until_millis: int = 0
    probe: str = ""
    probe_until_millis: int = 0
    turn: int = 0

    def state(self, now_millis: int) -> State:
        if not self.openings:
            return State.CLOSED
        if now_millis < self.open_until_millis:
            return State.OPEN
        return State.PROBING if self.probe and now_millis < self.probe_until_millis else State.HALF_OPEN

    def shut_to(self, generation_id: str, now_millis: int) -> int:
        """For how many milliseconds it should not ask again; 0: it may come in, to probe if the circuit is not closed.

        A probe that comes again is let in: its worker died, or the answer was lost.
        """
        state = self.state(now_millis)
        if state is State.OPEN:
            return self.open_until_millis - now_millis
        if state is State.PROBING and self.probe != generation_id:
            return min(self.probe_until_millis - now_millis, PROBE_LOOK_MILLIS)
        return 0

    def probed_by(self, generation_id: str, until_millis: int) -> "Circuit":
        """Half-open, or probing by the same one → probing."""
        return replace(self, probe=generation_id, probe_until_millis=until_millis, turn=self.turn + 1)

    def told(self, generation_id: str, worked: bool | None, now_millis: int) -> "Circuit":
        """What a generation's outcome makes of it; itself if that says nothing, also when it was told before.

        Unless it is closed, only its probe is heard: the others were let in before it opened.
        """
        if self.openings and self.probe != generation_id:
            return self
        state = State.PROBING if self.openings else State.CLOSED
        after = _TOLD[state, worked](self, generation_id, now_millis)
        return self if after == self else replace(after, turn=self.turn + 1)


def _unmoved(before: Circuit, _: str, __: int) -> Circuit:
    return before


def _cleared(before: Circuit, _: str, __: int) -> Circuit:
    return Circuit(turn=before.turn)


def _counted(before: Circuit, generation_id: str, now_millis: int) -> Circuit:
    """A generation counts once, so that one which fails on every attempt does not shut the provider to the others."""
    recent = [failure for failure in before.failures if failure[1] > now_millis - WINDOW_MILLIS]
    if any(known == generation_id for known, _ in recent):
        return before
    recent.append((generation_id, now_millis))
    if len(recent) < MAX_FAILURES:
        return replace(before, failures=tuple(recent))
    return _opened(before, generation_id, now_millis)


def _opened(before: Circuit, _: str, now_millis: int) -> Circuit:
    open_millis = min(MAX_OPEN_MILLIS, FIRST_OPEN_MILLIS * 2 ** min(before.openings, 30))
    return Circuit(openings=before.openings + 1, open_until_millis=now_millis + open_millis, turn=before.turn)


def _unprobed(before: Circuit, _: str, __: int) -> Circuit:
    return replace(before, probe="", probe_until_millis=0)


#: (state, whether it worked) → what becomes of the circuit.
_TOLD: Mapping[tuple[State, bool | None], Callable[[Circuit, str, int], Circuit]] = {
    (State.CLOSED, True): _cleared,
    (State.CLOSED, False): _counted,
    (State.CLOSED, None): _unmoved,
    (State.PROBING, True): _cleared,
    (State.PROBING, False): _opened,
    (State.PROBING, None): _unprobed,
}
