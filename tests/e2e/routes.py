"""The routes of the running service, read from the OpenAPI document that it serves."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PREFIXES = {
    "upload_id": "upl_",
    "generation_id": "gen_",
    "asset_id": "ast_",
    "key_id": "key_",
    "top_up_id": "top_",
    "endpoint_id": "whe_",
    "event_id": "evt_",
}
#: Well-formed, and of nothing that exists. An asset's last character counts from 1; that of what it belongs to is 0.
MISSING = {name: f"{prefix}00000000000000000000000001" for name, prefix in PREFIXES.items()}
#: The parameters of paths that are no ids.
SPOKEN = {"provider": "local", "name": "none", "code": "none", "handle": "none"}
PLACE = re.compile(r"{(\w+)}")


@dataclass(frozen=True)
class Route:
    """One operation. `scopes` is None when no API key will do; `body` says if one is read."""

    method: str
    path: str
    is_public: bool
    scopes: frozenset[str] | None
    body: str | None

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def places(self) -> tuple[str, ...]:
        """The names of the path's parameters."""
        return tuple(PLACE.findall(self.path))

    @property
    def has_id(self) -> bool:
        """Whether it is about one thing that belongs to somebody."""
        return any(place in PREFIXES for place in self.places)

    def at(self, ids: dict[str, str]) -> str:
        """The path with its parameters filled in."""
        return PLACE.sub(lambda found: ids[found[1]], self.path)

    def url(self) -> str:
        """A path that matches and names nothing that exists."""
        return self.at(MISSING | SPOKEN)

    @property
    def safe_to_send_empty(self) -> dict[str, Any]:
        """Options of a request that gets past parsing as far as it can."""
        headers = {"Idempotency-Key": "an-idempotency-key"}
        return {"headers": headers, **({"json": {}} if self.body else {})}


def routes(document: dict[str, Any]) -> Iterator[Route]:
    """Every operation of an OpenAPI document."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            ways = {name: scopes for way in operation["security"] for name, scopes in way.items()}
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            yield Route(
                method=method.upper(),
                path=path,
                is_public=not ways,
                scopes=frozenset(ways["key"]) if "key" in ways else None,
                body=schema.get("$ref", "").rpartition("/")[2] or None,
            )
