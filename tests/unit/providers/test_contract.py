"""What holds for every model of every provider that needs no key: adding one adds it to these tests."""

import io
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import skimage
from PIL import Image, ImageChops, ImageStat

from chalicelib.generation.operations import operations
from chalicelib.generation.operations.contract import Prompt
from chalicelib.media.photo import CleanPhoto
from chalicelib.outbound.request import Reply, Request
from chalicelib.providers.capability import Modality, Model, Runs
from chalicelib.providers.configuration import read
from chalicelib.providers.job import Job, Output, Provider, ProviderRefused
from chalicelib.providers.registry import REGISTRY
from chalicelib.providers.setup import Setup
from tests.hostile.judge import leftovers

PHOTOS = Path(skimage.__file__).parent / "data"
#: The least that each operation can be asked for.
PARAMETERS = {"stylize": {"style": 19}, "upscale": {}, "denoise": {}, "generate": {}, "animate": {}}
PROMPT = "two cats in the snow at night"
UPLOAD = "upl_" + "0" * 26

OFFERS = read({}, REGISTRY).offers
LOCAL = [
    model for offer in OFFERS.values() if offer.capability.runs is Runs.EMBEDDED for model in offer.capability.models
]
ALL = [model for declared in REGISTRY.providers.values() if declared.widest for model in declared.widest.models]
#: Those that make pictures.
PICTURES = [model for model in LOCAL if model.modality is Modality.IMAGE]
WORK = [(model, operation) for model in PICTURES for operation in model.operations]
EACH_JOB = pytest.mark.parametrize(("model", "operation"), WORK, ids=[f"{model.id}-{name}" for model, name in WORK])
WITH_PHOTO = [(model, name) for model, name in WORK if operations()[name].needs_photo]
EACH_JOB_WITH_A_PHOTO = pytest.mark.parametrize(
    ("model", "operation"), WITH_PHOTO, ids=[f"{model.id}-{name}" for model, name in WITH_PHOTO]
)


@cache
def photo(name: str = "astronaut.png", width: int = 168, height: int = 130, mode: str = "RGB") -> bytes:
    """A crop of a photograph as the cleaner leaves it; odd sizes, so that padding shows."""
    with Image.open(PHOTOS / name) as image:
        small = image.convert(mode).crop((150, 0, 150 + width * 2, height * 2)).resize((width, height))
    out = io.BytesIO()
    small.save(out, "JPEG" if mode == "RGB" else "PNG")
    return out.getvalue()


def job(model: Model, operation: str, **changes: object) -> Job:
    fields: dict[str, Any] = {
        "generation_id": "gen_" + "0" * 26,
        "idempotency_key": "gen_0/1",
        "model": model.id,
        "operation": operation,
        "parameters": operations()[operation].parse(PARAMETERS[operation]),
        "prompt": PROMPT if operations()[operation].prompt is Prompt.REQUIRED else None,
        "photo": photo() if operations()[operation].needs_photo else None,
        "reference": None,
        "n": 1,
        "seed": 7,
        "callback_url": None,
    }
    return Job(**(fields | changes))


def nowhere(request: Request) -> Reply:
    raise AssertionError("an embedded engine calls nobody")


def no_model(region: str, model_id: str, body: bytes) -> Reply:
    raise AssertionError("an embedded engine calls nobody")


@cache
def provider(name: str) -> Provider:
    """The embedded provider of that name, as it is when nothing is configured."""
    offer = OFFERS[name]
    return offer.make(Setup(configuration=offer.configuration, send=nowhere, invoke=no_model))


def generate(model: Model, operation: str, **changes: object) -> Output:
    done = provider(model.provider).submit(job(model, operation, **changes))
    (output,) = done.outputs  # type: ignore[union-attr]
    assert isinstance(output, Output)
    return output


def opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
    return image


def assert_refused(fits: Job, changes: dict[str, Any], code: str) -> None:
    with pytest.raises(ProviderRefused) as refused:
        provider(fits.model.split("/")[0]).submit(replace(fits, **changes))
    assert refused.value.code == code
    assert refused.value.message.endswith(".")
    assert not refused.value.may_have_run


def test_there_are_embedded_models_for_stylize_upscale_and_generate() -> None:
    assert {operation for _, operation in WORK} >= {"stylize", "upscale", "generate"}


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.id)
def test_every_model_has_a_price_and_only_operations_and_parameters_that_exist(model: Model) -> None:
    assert model.price.assets > 0
    assert set(model.operations) <= set(operations())
    done = [operations()[name] for name in model.operations]
    assert (model.max_input_pixels > 0) == any(operation.needs_photo for operation in done)
    assert set(model.takes) <= {name for operation in done for name in operation.parameters.model_fields}
    assert len({operation.prompt for operation in done}) == 1
    measured = {
        measure
        for operation in done
        for measure in operation.measures(operation.parse(PARAMETERS.get(operation.name, {})))
    }
    assert {step.measure for step in model.price.steps} <= measured | {"megapixels"}


@EACH_JOB
def test_a_job_becomes_a_picture_as_large_as_it_says(model: Model, operation: str) -> None:
    output = generate(model, operation)

    image = opened(output.data)
    assert image.size == (output.width, output.height)
    assert max(image.size) <= model.max_output_side_pixels
    assert image.mode == "RGB"
    assert min(ImageStat.Stat(image).stddev) > 10, "a flat picture"
    assert output.seed == 7


@EACH_JOB_WITH_A_PHOTO
def test_a_real_photo_becomes_another_picture(model: Model, operation: str) -> None:
    image, before = opened(generate(model, operation).data), opened(photo())

    difference = ImageStat.Stat(ImageChops.difference(image, before.resize(image.size, Image.Resampling.LANCZOS)))
    assert sum(difference.mean) > 1


@EACH_JOB
def test_results_carry_no_metadata(model: Model, operation: str) -> None:
    output = generate(model, operation)

    assert output.width is not None
    assert output.height is not None
    as_photo = CleanPhoto(output.data, output.content_type, output.width, output.height, "")
    assert leftovers(as_photo) == []


@EACH_JOB
def test_the_same_job_gives_the_same_bytes(model: Model, operation: str) -> None:
    assert generate(model, operation).data == generate(model, operation).data


@EACH_JOB_WITH_A_PHOTO
def test_transparency_is_kept(model: Model, operation: str) -> None:
    with_hole = opened(photo(mode="RGBA"))
    with_hole.paste((0, 0, 0, 0), (0, 0, 60, 60))
    out = io.BytesIO()
    with_hole.save(out, "PNG")

    output = generate(model, operation, photo=out.getvalue())

    result = opened(output.data)
    assert output.content_type == "image/png"
    assert result.mode == "RGBA"
    alpha = result.getchannel("A").resize(with_hole.size)
    levels = alpha.tobytes()
    assert levels[30 * alpha.width + 30] < 3
    assert levels[100 * alpha.width + 120] > 252


@EACH_JOB
def test_jobs_that_do_not_fit_are_refused_and_say_why(model: Model, operation: str) -> None:
    fits = job(model, operation)
    other = next(name for name in operations() if name not in model.operations)
    for changes, code in (
        ({"operation": other}, "wrong_operation"),
        ({"model": "local/none"}, "wrong_operation"),
        ({"n": model.max_outputs + 1}, "too_many_outputs"),
        ({"n": 0}, "too_many_outputs"),
    ):
        assert_refused(fits, changes, code)


@EACH_JOB_WITH_A_PHOTO
def test_photos_that_do_not_fit_are_refused_and_say_why(model: Model, operation: str) -> None:
    huge = io.BytesIO()
    Image.new("L", (7000, 7000)).save(huge, "PNG")
    for data, code in (
        (None, "photo_missing"),
        (b"", "photo_unreadable"),
        (b"<html>", "photo_unreadable"),
        (photo()[:500], "photo_unreadable"),
        (huge.getvalue(), "photo_too_large"),
    ):
        assert_refused(job(model, operation), {"photo": data}, code)
