"""What goes wrong with the next answers, by order of the control routes."""

from infra.local.stripe.account import Account
from infra.local.stripe.errors import ControlError, Object

#: lost: done, but the connection is closed. unreachable: closed before anything was done. error: 500, kept under the
#: key; `effect` says whether it was done all the same. rate_limit: 429, never kept.
KINDS = frozenset({"lost", "unreachable", "error", "rate_limit"})
MAX_TIMES = 1_000
_FIELDS = frozenset({"kind", "times", "method", "path", "effect"})


def plan(account: Account, fault: Object) -> None:
    """{kind, times=1, method="POST", path="/v1/", effect=false}. Raises ControlError."""
    if fault.get("kind") not in KINDS or set(fault) - _FIELDS:
        raise ControlError(f"a fault has a kind ({', '.join(sorted(KINDS))}), times, method, path and effect")
    if not 1 <= int(fault.get("times", 1)) <= MAX_TIMES:
        raise ControlError(f"times is from 1 to {MAX_TIMES}")
    whole = {"times": 1, "method": "POST", "path": "/v1/", "effect": False} | fault
    account.store.set("faults", [*account.store.setting("faults", []), whole])


def forget(account: Account) -> None:
    account.store.set("faults", [])


def strike(account: Account, method: str, path: str) -> Object | None:
    """The fault for this request, used up by it."""
    faults = account.store.setting("faults", [])
    for fault in faults:
        if fault["method"] == method and path.startswith(fault["path"]):
            fault["times"] -= 1
            account.store.set("faults", [each for each in faults if each["times"] > 0])
            return dict(fault)
    return None
