"""No result of a hosted provider is sold for less than the provider bills for it."""

from typing import Any

import pytest

from chalicelib.generation.operations import operations
from chalicelib.providers.capability import Model
from tests.support.vendors import HOSTED
from tests.unit.providers.jobs import IDS, WORK, finish, job, standin_for

#: One standard image.
ASSET_MICRODOLLARS = 40_000
#: The longest that a prompt may be.
LONGEST = "word " * 800
#: What OpenAI says that one picture costs, without the words: https://openai.com/api/pricing, checked 2026-11-25.
PICTURES = {
    ("medium", "1024x1024"): 34_000,
    ("medium", "1536x1024"): 50_000,
    ("high", "1024x1024"): 133_000,
    ("high", "1536x1024"): 200_000,
}


@pytest.mark.parametrize(("name", "model", "operation"), WORK, ids=IDS)
def test_a_price_covers_what_the_provider_bills(name: str, model: Model, operation: str) -> None:
    lengths: list[dict[str, Any]] = [{"seconds": tenths / 10} for tenths in range(10, 101)]
    for parameters in lengths if "seconds" in model.takes else [{}]:
        wanted = job(model, operation, parameters)
        if wanted.prompt is not None:
            wanted = job(model, operation, parameters, prompt=LONGEST)
        cost = finish(HOSTED[name], standin_for(name, model), wanted).cost_microdollars
        sold = model.price.of(operations()[operation].measures(wanted.parameters))
        assert cost is None or cost <= sold * ASSET_MICRODOLLARS, parameters


@pytest.mark.parametrize(("quality", "size"), PICTURES)
def test_the_price_of_openais_pictures_covers_what_they_cost(quality: str, size: str) -> None:
    (model,) = (each for each in HOSTED["openai"].capability.models if each.id == "openai/gpt-image-1.5")
    wanted = job(model, "generate", {"quality": quality, "size": size})
    sold = model.price.of(operations()["generate"].measures(wanted.parameters))
    assert PICTURES[quality, size] <= sold * ASSET_MICRODOLLARS
