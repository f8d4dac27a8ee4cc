"""Stripe's events: what is kept of one, and what it is about. Pure.

An event only says where to look: its copy of the object may be old, or of another version of Stripe's API.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from chalicelib.kernel.clock import from_epoch

#: How long an event is remembered, which is as long as Stripe keeps it.
REMEMBERED = timedelta(days=30)
#: How long a queued event may take before the scheduled look queues it again; doubled each time, up to the last.
PATIENCE, MAX_PATIENCE = timedelta(minutes=5), timedelta(hours=12)
_ID = re.compile(r"[A-Za-z]{2,10}_[A-Za-z0-9_]{1,200}")


class Subject(StrEnum):
    """What has to be looked at."""

    SESSION = "session"
    PAYMENT = "payment"
    CHARGE = "charge"
    REFUND = "refund"
    DISPUTE = "dispute"
    INVOICE = "invoice"
    SUBSCRIPTION = "subscription"


HANDLED = {
    "checkout.session.completed": Subject.SESSION,
    "checkout.session.async_payment_succeeded": Subject.SESSION,
    "checkout.session.async_payment_failed": Subject.SESSION,
    "checkout.session.expired": Subject.SESSION,
    "payment_intent.succeeded": Subject.PAYMENT,
    "payment_intent.payment_failed": Subject.PAYMENT,
    "payment_intent.canceled": Subject.PAYMENT,
    "charge.refunded": Subject.CHARGE,
    "refund.created": Subject.REFUND,
    "refund.updated": Subject.REFUND,
    "refund.failed": Subject.REFUND,
    "charge.dispute.created": Subject.DISPUTE,
    "charge.dispute.updated": Subject.DISPUTE,
    "charge.dispute.closed": Subject.DISPUTE,
    "charge.dispute.funds_withdrawn": Subject.DISPUTE,
    "charge.dispute.funds_reinstated": Subject.DISPUTE,
    "invoice.paid": Subject.INVOICE,
    "invoice.payment_succeeded": Subject.INVOICE,
    "invoice.payment_failed": Subject.INVOICE,
    "invoice.voided": Subject.INVOICE,
    "invoice.marked_uncollectible": Subject.INVOICE,
    "customer.subscription.created": Subject.SUBSCRIPTION,
    "customer.subscription.updated": Subject.SUBSCRIPTION,
    "customer.subscription.deleted": Subject.SUBSCRIPTION,
    "customer.subscription.paused": Subject.SUBSCRIPTION,
    "customer.subscription.resumed": Subject.SUBSCRIPTION,
}


@dataclass(frozen=True, slots=True)
class Event:
    """All that is kept of an event. `outcome` says what was done about it; None: nothing yet."""

    id: str
    type: str
    object_id: str
    livemode: bool
    created_at: datetime
    outcome: str | None = None
    looks: int = 0

    @property
    def subject(self) -> Subject | None:
        return HANDLED.get(self.type)

    def patience(self) -> timedelta:
        """How long to wait for it after so many looks."""
        return min(MAX_PATIENCE, PATIENCE * (1 << min(self.looks, 10)))


def read_event(body: dict[str, Any]) -> Event | None:
    """The event in a body; None if it has not the shape of one."""
    about = body.get("data")
    thing = about.get("object") if isinstance(about, dict) else None
    object_id = thing.get("id") if isinstance(thing, dict) else None
    event_id, kind, created = body.get("id"), body.get("type"), body.get("created")
    if not (isinstance(event_id, str) and _ID.fullmatch(event_id) and isinstance(kind, str) and 0 < len(kind) <= 100):
        return None
    if type(created) is not int or not 0 <= created < 2**33 or not isinstance(body.get("livemode"), bool):
        return None
    if kind in HANDLED and not (isinstance(object_id, str) and _ID.fullmatch(object_id)):
        return None
    known = object_id if isinstance(object_id, str) and _ID.fullmatch(object_id) else ""
    return Event(event_id, kind, known, body["livemode"], from_epoch(created))
