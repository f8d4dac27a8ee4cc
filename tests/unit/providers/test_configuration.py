"""What the providers secret enables: broken parts disable themselves alone, are named, and are never quoted."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.outbound.request import Reply, Request
from chalicelib.providers.configuration import Enabled, Fault, UnknownModel, UnknownProvider, read
from chalicelib.providers.price import Price, Step
from chalicelib.providers.registry import REGISTRY
from chalicelib.providers.service import Models
from tests.support.vendors import own
from tests.support.vendors.comfyui import WORKFLOW

CANARY = "secret-canary"
OPENAI = {"openai": {"api_key": CANARY}}
GPU = own("comfyui", {"name": "flux", "operations": ["generate"], "workflow": WORKFLOW, "sizes": ["512x512"]})


def enabled(**raw: Any) -> Enabled:
    found = read(raw, REGISTRY)
    assert CANARY not in repr(found.faults)
    assert CANARY not in repr(found)
    return found


def faults(found: Enabled) -> list[str]:
    return [fault.where for fault in found.faults]


def test_nothing_configured_offers_the_embedded_engines_alone() -> None:
    found = enabled()
    assert list(found.offers) == ["local"]
    assert found.faults == ()
    assert found.lacking["replicate"] == ("api_token",)
    assert enabled(unused="what Secrets Manager made").faults == ()


def test_a_provider_is_enabled_by_its_credentials() -> None:
    found = enabled(**OPENAI)
    assert set(found.offers) == {"local", "openai"}
    offer = found.offer("openai")
    assert offer.register == ("api.openai.com",)
    assert offer.origins == frozenset()
    assert found.model("openai/gpt-image-2").price.assets >= 1


@pytest.mark.parametrize(
    ("part", "where"),
    [
        ({}, "openai.api_key"),
        ({"api_key": ""}, "openai.api_key"),
        ({"api_key": 5}, "openai.api_key"),
        ({"api_key": CANARY, "organisation": CANARY}, "openai.organisation"),
        (CANARY, "openai"),
        ([CANARY], "openai"),
    ],
)
def test_a_broken_part_disables_itself_alone(part: Any, where: str) -> None:
    found = enabled(openai=part, bedrock={"region": "us-west-2"})
    assert set(found.offers) == {"local", "bedrock"}
    assert faults(found) == [where]


def test_bedrock_is_of_one_region() -> None:
    found = enabled(bedrock={"region": "eu-central-1"})
    capability = found.offer("bedrock").capability
    assert capability.regions == ("eu-central-1",)
    assert capability.hosts == ("bedrock-runtime.eu-central-1.amazonaws.com",)
    assert faults(enabled(bedrock={"region": "everywhere"})) == ["bedrock.region"]


def test_systems_of_the_operators_have_names_of_their_own() -> None:
    found = enabled(self_hosted=[GPU, {**GPU, "name": "second", "base_url": "https://gpu.example.com:8443/comfy/"}])
    assert {"own-comfyui", "second"} <= set(found.offers)
    second = found.offer("second")
    assert second.origins == {"https://gpu.example.com:8443"}
    assert second.register == ()
    assert second.capability.hosts == ("gpu.example.com:8443",)
    assert [model.id for model in second.capability.models] == ["second/flux"]
    assert found.faults == ()


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"kind": "midjourney"}, ".kind"),
        ({"kind": None}, ".kind"),
        ({"name": "openai"}, ".name"),
        ({"name": "prices"}, ".name"),
        ({"name": "Not A Name"}, ".name"),
        ({"base_url": "ftp://gpu.example.com"}, ".base_url"),
        ({"base_url": f"https://user:{CANARY}@gpu.example.com"}, ".base_url"),
        ({"base_url": "https://gpu.example.com/?key=" + CANARY}, ".base_url"),
        ({"regions": []}, ".regions"),
        ({"keeps_inputs_hours": None}, ".keeps_inputs_hours"),
        ({"trains_on_inputs": 0}, ".trains_on_inputs"),
        ({"terms_url": "http://example.com"}, ".terms_url"),
        ({"models": []}, ".models"),
        ({"surprise": CANARY}, ".surprise"),
    ],
)
def test_a_broken_system_disables_itself_alone(changes: dict[str, Any], where: str) -> None:
    found = enabled(self_hosted=[{**GPU, **changes}, {**GPU, "name": "good"}])
    assert "good" in found.offers
    assert faults(found) == ["self_hosted[0]" + where]


@pytest.mark.parametrize("left_out", ["regions", "keeps_inputs_hours", "trains_on_inputs", "terms_url", "base_url"])
def test_a_system_that_leaves_anything_out_is_not_enabled(left_out: str) -> None:
    silent = {name: value for name, value in GPU.items() if name != left_out}
    found = enabled(self_hosted=[silent])
    assert list(found.offers) == ["local"]
    assert faults(found) == [f"self_hosted[0].{left_out}"]


def test_two_systems_cannot_share_a_name() -> None:
    assert faults(enabled(self_hosted=[GPU, GPU])) == ["self_hosted[1].name"]


def test_rule_7_a_model_without_a_price_cannot_be_enabled() -> None:
    (priced,) = GPU["models"]
    free = {name: value for name, value in priced.items() if name != "price"}
    wrong: list[Any] = [None, {}, {"assets": 0}, {"assets": -1}, {"assets": 1.5}, {"assets": "many"}, {"steps": []}, 1]
    for price in wrong:
        found = enabled(self_hosted=[{**GPU, "models": [priced, {**free, "name": "free", "price": price}]}])
        assert [model.id for model in found.offer("own-comfyui").capability.models] == ["own-comfyui/flux"]
        assert faults(found)[0].startswith("self_hosted[0].models[1].price")
    found = enabled(self_hosted=[{**GPU, "models": [free]}])
    assert list(found.offers) == ["local"]
    assert faults(found)[0] == "self_hosted[0].models[0].price"


def test_rule_7_a_price_that_cannot_be_read_takes_its_model_away() -> None:
    for price in (None, {}, {"assets": 0}, {"assets": 1, "steps": [{"measure": "megapixels"}]}, CANARY):
        found = enabled(**OPENAI, prices={"openai/gpt-image-2": price})
        with pytest.raises(UnknownModel):
            found.model("openai/gpt-image-2")
        assert found.model("openai/gpt-image-1.5").provider == "openai"
        assert faults(found)[0].startswith("prices[openai/gpt-image-2]")


def test_the_operators_price_is_the_price() -> None:
    step = {"measure": "megapixels", "above": 1, "adds": 3, "per": 0.5}
    found = enabled(**OPENAI, prices={"openai/gpt-image-2": {"assets": 9, "steps": [step]}})
    assert found.model("openai/gpt-image-2").price == Price(
        assets=9, steps=(Step(measure="megapixels", above=1, adds=3, per=0.5),)
    )
    assert faults(enabled(prices={CANARY: {"assets": 1}})) == ["prices[0]"]
    assert faults(enabled(prices=[CANARY])) == ["prices"]


def test_disabled_models_are_not_offered() -> None:
    found = enabled(**OPENAI, disabled_models=["openai/gpt-image-2", "local/style-1", "stability/core", CANARY])
    assert faults(found) == ["disabled_models[3]"]
    assert {model.id for model in found.models()}.isdisjoint({"openai/gpt-image-2", "local/style-1"})
    everything = [model.id for model in enabled().models()]
    assert enabled(disabled_models=everything).offers == {}
    assert faults(enabled(disabled_models=CANARY)) == ["disabled_models"]


def test_what_this_version_does_not_know_is_named() -> None:
    assert faults(enabled(midjourney={"api_key": CANARY})) == ["midjourney"]
    assert faults(enabled(self_hosted={"name": CANARY})) == ["self_hosted"]
    assert faults(enabled(self_hosted=[CANARY])) == ["self_hosted[0].kind"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
MEMBERS = sorted({*REGISTRY.providers, "self_hosted", "prices", "disabled_models", "kind", "name", "models"})


@given(st.dictionaries(st.sampled_from(MEMBERS), JSON | st.dictionaries(st.sampled_from(MEMBERS), JSON)))
def test_nothing_that_is_json_breaks_the_reading(raw: dict[str, Any]) -> None:
    found = read(raw, REGISTRY)
    assert (
        "local" in found.offers
        or any(fault.where.startswith("local") for fault in found.faults)
        or raw["disabled_models"]
    )


class Secret:
    """A secret that an operator changes."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self.value = value

    def __call__(self) -> Mapping[str, Any]:
        return json.loads(json.dumps(self.value))


class Line:
    """Remembers who was let to call whom."""

    def __init__(self) -> None:
        self.made: list[tuple[tuple[str, ...], frozenset[str]]] = []
        self.reported: list[Fault] = []

    def send_to(self, register: tuple[str, ...], origins: frozenset[str]) -> Any:
        self.made.append((register, origins))
        return self.send

    def send(self, request: Request) -> Reply:
        raise AssertionError(request.url)

    def invoke(self, region: str, model_id: str, body: bytes) -> Reply:
        raise AssertionError(model_id)


def models_of(secret: Secret, line: Line) -> Models:
    return Models(secret, REGISTRY, send_to=line.send_to, invoke=line.invoke, report=line.reported.append)


def test_a_provider_is_made_once_and_may_call_its_own_hosts_only() -> None:
    secret, line = Secret({**OPENAI, "self_hosted": [GPU]}), Line()
    models = models_of(secret, line)

    first = models.provider_for("openai/gpt-image-2")

    assert models.provider_for("openai/gpt-image-1.5") is first
    assert models.provider_for("own-comfyui/flux").capability.provider == "own-comfyui"
    assert line.made == [(("api.openai.com",), frozenset()), ((), frozenset({"http://127.0.0.1:9"}))]


def test_a_change_is_taken_up_and_only_what_changed_is_made_anew() -> None:
    secret, line = Secret(OPENAI), Line()
    models = models_of(secret, line)
    local, hosted = models.provider_for("local/style-1"), models.provider_for("openai/gpt-image-2")

    secret.value = {"openai": {"api_key": "another"}}

    assert models.provider_for("local/style-1") is local, "what holds engines in memory stays"
    assert models.provider_for("openai/gpt-image-2") is not hosted
    secret.value = {}
    with pytest.raises(UnknownModel):
        models.provider_for("openai/gpt-image-2")
    with pytest.raises(UnknownProvider):
        models.capability("openai")
    assert [capability.provider for capability in models.capabilities()] == ["local"]


def test_each_fault_is_reported_once_for_each_change() -> None:
    secret, line = Secret({"openai": {}}), Line()
    models = models_of(secret, line)
    for _ in range(3):
        models.models()
    assert [fault.where for fault in line.reported] == ["openai.api_key"]
    secret.value = {"openai": {}, "fal": {}}
    models.models()
    assert len(line.reported) == 3


def test_models_are_listed_by_id_and_looked_up() -> None:
    models = models_of(Secret(OPENAI), Line())
    ids = [model.id for model in models.models()]
    assert ids == sorted(ids)
    assert models.model("local/style-1").id == "local/style-1"
    for unknown in ("local/none", "none/style-1", "", "openai", "/"):
        with pytest.raises(LookupError):
            models.model(unknown)
        with pytest.raises(LookupError):
            models.provider_for(unknown)
