"""Money that goes back: refunds, and disputes that a bank opens."""

from infra.local.stripe.account import Account
from infra.local.stripe.errors import ControlError, Object, refused
from infra.local.stripe.fields import assign
from infra.local.stripe.listing import page

#: What a bank takes back for, and how its network calls it.
REASONS = frozenset({"fraudulent", "duplicate", "product_not_received", "product_unacceptable", "general"})
#: Why a refund that was sent may come back.
FAILURES = frozenset({"expired_or_canceled_card", "lost_or_stolen_card", "unknown"})
EVIDENCE_SECONDS = 9 * 24 * 3600


def charge_of(account: Account, params: Object) -> Object:
    """The charge that a refund or dispute is about, named itself or by its payment intent."""
    if ("charge" in params) == ("payment_intent" in params):
        raise refused("One of the following params should be provided: charge or payment_intent.", "charge")
    if "charge" in params:
        return account.get("charge", params["charge"], "charge")
    intent = account.get("payment_intent", params["payment_intent"], "payment_intent")
    if intent["status"] != "succeeded":
        message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        raise refused(message, "payment_intent", "payment_intent_unexpected_state")
    return account.get("charge", intent["latest_charge"])


def create(account: Account, params: Object) -> Object:
    """A refund of all that is left of a charge, or of `amount`."""
    charge = charge_of(account, params)
    if charge["status"] != "succeeded":
        raise refused(f"Charge {charge['id']} has not succeeded and cannot be refunded.", "charge")
    if charge["disputed"] and not _lost_nothing(account, charge):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise refused(message, "charge", "charge_disputed")
    left = charge["amount_captured"] - charge["amount_refunded"]
    amount = params.get("amount", left)
    if left == 0:
        raise refused(f"Charge {charge['id']} has already been refunded.", "charge", "charge_already_refunded")
    if amount < 1:
        raise refused("Invalid positive integer", "amount", "parameter_invalid_integer")
    if amount > left:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        raise refused(message, "amount")
    refund = account.make("refund", charge["_clock"], amount=amount, currency=charge["currency"], status="succeeded")
    refund |= {"charge": charge["id"], "payment_intent": charge["payment_intent"]}
    refund["balance_transaction"] = account.new_id("txn_")
    account.save(assign(refund, params, ("reason",)))
    before = dict(charge)
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    account.save(charge)
    account.event("refund.created", refund)
    account.event("charge.refunded", charge, before)
    return refund


def fail(account: Account, refund_id: str, reason: str) -> Object:
    """The customer's bank sends a refund back: the money is ours again. Raises ControlError."""
    if reason not in FAILURES:
        raise ControlError(f"a refund fails for one of {', '.join(sorted(FAILURES))}")
    before = account.get("refund", refund_id)
    if before["status"] != "succeeded":
        raise ControlError("a refund that succeeded can fail, once")
    refund = before | {"status": "failed", "failure_reason": reason}
    refund["failure_balance_transaction"] = account.new_id("txn_")
    charge = account.get("charge", refund["charge"])
    left = {"amount_refunded": charge["amount_refunded"] - refund["amount"], "refunded": False}
    account.save(charge | left)
    account.save(refund)
    account.event("refund.updated", refund, before)
    account.event("refund.failed", refund)
    account.event("charge.updated", charge | left, charge)
    return refund


def _lost_nothing(account: Account, charge: Object) -> bool:
    return all(each["status"] == "won" for each in account.having("dispute", charge=charge["id"]))


def list_(account: Account, params: Object) -> Object:
    return page(account, "refund", params, "/v1/refunds")


def list_disputes(account: Account, params: Object) -> Object:
    return page(account, "dispute", params, "/v1/disputes")


def open_dispute(account: Account, params: Object) -> Object:
    """The customer's bank takes the money back until it is decided who keeps it. Raises ControlError."""
    charge = charge_of(account, params)
    amount = params.get("amount", charge["amount_captured"] - charge["amount_refunded"])
    reason = params.get("reason", "fraudulent")
    if charge["status"] != "succeeded" or charge["disputed"] or not 0 < amount <= charge["amount_captured"]:
        raise ControlError("only a charge that succeeded can be disputed, once, and up to its amount")
    if reason not in REASONS:
        raise ControlError(f"a reason is one of {', '.join(sorted(REASONS))}")
    dispute = account.make("dispute", charge["_clock"], amount=amount, currency=charge["currency"], reason=reason)
    dispute |= {"charge": charge["id"], "payment_intent": charge["payment_intent"], "is_charge_refundable": False}
    dispute["evidence_details"]["due_by"] = dispute["created"] + EVIDENCE_SECONDS
    dispute["balance_transactions"] = [_movement(account, dispute, -amount)]
    account.save(charge | {"disputed": True})
    account.event("charge.updated", charge | {"disputed": True}, charge)
    account.save(dispute)
    account.event("charge.dispute.created", dispute)
    account.event("charge.dispute.funds_withdrawn", dispute)
    return dispute


def _movement(account: Account, dispute: Object, amount: int) -> Object:
    return {
        "amount": amount,
        "available_on": account.now(),
        "balance_type": "payments",
        "created": account.now(),
        "currency": dispute["currency"],
        "description": f"Chargeback for {dispute['charge']}",
        "exchange_rate": None,
        "fee": 0,
        "fee_details": [],
        "id": account.new_id("txn_"),
        "net": amount,
        "object": "balance_transaction",
        "reporting_category": "dispute" if amount < 0 else "dispute_reversal",
        "source": dispute["id"],
        "status": "available",
        "type": "adjustment",
    }


def decide_dispute(account: Account, dispute_id: str, verdict: str) -> Object:
    """`won`: the money comes back. `lost`: it stays gone. Raises ControlError."""
    before = account.get("dispute", dispute_id)
    if verdict not in ("won", "lost") or before["status"] in ("won", "lost"):
        raise ControlError("an open dispute is won or lost, once")
    dispute = before | {"status": verdict}
    if verdict == "won":
        dispute["balance_transactions"] = [
            *before["balance_transactions"],
            _movement(account, before, before["amount"]),
        ]
    account.save(dispute)
    account.event("charge.dispute.closed", dispute)
    if verdict == "won":
        account.event("charge.dispute.funds_reinstated", dispute)
    return dispute
