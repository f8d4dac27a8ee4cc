"""Stand-ins for hosted providers: each answers as its vendor's documentation says, and refuses, as a failed test, any
request that the documentation does not know."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.outbound.request import Reply
from chalicelib.providers.registry import REGISTRY, Declared
from chalicelib.providers.setup import Setup
from tests.support.vendors.a1111 import A1111
from tests.support.vendors.bedrock import Bedrock
from tests.support.vendors.comfyui import WORKFLOW, ComfyUI
from tests.support.vendors.compatible import Compatible
from tests.support.vendors.fal import Fal
from tests.support.vendors.openai import OpenAI
from tests.support.vendors.replicate import SECRET, Replicate
from tests.support.vendors.stability import Stability
from tests.support.vendors.standin import KEY, StandIn

ORIGIN = "http://127.0.0.1:9"


def own(kind: str, *models: dict[str, Any]) -> dict[str, Any]:
    """A system of that kind, as an operator writes it."""
    common = {"price": {"assets": 1}, "description": "ours"}
    return {
        "name": f"own-{kind}"[:32],
        "kind": kind,
        "base_url": ORIGIN,
        "api_key": KEY,
        "regions": ["home"],
        "keeps_inputs_hours": 0,
        "trains_on_inputs": False,
        "terms_url": "https://example.com/terms",
        "models": [{**common, **model} for model in models],
    }


@dataclass(frozen=True)
class Hosted:
    """A provider to test: its part of the configuration, and its stand-in."""

    declared: Declared
    configuration: Mapping[str, Any]
    standin: Callable[[], StandIn]

    @property
    def capability(self) -> Any:
        return self.declared.capability(self.configuration)

    def provider(self, standin: StandIn) -> Any:
        def invoke(region: str, model_id: str, body: bytes) -> Reply:
            assert isinstance(standin, Bedrock)
            return standin.invoke(region, model_id, body)

        return self.declared.make(Setup(configuration=self.configuration, send=standin, invoke=invoke))


def _built_in(name: str, standin: Callable[[], StandIn], **configuration: Any) -> Hosted:
    declared = REGISTRY.providers[name]
    return Hosted(declared, declared.configuration.model_validate(configuration).model_dump(), standin)


def _own(kind: str, standin: Callable[[], StandIn], *models: dict[str, Any]) -> Hosted:
    declared = REGISTRY.kinds[kind]
    return Hosted(declared, declared.configuration.model_validate(own(kind, *models)).model_dump(), standin)


_PICTURE = {"sizes": ["512x512", "768x512"], "max_outputs": 3}

HOSTED = {
    "bedrock": _built_in("bedrock", Bedrock, region="us-west-2"),
    "fal": _built_in("fal", Fal, api_key=KEY),
    "openai": _built_in("openai", OpenAI, api_key=KEY),
    "replicate": _built_in("replicate", Replicate, api_token=KEY, webhook_secret=SECRET),
    "stability": _built_in("stability", Stability, api_key=KEY),
    "a1111": _own(
        "a1111",
        A1111,
        {
            "name": "xl",
            "operations": ["generate"],
            "checkpoint": "xl.safetensors",
            "settings": {"steps": 20},
            **_PICTURE,
        },
        {"name": "xl-edit", "operations": ["edit"]},
        {"name": "larger", "operations": ["upscale"], "generative": False},
    ),
    "comfyui": _own(
        "comfyui",
        ComfyUI,
        {"name": "flux", "operations": ["generate"], "workflow": WORKFLOW, **_PICTURE},
        {"name": "edit", "operations": ["edit"], "workflow": WORKFLOW},
        {"name": "wan", "operations": ["animate"], "modality": "video", "workflow": WORKFLOW},
        {"name": "voice", "operations": ["speak"], "modality": "audio", "workflow": WORKFLOW},
    ),
    "openai-compatible": _own(
        "openai-compatible",
        Compatible,
        {"name": "flux", "operations": ["generate", "edit"], "upstream": "flux", "takes": ["size"], **_PICTURE},
        {"name": "kokoro", "operations": ["speak"], "upstream": "kokoro", "takes": ["voice", "speed"]},
    ),
}
