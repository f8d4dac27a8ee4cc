"""Use cases of everybody who needs a model: what this deployment offers now, and who makes it."""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from chalicelib.outbound.request import Send
from chalicelib.providers.capability import Capability, Model
from chalicelib.providers.configuration import Enabled, Fault, Offer, read
from chalicelib.providers.job import Provider
from chalicelib.providers.registry import Registry
from chalicelib.providers.setup import Invoke, Setup


class Models:
    """`secret()` is the providers secret as it was minutes ago at the most; `send_to(register, origins)` makes what
    reaches those hosts alone; `report(fault)` hears once of each thing that is wrong in a secret that was changed."""

    def __init__(
        self,
        secret: Callable[[], Mapping[str, Any]],
        registry: Registry,
        *,
        send_to: Callable[[tuple[str, ...], frozenset[str]], Send],
        invoke: Invoke,
        report: Callable[[Fault], None],
    ) -> None:
        self._secret = secret
        self._registry = registry
        self._send_to = send_to
        self._invoke = invoke
        self._report = report
        self._lock = Lock()
        self._read: Mapping[str, Any] | None = None
        self._enabled = Enabled()
        self._made: dict[str, tuple[Offer, Provider]] = {}

    def enabled(self) -> Enabled:
        """What the configuration says now."""
        raw = self._secret()
        with self._lock:
            if raw != self._read:
                self._enabled = read(raw, self._registry)
                self._read = dict(raw)
                for fault in self._enabled.faults:
                    self._report(fault)
            return self._enabled

    def models(self) -> tuple[Model, ...]:
        """All enabled models, by id."""
        return self.enabled().models()

    def model(self, model_id: str) -> Model:
        """Raises UnknownModel."""
        return self.enabled().model(model_id)

    def capability(self, provider: str) -> Capability:
        """Raises UnknownProvider."""
        return self.enabled().offer(provider).capability

    def capabilities(self) -> tuple[Capability, ...]:
        """What every enabled provider declares, by its name: the register of processors of content."""
        offers = self.enabled().offers
        return tuple(offers[name].capability for name in sorted(offers))

    def provider_for(self, model_id: str) -> Provider:
        """Who makes that model: one instance as long as its configuration stays. Raises UnknownModel."""
        enabled = self.enabled()
        offer = enabled.offer(enabled.model(model_id).provider)
        name = offer.capability.provider
        with self._lock:
            known = self._made.get(name)
            # One that holds engines in memory outlives a change of another's key.
            if known is None or known[0] != offer:
                send = self._send_to(offer.register, offer.origins)
                setup = Setup(configuration=offer.configuration, send=send, invoke=self._invoke)
                self._made[name] = known = (offer, offer.make(setup))
            return known[1]
