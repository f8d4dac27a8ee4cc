"""Undeclared means refused: every omission and every mistake, in a declaration and in a provider's file."""

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from chalicelib.providers import local, registry
from chalicelib.providers.capability import Capability, Model, UndeclaredCapability, declared

ROOT = Path(__file__).parents[3]
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
        ("price", None),
        ("price", 1),
        ("price", {"assets": 1}),
        ("description", ""),
        ("parameters_note", ""),
        ("generative", None),
        ("generative", 1),
        ("max_input_pixels", None),
        ("max_input_pixels", -1),
        ("max_output_side_pixels", 1.5),
        ("max_seconds", None),
        ("max_seconds", True),
        ("takes", ["style"]),
        ("takes", None),
        ("sizes", ("large",)),
        ("sizes", ("1024X1024",)),
        ("sizes", "1024x1024"),
        ("allowed", None),
        ("allowed", ("strength",)),
        ("allowed", (("strength", ()),)),
        ("allowed", (("strength", [1.0]),)),
        ("allowed", (("scale", (2,)),)),
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
        ("runs", "hosted"),
        ("proof", None),
        ("credentials", ["api_key"]),
        ("max_concurrent", -1),
        ("max_concurrent", None),
        ("calls_back", None),
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
        ("hosts", ("api.example.com/v1",)),
        ("hosts", ("*",)),
        ("hosts", ("a.*.example.com",)),
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
from pydantic import BaseModel
from chalicelib.providers.local import CAPABILITY as LOCAL
MODEL = replace(LOCAL.models[0], id="acme/style-1", provider="acme")
CAPABILITY = replace(LOCAL, provider="acme", models=(MODEL,), hosts=("api.acme.example",), credentials=("api_key",))
class Configuration(BaseModel):
    api_key: str
class Provider:
    name, capability = "acme", CAPABILITY
    def __init__(self, setup): self.setup = setup
"""
KIND = """
from dataclasses import replace
from chalicelib.providers.local import CAPABILITY as LOCAL
def capability(configuration):
    return replace(LOCAL, provider=configuration["name"])
class Provider:
    def __init__(self, setup): self.setup = setup
"""


def test_a_provider_is_found_by_its_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = planted(tmp_path, monkeypatch, acme=GOOD, capability="raise AssertionError('not a provider')")

    found = registry.discover(package)

    assert list(found.providers) == ["acme"]
    declared = found.providers["acme"]
    assert declared.widest is not None
    assert declared.capability({}) is declared.widest
    assert list(declared.configuration.model_fields) == ["api_key"]


def test_a_kind_of_system_that_operators_host_is_found_by_its_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = registry.discover(planted(tmp_path, monkeypatch, my_kind=KIND))
    assert (list(found.providers), list(found.kinds)) == ([], ["my-kind"])
    assert found.kinds["my-kind"].widest is None


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "declares CAPABILITY"),
        ("CAPABILITY = None", "declares CAPABILITY"),
        ("CAPABILITY = {'provider': 'acme'}", "declares CAPABILITY"),
        (KIND + "CAPABILITY = None", "declares CAPABILITY"),
        (KIND.split("class Provider")[0], "class Provider"),
        (GOOD.split("class Provider")[0], "class Provider"),
        (GOOD.replace('provider="acme", models', 'provider="other", models'), "models are its own"),
        (GOOD + "CAPABILITY = replace(CAPABILITY, models=(replace(MODEL, price=None),))", "no price, no job"),
        (GOOD + "CAPABILITY = replace(CAPABILITY, trains_on_inputs=None)", "trains_on_inputs"),
        (GOOD + "CAPABILITY = replace(CAPABILITY, keeps_inputs_hours=None)", "keeps_inputs_hours"),
        (GOOD + "CAPABILITY = replace(CAPABILITY, models=(MODEL, MODEL))", "declared twice"),
        (GOOD + "Configuration = dict", "pydantic model"),
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


def test_knowing_every_provider_loads_no_engine_no_codec_and_no_network() -> None:
    heavy = {"PIL", "cryptography", "numpy", "onnxruntime", "ncnn", "botocore", "boto3", "http.client", "ssl"}
    program = f"import sys\nfrom chalicelib.providers import registry, service\nprint({heavy} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout == "set()\n"
