"""The places that pictures are set in: sky, hills, water, streets and rooms, painted by seed."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from chalicelib.providers.engines import artwork
from chalicelib.providers.engines.backdrop import Brush, Rgb
from chalicelib.providers.engines.places import HORIZON, PLACES, Place

_WINDOW_DAY, _WINDOW_LIT = (206, 228, 244), (255, 214, 130)


def paint(
    brush: Brush,
    place: str,
    *,
    misty: bool,
    cloudy: bool,
    has_water: bool,
    has_disc: bool,
    lamp: tuple[float, float],
) -> None:
    """The whole place without its subjects. `lamp` is where the light comes from, in parts of width and height;
    `has_disc` says whether the sun or moon is painted there."""
    look, horizon = PLACES[place], HORIZON * brush.height
    if place == "space":
        _space(brush, 1.0)
    elif place == "indoors":
        _room(brush)
    else:
        _behind(brush, place, cloudy, lamp, has_disc)
        _hills(brush, place, misty)
        _ground(brush, look, horizon)
        if place == "city":
            _road(brush)
        if look.water or has_water:
            _water(brush, horizon, (look.water or 0.78) * brush.height)
        _dress(brush, place)
        if misty:
            _mist(brush, horizon, 0.6)


def _behind(brush: Brush, place: str, cloudy: bool, lamp: tuple[float, float], has_disc: bool) -> None:
    """What is farther away than any hill."""
    horizon = HORIZON * brush.height
    if place == "underwater":
        _depths(brush)
    elif place == "moonscape":
        _space(brush, 0.25)
    else:
        _open_sky(brush, horizon, cloudy, lamp, has_disc)
    if place == "city":
        _skyline(brush, horizon)


def _hills(brush: Brush, place: str, misty: bool) -> None:
    ridges, horizon = PLACES[place].ridges, HORIZON * brush.height
    for number, (colour, height, roughness) in enumerate(ridges):
        far = (number + 1) / (len(ridges) + 1)
        _ridge(brush, colour, height, roughness, horizon + number * 0.012 * brush.height, far, place == "mountains")
        if misty:
            _mist(brush, horizon, 0.45)


def _open_sky(brush: Brush, horizon: float, cloudy: bool, lamp: tuple[float, float], has_disc: bool) -> None:
    brush.sky(horizon)
    x, y = lamp[0] * brush.width, lamp[1] * brush.height
    unit = min(brush.width, brush.height)
    if brush.light.is_dark:
        brush.stars(horizon, 420)
    brush.glow(x, y, unit * (0.5 if brush.light.is_dark else 0.8), 0.45 if brush.light.is_dark else 0.6)
    if has_disc and not cloudy:
        brush.disc(x, y, unit * 0.055)
    brush.clouds(horizon, 9 if cloudy else 2 + int(brush.chance.integers(0, 4)))


def _ridge(
    brush: Brush, colour: Rgb, height: float, roughness: float, horizon: float, far: float, is_peaked: bool
) -> None:
    """One row of hills; the farther, the more of the sky's colour lies over it."""
    line = brush.ridge(horizon - height * 0.45 * brush.height, height * 0.42 * brush.height, 2 + 3 * far, roughness)
    haze = np.asarray(brush.light.horizon, dtype=np.float32) / 255
    lit = haze + (0.35 + 0.6 * far) * (brush.shone(colour) - haze)
    dark = haze + (0.35 + 0.6 * far) * (brush.shone(colour) * np.float32(0.78) - haze)
    brush.hill(line, lit, dark)
    if is_peaked and height > 0.1:
        snow_line = horizon - height * 0.48 * brush.height + brush.ridge(0, 0.015 * brush.height, 14, 0.6)
        cover = brush.below(line) * (1 - brush.below(np.maximum(snow_line, line)))
        brush.paint(cover * np.float32(0.9), haze + (0.5 + 0.5 * far) * (brush.shone((248, 251, 255)) - haze))


def _ground(brush: Brush, look: Place, horizon: float) -> None:
    """From the horizon to the lower edge: lighter far away, with broad soft patches."""
    line = brush.ridge(horizon, 0.006 * brush.height, 2, 0.3)
    top = max(0, int(line.min()) - 1)
    depth = np.clip((brush.down[top:] - horizon) / (brush.height - horizon), 0, 1)[..., None]
    patches = brush.noise(2.5, 4)[top:, :, None]
    lit, dark = brush.shone(look.ground), brush.shone(look.shade)
    mix = np.clip(0.10 + 0.42 * depth + 0.5 * (patches - 0.5) * (0.3 + depth), 0, 1)
    brush.paint_rows(top, brush.below(line)[top:], lit + mix * (dark - lit))


def _water(brush: Brush, horizon: float, shore: float) -> None:
    """From the horizon to the shore: the sky's colours, with ripples that grow nearer."""
    top = int(horizon)
    end = np.minimum(brush.ridge(shore, 0.012 * brush.height, 3, 0.4), brush.height * 1.3)
    down = brush.down[top:]
    cover = np.clip(down - horizon, 0, 1) * np.clip((end[None, :] - down) / 3 + 0.5, 0, 1)
    depth = np.clip((down - horizon) / (brush.height - horizon), 0, 1)
    far = np.asarray(brush.light.horizon, dtype=np.float32) / 255 * np.float32(0.92)
    near = brush.shone((34, 128, 190))
    sheet = far + np.clip(0.25 + depth[..., None] * 1.3, 0, 1) * (near - far)
    wide = brush.noise(3, 2)[top:]
    rows = np.sin(np.log(depth * 14 + 1) * 52 + (wide - 0.5) * 26)
    waves = rows * np.sin(brush.across / brush.width * 17 + wide * 21)
    shine = np.clip(waves - 0.35, 0, 1)[..., None] * (0.10 + 0.22 * depth[..., None])
    glow = np.asarray(brush.light.glow, dtype=np.float32) / 255
    brush.paint_rows(top, cover, sheet + shine * (glow - sheet))
    foam = np.exp(-(((end[None, :] - down) / (0.006 * brush.height)) ** 2))
    brush.paint_rows(top, foam * np.float32(0.55), brush.shone((255, 255, 255)))


def _mist(brush: Brush, horizon: float, strength: float) -> None:
    band = np.exp(-(((brush.down - horizon) / (0.17 * brush.height)) ** 2)) * strength
    cover = band * (0.55 + 0.45 * brush.noise(2, 3))
    brush.paint(cover.astype(np.float32), np.asarray(brush.light.horizon, dtype=np.float32) / 255)


def _dress(brush: Brush, place: str) -> None:
    """Trees and the like, from the horizon forward, away from the middle where the subjects stand."""
    spots = []
    for art, count, height in PLACES[place].dressing:
        spots += [(float(brush.chance.random()) ** 1.6, art, height) for _ in range(count)]
    for near, art, height in sorted(spots):
        tall = artwork.drawings()[art].kind is artwork.Kind.FAR
        if art.startswith("globe"):
            x, foot = 0.17 + 0.66 * float(brush.chance.integers(0, 2)), 0.30 * brush.height
        else:
            side = float(brush.chance.random())
            # Far off, a forest closes behind what stands in it.
            reach = 1.0 if place == "forest" and near < 0.3 else 0.36 - 0.20 * near if tall else 0.46
            x = side * reach if brush.chance.random() < 0.5 else 1 - side * reach
            foot = (_first_row(place) + ((0.02 if place == "lake" else 0.14) if tall else 0.20) * near) * brush.height
        size = height * brush.height * (0.55 + 0.75 * near if tall else 0.7 + 0.6 * near)
        _place_dressing(brush, art, x * brush.width, foot, size, 0.45 * (1 - near) if tall else 0.1)


def _first_row(place: str) -> float:
    """Where the farthest dressing stands: behind the water of a lake, in front of the sea."""
    return PLACES[place].water + 0.02 if place == "beach" else HORIZON + 0.02


def _place_dressing(brush: Brush, art: str, x: float, foot: float, size: float, haze: float) -> None:
    drawing = artwork.opened(art)
    scale = size / drawing.height
    small = drawing.resize((max(2, round(drawing.width * scale)), max(2, round(size))), Image.Resampling.LANCZOS)
    pixels = np.asarray(small, dtype=np.float32) / 255
    falls = np.asarray(brush.light.falls, dtype=np.float32)
    air = np.asarray(brush.light.horizon, dtype=np.float32) / 255
    colour = pixels[..., :3] * falls
    colour += haze * (air - colour)
    shade = np.hypot((brush.across - x) / (small.width * 0.55), (brush.down - foot) / (size * 0.09))
    rows = slice(max(0, int(foot - size * 0.2)), int(foot + size * 0.2))
    brush.canvas[rows] *= 1 - 0.3 * np.exp(-(shade[rows] ** 2))[..., None]
    done = np.dstack([np.clip(colour, 0, 1), pixels[..., 3]])
    brush.lay(Image.fromarray((done * 255 + 0.5).astype(np.uint8)), round(x - small.width / 2), round(foot - size))


def _skyline(brush: Brush, horizon: float) -> None:
    """Three rows of houses, the farther the paler; by night their windows are lit."""
    air = np.asarray(brush.light.horizon, dtype=np.float32) / 255
    for row, (low, high, seen) in enumerate(((0.20, 0.42, 0.35), (0.14, 0.34, 0.62), (0.08, 0.22, 0.92))):
        sheet = Image.new("RGBA", (brush.width, brush.height))
        draw = ImageDraw.Draw(sheet)
        x = -float(brush.chance.random()) * 0.06 * brush.width
        while x < brush.width:
            wide = (0.055 + 0.06 * float(brush.chance.random())) * min(brush.width, brush.height)
            tall = (low + (high - low) * float(brush.chance.random()) ** 1.5) * brush.height
            tone = np.asarray((104, 124, 158), dtype=np.float32) + brush.chance.uniform(-26, 26)
            wall = air + seen * (brush.shone((int(tone[0]), int(tone[1]), int(tone[2]))) - air)
            _house(brush, draw, (x, horizon - tall, x + wide, horizon + 4), wall, seen, row)
            x += wide * float(brush.chance.uniform(0.98, 1.25))
        brush.lay(sheet, 0, 0)


def _house(
    brush: Brush,
    draw: ImageDraw.ImageDraw,
    box: tuple[float, float, float, float],
    wall: np.ndarray,
    seen: float,
    row: int,
) -> None:
    left, top, right, foot = box
    draw.rounded_rectangle(box, radius=brush.width * 0.006, fill=_bytes(wall))
    cell = brush.width * (0.012 + 0.003 * row)
    pane = _WINDOW_LIT if brush.light.is_dark else _WINDOW_DAY
    for y in np.arange(top + cell, foot - cell, cell * 1.5):
        for x in np.arange(left + cell * 0.8, right - cell * 1.2, cell * 1.4):
            is_lit = brush.chance.random() < (0.42 if brush.light.is_dark else 0.8)
            glass = np.asarray(pane, dtype=np.float32) / 255 if is_lit else wall * np.float32(0.8)
            colour = wall + (0.3 + 0.55 * seen) * (glass - wall)
            draw.rectangle((x, y, x + cell * 0.62, y + cell * 0.8), fill=_bytes(colour))


def _road(brush: Brush) -> None:
    """A street that runs across, with a kerb and a broken line."""
    height = brush.height
    top, foot, line = (round(part * height) for part in (0.73, 0.97, 0.855))
    grain = brush.noise(60, 2)[top:foot, :, None] * np.float32(0.04)
    depth = np.linspace(0, 1, foot - top, dtype=np.float32)[:, None, None]
    brush.canvas[top:foot] = brush.shone((112, 118, 132)) * (1 - 0.14 * depth) + grain
    for edge, thick in ((top, 0.010), (foot, 0.014)):
        brush.canvas[edge : edge + round(thick * height)] = brush.shone((216, 220, 226))
    start = float(brush.chance.random())
    dash = np.clip(np.sin((brush.across / brush.width * 6 + start) * 2 * np.pi) * 12 + 2, 0, 1)
    thick = round(0.009 * height)
    brush.paint_rows(line, np.repeat(dash, thick, axis=0) * np.float32(0.8), brush.shone((246, 240, 214)))


def _bytes(colour: np.ndarray) -> tuple[int, int, int, int]:
    red, green, blue = (int(np.clip(part, 0, 1) * 255 + 0.5) for part in colour)
    return red, green, blue, 255


def _space(brush: Brush, colours: float) -> None:
    brush.canvas[:] = np.asarray((0.028, 0.032, 0.09), dtype=np.float32)
    for colour in ((0.42, 0.16, 0.62), (0.10, 0.28, 0.62), (0.66, 0.24, 0.42)):
        cloud = np.clip(brush.noise(2, 5, 0.52) * 2.3 - 1.15, 0, 1) ** 1.4
        brush.paint(cloud * np.float32(0.75 * colours), np.asarray(colour, dtype=np.float32))
    brush.stars(brush.height * 1.35, 1300)


def _depths(brush: Brush) -> None:
    """Water from below: light falls in from above, in beams."""
    deep, clear = (np.asarray(colour, dtype=np.float32) / 255 for colour in ((8, 66, 124), (112, 214, 236)))
    falls = np.asarray(brush.light.falls, dtype=np.float32)
    fall = np.clip(brush.down / (0.8 * brush.height), 0, 1)[..., None]
    brush.canvas[:] = (clear + fall**0.8 * (deep - clear)) * falls * np.ones((1, brush.width, 1), dtype=np.float32)
    slope = (brush.across + brush.down * 0.35) / brush.width
    start = float(brush.chance.random()) * 6
    beams = np.clip(np.sin(slope * 13 + start) + np.sin(slope * 29 + start * 2) - 0.55, 0, 1.2)
    brush.paint(beams * 0.22 * (1 - fall[..., 0]), clear * falls)


def _room(brush: Brush) -> None:
    """A wall with soft light on it, and a wooden table."""
    walls = ((244, 226, 200), (206, 222, 230), (222, 214, 236), (214, 230, 208), (246, 214, 204))
    wall = brush.shone(walls[int(brush.chance.integers(0, len(walls)))])
    x = float(brush.chance.uniform(0.2, 0.8)) * brush.width
    pool = np.exp(-((np.hypot(brush.across - x, brush.down - 0.15 * brush.height) / (0.7 * brush.width)) ** 2))
    brush.canvas[:] = wall * (0.74 + 0.30 * pool[..., None])
    _window(brush, float(brush.chance.choice((0.24, 0.5, 0.76))) * brush.width)


def _window(brush: Brush, x: float) -> None:
    """A window out of focus, with the time of day outside."""
    unit = min(brush.width, brush.height)
    wide, high, middle = 0.34 * unit, 0.34 * unit, 0.27 * brush.height
    sheet = Image.new("RGBA", (brush.width, brush.height), (255, 255, 255, 0))
    draw = ImageDraw.Draw(sheet)
    frame = _bytes(brush.shone((255, 250, 242)))
    box = (x - wide / 2, middle - high / 2, x + wide / 2, middle + high / 2)
    draw.rounded_rectangle(box, radius=unit * 0.02, fill=frame)
    bar = unit * 0.016
    for column in (0, 1):
        for row, colour in ((0, brush.light.top), (1, brush.light.horizon)):
            left, top = box[0] + bar + column * (wide - bar) / 2, box[1] + bar + row * (high - bar) / 2
            pale = tuple(round(part * 0.8 + 255 * 0.2 * (not brush.light.is_dark)) for part in colour)
            draw.rectangle((left, top, left + wide / 2 - 1.5 * bar, top + high / 2 - 1.5 * bar), fill=(*pale, 255))
    draw.rounded_rectangle((box[0] - bar, box[3] - bar, box[2] + bar, box[3] + bar), radius=bar, fill=frame)
    brush.lay(sheet.filter(ImageFilter.GaussianBlur(unit * 0.006)), 0, 0)


def table(brush: Brush, edge: float) -> None:
    """The table in a room, from that row down: boards that run across, and the far edge catching light."""
    look = PLACES["indoors"]
    top = int(edge)
    depth = np.clip((brush.down[top:] - edge) / (brush.height - edge), 0, 1)[..., None]
    lit, dark = brush.shone(look.ground), brush.shone(look.shade)
    grain = brush.noise(3, 3)[top:]
    rings = 0.5 + 0.5 * np.sin(np.sqrt(depth[..., 0]) * 44 + grain * 13)
    mix = np.clip(0.06 + 0.34 * depth + 0.16 * (rings[..., None] - 0.5) * (0.4 + depth), 0, 1)
    cover = np.clip(brush.down[top:] - edge + 0.5, 0, 1) * np.ones((1, brush.width), dtype=np.float32)
    brush.paint_rows(top, cover, lit + mix * (dark - lit))
    rim = np.exp(-(((brush.down[top:] - edge - 2) / (0.004 * brush.height)) ** 2)) * np.ones_like(cover)
    brush.paint_rows(top, rim.astype(np.float32) * np.float32(0.45), brush.shone((255, 232, 196)))
