"""Which models there are and who makes them. A provider is one file beside this one; adding it touches no other.

Such a file declares `CAPABILITY` and a class `Provider` that takes no arguments. Importing it must stay cheap: what
it computes with is imported when a job arrives. A file that declares nothing, declares wrongly, or takes another's
model id stops the deployment, because this module cannot be imported then.
"""

import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from threading import Lock
from types import ModuleType

import chalicelib.providers
from chalicelib.providers.capability import Capability, Model, Provider, UndeclaredCapability

#: Files of this folder that are not providers. Folders (the embedded engines) never are.
NOT_PROVIDERS = frozenset({"capability", "registry"})


class UnknownModel(LookupError):
    """No provider declares a model of that id."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The declared models by id, the capabilities by provider, and how to make each provider."""

    models: dict[str, Model]
    capabilities: dict[str, Capability]
    factories: dict[str, Callable[[], Provider]]
    _made: dict[str, Provider] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def provider(self, name: str) -> Provider:
        """The one instance of that provider; threads that ask at the same time get the same one."""
        with self._lock:
            if name not in self._made:
                self._made[name] = self.factories[name]()
            return self._made[name]


def discover(package: ModuleType) -> Registry:
    """The registry of all providers in `package`. Raises UndeclaredCapability, which names the file at fault."""
    names = (found.name for found in pkgutil.iter_modules(package.__path__) if not found.ispkg)
    return assemble(import_module(f"{package.__name__}.{name}") for name in sorted(names) if name not in NOT_PROVIDERS)


def assemble(modules: Iterable[ModuleType]) -> Registry:
    """The registry of these providers' modules. Raises UndeclaredCapability."""
    registry = Registry({}, {}, {})
    for module in modules:
        file = module.__name__
        capability, factory = getattr(module, "CAPABILITY", None), getattr(module, "Provider", None)
        if not isinstance(capability, Capability):
            raise UndeclaredCapability(f"{file}: a provider's file declares CAPABILITY")
        if not callable(factory):
            raise UndeclaredCapability(f"{file}: a provider's file has a class Provider")
        if capability.provider in registry.capabilities:
            raise UndeclaredCapability(f"{file}: another file declares the provider {capability.provider}")
        for model in capability.models:
            if model.id in registry.models:
                raise UndeclaredCapability(f"{file}: the model id {model.id} is declared twice")
            registry.models[model.id] = model
        registry.capabilities[capability.provider] = capability
        registry.factories[capability.provider] = factory
    return registry


_REGISTRY = discover(chalicelib.providers)


def models() -> tuple[Model, ...]:
    """All models, by id."""
    return tuple(_REGISTRY.models[model_id] for model_id in sorted(_REGISTRY.models))


def model(model_id: str) -> Model:
    """Raises UnknownModel."""
    if model_id not in _REGISTRY.models:
        raise UnknownModel(model_id)
    return _REGISTRY.models[model_id]


def capabilities() -> tuple[Capability, ...]:
    """What every provider declares, by its name: the register of processors of content."""
    return tuple(_REGISTRY.capabilities[name] for name in sorted(_REGISTRY.capabilities))


def provider_for(model_id: str) -> Provider:
    """Who makes that model, one instance per process. Raises UnknownModel."""
    return _REGISTRY.provider(model(model_id).provider)
