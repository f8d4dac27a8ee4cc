"""What one result costs, in assets: a price and its steps. Pure; integers out, whatever is measured."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.kernel.money import MAX_ASSETS


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Where `measure` (`megapixels`, `seconds`, `scale`, `quality`, …) is more than `above`, one result costs `adds`
    more: once, or for each started `per` beyond it. Raises ValueError when constructed wrongly."""

    measure: str
    above: float
    adds: int
    per: float | None

    def __post_init__(self) -> None:
        if not self.measure or type(self.adds) is not int or self.adds < 1:
            raise ValueError("a step has a measure and adds a whole number of at least 1")
        if not (math.isfinite(self.above) and self.above >= 0):
            raise ValueError("a step is above a number of 0 or more")
        if self.per is not None and not (math.isfinite(self.per) and self.per > 0):
            raise ValueError("a step adds once (per is None), or per a number above 0")

    def added(self, measured: float) -> int:
        """What this step adds for one result, in assets."""
        beyond = measured - self.above
        if beyond <= 0:
            return 0
        # A hair's breadth of rounding must not cost a whole step.
        return self.adds if self.per is None else self.adds * math.ceil(round(beyond / self.per, 9))


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """`assets` is what one result costs at the least. Raises ValueError when constructed wrongly: no price, no job."""

    assets: int
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        if type(self.assets) is not int or not 0 < self.assets <= MAX_ASSETS:
            raise ValueError("a price is a whole number of at least 1")

    def of(self, measures: Mapping[str, float]) -> int:
        """What one result with these measures costs; a step whose measure is not known adds nothing."""
        return self.assets + sum(step.added(measures.get(step.measure, 0.0)) for step in self.steps)
