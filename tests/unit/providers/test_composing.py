"""The pictures that the composer makes: the same again, different by seed, of the size asked for, with soft edges."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from chalicelib.generation.operations import operations
from chalicelib.providers.engines import artwork, composing
from chalicelib.providers.engines.artwork import Kind, drawings
from chalicelib.providers.engines.depiction import depicted
from chalicelib.providers.engines.layout import Figure, Stage, arranged
from chalicelib.providers.engines.models import COMPOSE
from chalicelib.providers.engines.places import PLACES
from chalicelib.providers.job import Done, Output, ProviderRefused
from tests.unit.providers.test_contract import job, opened, provider

CATS = "two cats in the snow at night"
SIDE = 256


def pixels(prompt: str, seed: int = 1, width: int = SIDE, height: int = SIDE) -> NDArray[np.float32]:
    return np.asarray(composing.composed(prompt, seed, width, height), dtype=np.float32)


def figures(prompt: str, width: int = 1024, height: int = 1024, seed: int = 1) -> tuple[Stage, list[Figure]]:
    return arranged(depicted(prompt), width, height, np.random.default_rng(seed))


def outputs(prompt: str | None = CATS, **changes: object) -> list[Output]:
    done = provider("local").submit(job(COMPOSE, "generate", prompt=prompt, **changes))
    assert isinstance(done, Done)
    return [output for output in done.outputs if isinstance(output, Output)]


def test_the_same_prompt_and_seed_give_the_same_pixels() -> None:
    assert np.array_equal(pixels(CATS, 3), pixels(CATS, 3))


def test_another_seed_and_another_prompt_give_another_picture() -> None:
    first = pixels(CATS, 3)

    assert np.abs(first - pixels(CATS, 4)).mean() > 2
    assert np.abs(first - pixels("two dogs in the snow at night", 3)).mean() > 2


def test_each_result_takes_the_next_seed() -> None:
    together = outputs(n=2, seed=5)
    alone = outputs(n=1, seed=6)

    assert [output.seed for output in together] == [5, 6]
    assert together[1].data == alone[0].data
    assert together[0].data != together[1].data


@pytest.mark.parametrize("size", [None, *COMPOSE.sizes])
def test_a_picture_has_the_size_that_was_asked_for(size: str | None) -> None:
    (output,) = outputs(parameters=operations()["generate"].parse({"size": size}))

    assert f"{output.width}x{output.height}" == (size or "1024x1024")
    assert opened(output.data).size == (output.width, output.height)
    assert output.content_type == "image/jpeg"


@pytest.mark.parametrize("prompt", [None, "", "quarterly revenue growth"])
def test_what_cannot_be_drawn_is_refused_with_what_can(prompt: str | None) -> None:
    with pytest.raises(ProviderRefused) as refused:
        outputs(prompt)

    assert refused.value.code == "not_depictable"
    assert "animals" in refused.value.message
    assert "revenue" not in refused.value.message
    depicted(refused.value.message.split("'")[1])


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (CATS, ["cat", "cat"]),
        ("five elephants and a mouse", ["elephant"] * 5 + ["mouse"]),
        ("a chef, a pizza and three apples", ["cook", "pizza"] + ["red-apple"] * 3),
        ("twelve balloons", ["balloon"] * 12),
        ("a calm beach", []),
    ],
)
def test_as_many_stand_there_as_were_asked_for(prompt: str, expected: list[str]) -> None:
    _, placed = figures(prompt)

    assert sorted(figure.art for figure in placed) == sorted(expected)


@pytest.mark.parametrize(("width", "height"), [(1024, 1024), (1536, 1024), (1024, 1536)])
@pytest.mark.parametrize("place", sorted(PLACES))
def test_every_figure_is_in_the_picture_wherever_it_is_set(place: str, width: int, height: int) -> None:
    named = {"moonscape": "on the moon", "indoors": "in a room"}.get(place, f"in the {place}")
    for kind in Kind:
        names = [drawing.names[0] for drawing in drawings().values() if drawing.kind is kind]
        for prompt in (f"a {names[0]} {named}", f"eight {names[-1]} and a {names[0]} {named}"):
            for figure in figures(prompt, width, height)[1]:
                top = figure.foot + (figure.sunk - 1) * figure.height
                assert -1 <= figure.x - figure.width / 2 < figure.x + figure.width / 2 <= width + 1, prompt
                assert -0.02 * height <= top < figure.foot <= height, prompt
                assert min(figure.width, figure.height) > 20, prompt


@pytest.mark.parametrize("place", sorted(set(PLACES) - {"space"}))
@pytest.mark.parametrize("weather", ["", "rain", "fog"])
def test_every_place_can_be_painted_in_every_light(place: str, weather: str) -> None:
    named = {"moonscape": "on the moon", "indoors": "in a room"}.get(place, f"in the {place}")
    looks = [pixels(f"a dog {named} {weather} {time}", width=192, height=128) for time in ("", "sunset", "at night")]

    assert all(look.std() > 12 for look in looks), "a flat picture"
    if place not in ("moonscape", "indoors"):
        assert looks[2].mean() < looks[0].mean() - 15, "night is no darker than day"


def test_a_large_thing_looks_larger_than_a_small_one_and_the_small_one_can_be_seen() -> None:
    _, placed = figures("an elephant and a mouse")
    by_art = {figure.art: figure.width * figure.height for figure in placed}

    assert 0.03 < by_art["mouse"] / by_art["elephant"] < 0.5


def test_boats_are_on_water_even_where_there_is_none_and_busts_behind_something() -> None:
    meadow, _ = figures("a sailboat in a meadow")
    bust, _ = figures("a fox in the snow")
    standing, _ = figures("a cat in the snow")

    assert meadow.has_water
    assert bust.bank_layer
    assert not standing.bank_layer


@pytest.mark.parametrize("art", ["cat", "balloon", "sailboat", "astronaut"])
def test_the_edges_of_a_drawing_are_soft_and_carry_no_halo(art: str) -> None:
    picture = artwork.opened(art)
    small = np.asarray(picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS))

    alpha = small[..., 3]
    edge = (alpha > 8) & (alpha < 247)
    inside = alpha >= 247
    assert edge.sum() > alpha.shape[0], "no pixel lies between outside and inside"
    # A white or black seam would make the edge much lighter or darker than what it borders.
    assert abs(float(small[edge][:, :3].mean()) - float(small[inside][:, :3].mean())) < 60


def test_soft_skies_show_no_bands() -> None:
    sky = pixels("a meadow", width=256, height=512)[: 512 // 8]

    rows = np.asarray([len(np.unique(row[:, 2])) for row in sky])
    assert np.median(rows) >= 2, "each row has one level: the next level will be seen as a band"
