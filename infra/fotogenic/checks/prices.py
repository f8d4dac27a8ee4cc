"""Rule 7: no price, no job."""

from collections.abc import Iterable

from infra.fotogenic.checks.finding import Finding, Rule


def check(models: Iterable[tuple[str, object]]) -> list[Finding]:
    """`models` are (id, price in assets) of every enabled model."""
    return [
        Finding(Rule.PRICE, model_id, f"is enabled at a price of {price!r}")
        for model_id, price in models
        if type(price) is not int or price < 1
    ]
