"""The billing table: what an account's plan is, as last seen."""

from datetime import datetime
from typing import Any

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from chalicelib.aws.tables import ConditionFailed, bind, get, update
from chalicelib.billing.plan import Dunning, Plan, PlanStatus
from chalicelib.kernel.clock import epoch_millis, from_epoch


class PlanRow(Model):
    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True, default="plan")
    plan = JSONAttribute()
    version = NumberAttribute()


class PlanStore:
    """All reads are consistent."""

    def __init__(self, table: str) -> None:
        self._plans = bind(PlanRow, table)

    def plan(self, account_id: str) -> tuple[Plan, int]:
        """As last seen, and the version to save it by; 0 if none was ever seen."""
        row = get(self._plans, account_id, "plan")
        return (_plan(row.plan), int(row.version)) if row else (Plan(), 0)

    def save_plan(self, account_id: str, plan: Plan, version: int) -> bool:
        """False if somebody saved one since that version was read."""
        actions = [PlanRow.plan.set(_plain(plan)), PlanRow.version.set(version + 1)]
        same = PlanRow.version == version if version else PlanRow.pk.does_not_exist()
        try:
            update(self._plans, account_id, "plan", actions=actions, condition=same)
        except ConditionFailed:
            return False
        return True


def _plain(plan: Plan) -> dict[str, Any]:
    def millis(moment: datetime | None) -> int | None:
        return epoch_millis(moment) if moment else None

    owed = plan.dunning
    return {
        "status": plan.status.value,
        "subscription_id": plan.subscription_id,
        "offer": plan.offer,
        "currency": plan.currency,
        "period_ends_at": millis(plan.period_ends_at),
        "cancel_at_period_end": plan.cancel_at_period_end,
        "dunning": [millis(owed.since), millis(owed.next_attempt_at), owed.invoice_url] if owed else None,
    }


def _plan(plain: dict[str, Any]) -> Plan:
    def moment(millis: int | None) -> datetime | None:
        return None if millis is None else from_epoch(millis / 1000)

    owed = plain["dunning"]
    dunning = Dunning(from_epoch(owed[0] / 1000), moment(owed[1]), owed[2]) if owed else None
    moments = {"period_ends_at": moment(plain["period_ends_at"]), "dunning": dunning}
    return Plan(**{**plain, **moments, "status": PlanStatus(plain["status"])})
