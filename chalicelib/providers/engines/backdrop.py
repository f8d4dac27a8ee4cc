"""What backdrops are painted with: colours by place and time of day, noise, ridges, clouds, stars. All by seed."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from chalicelib.providers.engines.pictures import Colours

#: Height x width, 0 to 1.
Cover = NDArray[np.float32]
Rgb = tuple[int, int, int]


class Light(NamedTuple):
    """A time of day: the sky from top to horizon, what falls on things, and how bright the sun or moon glows."""

    top: Rgb
    horizon: Rgb
    falls: tuple[float, float, float]
    glow: Rgb
    cloud: Rgb
    is_dark: bool


LIGHTS = {
    "day": Light((64, 146, 232), (205, 234, 252), (1.0, 1.0, 1.0), (255, 250, 225), (255, 255, 255), False),
    "sunrise": Light((112, 148, 216), (255, 208, 178), (1.0, 0.93, 0.88), (255, 232, 190), (255, 226, 214), False),
    "sunset": Light((84, 64, 142), (255, 166, 104), (0.98, 0.80, 0.72), (255, 214, 140), (250, 158, 132), False),
    "night": Light((12, 17, 56), (62, 78, 140), (0.60, 0.65, 0.90), (214, 224, 255), (58, 68, 116), True),
}
OVERCAST = Light((120, 136, 156), (196, 206, 214), (0.84, 0.87, 0.92), (226, 230, 234), (150, 160, 174), False)


def varied(light: Light, chance: np.random.Generator) -> Light:
    """The same light on another day: its sky a little warmer or cooler, paler or deeper."""
    warmer, paler = (float(part) for part in chance.uniform(-1, 1, 2))
    shift = (9 * warmer + 7 * paler, 7 * paler, 7 * paler - 9 * warmer)

    def shifted(colour: Rgb) -> Rgb:
        red, green, blue = (round(min(255, max(0, part + by))) for part, by in zip(colour, shift, strict=True))
        return red, green, blue

    return light._replace(top=shifted(light.top), horizon=shifted(light.horizon))


class Brush:
    """A canvas of one size, its chance, and what is done to it."""

    def __init__(self, width: int, height: int, chance: np.random.Generator, light: Light) -> None:
        self.width, self.height = width, height
        self.chance = chance
        self.light = light
        self.canvas: Colours = np.empty((height, width, 3), dtype=np.float32)
        self.down: NDArray[np.float32] = np.arange(height, dtype=np.float32)[:, None]
        self.across: NDArray[np.float32] = np.arange(width, dtype=np.float32)[None, :]

    def shone(self, colour: Rgb) -> NDArray[np.float32]:
        """A colour of things, 0 to 255, as it looks in this light: 0 to 1."""
        return np.asarray(colour, dtype=np.float32) / np.float32(255) * np.asarray(self.light.falls, dtype=np.float32)

    def paint(self, cover: Cover, colour: NDArray[np.floating[Any]]) -> None:
        """Lays the colour (one, or one for each pixel) over the canvas, as thickly as `cover` says."""
        self.canvas += cover[..., None] * (colour - self.canvas)

    def paint_rows(self, top: int, cover: Cover, colour: NDArray[np.floating[Any]]) -> None:
        """The same from that row down; `cover` and `colour` begin there."""
        part = self.canvas[top : top + cover.shape[0]]
        part += cover[..., None] * (colour - part)

    def noise(self, cells: float, octaves: int, fade: float = 0.5) -> Cover:
        """Clouds of chance over the canvas, 0 to 1: `cells` of them across at first."""
        total = np.zeros((self.height, self.width), dtype=np.float32)
        for octave in range(octaves):
            across = max(2, round(cells * 2**octave))
            down = max(2, round(across * self.height / self.width))
            grains = self.chance.standard_normal((down + 2, across + 2)).astype(np.float32)
            total += fade**octave * np.asarray(
                Image.fromarray(grains).resize((self.width, self.height), Image.Resampling.BICUBIC)
            )
        low, high = float(total.min()), float(total.max())
        return (total - low) / max(high - low, 1e-6)

    def ridge(self, base: float, amplitude: float, cells: float, roughness: float) -> NDArray[np.float32]:
        """The height of a ridge at each column, in pixels from the top."""
        line = np.zeros(self.width, dtype=np.float32)
        for octave in range(5):
            points = max(3, round(cells * 2**octave)) + 2
            values = self.chance.uniform(-1, 1, points).astype(np.float32)
            positions = np.linspace(0, points - 1, self.width, dtype=np.float32)
            line += roughness**octave * _smooth(values, positions)
        return np.asarray(base + amplitude * line, dtype=np.float32)

    def below(self, line: NDArray[np.float32]) -> Cover:
        """What lies below a ridge, with a soft edge of one pixel."""
        return np.clip(self.down - line[None, :] + 0.5, 0, 1)

    def hill(self, line: NDArray[np.float32], lit: NDArray[np.floating[Any]], dark: NDArray[np.floating[Any]]) -> None:
        """A rounded hill: lit along its ridge, darker down its slope."""
        top = max(0, int(line.min()) - 1)
        depth = (self.down[top:] - line[None, :]) / (0.26 * self.height)
        cover = np.clip(self.down[top:] - line[None, :] + 0.5, 0, 1)
        fall = np.clip(depth, 0, 1) ** 0.7
        self.paint_rows(top, cover, lit + fall[..., None] * (dark - lit))

    def sky(self, horizon: float) -> None:
        """The whole canvas, from the top's colour to the horizon's."""
        rise = np.clip(self.down / max(horizon, 1), 0, 1) ** 0.9
        top, low = (np.asarray(colour, dtype=np.float32) / 255 for colour in (self.light.top, self.light.horizon))
        self.canvas[:] = (top + rise[..., None] * (low - top)) * np.ones((1, self.width, 1), dtype=np.float32)

    def glow(self, x: float, y: float, radius: float, strength: float) -> None:
        """Light around the sun or the moon."""
        distance = np.hypot(self.across - x, self.down - y) / radius
        self.paint(strength * np.exp(-(distance**1.3) * 2.2), np.asarray(self.light.glow, dtype=np.float32) / 255)

    def disc(self, x: float, y: float, radius: float) -> None:
        """The sun or the moon itself."""
        cover = np.clip(radius - np.hypot(self.across - x, self.down - y) + 0.5, 0, 1)
        self.paint(cover * np.float32(0.96), np.minimum(np.asarray(self.light.glow, dtype=np.float32) / 245, 1))

    def stars(self, horizon: float, per_megapixel: int) -> None:
        """Points of light above the horizon, most of them faint."""
        count = round(per_megapixel * self.width * self.height / 1e6)
        sheet = Image.new("L", (self.width, self.height))
        draw = ImageDraw.Draw(sheet)
        for x, y, brightness in self.chance.random((count, 3)).tolist():
            size = 0.7 + 1.5 * brightness**8
            at = (x * self.width, y * horizon)
            draw.ellipse((at[0] - size, at[1] - size, at[0] + size, at[1] + size), fill=round(70 + 185 * brightness**3))
        soft = np.asarray(sheet.filter(ImageFilter.GaussianBlur(0.7)), dtype=np.float32) / 255
        fade = np.clip((horizon - self.down) / (0.35 * horizon), 0, 1)
        self.paint(soft * fade, np.asarray((1.0, 1.0, 0.96), dtype=np.float32))

    def clouds(self, horizon: float, count: int) -> None:
        """Rounded clouds, lit from above."""
        for x, y in self.chance.random((count, 2)).tolist():
            self._cloud(x * self.width, (0.08 + 0.55 * y) * horizon, (0.09 + 0.10 * (1 - y)) * self.width)

    def _cloud(self, x: float, y: float, reach: float) -> None:
        """One cloud: puffs on a flat base, drawn small and enlarged so that its edges are soft."""
        wide, high = round(reach * 2.6), round(reach * 1.3)
        sheet = Image.new("L", (wide, high))
        draw = ImageDraw.Draw(sheet)
        puffs = 5 + int(self.chance.integers(0, 4))
        for place in np.linspace(0.2, 0.8, puffs):
            size = reach * (0.16 + 0.26 * (1 - abs(place - 0.5) * 2) + 0.08 * self.chance.random())
            middle = (place * wide, high * 0.72 - size * 0.7)
            draw.ellipse((middle[0] - size, middle[1] - size, middle[0] + size, middle[1] + size), fill=255)
        draw.rectangle((0, round(high * 0.74), wide, high), fill=0)
        soft = np.asarray(sheet.filter(ImageFilter.GaussianBlur(max(1.0, reach * 0.035))), dtype=np.float32) / 255
        left, top = round(x - wide / 2), round(y - high / 2)
        rows = slice(max(0, top), min(self.height, top + high))
        columns = slice(max(0, left), min(self.width, left + wide))
        cover = soft[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        if cover.size == 0:
            return
        down = np.linspace(0, 1, high, dtype=np.float32)[rows.start - top : rows.stop - top, None, None]
        lit = np.asarray(self.light.cloud, dtype=np.float32) / 255
        shade = lit * np.asarray((0.84, 0.88, 0.95), dtype=np.float32)
        part = self.canvas[rows, columns]
        part += cover[..., None] * np.float32(0.9) * (lit + down**1.5 * (shade - lit) - part)

    def lay(self, drawing: Image.Image, left: int, top: int) -> None:
        """Puts an RGBA picture onto the canvas; what is beyond its edges is cut off."""
        columns = slice(max(0, left), min(self.width, left + drawing.width))
        rows = slice(max(0, top), min(self.height, top + drawing.height))
        if columns.start >= columns.stop or rows.start >= rows.stop:
            return
        inside = drawing.crop((columns.start - left, rows.start - top, columns.stop - left, rows.stop - top))
        pixels = np.asarray(inside, dtype=np.float32) / 255
        part = self.canvas[rows, columns]
        part += pixels[..., 3:] * (pixels[..., :3] - part)


def _smooth(values: NDArray[np.float32], positions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values between points, by a cosine: rounded, without corners."""
    left = np.minimum(positions.astype(int), len(values) - 2)
    part = (1 - np.cos((positions - left) * np.pi)) / 2
    return np.asarray(values[left] * (1 - part) + values[left + 1] * part, dtype=np.float32)
