"""What the composer reads in a prompt: which drawings, how many, where and when, and what it refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from chalicelib.providers.engines import artwork
from chalicelib.providers.engines.artwork import Kind, drawings
from chalicelib.providers.engines.depiction import MAX_SUBJECTS, NotDepictable, depicted
from chalicelib.providers.engines.places import PLACES as LOOKS
from chalicelib.providers.engines.vocabulary import MAX_FIGURES, PLACES

MAX_ART_BYTES = 6_000_000
#: Names that no "s" makes plural: they are plurals themselves, or too short to tell.
ODD_PLURALS = frozenset({"cacti", "geese", "men", "mice", "oxen", "snowmen", "tv", "women"})
NAMES = sorted(name for drawing in drawings().values() for name in drawing.names)


def read(prompt: str) -> dict[str, int]:
    return {subject.drawing.art: subject.many for subject in depicted(prompt).subjects}


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a red fox in the snow", {"fox": 1}),
        ("Two cats in the snow at night", {"cat": 2}),
        ("an orange cat and three dogs", {"cat": 1, "dog": 3}),
        ("three mice, one cheese", {"mouse": 3, "cheese-wedge": 1}),
        ("a pair of penguins", {"penguin": 2}),
        ("a herd of elephants", {"elephant": 5}),
        ("wolves", {"wolf": 3}),
        ("12 roses", {"rose": 12}),
        ("500 roses", {"rose": 12}),
        ("two dozen eggs", {"egg": 12}),
        ("a black cat", {"black-cat": 1}),
        ("a polar bear and a teddy bear", {"polar-bear": 1, "teddy-bear": 1}),
        ("an ice cream", {"soft-ice-cream": 1}),
        ("a hot dog", {"hot-dog": 1}),
        ("a t-rex", {"t-rex": 1}),
        ("a cat and a cat", {"cat": 2}),
        ("a cat's dream", {"cat": 1}),
        ("glasses", {"glasses": 1}),
        ("cherries", {"cherries": 1}),
        ("witches", {"woman-mage": 3}),
        ("a dog without a ball", {"dog": 1}),
        ("a park with no people, but two benches and a dog", {"dog": 1}),
        ("a chicken sandwich", {"sandwich": 1}),
        ("a couple", {"people-holding-hands": 1}),
        ("a couple of cats", {"cat": 2}),
        ("a baseball bat and a bat", {"bat": 1}),
        ("a beach at sunset", {}),
    ],
)
def test_a_prompt_names_its_subjects_and_how_many(prompt: str, expected: dict[str, int]) -> None:
    assert read(prompt) == expected


@pytest.mark.parametrize(
    ("prompt", "place", "time", "weather"),
    [
        ("a cat", "meadow", "day", ""),
        ("a cat at night", "meadow", "night", ""),
        ("a camel", "desert", "day", ""),
        ("a camel in the city at dawn", "city", "sunrise", ""),
        ("a sailboat", "sea", "day", ""),
        ("a swan", "lake", "day", ""),
        ("an octopus and two fish", "underwater", "day", ""),
        ("a cup of coffee and a croissant", "indoors", "day", ""),
        ("a chef and a pizza", "indoors", "day", ""),
        ("a planet", "space", "day", ""),
        ("an astronaut on the moon", "moonscape", "day", ""),
        ("the moon over a village", "meadow", "night", ""),
        ("an owl in a foggy forest at night", "forest", "night", "fog"),
        ("a car in the rain in the city", "city", "day", "rain"),
        ("a dog in a blizzard", "snow", "day", "snowfall"),
    ],
)
def test_a_prompt_names_its_place_time_and_weather(prompt: str, place: str, time: str, weather: str) -> None:
    assert depicted(prompt)[1:] == (place, time, weather)


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        " \n",
        "quarterly revenue growth",
        "a cyberpunk samurai",
        "portrait of Jane Example on a beach",
        "no cats",
        "at night",
        "\U0001f431",
        "ein schönes Gemälde",
        "three",
    ],
)
def test_a_prompt_with_nothing_to_draw_is_not_depictable(prompt: str) -> None:
    with pytest.raises(NotDepictable):
        depicted(prompt)


def test_every_name_leads_to_its_drawing_and_so_does_its_plural() -> None:
    for art, drawing in drawings().items():
        for name in drawing.names:
            assert list(read(f"the {name}")) == [art]
            if name not in ODD_PLURALS and not name.endswith(("s", "x", "z", "ch", "sh", "y", "o", "f")):
                assert list(read(f"the {name}s")) == [art]


def test_every_drawing_is_there_and_no_other_and_they_are_small() -> None:
    files = {path.stem: path for path in artwork.FOLDER.glob("*.webp")}

    assert set(files) == set(drawings())
    assert len(NAMES) == len(set(NAMES)), "two drawings with one name"
    assert {drawing.kind for drawing in drawings().values()} == set(Kind)
    assert {drawing.size for drawing in drawings().values()} == {1, 2, 3, 4, 5, 6}
    assert {drawing.home for drawing in drawings().values()} <= {"", *LOOKS}
    assert sum(path.stat().st_size for path in files.values()) < MAX_ART_BYTES


def test_every_drawing_is_cut_to_its_outline_and_free_of_metadata() -> None:
    for art in drawings():
        with Image.open(artwork.FOLDER / f"{art}.webp") as image:
            assert (image.format, image.mode) == ("WEBP", "RGBA"), art
            assert max(image.size) < 900, art
            assert set(image.info) <= {"background", "loop", "timestamp", "duration"}, art


def test_every_place_that_can_be_named_can_be_painted() -> None:
    assert set(PLACES.values()) == set(LOOKS)


@given(st.lists(st.sampled_from([*NAMES, "two", "12", "many", ",", "and", "no", "snow", "\u00df", "'s"]), max_size=40))
def test_whatever_is_asked_for_stays_within_the_limits(words: list[str]) -> None:
    try:
        depiction = depicted(" ".join(words))
    except NotDepictable:
        return
    assert len(depiction.subjects) <= MAX_SUBJECTS
    assert sum(subject.many for subject in depiction.subjects) <= MAX_FIGURES
    assert all(subject.many > 0 for subject in depiction.subjects)
    assert depiction.place in LOOKS


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading(prompt: str) -> None:
    try:
        assert depicted(prompt).place in LOOKS
    except NotDepictable:
        pass
