"""What docs/PROVIDERS.md shows is true: its files are found and work, its configuration is right."""

import importlib
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from chalicelib.generation.operations.contract import Operation
from chalicelib.outbound.request import NoReply, NotSent, Reply, Request
from chalicelib.providers import registry
from chalicelib.providers.configuration import read
from chalicelib.providers.job import Output, ProviderFailed, ProviderRefused, ProviderUnavailable, ProviderUncertain
from chalicelib.providers.setup import Setup
from tests.support import files
from tests.unit.providers.jobs import job

PAGE = (Path(__file__).parents[3] / "docs" / "PROVIDERS.md").read_text()
FILES = dict(re.findall(r"```python\n# (chalicelib/\S+\.py)\n(.*?)```", PAGE, re.DOTALL))
ACME = FILES["chalicelib/providers/acme.py"]


def planted(folder: Path, monkeypatch: pytest.MonkeyPatch, package: str, **modules: str) -> ModuleType:
    (folder / package).mkdir()
    (folder / package / "__init__.py").write_text("")
    for name, text in modules.items():
        (folder / package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    return importlib.import_module(package)


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> registry.Registry:
    return registry.discover(planted(tmp_path, monkeypatch, "walkthrough_providers", acme=ACME))


class Acme:
    """Acme's own server."""

    def __init__(self) -> None:
        self.step: Reply | Exception = Reply(status=200, headers={"x-request-id": "r1"}, body=files.png())
        self.sent: list[Request] = []

    def __call__(self, request: Request) -> Reply:
        self.sent.append(request)
        if isinstance(self.step, Exception):
            raise self.step
        return self.step


def no_model(region: str, model_id: str, body: bytes) -> Reply:
    raise AssertionError(model_id)


def test_its_provider_is_found_enabled_and_makes_a_picture(found: registry.Registry) -> None:
    assert read({}, found).lacking == {"acme": ("api_key",)}
    enabled = read({"acme": {"api_key": "not-real"}}, found)
    assert enabled.faults == ()
    model, vendor, offer = enabled.model("acme/painter-1"), Acme(), enabled.offer("acme")
    provider = offer.make(Setup(configuration=offer.configuration, send=vendor, invoke=no_model))

    done = provider.submit(job(model, "generate"))

    (output,) = done.outputs  # type: ignore[union-attr]
    assert isinstance(output, Output)
    assert files.CANARY.encode() not in output.data
    assert json.loads(vendor.sent[0].body)["size"] == "1024x1024"


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (NotSent("no"), ProviderUnavailable),
        (NoReply("cut"), ProviderUncertain),
        (Reply(status=429, headers={}, body=b""), ProviderUnavailable),
        (Reply(status=500, headers={}, body=b""), ProviderUncertain),
        (Reply(status=400, headers={}, body=b""), ProviderRefused),
        (Reply(status=200, headers={}, body=b"<html>"), ProviderFailed),
    ],
)
def test_its_provider_keeps_the_contract(found: registry.Registry, step: Any, expected: type[Exception]) -> None:
    enabled, vendor = read({"acme": {"api_key": "not-real"}}, found), Acme()
    vendor.step = step
    offer = enabled.offer("acme")
    provider = offer.make(Setup(configuration=offer.configuration, send=vendor, invoke=no_model))
    with pytest.raises(expected):
        provider.submit(job(enabled.model("acme/painter-1"), "generate"))
    assert len(vendor.sent) == 1


def test_its_operation_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = FILES["chalicelib/generation/operations/recolor.py"]
    planted(tmp_path, monkeypatch, "walkthrough_operations", recolor=text)
    declared = importlib.import_module("walkthrough_operations.recolor").OPERATION
    assert isinstance(declared, Operation)
    assert declared.measures(declared.parse({"warmth": -0.5})) == {"warmth": 0.5}


def test_its_configuration_is_right() -> None:
    (text,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    # Its secrets are dots; one of them has to look like a secret.
    raw = json.loads(text.replace("whsec_…", "whsec_AAAA").replace("…", "not-real"))
    enabled = read(raw, registry.REGISTRY)
    assert enabled.faults == ()
    assert enabled.lacking == {}
    assert enabled.model("studio/flux").takes == ("size",)
    assert enabled.model("openai/gpt-image-2").price.assets == 2


def test_every_provider_and_kind_is_on_the_page() -> None:
    named = set(re.findall(r"^\| (?:kind )?`([a-z0-9-]+)` \|", PAGE, re.MULTILINE))
    assert {*registry.REGISTRY.providers, *registry.REGISTRY.kinds} <= named
