"""What requests in OpenAI's words mean here."""

import pytest
from pydantic import ValidationError

from chalicelib.generation.compat import mapping
from chalicelib.generation.compat.shapes import EditImage, GenerateImages, without_neutral
from chalicelib.kernel.errors import UnsupportedParameter, Validation
from tests.support.fake_generations import model

PAINTER = model("local/style-1")
LARGER = model("local/upscale-1", operations=("upscale",), takes=("scale",))
MAKER = model("cloud/pictures-1", operations=("generate", "edit"), takes=("size", "quality"), sizes=("1024x1024",))
UPLOAD = "upl_1"
QUALITY = ("quality", ("low", "medium"))


def edit(of, prompt, **members):
    return mapping.editing(EditImage(prompt=prompt, upload_id=UPLOAD, **members), of)


@pytest.mark.parametrize(
    ("prompt", "style"),
    [
        ("in the style of starry-strokes", "starry-strokes"),
        ("Paint it with STARRY STROKES please", "starry-strokes"),
        ("12", 12),
        ("style 3", 3),
        ("bold ink, 1920 x 1080", "bold-ink"),
    ],
)
def test_a_style_is_named_or_numbered_in_the_words(prompt, style):
    assert edit(PAINTER, prompt).parameters == {"style": style}


@pytest.mark.parametrize("prompt", ["make it nice", "3 or 4", "99", "starry-strokes and bold-ink", "x3y"])
def test_words_that_name_no_style_or_two_are_refused_with_the_list(prompt):
    with pytest.raises(Validation, match="starry-strokes") as caught:
        edit(PAINTER, prompt)
    assert caught.value.param == "prompt"


@pytest.mark.parametrize(
    ("prompt", "parameters"),
    [("4x", {"scale": 4}), ("make it 2 x larger", {"scale": 2}), ("X4 please", {"scale": 4}), ("larger", {})],
)
def test_a_scale_is_in_the_words_or_the_models_own(prompt, parameters):
    order = edit(LARGER, prompt)
    assert (order.operation, order.parameters, order.prompt) == ("upscale", parameters, None)


def test_a_model_that_edits_gets_the_words_as_they_are():
    order = edit(MAKER, "a red hat", size="1024x1024", quality="hd", n="2")
    assert (order.operation, order.prompt, order.n) == ("edit", "a red hat", 2)
    assert order.parameters == {"size": "1024x1024", "quality": "high"}


def test_a_model_that_does_several_may_be_told_which():
    both = model("local/both", operations=("stylize", "upscale"), takes=("style", "scale"))
    assert edit(both, "4x", operation="upscale").operation == "upscale"
    with pytest.raises(Validation, match="stylize, upscale"):
        edit(both, "4x", operation="edit")


def test_generating_needs_a_model_that_does_it_and_takes_what_is_named():
    asked = GenerateImages(prompt="a cat", size="auto", quality="auto", n=1, user="u-1")
    assert mapping.generating(asked, MAKER).parameters == {}
    with pytest.raises(Validation):
        mapping.generating(asked, PAINTER)
    with pytest.raises(UnsupportedParameter) as caught:
        edit(PAINTER, "starry-strokes", size="1024x1024")
    assert caught.value.param == "size"


@pytest.mark.parametrize(
    ("named", "refusal", "param"),
    [
        ({"size": "32x32"}, Validation, "size"),
        ({"quality": "hd"}, Validation, "quality"),
        ({"background": "transparent"}, UnsupportedParameter, "background"),
    ],
)
def test_what_a_model_does_not_take_is_named_in_openais_words(named, refusal, param):
    picky = model(MAKER.id, operations=MAKER.operations, takes=MAKER.takes, sizes=MAKER.sizes, allowed=(QUALITY,))
    with pytest.raises(refusal) as caught:
        mapping.generating(GenerateImages(prompt="a cat", **named), picky)
    assert caught.value.param == param


def test_the_first_of_our_own_is_meant_where_no_model_is_named():
    models = [MAKER, model("local/composer-1", operations=("generate",)), PAINTER]
    assert mapping.default_model(models, "generate", ["local/composer-1"]) == "local/composer-1"
    assert mapping.default_model([MAKER], "generate", []) == MAKER.id
    with pytest.raises(Validation):
        mapping.default_model([PAINTER], "generate", [PAINTER.id])


@pytest.mark.parametrize(
    ("name", "value"),
    [("mask", "x"), ("stream", True), ("style", "vivid"), ("output_format", "webp"), ("partial_images", 2)],
)
def test_what_is_not_supported_is_refused_by_name(name, value):
    with pytest.raises(UnsupportedParameter) as caught:
        without_neutral({"prompt": "a", name: value})
    assert caught.value.param == name


def test_what_asks_for_nothing_is_taken_and_what_is_unknown_is_not():
    assert without_neutral({"prompt": "a", "stream": False, "moderation": "auto", "mask": None}) == {"prompt": "a"}
    with pytest.raises(ValidationError, match="extra"):
        GenerateImages(prompt="a", colour="red")
