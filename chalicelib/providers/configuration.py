"""What the deployment's providers secret says: pure. A broken part disables itself alone, and is reported by its place.

The secret is a JSON object: a member for each built-in provider, named after it; `self_hosted`, a list of systems that
the operator hosts; `disabled_models`, a list of model ids; `prices`, model id → a price instead of the declared one.
No value of it is ever quoted, because any may be a secret.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from chalicelib.outbound.policy import origin_of
from chalicelib.outbound.request import Forbidden
from chalicelib.providers.capability import Capability, Model, UndeclaredCapability
from chalicelib.providers.hosted.entry import PriceEntry
from chalicelib.providers.job import Provider
from chalicelib.providers.price import Price
from chalicelib.providers.registry import Declared, Registry
from chalicelib.providers.setup import Setup

SELF_HOSTED, DISABLED, PRICES = "self_hosted", "disabled_models", "prices"
#: What Secrets Manager insists on generating.
IGNORED = frozenset({"unused"})
MAX_SELF_HOSTED = 50


class UnknownModel(LookupError):
    """No enabled provider offers a model of that id."""


class UnknownProvider(LookupError):
    """No enabled provider has that name."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in the configuration: where, and what. Neither quotes a value."""

    where: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An enabled provider. It may be let to call the hosts in `register` and the `origins`: see `policy.Hosts`."""

    capability: Capability
    configuration: Mapping[str, Any] = field(repr=False)
    register: tuple[str, ...]
    origins: frozenset[str]
    make: Callable[[Setup], Provider]


@dataclass(frozen=True, slots=True)
class Enabled:
    """What a deployment offers. `lacking` are built-in providers that are not configured, and the members they need."""

    offers: Mapping[str, Offer] = field(default_factory=dict)
    lacking: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    def models(self) -> tuple[Model, ...]:
        """All models, by id."""
        models = [model for offer in self.offers.values() for model in offer.capability.models]
        return tuple(sorted(models, key=lambda model: model.id))

    def model(self, model_id: str) -> Model:
        """Raises UnknownModel."""
        offer = self.offers.get(model_id.partition("/")[0])
        for model in offer.capability.models if offer else ():
            if model.id == model_id:
                return model
        raise UnknownModel(model_id)

    def offer(self, provider: str) -> Offer:
        """Raises UnknownProvider."""
        if provider not in self.offers:
            raise UnknownProvider(provider)
        return self.offers[provider]


def read(raw: Mapping[str, Any], registry: Registry) -> Enabled:
    """What is enabled by this secret. Raises nothing: what is wrong is among the `faults`."""
    reading = _Reading(registry)
    for name, declared in registry.providers.items():
        reading.built_in(name, declared, raw.get(name))
    entries = raw.get(SELF_HOSTED, [])
    if isinstance(entries, list) and len(entries) <= MAX_SELF_HOSTED:
        for position, entry in enumerate(entries):
            reading.self_hosted(entry, f"{SELF_HOSTED}[{position}]")
    else:
        reading.fault(SELF_HOSTED, f"is a list of at most {MAX_SELF_HOSTED}")
    for name in sorted(set(raw) - {*registry.providers, SELF_HOSTED, DISABLED, PRICES, *IGNORED}):
        reading.fault(name, "is no provider that this version knows")
    offers = reading.narrowed(raw.get(DISABLED, []), raw.get(PRICES, {}))
    return Enabled(offers, reading.lacking, tuple(reading.faults))


class _Reading:
    """One reading of one secret: what is enabled so far, and what is wrong."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.offers: dict[str, Offer] = {}
        self.lacking: dict[str, tuple[str, ...]] = {}
        self.faults: list[Fault] = []

    def fault(self, where: str, what: str) -> None:
        self.faults.append(Fault(where, what))

    def built_in(self, name: str, declared: Declared, part: object) -> None:
        needed = declared.widest.credentials if declared.widest else ()
        if part is None and needed:
            self.lacking[name] = needed
            return
        configuration = self._parsed(declared.configuration, {} if part is None else part, name)
        capability = self._declared(declared, configuration, name)
        if capability is not None and configuration is not None:
            self._add(declared, capability, configuration, capability.hosts, frozenset())

    def self_hosted(self, part: object, where: str) -> None:
        kind = part.get("kind") if isinstance(part, dict) else None
        declared = self.registry.kinds.get(kind) if isinstance(kind, str) else None
        if declared is None:
            self.fault(f"{where}.kind", f"is one of {', '.join(self.registry.kinds)}")
            return
        configuration = self._parsed(declared.configuration, part, where)
        capability = self._declared(declared, configuration, where)
        if capability is None or configuration is None:
            return
        if capability.provider in {*self.offers, *self.registry.providers, SELF_HOSTED, DISABLED, PRICES}:
            self.fault(f"{where}.name", "is taken")
            return
        try:
            origin = origin_of(str(getattr(configuration, "base_url", "")))
        except Forbidden as error:
            self.fault(f"{where}.base_url", str(error))
            return
        self._add(declared, capability, configuration, (), frozenset({origin}))

    def narrowed(self, disabled: object, prices: object) -> dict[str, Offer]:
        """The offers without what is disabled, and with the operator's own prices."""
        declared = [each.widest for each in self.registry.providers.values() if each.widest]
        offered = [offer.capability for offer in self.offers.values()]
        known = {model.id for capability in [*declared, *offered] for model in capability.models}
        own = dict(self._prices(prices, known))
        # A price that cannot be read must not become the declared one, which may be less than was meant.
        out = self._disabled(disabled, known) | {model_id for model_id, price in own.items() if price is None}
        narrowed = {}
        for name, offer in self.offers.items():
            kept = [model for model in offer.capability.models if model.id not in out]
            models = tuple(replace(model, price=own.get(model.id) or model.price) for model in kept)
            if models:
                narrowed[name] = replace(offer, capability=replace(offer.capability, models=models))
        return narrowed

    def _add(
        self,
        declared: Declared,
        capability: Capability,
        configuration: BaseModel,
        register: tuple[str, ...],
        origins: frozenset[str],
    ) -> None:
        self.offers[capability.provider] = Offer(
            capability=capability,
            configuration=configuration.model_dump(),
            register=register,
            origins=origins,
            make=declared.make,
        )

    def _disabled(self, part: object, known: set[str]) -> set[str]:
        if not isinstance(part, list) or not all(isinstance(each, str) for each in part):
            self.fault(DISABLED, "is a list of model ids")
            return set()
        for position, model_id in enumerate(part):
            if model_id not in known:
                self.fault(f"{DISABLED}[{position}]", "is no model's id")
        return set(part)

    def _prices(self, part: object, known: set[str]) -> Iterator[tuple[str, Price | None]]:
        if not isinstance(part, dict):
            self.fault(PRICES, "is an object of model ids and prices")
            return
        for position, (model_id, price) in enumerate(part.items()):
            if model_id in known:
                parsed = self._parsed(PriceEntry, price, f"{PRICES}[{model_id}]")
                yield model_id, parsed.price() if isinstance(parsed, PriceEntry) else None
            else:
                self.fault(f"{PRICES}[{position}]", "is no model's id")

    def _declared(self, declared: Declared, configuration: BaseModel | None, where: str) -> Capability | None:
        if configuration is None:
            return None
        try:
            return declared.capability(configuration.model_dump())
        except UndeclaredCapability as error:
            self.fault(where, str(error))
            return None

    def _parsed(self, shape: type[BaseModel], part: object, where: str) -> BaseModel | None:
        """The part as its shape; without those of its `models` that are wrong, as long as others are right."""
        try:
            return shape.model_validate(part)
        except ValidationError as error:
            wrong = self._report(error, where)
        models = part.get("models") if isinstance(part, dict) else None
        if not isinstance(part, dict) or not isinstance(models, list) or not 0 < len(wrong) < len(models):
            return None
        right = [model for position, model in enumerate(models) if position not in wrong]
        return self._parsed(shape, {**part, "models": right}, where)

    def _report(self, error: ValidationError, where: str) -> set[int]:
        """Reports what is wrong; the positions in `models` where it is, or nothing if it is elsewhere too."""
        positions: set[int] = set()
        elsewhere = False
        for item in error.errors(include_input=False, include_url=False, include_context=False):
            place, message = item["loc"], item["msg"].removeprefix("Value error, ")
            self.fault(where + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place), message)
            if place[:1] == ("models",) and len(place) > 1 and isinstance(place[1], int):
                positions.add(place[1])
            else:
                elsewhere = True
        return set() if elsewhere else positions
