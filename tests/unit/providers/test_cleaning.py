"""Noise taken out of a photo: how much is left, and that what is clean stays as it is."""

import io

import numpy as np
from PIL import Image

from chalicelib.generation.operations import operations
from chalicelib.providers import local
from tests.unit.providers.test_contract import generate, opened, photo
from tests.unit.providers.test_local import far_apart, png


def denoise(picture: Image.Image, level: int) -> Image.Image:
    parameters = operations()["denoise"].parse({"level": level})
    return opened(generate(local.DENOISE, "denoise", photo=png(picture), parameters=parameters).data)


def test_the_higher_the_level_the_fewer_traces_of_compression_are_left() -> None:
    before = opened(photo())
    out = io.BytesIO()
    before.save(out, "JPEG", quality=15)
    squeezed = opened(out.getvalue())

    left = [far_apart(each, before) for each in (squeezed, *(denoise(squeezed, level) for level in range(4)))]

    assert left == sorted(left, reverse=True)
    assert left[4] < 0.9 * left[0]


def test_the_highest_level_takes_out_grain() -> None:
    before = opened(photo())
    grain = np.random.default_rng(7).normal(0, 14, (before.height, before.width, 3))
    noisy = Image.fromarray(np.clip(np.asarray(before) + grain, 0, 255).astype(np.uint8))

    cleaned = denoise(noisy, 3)

    assert cleaned.size == before.size
    assert far_apart(cleaned, before) < 0.7 * far_apart(noisy, before)


def test_what_is_clean_is_hardly_changed_by_cleaning() -> None:
    flat = Image.new("RGB", (64, 64), (200, 100, 50))

    assert far_apart(denoise(flat, 3), flat) < 1
    assert far_apart(denoise(opened(photo()), 0), opened(photo())) < 3
