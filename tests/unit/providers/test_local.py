"""The embedded engines: what their parameters do, how they fail, and that they fit together at the seams."""

import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chalicelib.generation.operations import operations
from chalicelib.generation.operations.stylize import STYLES
from chalicelib.providers import local
from chalicelib.providers.capability import Model
from chalicelib.providers.engines.stylizing import STYLES as STYLES_OF_THE_NETWORK
from chalicelib.providers.engines.stylizing import Stylizer
from chalicelib.providers.engines.tiling import Network, Tiled
from chalicelib.providers.engines.upscaling import REAL_ESRGAN, WAIFU2X, Upscaler
from chalicelib.providers.job import Job, Output, ProviderFailed, ProviderRefused
from tests.unit.providers.test_contract import UPLOAD, generate, job, opened, photo, provider

ROOT = Path(__file__).parents[3]
LARGER = pytest.mark.parametrize(("model", "scale"), [(local.UPSCALE, 2), (local.UPSCALE_4, 4)], ids=["twice", "four"])
NETWORKS = {
    "twice": WAIFU2X,
    "four": REAL_ESRGAN,
    "cleaned": replace(WAIFU2X, name=f"{WAIFU2X.name}_DENOISE3X"),
}


def stylize(photo_bytes: bytes | None = None, reference: bytes | None = None, **parameters: object) -> Image.Image:
    parsed = operations()["stylize"].parse(parameters)
    changes = {"parameters": parsed, "reference": reference, "photo": photo_bytes or photo()}
    return opened(generate(local.STYLE, "stylize", **changes).data)


def upscale(photo_bytes: bytes, model: Model = local.UPSCALE) -> Image.Image:
    return opened(generate(model, "upscale", photo=photo_bytes).data)


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def far_apart(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures of the same size, in levels of 255."""
    pixels = [np.asarray(image.convert("RGB"), dtype=np.float32) for image in (one, other)]
    return float(np.abs(pixels[0] - pixels[1]).mean())


def sharpness(picture: Image.Image) -> float:
    """The mean step from one pixel to the next, in levels of 255."""
    return float(np.abs(np.diff(np.asarray(picture.convert("L"), dtype=np.float32), axis=1)).mean())


def test_every_one_of_the_styles_has_a_name_and_a_look_of_its_own() -> None:
    assert len(STYLES) == len(set(STYLES)) == STYLES_OF_THE_NETWORK

    looks = [stylize(style=number) for number in range(len(STYLES))]

    nearest = min(far_apart(one, other) for at, one in enumerate(looks) for other in looks[:at])
    assert nearest > 8


def test_a_style_is_the_same_by_number_numeral_and_name() -> None:
    assert stylize(style=19) == stylize(style="19") == stylize(style="starry-strokes")


def test_a_blend_lies_between_its_styles() -> None:
    one, other, blend = stylize(style=4), stylize(style=14), stylize(style={"4": 0.5, "pale-aqua": 0.5})

    apart = far_apart(one, other)
    assert 0 < far_apart(one, blend) < apart
    assert 0 < far_apart(other, blend) < apart


def test_strength_leads_from_the_photo_to_the_style() -> None:
    before, full = opened(photo()), stylize(style=19)

    steps = [far_apart(before, stylize(style=19, strength=strength)) for strength in (0.0, 0.3, 0.7)]

    assert steps[0] < 2
    assert steps[0] < steps[1] < steps[2] < far_apart(before, full)


def test_colours_can_be_kept() -> None:
    before = np.asarray(opened(photo()).convert("YCbCr"), dtype=np.float32)
    painted, kept = (
        np.asarray(stylize(style=19, preserve_color=keep).convert("YCbCr"), dtype=np.float32) for keep in (False, True)
    )

    assert np.abs(kept - before)[..., 1:].mean() < 4 < np.abs(painted - before)[..., 1:].mean()
    assert np.abs(kept - before)[..., 0].mean() > 8


def test_another_picture_can_be_the_style() -> None:
    coffee, cat = (photo(name, 120, 120) for name in ("coffee.png", "chelsea.png"))
    in_coffee = stylize(reference=coffee, style_upload_id=UPLOAD)
    in_cat = stylize(reference=cat, style_upload_id=UPLOAD)

    assert in_coffee.size == opened(photo()).size
    assert far_apart(in_coffee, in_cat) > 4
    with pytest.raises(ProviderRefused, match="reference_missing"):
        stylize(style_upload_id=UPLOAD)
    with pytest.raises(ProviderRefused, match="photo_unreadable"):
        stylize(reference=b"GIF89a", style_upload_id=UPLOAD)


@pytest.mark.parametrize("reference", [False, True], ids=["built-in", "reference"])
@pytest.mark.parametrize(("width", "height"), [(32, 32), (33, 47), (640, 32), (32, 500), (401, 77)])
def test_photos_of_every_shape_keep_it(width: int, height: int, reference: bool) -> None:
    out = io.BytesIO()
    opened(photo()).resize((width, height)).save(out, "PNG")
    style = {"reference": photo(), "style_upload_id": UPLOAD} if reference else {"style": 7}

    assert stylize(out.getvalue(), **style).size == (width, height)


def test_a_large_photo_is_made_smaller_and_keeps_its_shape() -> None:
    out = io.BytesIO()
    opened(photo()).resize((4096, 64)).save(out, "PNG")

    assert stylize(out.getvalue(), style=0).size == (local.STYLE.max_output_side_pixels, 32)


@LARGER
def test_a_larger_picture_shows_the_same_as_before(model: Model, scale: int) -> None:
    large = upscale(photo(), model)
    before = opened(photo())

    assert large.size == (before.width * scale, before.height * scale)
    assert far_apart(large.resize(before.size, Image.Resampling.BOX), before) < 3 * scale


@LARGER
def test_a_larger_picture_is_sharper_than_a_stretched_one(model: Model, scale: int) -> None:
    large = upscale(photo(), model)

    assert sharpness(large) > 1.05 * sharpness(opened(photo()).resize(large.size, Image.Resampling.BICUBIC))


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize(("width", "height"), [(32, 32), (131, 64), (90, 75)])
def test_tiles_fit_together_without_seams(width: int, height: int, network: Network) -> None:
    picture = opened(photo()).resize((width, height))

    whole, tiled = (
        np.asarray(Tiled(replace(network, tile_pixels=tile)).of(picture), dtype=np.int16) for tile in (512, 37)
    )

    assert whole.shape == (height * network.scale, width * network.scale, 3)
    assert np.abs(whole - tiled).max() <= 1


def test_each_model_has_a_limit_of_its_own() -> None:
    assert local.UPSCALE_4.max_input_pixels == local.DENOISE.max_input_pixels // 2
    with pytest.raises(ProviderRefused, match=r"photo_too_large.* 2 megapixels"):
        upscale(png(Image.new("RGB", (2001, 1000))), local.UPSCALE_4)


def test_a_photo_that_would_become_too_long_is_made_smaller_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Upscaler, "quadruple", lambda _, picture: picture)

    assert upscale(png(Image.new("RGB", (16_384, 64))), local.UPSCALE_4).size == (8192, 32)


def test_enlarging_again_gives_the_same_pixels_whatever_memory_held_before() -> None:
    picture, upscaler = opened(photo("astronaut.png", 180, 180)).resize((560, 560)), Upscaler()

    first, *others = (np.asarray(upscaler.double(picture)) for _ in range(4))

    assert [int((other != first).sum()) for other in others] == [0, 0, 0]


@LARGER
def test_a_colour_hidden_by_transparency_does_not_bleed_into_the_edge(model: Model, scale: int) -> None:
    picture = Image.new("RGBA", (64, 64), (200, 200, 200, 255))
    picture.paste((255, 0, 0, 0), (0, 0, 32, 64))

    pixels = np.asarray(upscale(png(picture), model), dtype=np.int16)

    shown = pixels[pixels[..., 3] > 128]
    assert np.abs(shown[:, :3] - 200).max() < 24
    assert pixels[:, : 28 * scale, 3].max() < 8
    assert pixels[:, 36 * scale :, 3].min() > 247


def test_jobs_on_several_threads_do_not_disturb_each_other() -> None:
    each = [
        (local.STYLE, "stylize"),
        (local.UPSCALE, "upscale"),
        (local.UPSCALE_4, "upscale"),
        (local.DENOISE, "denoise"),
    ]
    work = each * 2
    alone = {model.id: generate(model, operation).data for model, operation in each}

    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda asked: (asked[0].id, generate(*asked).data), work))

    assert all(data == alone[model_id] for model_id, data in together)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ImportError("No module named 'onnxruntime'"), "engine_missing"),
        (MemoryError(), "out_of_memory"),
        (RuntimeError("/private/path: bad tensor"), "engine_failed"),
        (KeyError("image"), "engine_failed"),
    ],
)
def test_a_broken_engine_fails_the_job_and_says_nothing_of_its_insides(
    error: Exception, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> Image.Image:
        raise error

    monkeypatch.setattr(Stylizer, "in_styles", breaks)

    with pytest.raises(ProviderFailed) as failed:
        provider("local").submit(job(local.STYLE, "stylize"))

    assert failed.value.code == code
    assert "private" not in failed.value.message
    assert failed.value.__cause__ is error


def test_declaring_what_there_is_loads_no_engine() -> None:
    program = (
        "import sys\n"
        "from chalicelib.generation.operations import operations\n"
        "from chalicelib.providers.registry import REGISTRY\n"
        "from chalicelib.providers.setup import Setup\n"
        "setup = Setup(configuration={}, send=print, invoke=print)\n"
        "assert operations() and REGISTRY.providers['local'].make(setup)\n"
        "print([name for name in ('PIL', 'ncnn', 'numpy', 'onnxruntime') if name in sys.modules])"
    )

    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert loaded.stdout == "[]\n"


def test_engines_need_no_network() -> None:
    program = (
        "import socket\n"
        "def refuse(*arguments): raise AssertionError('an engine opened a socket')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from tests.unit.providers.test_contract import WORK, generate\n"
        "print(sum(len(generate(model, operation).data) > 1000 for model, operation in WORK))"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert int(done.stdout) >= 2
    assert local.CAPABILITY.hosts == ()


def test_outputs_and_jobs_are_values() -> None:
    output = generate(local.STYLE, "stylize")

    assert isinstance(output, Output)
    with pytest.raises(AttributeError):
        output.seed = 8  # type: ignore[misc]
    assert "account" not in " ".join(Job.__slots__)
