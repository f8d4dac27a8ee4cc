"""What time will change next: when a session expires, a subscription renews, an invoice is finalized or tried. Pure."""

from infra.local.stripe.errors import Object

#: The states of a subscription in which its periods go on.
RUNNING = frozenset({"active", "past_due", "trialing", "unpaid"})
#: An incomplete subscription that is not paid within this time expires.
INCOMPLETE_SECONDS = 23 * 3600
#: A renewal's invoice stays a draft this long, so that the merchant can still change it.
DRAFT_SECONDS = 3600


def period_of(subscription: Object) -> tuple[int, int]:
    """Start and end of the current period."""
    item = subscription["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def due_at(body: Object) -> int | None:
    """The moment, in seconds, at which the object changes by itself; None when it does not."""
    kind, status = body["object"], body.get("status")
    if kind == "checkout.session":
        return body["expires_at"] if status == "open" else None
    if kind == "subscription":
        if status == "incomplete":
            due: int = body["created"] + INCOMPLETE_SECONDS
            return due
        return period_of(body)[1] if status in RUNNING else None
    if kind == "invoice":
        return {"draft": body["automatically_finalizes_at"], "open": body["next_payment_attempt"]}.get(status or "")
    return None
