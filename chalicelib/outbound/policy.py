"""Who may be called: pure. A policy first reads the URL, then sees each address that its host resolves to."""

import re
from dataclasses import dataclass
from typing import Protocol

from chalicelib.outbound.addresses import (
    LOOPBACK_NAMES,
    PORTS,
    Address,
    Target,
    is_local,
    is_loopback,
    is_public,
    parse_target,
)
from chalicelib.outbound.request import Forbidden

HTTPS_ONLY = frozenset({PORTS["https"]})
_ENTRY = re.compile(r"(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]{1,5})?")


class Policy(Protocol):
    """What `outbound.gateway` asks before it connects."""

    def target(self, url: str) -> Target:
        """Raises Forbidden."""

    def admits(self, target: Target, address: Address) -> bool:
        """Whether that address may stand behind the target. One that may not forbids the whole request."""


@dataclass(frozen=True, slots=True)
class Public:
    """Any public https host. `loopback`: this machine too, by http and on any port, where its name says so."""

    loopback: bool = False
    ports: frozenset[int] = HTTPS_ONLY

    def target(self, url: str) -> Target:
        target = parse_target(url, http=self.loopback)
        if self._is_own(target):
            return target
        if target.scheme != "https":
            raise Forbidden("the URL must begin with https://")
        if target.port not in self.ports:
            raise Forbidden("that port may not be called")
        if target.literal is None and "." not in target.host:
            raise Forbidden("the host is not a public name")
        if target.literal is not None and not is_public(target.literal):
            raise Forbidden("that address may not be called")
        return target

    def admits(self, target: Target, address: Address) -> bool:
        return is_loopback(address) if self._is_own(target) else is_public(address)

    def _is_own(self, target: Target) -> bool:
        return self.loopback and target.host in LOOPBACK_NAMES


@dataclass(frozen=True, slots=True)
class Hosts:
    """Hosts of a register only, by https: `api.example.com`, `*.example.com` (any name below), with a `:port` if it is
    not 443. `origins` are those that the operator configured as base URLs, which may be http and on a private network.
    """

    register: tuple[str, ...]
    origins: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Raises ValueError for an entry that is no host name."""
        wrong = [entry for entry in self.register if not _ENTRY.fullmatch(entry)]
        if wrong:
            raise ValueError(f"not a host of a register: {', '.join(wrong)}")

    def target(self, url: str) -> Target:
        target = parse_target(url, http=True)
        if target.origin in self.origins:
            return target
        if target.scheme != "https" or not any(_matches(target, entry) for entry in self.register):
            raise Forbidden("the host is not one that is configured")
        return target

    def admits(self, target: Target, address: Address) -> bool:
        return is_public(address) or (target.origin in self.origins and is_local(address))


def origin_of(url: str) -> str:
    """The origin of a base URL, for `Hosts.origins`. Raises Forbidden if it is no URL to call."""
    return parse_target(url, http=True).origin


def _matches(target: Target, entry: str) -> bool:
    host, _, port = entry.partition(":")
    if target.port != int(port or PORTS["https"]):
        return False
    return target.host.endswith(host[1:]) if host.startswith("*.") else target.host == host
