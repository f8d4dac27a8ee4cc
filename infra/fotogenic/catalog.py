"""`fotogenic catalog`: what is sold, here and at Stripe."""

from typing import Any


def sync(services: Any) -> list[tuple[str, str]]:
    """Makes Stripe's products and prices agree with the catalog: (what was done, to what). Repeating does nothing.

    Raises the problems of the billing room, among them that no Stripe key is configured.
    """
    return [(str(action), str(what)) for action, what in services.catalog_sync.run()]


def show() -> list[dict[str, Any]]:
    """Everything that is sold, packs first."""
    from chalicelib.billing import catalog

    found = [offer for kind in (catalog.Kind.PACK, catalog.Kind.PLAN) for offer in catalog.offers(kind)]
    return [
        {"id": o.id, "kind": o.kind.value, "name": o.name, "assets": o.assets, "prices": dict(o.prices)} for o in found
    ]


def line(offer: dict[str, Any]) -> str:
    """One offer for a terminal."""
    prices = ", ".join(f"{amount} {currency}" for currency, amount in offer["prices"].items())
    return f"{offer['kind']:4} {offer['id']:10} {offer['assets']:6} assets  {prices}"
