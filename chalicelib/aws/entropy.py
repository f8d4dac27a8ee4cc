"""Chance, from the operating system's generator."""

import secrets

token_bytes = secrets.token_bytes
token_urlsafe = secrets.token_urlsafe
#: A number below that, each equally likely.
below = secrets.randbelow


def digits(count: int) -> str:
    """A code of `count` decimal digits, each equally likely."""
    return f"{secrets.randbelow(10**count):0{count}d}"


def jitter(ceiling_seconds: float) -> float:
    """Full jitter: anywhere from 0 to the ceiling (Brooker, "Exponential Backoff and Jitter", 2015)."""
    return secrets.randbelow(1_000_000) / 1_000_000 * ceiling_seconds
