"""Events about money for whoever has an endpoint: thin, told twice rather than never, and once for each key."""

from datetime import timedelta
from typing import Any, Protocol

from chalicelib.billing.order import Order
from chalicelib.billing.plan import Plan
from chalicelib.kernel.clock import Clock, epoch_seconds

#: A balance that stays low is one event in so long.
LOW_AGAIN = timedelta(hours=1)
#: Notices that are events too: type, and what is said of the order.
OF_NOTICES = {
    "top_up_completed": ("top_up.completed", "paid"),
    "top_up_failed": ("top_up.failed", "failed"),
}


class Outbox(Protocol):
    """What announcing needs of the webhooks room."""

    def tell_now(self, account_id: str, event_type: str, data: dict[str, Any], *, key: str) -> None: ...


class Announcing:
    """`key` of each event says what happened, so that saying it again is the same event."""

    def __init__(self, outbox: Outbox, clock: Clock) -> None:
        self._outbox = outbox
        self._clock = clock

    def notice(self, account_id: str, notice: str, ref: str) -> None:
        """What a customer is mailed, where it is an event too."""
        if notice == "balance_low":
            hour = epoch_seconds(self._clock.now()) // int(LOW_AGAIN.total_seconds())
            data = {"id": account_id, "object": "balance", "status": "low"}
            self._outbox.tell_now(account_id, "balance.low", data, key=f"balance.low:{hour}")
        elif notice in OF_NOTICES:
            event_type, status = OF_NOTICES[notice]
            self._order(account_id, event_type, ref, status)

    def refunded(self, order: Order) -> None:
        """Money went back, or is disputed, and assets with it."""
        self._order(order.account_id, "top_up.refunded", order.id, order.status.value)

    def plan(self, account_id: str, plan: Plan, version: int) -> None:
        """The plan is about to be kept as that version."""
        data = {
            "id": plan.subscription_id,
            "object": "subscription",
            "status": plan.status.value,
            "plan": plan.offer,
            "cancel_at_period_end": plan.cancel_at_period_end,
            "seq": version,
        }
        self._outbox.tell_now(account_id, "subscription.updated", data, key=f"subscription.updated:{version}")

    def _order(self, account_id: str, event_type: str, order_id: str, status: str) -> None:
        data = {"id": order_id, "object": "top_up", "status": status}
        self._outbox.tell_now(account_id, event_type, data, key=f"{event_type}:{order_id}:{status}")
