"""What an account's plan is, as it was last seen at Stripe: pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from chalicelib.billing.catalog import by_product
from chalicelib.billing.readings import Subscription


class PlanStatus(StrEnum):
    NONE = "none"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    CANCELED = "canceled"


#: Stripe's states by what they mean to a customer. `incomplete`: the first payment has not been made.
_STATUS = {
    "trialing": PlanStatus.ACTIVE,
    "active": PlanStatus.ACTIVE,
    "past_due": PlanStatus.PAST_DUE,
    "unpaid": PlanStatus.UNPAID,
    "paused": PlanStatus.UNPAID,
    "canceled": PlanStatus.CANCELED,
    "incomplete": PlanStatus.NONE,
    "incomplete_expired": PlanStatus.NONE,
}


@dataclass(frozen=True, slots=True)
class Dunning:
    """A renewal whose payment failed: due since when, tried again when (never again: None), payable by hand where."""

    since: datetime
    next_attempt_at: datetime | None
    invoice_url: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """`offer` is None if it is not one that is sold now."""

    status: PlanStatus = PlanStatus.NONE
    subscription_id: str | None = None
    offer: str | None = None
    currency: str | None = None
    period_ends_at: datetime | None = None
    cancel_at_period_end: bool = False
    dunning: Dunning | None = None

    @property
    def alive(self) -> bool:
        """Whether there is something to change or to end, and no other plan may begin."""
        return self.status in (PlanStatus.ACTIVE, PlanStatus.PAST_DUE, PlanStatus.UNPAID)


def plan_of(found: Subscription | None) -> Plan:
    if found is None:
        return Plan()
    # A state that is not known here is treated as the one that promises least and still keeps a second plan away.
    status = _STATUS.get(found.status, PlanStatus.UNPAID)
    offer = by_product(found.product_id)
    owed = found.unpaid if status in (PlanStatus.PAST_DUE, PlanStatus.UNPAID) else None
    dunning = Dunning(owed.since or owed.created_at, owed.next_attempt_at, owed.url) if owed else None
    return Plan(
        status=status,
        subscription_id=found.id,
        offer=offer.id if offer else None,
        currency=found.currency,
        period_ends_at=found.period_ends_at,
        cancel_at_period_end=found.cancel_at_period_end and found.alive,
        dunning=dunning,
    )
