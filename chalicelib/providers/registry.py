"""Which providers this code knows. A provider is one file beside this one; adding it touches no other.

Such a file declares `CAPABILITY` and a class `Provider` that takes a `Setup`. Where its part of the configuration has
members it declares a pydantic model `Configuration` of them, and where what it offers hangs on that part, a function
`capability(configuration)`. A file without `CAPABILITY` is a kind that operators host themselves: there may be any
number of it, each with a name of its own, and `Configuration` is of one of them.

Importing such a file must stay cheap: what it computes with is imported when a job arrives. A file that declares
nothing, declares wrongly, or takes another's model id stops the deployment: this module cannot be imported then.
"""

import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

from pydantic import BaseModel, ConfigDict

import chalicelib.providers
from chalicelib.providers.capability import Capability, UndeclaredCapability
from chalicelib.providers.job import Provider
from chalicelib.providers.setup import Setup

#: Files of this folder that are not providers. Folders never are.
NOT_PROVIDERS = frozenset({"capability", "configuration", "job", "price", "registry", "service", "setup"})


class Nothing(BaseModel):
    """The configuration of a provider that needs none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What one file declares. `widest` is all that it can offer, None for a kind; `capability` is what it offers with
    its part of the configuration, which is a `configuration`. It raises UndeclaredCapability."""

    widest: Capability | None
    configuration: type[BaseModel]
    capability: Callable[[Mapping[str, Any]], Capability]
    make: Callable[[Setup], Provider]


@dataclass(frozen=True, slots=True)
class Registry:
    """The declared providers by name, and the kinds that operators host themselves by theirs."""

    providers: dict[str, Declared] = field(default_factory=dict)
    kinds: dict[str, Declared] = field(default_factory=dict)


def discover(package: ModuleType) -> Registry:
    """The registry of all providers in `package`. Raises UndeclaredCapability, which names the file at fault."""
    names = (found.name for found in pkgutil.iter_modules(package.__path__) if not found.ispkg)
    return assemble(import_module(f"{package.__name__}.{name}") for name in sorted(names) if name not in NOT_PROVIDERS)


def assemble(modules: Iterable[ModuleType]) -> Registry:
    """The registry of these providers' modules. Raises UndeclaredCapability."""
    registry, models = Registry(), set[str]()
    for module in modules:
        file = module.__name__
        declared = _declared(module)
        if declared.widest is None:
            registry.kinds[file.rpartition(".")[2].replace("_", "-")] = declared
            continue
        name = declared.widest.provider
        if name in registry.providers:
            raise UndeclaredCapability(f"{file}: another file declares the provider {name}")
        for model in declared.widest.models:
            if model.id in models:
                raise UndeclaredCapability(f"{file}: the model id {model.id} is declared twice")
            models.add(model.id)
        registry.providers[name] = declared
    return registry


def _declared(module: ModuleType) -> Declared:
    file: str = module.__name__
    widest: Any = getattr(module, "CAPABILITY", None)
    capability, make = _function(module, "capability"), _function(module, "Provider")
    if not isinstance(widest, Capability) and (hasattr(module, "CAPABILITY") or capability is None):
        raise UndeclaredCapability(f"{file}: a provider's file declares CAPABILITY, a kind's has capability()")
    if make is None:
        raise UndeclaredCapability(f"{file}: a provider's file has a class Provider")
    configuration: Any = getattr(module, "Configuration", Nothing)
    if not (isinstance(configuration, type) and issubclass(configuration, BaseModel)):
        raise UndeclaredCapability(f"{file}: Configuration is a pydantic model")
    return Declared(
        widest=widest,
        configuration=configuration,
        capability=capability or (lambda _: widest),
        make=make,
    )


def _function(module: ModuleType, name: str) -> Callable[..., Any] | None:
    found = getattr(module, name, None)
    return found if callable(found) else None


REGISTRY = discover(chalicelib.providers)
