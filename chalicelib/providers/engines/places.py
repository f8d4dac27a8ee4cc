"""How each place looks by day: its colours, its hills, its water, and the trees and flowers it is dressed with."""

from typing import NamedTuple

from chalicelib.providers.engines.backdrop import Rgb

#: Where the ground begins, as a part of the height.
HORIZON = 0.56


class Place(NamedTuple):
    """How a place looks by day. `ridges` are (colour, height, roughness), far to near; `dressing` are (drawing, how
    many, height as a part of the picture's, far to near); `water` is where it ends, as a part of the height (0: none).
    """

    ground: Rgb
    shade: Rgb
    ridges: tuple[tuple[Rgb, float, float], ...]
    dressing: tuple[tuple[str, int, float], ...]
    water: float


PLACES = {
    "meadow": Place(
        (150, 206, 84),
        (78, 152, 58),
        (((150, 192, 178), 0.11, 0.35), ((130, 190, 120), 0.06, 0.3), ((138, 200, 92), 0.03, 0.25)),
        (("deciduous-tree", 7, 0.15), ("blossom", 9, 0.045)),
        0,
    ),
    "snow": Place(
        (244, 249, 255),
        (186, 208, 236),
        (((178, 200, 228), 0.15, 0.5), ((206, 222, 242), 0.07, 0.35), ((228, 238, 250), 0.03, 0.25)),
        (("evergreen-tree", 11, 0.17),),
        0,
    ),
    "beach": Place((250, 224, 168), (226, 184, 122), (), (("palm-tree", 3, 0.40), ("spiral-shell", 4, 0.035)), 0.76),
    "sea": Place((250, 224, 168), (226, 184, 122), (), (), 1.2),
    "lake": Place(
        (150, 206, 84),
        (84, 156, 62),
        (((146, 176, 196), 0.16, 0.5), ((112, 168, 122), 0.06, 0.3)),
        (("evergreen-tree", 12, 0.11),),
        0.80,
    ),
    "desert": Place(
        (246, 204, 134),
        (214, 146, 84),
        (((226, 178, 150), 0.10, 0.4), ((236, 188, 124), 0.06, 0.2), ((242, 196, 126), 0.04, 0.2)),
        (("cactus", 6, 0.13),),
        0,
    ),
    "savanna": Place(
        (228, 200, 104),
        (186, 146, 62),
        (((190, 180, 160), 0.08, 0.35), ((208, 186, 104), 0.04, 0.25)),
        (("deciduous-tree", 4, 0.15),),
        0,
    ),
    "forest": Place(
        (112, 172, 78),
        (48, 104, 54),
        (((120, 170, 142), 0.09, 0.4), ((88, 146, 92), 0.05, 0.3)),
        (("evergreen-tree", 30, 0.30), ("deciduous-tree", 6, 0.30), ("mushroom", 4, 0.05)),
        0,
    ),
    "mountains": Place(
        (140, 188, 96),
        (82, 134, 70),
        (((150, 172, 206), 0.34, 0.52), ((126, 152, 178), 0.22, 0.5), ((116, 164, 112), 0.05, 0.3)),
        (("evergreen-tree", 14, 0.13),),
        0,
    ),
    "city": Place((176, 182, 190), (120, 128, 142), (), (("deciduous-tree", 6, 0.11),), 0),
    "moonscape": Place(
        (206, 208, 218),
        (128, 130, 148),
        (((120, 122, 140), 0.07, 0.4), ((160, 162, 178), 0.03, 0.3)),
        (("globe-showing-europe-africa", 1, 0.14),),
        0,
    ),
    "space": Place((0, 0, 0), (0, 0, 0), (), (), 0),
    "underwater": Place(
        (236, 218, 170),
        (150, 168, 160),
        (((40, 120, 170), 0.08, 0.4), ((70, 148, 176), 0.04, 0.3)),
        (("coral", 5, 0.16), ("spiral-shell", 3, 0.04)),
        0,
    ),
    "indoors": Place((214, 160, 106), (160, 104, 62), (), (), 0),
}
