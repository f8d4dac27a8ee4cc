"""Pictures composed of drawings: what a prompt names, set on a painted scene, with its light, shadows and weather.

No network is inside and nothing is invented: the drawings are 3D emoji, the scene is computed, and the same prompt and
seed give the same pixels.
"""

import hashlib
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from chalicelib.providers.engines import artwork, scenery
from chalicelib.providers.engines.artwork import Kind
from chalicelib.providers.engines.backdrop import LIGHTS, OVERCAST, Brush, Cover, Light, varied
from chalicelib.providers.engines.depiction import Depiction, NotDepictable, depicted
from chalicelib.providers.engines.layout import Figure, Stage, arranged
from chalicelib.providers.engines.pictures import levels
from chalicelib.providers.engines.places import PLACES

__all__ = ["NotDepictable", "composed"]

_CELESTIAL = frozenset({"sun", "sun-with-face", "full-moon", "crescent-moon"})


class _Frame(NamedTuple):
    """What stays the same while a picture is made."""

    brush: Brush
    stage: Stage
    lamp: tuple[float, float]  # where the light comes from, in parts of width and height


def composed(prompt: str, seed: int, width: int, height: int) -> Image.Image:
    """An RGB picture of that size. Raises NotDepictable when nothing in the prompt can be drawn."""
    depiction = depicted(prompt)
    digest = hashlib.sha256(f"{seed}\n{prompt}".encode()).digest()
    chance = np.random.default_rng(int.from_bytes(digest[:16]))
    brush = Brush(width, height, chance, varied(_light(depiction), chance))
    stage, figures = arranged(depiction, width, height, chance)
    frame = _Frame(brush, stage, _lamp(depiction, figures, brush))
    scenery.paint(
        brush,
        depiction.place,
        misty=depiction.weather == "fog",
        cloudy=depiction.weather in ("rain", "snowfall", "fog", "clouds"),
        has_water=stage.has_water,
        has_disc=not any(figure.art in _CELESTIAL for figure in figures),
        lamp=frame.lamp,
    )
    has_bank = not stage.bank_layer
    for figure in sorted(figures, key=lambda each: (each.layer, each.foot)):
        if not has_bank and figure.layer >= stage.bank_layer:
            _bank(frame, depiction.place)
            has_bank = True
        _put(frame, figure)
    if not has_bank:
        _bank(frame, depiction.place)
    _weather(brush, depiction)
    return _finished(brush)


def _light(depiction: Depiction) -> Light:
    if depiction.place in ("space", "moonscape"):
        return LIGHTS["day"]._replace(falls=(0.96, 0.97, 1.0))
    if depiction.place == "indoors" and depiction.time == "night":
        return LIGHTS["night"]._replace(falls=(0.88, 0.74, 0.60))
    if depiction.time == "day" and depiction.weather in ("rain", "clouds", "fog", "snowfall"):
        return OVERCAST
    return LIGHTS[depiction.time]


def _lamp(depiction: Depiction, figures: list[Figure], brush: Brush) -> tuple[float, float]:
    for figure in figures:
        if figure.art in _CELESTIAL:
            return figure.x / brush.width, (figure.foot - figure.height / 2) / brush.height
    side = 0.14 + 0.12 * float(brush.chance.random())
    x = side if brush.chance.random() < 0.5 else 1 - side
    low = depiction.time in ("sunset", "sunrise")
    return x, (0.47 if low else 0.13) + 0.04 * float(brush.chance.random())


def _put(frame: _Frame, figure: Figure) -> None:
    """One figure with its shadow or its mirror image."""
    drawing = artwork.opened(figure.art)
    size = (max(2, round(figure.width)), max(2, round(figure.height)))
    small = drawing.resize(size, Image.Resampling.LANCZOS)
    if figure.is_mirrored:
        small = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    lit = _lit(frame, figure, small)
    left, top = round(figure.x - lit.width / 2), round(figure.foot + figure.sunk * figure.height - lit.height)
    if figure.kind in (Kind.STAND, Kind.THING, Kind.FAR) and frame.stage.has_ground:
        _shadow(frame, figure, lit.getchannel("A"))
    if figure.kind is Kind.FLOAT:
        _afloat(frame, figure, lit, left, top)
        return
    frame.brush.lay(lit, left, top)


def _lit(frame: _Frame, figure: Figure, picture: Image.Image) -> Image.Image:
    """The drawing in the scene's light: brighter towards the lamp, darker at its foot, paler far away."""
    if figure.art in _CELESTIAL:
        return picture
    if figure.art == "rainbow":
        return _translucent(picture)
    brush = frame.brush
    pixels = np.asarray(picture, dtype=np.float32) / 255
    height, width = pixels.shape[:2]
    colour = pixels[..., :3] * np.asarray(brush.light.falls, dtype=np.float32)
    towards = np.linspace(0, 1, width, dtype=np.float32)
    if frame.lamp[0] * brush.width < figure.x:
        towards = towards[::-1]
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    shading = 0.95 + 0.12 * towards[None, :] * (1 - 0.5 * down)
    if figure.kind is not Kind.SKY:
        shading = shading * (1 - 0.20 * np.clip((down - 0.72) / 0.28, 0, 1) ** 1.5)
    colour *= shading[..., None]
    air = np.asarray(brush.light.horizon, dtype=np.float32) / 255
    colour += figure.haze * (air - colour)
    done = np.dstack([np.clip(colour, 0, 1), pixels[..., 3]])
    return Image.fromarray(levels(done))


def _translucent(picture: Image.Image) -> Image.Image:
    """Half of it, and nothing at its foot: a rainbow has no end."""
    pixels = np.array(picture)
    rise = np.linspace(1, 0, picture.height, dtype=np.float32)[:, None]
    pixels[..., 3] = (pixels[..., 3] * 0.62 * np.clip(rise * 2.5, 0, 1)).astype(np.uint8)
    return Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(picture.width * 0.006))


def _shadow(frame: _Frame, figure: Figure, outline: Image.Image) -> None:
    """A dark contact where it stands, and its outline laid on the ground away from the light."""
    brush = frame.brush
    wide, high = outline.size
    flat = max(2, round(high * 0.17))
    lean = (figure.x / brush.width - frame.lamp[0]) * 0.9 * wide
    room = round(abs(lean)) + round(wide * 0.2)
    sheet = Image.new("L", (wide + 2 * room, flat * 3))
    laid = outline.resize((wide, flat), Image.Resampling.BILINEAR).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    sheet.paste(laid, (room, flat))
    slope = lean / flat
    sheet = sheet.transform(sheet.size, Image.Transform.AFFINE, (1, -slope, slope * flat, 0, 1, 0))
    cast = np.asarray(sheet.filter(ImageFilter.GaussianBlur(max(1.5, wide * 0.022))), dtype=np.float32) / 255
    cover = np.maximum(cast * np.float32(0.32), _contact(outline, room, flat))
    dark = Image.new("RGBA", sheet.size, (22, 24, 58, 0))
    dark.putalpha(Image.fromarray(levels(cover)))
    brush.lay(dark, round(figure.x - sheet.width / 2), round(figure.foot - flat * 1.06))


def _contact(outline: Image.Image, room: int, flat: int) -> Cover:
    """Darkness under what touches the ground, the lowest part of the outline, and a fainter one all around."""
    lowest = outline.crop((0, round(outline.height * 0.93), *outline.size))
    soles = np.asarray(lowest, dtype=np.float32).max(axis=0) / 255
    reach = max(2, round(outline.width * 0.06))
    spread = np.convolve(np.pad(soles, room), np.hanning(2 * reach + 1) / reach, mode="same")
    down = (np.arange(flat * 3, dtype=np.float32) - flat) / flat
    across = (np.arange(len(spread), dtype=np.float32) - len(spread) / 2) / (outline.width * 0.42)
    near = 0.42 * np.exp(-((down / 0.22) ** 2))[:, None] * np.clip(spread, 0, 1)[None, :]
    around = 0.30 * np.exp(-((down / 0.5) ** 2))[:, None] * np.exp(-(across**2))[None, :]
    return np.asarray(np.maximum(near, around), dtype=np.float32)


def _afloat(frame: _Frame, figure: Figure, lit: Image.Image, left: int, top: int) -> None:
    """A figure on water: what is under the surface is hidden, and its mirror image lies in front, broken by waves."""
    brush = frame.brush
    surface = round(lit.height * (1 - figure.sunk))
    above = lit.crop((0, 0, lit.width, surface))
    fade = np.clip((surface - np.arange(surface, dtype=np.float32)) / max(2.0, figure.height * 0.02), 0, 1)
    pixels = np.array(above)
    pixels[..., 3] = (pixels[..., 3] * fade[:, None]).astype(np.uint8)
    depth = round(surface * 0.45)
    mirror = np.array(above.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize((lit.width, depth)))
    rows = np.arange(depth, dtype=np.float32)
    shift = np.sin(rows / max(2.0, depth * 0.035)) * (0.004 + 0.02 * rows / depth) * lit.width
    for row in range(depth):
        mirror[row] = np.roll(mirror[row], round(float(shift[row])), axis=0)
    strength = 0.42 * (1 - rows / depth) ** 1.2
    mirror[..., 3] = (mirror[..., 3] * strength[:, None]).astype(np.uint8)
    brush.lay(Image.fromarray(mirror), left, top + surface)
    brush.lay(Image.fromarray(pixels), left, top)


def _bank(frame: _Frame, place: str) -> None:
    """What busts stand behind: a table's edge in a room, a rise of the ground outside."""
    brush, edge = frame.brush, frame.stage.bank * frame.brush.height
    if place == "indoors":
        scenery.table(brush, edge)
        return
    look = PLACES[place]
    line = brush.ridge(edge, 0.012 * brush.height, 1.6, 0.3)
    lit, dark = brush.shone(look.ground), brush.shone(look.shade)
    top = max(0, int(line.min()) - 1)
    # The rise throws a soft shadow on whatever stands behind it.
    above = line[None, :] - brush.down
    behind = np.exp(-np.clip(above / (0.025 * brush.height), 0, 12)) * (above > 0)
    brush.canvas *= 1 - 0.16 * behind[..., None]
    patches = brush.noise(3, 3)[top:, :, None]
    depth = np.clip((brush.down[top:] - line[None, :]) / (brush.height - edge), 0, 1)[..., None]
    mix = np.clip(0.02 + 0.7 * depth + 0.35 * (patches - 0.5), 0, 1)
    brush.paint_rows(top, brush.below(line)[top:], lit * np.float32(1.02) + mix * (dark - lit))


def _weather(brush: Brush, depiction: Depiction) -> None:
    if depiction.place in ("indoors", "underwater", "space", "moonscape"):
        return
    if depiction.weather == "rain":
        sheet = Image.new("L", (brush.width, brush.height))
        draw = ImageDraw.Draw(sheet)
        for x, y, near in brush.chance.random((round(brush.width * brush.height / 1500), 3)).tolist():
            long = (0.02 + 0.045 * near) * brush.height
            at = ((x * 1.2 - 0.1) * brush.width, (y * 1.1 - 0.1) * brush.height)
            draw.line((*at, at[0] - long * 0.22, at[1] + long), fill=round(60 + 110 * near), width=1 + round(near))
        soft = np.asarray(sheet.filter(ImageFilter.GaussianBlur(0.8)), dtype=np.float32) / np.float32(255)
        brush.paint(soft * np.float32(0.55), np.asarray((0.88, 0.93, 1.0), dtype=np.float32))
    elif depiction.weather == "snowfall" or (depiction.place == "snow" and not depiction.weather):
        for reach, count in ((0.0016, 420), (0.003, 150), (0.0055, 40)):
            _flakes(brush, reach * brush.height, count)


def _flakes(brush: Brush, radius: float, count: int) -> None:
    sheet = Image.new("L", (brush.width, brush.height))
    draw = ImageDraw.Draw(sheet)
    for x, y, part in brush.chance.random((count, 3)).tolist():
        size = radius * (0.6 + 0.7 * part)
        at = (x * brush.width, y * brush.height)
        draw.ellipse((at[0] - size, at[1] - size, at[0] + size, at[1] + size), fill=round(150 + 100 * part))
    soft = np.asarray(sheet.filter(ImageFilter.GaussianBlur(radius * 0.4)), dtype=np.float32) / np.float32(255)
    brush.paint(soft * np.float32(0.9), np.asarray((1.0, 1.0, 1.0), dtype=np.float32))


def _finished(brush: Brush) -> Image.Image:
    """Corners a little darker; half a level of chance, so that soft gradients show no bands."""
    far = np.hypot(brush.across / brush.width * 2 - 1, brush.down / brush.height * 2 - 1)
    brush.canvas *= 1 - 0.13 * np.clip(far - 0.55, 0, 1)[..., None] ** 1.5
    grain = brush.chance.random((brush.height, brush.width, 1), dtype=np.float32)
    return Image.fromarray(levels(brush.canvas + (grain - np.float32(0.5)) / 255))
