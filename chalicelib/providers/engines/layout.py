"""Where the figures of a composed picture stand, how large they are, and what is in front of what."""

import math
from typing import NamedTuple

import numpy as np

from chalicelib.providers.engines import artwork
from chalicelib.providers.engines.artwork import Drawing, Kind
from chalicelib.providers.engines.depiction import Depiction
from chalicelib.providers.engines.places import HORIZON, PLACES

#: How large a figure looks beside others, by its drawing's size: an ant is not a thousandth of a castle.
LOOKS = {1: 0.46, 2: 0.62, 3: 0.82, 4: 1.0, 5: 1.25, 6: 1.6}
#: How large the largest figure is, in parts of the picture's shorter side, by how many share the row.
SHARES = (0.58, 0.44, 0.36, 0.31, 0.27, 0.25, 0.23)
_SKY, _FAR, _FLOAT, _BUST, _NEAR, _AIR = range(1, 7)
#: High above, behind everything that flies.
_HEAVENLY = frozenset(
    {"sun", "sun-with-face", "full-moon", "crescent-moon", "star", "glowing-star", "cloud", "rainbow"}
)
#: Drawn with a strip of water of their own, which goes below the surface.
_BOATS = frozenset({"sailboat", "canoe", "speedboat", "passenger-ship", "ship"})
_GROUNDED = frozenset({Kind.STAND, Kind.THING, Kind.BUST, Kind.FAR})
MOST_IN_ROW = 5


class Figure(NamedTuple):
    """One drawing, placed. `x` is its middle and `foot` where it touches the ground, in pixels; `sunk` is the part of
    its height that is below that, `haze` how much of the air's colour lies over it, `layer` the order of painting."""

    art: str
    kind: Kind
    x: float
    foot: float
    width: float
    height: float
    sunk: float
    haze: float
    layer: int
    is_mirrored: bool


class Stage(NamedTuple):
    """What the figures stand on. `bank` is where what hides busts begins, as a part of the height."""

    has_ground: bool
    has_water: bool
    bank: float
    bank_layer: int  # it is painted before this layer; 0: there is none


def arranged(depiction: Depiction, width: int, height: int, chance: np.random.Generator) -> tuple[Stage, list[Figure]]:
    """The stage and every figure on it."""
    rows: dict[int, list[Drawing]] = {}
    for subject in depiction.subjects:
        layer = _layer(subject.drawing, depiction)
        rows.setdefault(layer, []).extend([subject.drawing] * subject.many)
    layout = _Layout(depiction, width, height, chance, rows)
    figures = [figure for layer in sorted(rows) for figure in layout.row(layer)]
    kinds = {drawing.kind for row in rows.values() for drawing in row}
    is_room = depiction.place == "indoors"
    stage = Stage(
        has_ground=depiction.place != "space",
        has_water=_FLOAT in rows and not PLACES[depiction.place].water and depiction.place not in ("space", "indoors"),
        bank=layout.bank,
        bank_layer=_NEAR if _BUST in rows or is_room or _needs_shore(depiction, kinds) else 0,
    )
    return stage, figures


def _needs_shore(depiction: Depiction, kinds: set[Kind]) -> bool:
    """Whether something stands where there is nothing but water."""
    return depiction.place == "sea" and bool(kinds & _GROUNDED)


def _layer(drawing: Drawing, depiction: Depiction) -> int:
    kind = drawing.kind
    if depiction.place == "indoors" and kind in (Kind.SKY, Kind.FAR, Kind.FLOAT, Kind.SWIM):
        return _NEAR
    if depiction.place == "space" or (depiction.place == "underwater" and kind in (Kind.SWIM, Kind.FLOAT)):
        return _AIR
    if drawing.art in _HEAVENLY:
        return _SKY
    if kind in (Kind.FLOAT, Kind.SWIM):
        return _FLOAT
    return {Kind.SKY: _AIR, Kind.FAR: _FAR, Kind.BUST: _BUST}.get(kind, _NEAR)


class _Layout:
    """Gives each row its places from left to right."""

    def __init__(
        self,
        depiction: Depiction,
        width: int,
        height: int,
        chance: np.random.Generator,
        rows: dict[int, list[Drawing]],
    ) -> None:
        self._place = depiction.place
        self._width, self._height = width, height
        self._unit = min(width, height)
        self._chance = chance
        self._rows = rows
        self._largest = max((LOOKS[drawing.size] for row in rows.values() for drawing in row), default=1.0)
        self._mirrored = bool(chance.integers(0, 2))
        self.bank = 0.60 if self._place == "indoors" and _BUST not in rows else 0.76

    def row(self, layer: int) -> list[Figure]:
        """The figures of a layer; more than MOST_IN_ROW stand in two rows, the rear one smaller and higher."""
        drawings = list(self._rows[layer])
        if len(drawings) <= MOST_IN_ROW:
            return self._line(drawings, layer, False, len(drawings))
        front, rear = drawings[0::2], drawings[1::2]
        return self._line(rear, layer, True, len(drawings)) + self._line(front, layer, False, len(drawings))

    def _line(self, drawings: list[Drawing], layer: int, is_rear: bool, total: int) -> list[Figure]:
        count, rear = len(drawings), 1.0 if is_rear else 0.0
        order = [*drawings] if count < 3 else _middle_first(drawings)
        share = SHARES[min(self._company(layer, count), len(SHARES)) - 1]
        figures = []
        for number, drawing in enumerate(order):
            wide, high = self._size(drawing, layer, share * (1 - 0.18 * rear))
            # In two rows, each of the rear one looks out between two of the front one.
            spot = number if total == count else 2 * number + is_rear
            x = self._across(spot, total, layer)
            x = min(max(x, wide * 0.5 + 0.02 * self._width), self._width - wide * 0.5 - 0.02 * self._width)
            foot = self._foot(layer, drawing, high, number, rear)
            is_mirrored = self._mirrored if count == 1 else number < count / 2 and count == 2
            figures.append(
                Figure(
                    art=drawing.art,
                    kind=self._kind(drawing, layer),
                    x=x,
                    foot=foot,
                    width=wide,
                    height=high,
                    sunk=self._sunk(drawing, layer),
                    haze=0.16 if layer == _FAR and len(self._rows) > 1 else 0.05 * rear,
                    layer=layer,
                    is_mirrored=is_mirrored and drawing.kind is not Kind.THING and drawing.kind is not Kind.FAR,
                )
            )
        return figures

    def _company(self, layer: int, count: int) -> int:
        """How many figures a row must be shared with: those beside it on the ground count too."""
        beside = {_BUST: _NEAR, _NEAR: _BUST}.get(layer)
        return count + len(self._rows.get(beside, [])) if beside else count

    def _size(self, drawing: Drawing, layer: int, share: float) -> tuple[float, float]:
        """(width, height) in pixels."""
        picture = artwork.opened(drawing.art)
        looks = LOOKS[drawing.size] / self._largest
        if layer in (_FAR, _SKY) and len(self._rows) > 1:
            share = {_FAR: 0.46, _SKY: 0.20}[layer] * (1.0 if len(self._rows[layer]) < 3 else 0.7)
            looks = max(looks, 0.9)
        elif layer == _AIR and len(self._rows) > 1:
            share *= 0.62
            looks = max(looks, 0.55)
        elif layer == _FLOAT or (layer == _AIR and self._place not in ("space", "underwater")):
            share *= 0.78
        if drawing.art == "rainbow":
            share, looks = 0.75, 1.0
        looks = max(looks, 0.42)
        scale = share * looks * self._unit / math.sqrt(picture.width * picture.height)
        scale = min(scale, 0.62 * self._height / picture.height, 0.8 * self._width / picture.width)
        return picture.width * scale, picture.height * scale

    def _across(self, number: int, count: int, layer: int) -> float:
        jitter = float(self._chance.uniform(-0.02, 0.02))
        if layer in (_BUST, _NEAR) and _BUST in self._rows and _NEAR in self._rows:
            return self._shared(number, count, layer) + jitter * self._width
        if len(self._rows) > 1 and layer in (_FAR, _SKY, _AIR, _FLOAT):
            start = {_FAR: 0.26, _SKY: 0.80, _AIR: 0.74, _FLOAT: 0.30}[layer]
            if self._mirrored:
                start = 1 - start
            if count > 1:
                start = 0.16 + 0.68 * number / (count - 1)
            return (start + jitter) * self._width
        if count == 1:
            return (0.5 + jitter * 4) * self._width
        margin = 0.27 if count == 2 else 0.19 if count == 3 else 0.14
        return (margin + (1 - 2 * margin) * number / (count - 1) + jitter) * self._width

    def _shared(self, number: int, count: int, layer: int) -> float:
        """Busts on one side and what stands on the other, so that neither hides the other."""
        busts, near = len(self._rows[_BUST]), len(self._rows[_NEAR])
        total = busts + near
        is_left = (layer == _BUST) != self._mirrored
        first = 0 if is_left else total - count
        return (0.5 + first + number) / total * 0.92 * self._width + 0.04 * self._width

    def _foot(self, layer: int, drawing: Drawing, high: float, number: int, rear: float) -> float:
        """Where it touches the ground, in pixels from the top; for what flies, its lower edge."""
        wobble = float(self._chance.uniform(-1, 1))
        if layer in (_SKY, _AIR):
            alone = len(self._rows) == 1
            middle = 0.5 if self._place in ("space", "underwater") else 0.32 if alone else 0.20
            step = 0.10 * (number % 2) if layer == _AIR else 0.0
            if drawing.art == "rainbow":
                return (HORIZON + 0.02) * self._height
            centre = (middle + step + 0.02 * wobble - 0.16 * rear) * self._height
            return max(centre, high / 2 + 0.03 * self._height) + high / 2
        if layer == _FAR:
            return (0.80 if len(self._rows) == 1 else 0.64) * self._height + 0.01 * wobble * self._height
        if layer == _FLOAT:
            shore = PLACES[self._place].water or 0.78
            lowest = min(shore - 0.09, 0.78 if len(self._rows) == 1 else 0.70)
            return (lowest - 0.06 * rear + 0.012 * wobble) * self._height
        if layer == _BUST:
            return (self.bank + 0.02 - 0.03 * rear) * self._height
        base = 0.90 if _BUST in self._rows or self._place in ("indoors", "sea") else 0.86
        return (base + 0.025 * (number % 2) - 0.12 * rear) * self._height

    def _kind(self, drawing: Drawing, layer: int) -> Kind:
        """How it stands here: a boat in a room stands, a whale in space flies."""
        if layer in (_SKY, _AIR):
            return Kind.SKY
        if layer == _FLOAT:
            return Kind.FLOAT
        return Kind.STAND if layer == _NEAR and drawing.kind is not Kind.THING else drawing.kind

    def _sunk(self, drawing: Drawing, layer: int) -> float:
        if layer == _FLOAT:
            return 0.30 if drawing.kind is Kind.SWIM else 0.17 if drawing.art in _BOATS else 0.08
        return 0.04 if layer == _BUST else 0.0


def _middle_first(drawings: list[Drawing]) -> list[Drawing]:
    """What was named first stands in the middle, the rest beside it in turn."""
    order: list[Drawing] = []
    for number, drawing in enumerate(drawings):
        if number % 2:
            order.append(drawing)
        else:
            order.insert(0, drawing)
    return order
