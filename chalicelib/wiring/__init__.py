"""Builds each service once per process, when it is first needed. The only place that knows who is made of what."""

from functools import cache

from chalicelib.aws.settings import settings
from chalicelib.kernel.clock import SystemClock
from chalicelib.wiring.billing import Services

__all__ = ["Services", "services"]


@cache
def services() -> Services:
    """The services of this process."""
    return Services(settings(), SystemClock())
