"""Parameters are parsed once, strictly, and refusals say what is allowed."""

import math
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.generation.operations import UnknownOperation, operation, operations
from chalicelib.generation.operations.stylize import STYLES, style_number, style_weights

UPLOAD = "upl_01KB0000000000000000000000"


def refusal(name: str, parameters: object) -> dict[str, Any]:
    with pytest.raises(ValidationError) as refused:
        operation(name).parse(parameters)
    (only,) = refused.value.errors()
    return dict(only)


def test_operations_are_found_by_their_files() -> None:
    assert list(operations()) == [
        "animate",
        "blur",
        "cutout",
        "denoise",
        "edit",
        "generate",
        "speak",
        "stylize",
        "upscale",
    ]
    assert all(found.name == name and found.summary for name, found in operations().items())
    with pytest.raises(UnknownOperation):
        operation("contract")


@pytest.mark.parametrize("name", ["denoise", "stylize", "upscale"])
def test_unknown_members_are_refused_by_name(name: str) -> None:
    good = {"style": 1} if name == "stylize" else {}

    assert refusal(name, good | {"styel": 1})["loc"] == ("styel",)


@pytest.mark.parametrize("wrong", [None, [], "style", 7])
def test_parameters_are_an_object(wrong: object) -> None:
    assert refusal("stylize", wrong)["loc"] == ()


@pytest.mark.parametrize("number", range(26))
def test_styles_have_a_number_a_numeral_and_a_name(number: int) -> None:
    assert style_number(number) == style_number(str(number)) == style_number(STYLES[number]) == number


@pytest.mark.parametrize(
    "wrong", [-1, 26, True, 1.0, "", "26", "07", "²", "Starry-Strokes", [1], {"x": 1}, {}, {"26": 1}]
)
def test_a_wrong_style_is_refused_in_one_sentence_that_lists_what_is_allowed(wrong: object) -> None:
    error = refusal("stylize", {"style": wrong})

    assert error["loc"] == ("style",)
    assert "a number from 0 to 25" in error["msg"]
    assert all(style in error["msg"] for style in STYLES)


@pytest.mark.parametrize("weight", [0, -1, math.nan, math.inf, 1001, "1", True, None])
def test_a_wrong_weight_is_refused(weight: object) -> None:
    assert "weight of a style" in refusal("stylize", {"style": {"3": weight}})["msg"]


def test_a_style_named_twice_in_a_blend_is_refused() -> None:
    assert "named twice" in refusal("stylize", {"style": {"3": 1, STYLES[3]: 1}})["msg"]


def test_blends_are_normalised() -> None:
    weights = style_weights({"3": 1, "bold-ink": 3})

    assert weights[3] == 0.25
    assert weights[22] == 0.75
    assert sum(weights) == 1
    assert style_weights(5) == tuple(float(number == 5) for number in range(26))


@pytest.mark.parametrize("given", [{}, {"style": None}, {"style": 1, "style_upload_id": UPLOAD}])
def test_exactly_one_style_is_given(given: dict[str, object]) -> None:
    assert "exactly one of style and style_upload_id" in refusal("stylize", given)["msg"]


@pytest.mark.parametrize("wrong", ["", "upl_1", "gen_01KB0000000000000000000000", 7, UPLOAD + "0"])
def test_the_picture_of_a_style_is_an_upload(wrong: object) -> None:
    assert refusal("stylize", {"style_upload_id": wrong})["loc"] == ("style_upload_id",)


@pytest.mark.parametrize("wrong", [-0.1, 1.1, "0.5", True, None, math.nan])
def test_strength_is_a_number_from_0_to_1(wrong: object) -> None:
    assert refusal("stylize", {"style": 1, "strength": wrong})["loc"] == ("strength",)


@pytest.mark.parametrize("wrong", [0, 1, "yes", None])
def test_preserve_color_is_true_or_false(wrong: object) -> None:
    assert refusal("stylize", {"style": 1, "preserve_color": wrong})["loc"] == ("preserve_color",)


@pytest.mark.parametrize("wrong", [1, 3, 8, "2", True, None])
def test_scale_is_two_or_four(wrong: object) -> None:
    assert refusal("upscale", {"scale": wrong})["loc"] == ("scale",)


@pytest.mark.parametrize("wrong", [-1, 4, 1.5, "1", True, None])
def test_the_level_of_cleaning_is_from_0_to_3(wrong: object) -> None:
    assert refusal("denoise", {"level": wrong})["loc"] == ("level",)


def test_parameters_survive_being_stored() -> None:
    for name, given in (
        ("stylize", {"style": {"3": 1, "12": 0.5}, "strength": 1, "preserve_color": True}),
        ("stylize", {"style_upload_id": UPLOAD}),
        ("upscale", {}),
        ("denoise", {"level": 3}),
    ):
        parsed = operation(name).parse(given)
        assert operation(name).parse(parsed.model_dump(mode="json")) == parsed


def test_the_second_upload_is_named_by_the_operation() -> None:
    stylize, upscale = operation("stylize"), operation("upscale")

    assert stylize.reference_upload(stylize.parse({"style_upload_id": UPLOAD})) == UPLOAD
    assert stylize.reference_upload(stylize.parse({"style": 1})) is None
    assert upscale.reference_upload(upscale.parse({})) is None


def test_schemas_say_what_is_allowed() -> None:
    style = operation("stylize").parameters.model_json_schema()["properties"]["style"]

    number, name, blend, nothing = style["anyOf"]
    assert (number["minimum"], number["maximum"]) == (0, 25)
    assert set(STYLES) < set(name["enum"]) == set(blend["propertyNames"]["enum"])
    assert nothing == {"type": "null"}
