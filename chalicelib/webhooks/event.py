"""What is told to endpoints: pure. An event is thin: ids and states, no prompt and no address of anything."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from chalicelib.kernel.clock import rfc3339
from chalicelib.kernel.ids import ULID_LENGTH, crockford

#: How long an event can be delivered and replayed.
KEPT = timedelta(days=7)
MAX_BODY_BYTES = 20_000
ID_BYTES = 16


class EventType(StrEnum):
    """Everything that an endpoint may be told."""

    GENERATION_QUEUED = "generation.queued"
    GENERATION_RUNNING = "generation.running"
    GENERATION_SUCCEEDED = "generation.succeeded"
    GENERATION_FAILED = "generation.failed"
    GENERATION_CANCELED = "generation.canceled"
    ASSET_BLOCKED = "asset.blocked"
    ASSET_EXPIRING = "asset.expiring"
    ASSET_DELETED = "asset.deleted"
    BALANCE_LOW = "balance.low"
    TOP_UP_COMPLETED = "top_up.completed"
    TOP_UP_FAILED = "top_up.failed"
    TOP_UP_REFUNDED = "top_up.refunded"
    SUBSCRIPTION_UPDATED = "subscription.updated"
    RESTRICTION_APPLIED = "restriction.applied"
    RESTRICTION_LIFTED = "restriction.lifted"
    PRIVACY_REQUEST_UPDATED = "privacy_request.updated"
    WEBHOOK_ENDPOINT_DISABLED = "webhook_endpoint.disabled"


#: Sent to one endpoint when its owner asks for it; nobody subscribes to it.
TEST_EVENT = "webhook_endpoint.test"


@dataclass(frozen=True, slots=True)
class Event:
    """`body` is what is sent, byte for byte at each attempt. `only`: the one endpoint that it is for; None: all that
    want its type. `spread`: each of them has its delivery."""

    id: str
    account_id: str
    type: str
    created_at: datetime
    body: str
    only: str | None = None
    spread: bool = False


def event_id(account_id: str, key: str) -> str:
    """The id of the event that `key` names: the same key gives the same event, so what is told twice is one event."""
    digest = hashlib.sha256(f"{account_id}\n{key}".encode()).digest()[:ID_BYTES]
    return f"evt_{crockford(int.from_bytes(digest, 'big'), ULID_LENGTH)}"


def new_event(
    account_id: str, id_: str, event_type: str, data: Mapping[str, Any], now: datetime, *, only: str | None = None
) -> Event:
    """Raises ValueError for a type that nobody knows, or data that are not thin."""
    if event_type != TEST_EVENT:
        EventType(event_type)
    members = {"id": id_, "object": "event", "type": event_type, "created_at": rfc3339(now), "data": dict(data)}
    body = json.dumps(members, separators=(",", ":"))
    if len(body) > MAX_BODY_BYTES:
        raise ValueError(f"an event has at most {MAX_BODY_BYTES} bytes; {event_type} would have {len(body)}")
    return Event(id_, account_id, event_type, now, body, only)
