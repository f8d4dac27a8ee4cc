"""Every fault at every call: run a flow, have it fail at call 1, 2, 3 … until there is no such call, and look after
each what is left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from chalicelib.kernel.errors import Problem
from chalicelib.kernel.transaction import Contended
from tests.support.faults import Crash, Fault, Injector

MAX_CALLS = 80
#: More than the SDK's own attempts: the fault outlives them, and reaches our code.
OUTLIVES_RETRIES = 3
#: What a process may end with when AWS fails it.
EXPECTED = (Crash, BotoCoreError, ClientError, PynamoDBException, Contended)


def positions(injector: Injector, fault: Fault) -> Iterator[int]:
    """1, 2, 3 … while the call of that number was reached; asserts that at least one was."""
    for at in range(1, MAX_CALLS):
        yield at
        if not injector.spoiled:
            assert at > 1, f"{fault} was never reached"
            return
    raise AssertionError(f"more than {MAX_CALLS} calls")


def spoiled(injector: Injector, fault: Fault, at: int, flow: Callable[[], object], times: int = 1) -> bool:
    """Runs the flow with that call spoiled. Whether it came to its end; what it raises must be one of EXPECTED."""
    with injector.plan(fault, at, times=times):
        try:
            flow()
        except EXPECTED:
            return False
    return True


@contextmanager
def refusals(*kinds: type[Problem]) -> Iterator[None]:
    """Lets a repetition be refused by name: what it asks for was done the first time."""
    try:
        yield
    except kinds:
        return
