"""Undeclared means refused: every omission and every mistake, in a declaration and in a provider's file."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from chalicelib.providers import local, registry
from chalicelib.providers.capability import Capability, Model, UndeclaredCapability, declared

MODEL, CAPABILITY = declared(local.STYLE), declared(local.CAPABILITY)


@pytest.mark.parametrize("field", MODEL)
def test_a_model_that_leaves_anything_out_cannot_be_constructed(field: str) -> None:
    with pytest.raises(TypeError, match=field):
        Model(**{name: value for name, value in MODEL.items() if name != field})


@pytest.mark.parametrize("field", CAPABILITY)
def test_a_provider_that_leaves_anything_out_cannot_be_constructed(field: str) -> None:
    with pytest.raises(TypeError, match=field):
        Capability(**{name: value for name, value in CAPABILITY.items() if name != field})


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("id", "style-1"),
        ("id", "other/style-1"),
        ("id", "local/Style 1"),
        ("id", None),
        ("modality", "image"),
        ("operations", ()),
        ("operations", ["stylize"]),
        ("operations", "stylize"),
        ("operations", ("",)),
        ("price_assets", 0),
        ("price_assets", None),
        ("price_assets", -1),
        ("price_assets", 1.0),
        ("price_assets", True),
        ("description", ""),
        ("parameters_note", ""),
        ("generative", None),
        ("generative", 1),
        ("input", "photo"),
        ("max_input_pixels", None),
        ("max_output_side_pixels", 0),
        ("max_outputs", 0),
        ("max_outputs", 11),
    ],
)
def test_a_model_that_declares_wrongly_is_refused(field: str, wrong: object) -> None:
    with pytest.raises(UndeclaredCapability):
        Model(**(MODEL | {field: wrong}))


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("provider", "Local"),
        ("provider", None),
        ("provider", "other"),
        ("models", ()),
        ("models", [local.STYLE]),
        ("models", (MODEL,)),
        ("regions", ()),
        ("regions", "eu-central-1"),
        ("keeps_inputs_hours", None),
        ("keeps_inputs_hours", -1),
        ("keeps_inputs_hours", False),
        ("keeps_inputs_hours", 0.5),
        ("trains_on_inputs", None),
        ("trains_on_inputs", 0),
        ("terms_url", ""),
        ("terms_url", None),
        ("terms_url", "http://example.com/terms"),
        ("terms_url", "https://"),
        ("hosts", None),
        ("hosts", ("https://api.example.com",)),
        ("hosts", "api.example.com"),
    ],
)
def test_a_provider_that_declares_wrongly_is_refused(field: str, wrong: object) -> None:
    with pytest.raises(UndeclaredCapability):
        Capability(**(CAPABILITY | {field: wrong}))


def planted(folder: Path, monkeypatch: pytest.MonkeyPatch, **files: str) -> ModuleType:
    """A package of providers with these files, imported."""
    package = folder / f"planted_{abs(hash(tuple(files.items())))}"
    package.mkdir()
    (package / "__init__.py").write_text("")
    for name, text in files.items():
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    return importlib.import_module(package.name)


GOOD = """
from dataclasses import replace
from chalicelib.providers.capability import Capability
from chalicelib.providers.local import CAPABILITY as LOCAL
MODEL = replace(LOCAL.models[0], id="acme/style-1", provider="acme")
CAPABILITY = replace(LOCAL, provider="acme", models=(MODEL,), hosts=("api.acme.example",))
class Provider:
    name, capability, made = "acme", CAPABILITY, 0
    def __init__(self): Provider.made += 1
"""


def test_a_provider_is_found_by_its_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = planted(tmp_path, monkeypatch, acme=GOOD, capability="raise AssertionError('not a provider')")

    found = registry.discover(package)

    assert list(found.models) == ["acme/style-1"]
    assert found.provider("acme") is found.provider("acme")
    assert vars(type(found.provider("acme")))["made"] == 1


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "declares CAPABILITY"),
        ("CAPABILITY = None", "declares CAPABILITY"),
        ("CAPABILITY = {'provider': 'acme'}", "declares CAPABILITY"),
        (GOOD.split("class Provider")[0], "class Provider"),
        (GOOD.replace('provider="acme", models', 'provider="other", models'), "models are its own"),
        (GOOD + "CAPABILITY = replace(CAPABILITY, models=(replace(MODEL, price_assets=0),))", "no price, no job"),
        (GOOD + "CAPABILITY = replace(CAPABILITY, trains_on_inputs=None)", "trains_on_inputs"),
        (GOOD + "CAPABILITY = replace(CAPABILITY, keeps_inputs_hours=None)", "keeps_inputs_hours"),
        (GOOD + "CAPABILITY = replace(CAPABILITY, models=(MODEL, MODEL))", "declared twice"),
    ],
)
def test_a_file_at_fault_stops_the_registry(
    text: str, rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UndeclaredCapability, match=rule):
        registry.discover(planted(tmp_path, monkeypatch, acme=text))


def test_two_files_may_not_claim_one_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UndeclaredCapability, match="another file declares"):
        registry.discover(planted(tmp_path, monkeypatch, acme=GOOD, acme2=GOOD))


def test_models_are_listed_and_looked_up() -> None:
    assert [model.id for model in registry.models()] == sorted(model.id for model in registry.models())
    assert registry.model("local/style-1") is local.STYLE
    assert local.CAPABILITY in registry.capabilities()
    assert registry.provider_for("local/style-1") is registry.provider_for("local/upscale-1")
    for unknown in ("local/none", "none/style-1", ""):
        with pytest.raises(registry.UnknownModel):
            registry.provider_for(unknown)
