"""The list of events, and how an event looks when it is told. https://docs.stripe.com/api/events"""

from infra.local.stripe.account import Account
from infra.local.stripe.errors import Object
from infra.local.stripe.listing import page

MAX_TYPES = 20


def retrieve(account: Account, _params: Object, event_id: str) -> Object:
    return _with_pending(account, account.get("event", event_id))


def list_(account: Account, params: Object) -> Object:
    def match(event: Object) -> bool:
        if not _is_of(event["type"], params.get("type")):
            return False
        return "types" not in params or event["type"] in params["types"]

    found = page(account, "event", params, "/v1/events", match)
    return found | {"data": [_with_pending(account, event) for event in found["data"]]}


def _is_of(kind: str, wanted: str | None) -> bool:
    """`charge.*` is a group of types."""
    if wanted is None:
        return True
    return kind.startswith(wanted[:-1]) if wanted.endswith("*") else kind == wanted


def _with_pending(account: Account, event: Object) -> Object:
    rows = account.store.execute(
        "SELECT COUNT(*) FROM deliveries WHERE event = ? AND state IN ('pending', 'held')", (event["id"],)
    )
    return event | {"pending_webhooks": rows[0][0]}
