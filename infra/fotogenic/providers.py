"""`fotogenic providers`: what the providers secret offers, and putting it. No value of it is ever printed."""

import json
from pathlib import Path
from typing import Any

from chalicelib.providers.configuration import Enabled, read
from chalicelib.providers.registry import REGISTRY
from infra.fotogenic.files import json_object

#: Secrets Manager takes no more.
MAX_SECRET_BYTES = 65_536


def from_file(file: Path) -> dict[str, Any]:
    """The configuration in a file. Raises NotReadable."""
    return json_object(file, MAX_SECRET_BYTES)


def enabled(raw: dict[str, Any]) -> Enabled:
    """What this version makes of it."""
    return read(raw, REGISTRY)


def put(services: Any, raw: dict[str, Any]) -> None:
    """Replaces the deployment's secret. It is used within five minutes everywhere."""
    from chalicelib.aws.session import client

    value = json.dumps(raw, separators=(",", ":"))
    client("secretsmanager").put_secret_value(SecretId=services.settings.providers_secret, SecretString=value)


def stored(services: Any) -> dict[str, Any]:
    """The deployment's secret as it is now."""
    from chalicelib.aws.secrets import JsonSecret

    return JsonSecret(services.settings.providers_secret, services.clock).refresh()


def declared_prices() -> list[tuple[str, int]]:
    """The models of this version by id, with what a result costs at the least. What an operator adds or changes has a
    price or is not offered; the secret that says so is not read."""
    declared = [each.widest for each in REGISTRY.providers.values() if each.widest]
    return [(model.id, model.price.assets) for capability in declared for model in capability.models]


def members(found: Enabled) -> dict[str, Any]:
    """For JSON."""
    return {
        "providers": [
            {
                "provider": capability.provider,
                "runs": capability.runs.value,
                "regions": list(capability.regions),
                "hosts": list(capability.hosts),
                "models": [
                    {
                        "id": model.id,
                        "operations": list(model.operations),
                        "assets": model.price.assets,
                        "steps": [
                            {"measure": step.measure, "above": step.above, "adds": step.adds, "per": step.per}
                            for step in model.price.steps
                        ],
                    }
                    for model in capability.models
                ],
            }
            for capability in (found.offers[name].capability for name in sorted(found.offers))
        ],
        "lacking": {name: list(needed) for name, needed in found.lacking.items()},
        "faults": [{"where": fault.where, "what": fault.what} for fault in found.faults],
    }


def lines(found: Enabled) -> list[str]:
    """For a terminal: what is offered, what is not for want of what, what is wrong."""
    said = []
    for each in members(found)["providers"]:
        said.append(f"{each['provider']:20} {each['runs']:9} {', '.join(each['regions'])}")
        for model in each["models"]:
            steps = "".join(_step(step) for step in model["steps"])
            said.append(f"  {model['id']:40} {', '.join(model['operations']):18} {model['assets']} assets{steps}")
    said += [f"{name:20} off       needs {', '.join(needed)}" for name, needed in found.lacking.items()]
    return said + [f"wrong: {fault.where}: {fault.what}" for fault in found.faults]


def _step(step: dict[str, Any]) -> str:
    per = "" if step["per"] is None else f" per {step['per']:g}"
    return f", +{step['adds']}{per} above {step['above']:g} {step['measure']}"
