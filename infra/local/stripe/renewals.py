"""What time does: sessions expire, subscriptions renew or end, drafts are finalized, payments are tried again."""

from infra.local.stripe import customers, invoices, subscriptions
from infra.local.stripe.account import Account
from infra.local.stripe.duedates import DRAFT_SECONDS, period_of
from infra.local.stripe.errors import ControlError, Object, refused
from infra.local.stripe.listing import page
from infra.local.stripe.periods import period_after

#: Against a runaway: more than this many things in one advance is a mistake.
MAX_STEPS = 10_000
CLOCK_LIFE_SECONDS = 30 * 24 * 3600


def pass_time(account: Account, until: int, clock: str = "") -> int:
    """Does all that is due on a clock up to a moment, each at its own time. Returns how many things happened."""
    steps = 0
    while (found := account.store.first_due(clock, until)) is not None:
        steps += 1
        if steps > MAX_STEPS:
            raise ControlError(f"more than {MAX_STEPS} things would happen: advance in smaller steps")
        body, due = found
        _set_time(account, clock, due)
        _happen(account, body)
    return steps


def _set_time(account: Account, clock: str, moment: int) -> None:
    if clock:
        account.save(account.get("test_helpers.test_clock", clock) | {"frozen_time": moment})
    else:
        account.store.set("at", moment)


def advance_ours(account: Account, until: int) -> int:
    """Moves our own clock forward. Raises ControlError for the past."""
    if until < account.now():
        raise ControlError("time cannot go back")
    offset = account.store.setting("offset", 0) + until - account.now()
    try:
        return pass_time(account, until)
    finally:
        account.store.set("at", None)
        account.store.set("offset", offset)


def catch_up(account: Account) -> int:
    """Does what became due while time passed by itself."""
    if account.store.first_due("", account.now()) is None:
        return 0
    try:
        return pass_time(account, account.now())
    finally:
        account.store.set("at", None)


def _happen(account: Account, body: Object) -> None:
    {"checkout.session": expire_session, "subscription": _renew, "invoice": _move_on}[body["object"]](account, body)


def expire_session(account: Account, session: Object) -> Object:
    """An open session that nobody completed."""
    session |= {"status": "expired", "url": None}
    account.save(session)
    account.event("checkout.session.expired", session)
    return session


def _renew(account: Account, subscription: Object) -> None:
    if subscription["cancel_at_period_end"]:
        subscriptions.end(account, subscription, "cancellation_requested")
        return
    before = dict(subscription)
    start, end = period_of(subscription)
    rhythm = subscription["items"]["data"][0]["price"]["recurring"]
    anchor = subscription["billing_cycle_anchor"]
    new_end = period_after(anchor, end, rhythm["interval"], rhythm["interval_count"])
    period = {"current_period_start": end, "current_period_end": new_end}
    items = [item | period for item in subscription["items"]["data"]]
    subscription |= {"items": subscription["items"] | {"data": items}, "_invoiced_from": start}
    billed = subscriptions.lines_for(account, subscription)
    invoice = subscriptions.bill(account, subscription, "subscription_cycle", billed)
    account.event("customer.subscription.updated", subscription, before)
    if subscription["status"] == "unpaid":
        account.save(invoice | {"auto_advance": False})
    else:
        account.save(invoice | {"automatically_finalizes_at": account.now(invoice["_clock"]) + DRAFT_SECONDS})


def _move_on(account: Account, invoice: Object) -> None:
    """A draft is finalized and collected; an open invoice is tried again."""
    if invoice["status"] == "draft":
        invoice = invoices.finalize(account, invoice)
    subscription = account.get("subscription", invoices.subscription_of(invoice) or "")
    if invoice["status"] == "open":
        card = customers.default_card(account, invoice["customer"], subscription)
        invoice = invoices.attempt(account, invoice, card)
    after_attempt(account, invoice)


def after_attempt(account: Account, invoice: Object) -> None:
    """What an invoice's fate means for its subscription."""
    subscription_id = invoices.subscription_of(invoice)
    if subscription_id is None:
        return
    subscription = account.get("subscription", subscription_id)
    if subscription["status"] in subscriptions.ENDED:
        return
    if invoice["status"] == "paid":
        latest = invoice["id"] == subscription["latest_invoice"]
        if latest and subscription["status"] in ("incomplete", "past_due", "unpaid"):
            subscriptions.set_status(account, subscription, "active")
        return
    if subscription["status"] == "active":
        subscription = subscriptions.set_status(account, subscription, "past_due")
    if invoice["next_payment_attempt"] is None and invoice["billing_reason"] == "subscription_cycle":
        _give_up(account, subscription)


def _give_up(account: Account, subscription: Object) -> None:
    then = account.store.setting("dunning", invoices.DUNNING)["then"]
    if then == "cancel":
        subscriptions.end(account, subscription, "payment_failed")
    elif then == "unpaid" and subscription["status"] != "unpaid":
        subscriptions.set_status(account, subscription, "unpaid")


def pay_invoice(account: Account, params: Object, invoice_id: str) -> Object:
    """`POST /v1/invoices/{id}/pay`. Raises StripeError `card_error`."""
    invoice = invoices.pay(account, params, invoice_id)
    after_attempt(account, invoice)
    if invoice["status"] == "open":
        raise invoices.decline_of(account, invoice)
    return invoice


def create_clock(account: Account, params: Object) -> Object:
    clock = account.make("test_helpers.test_clock", frozen_time=params["frozen_time"], name=params.get("name"))
    clock["deletes_after"] = clock["created"] + CLOCK_LIFE_SECONDS
    account.save(clock)
    account.event("test_helpers.test_clock.created", clock)
    return clock


def advance_clock(account: Account, params: Object, clock_id: str) -> Object:
    """Answers `advancing`, as Stripe does; whoever asks again finds it `ready`."""
    clock = account.get("test_helpers.test_clock", clock_id)
    if params["frozen_time"] <= clock["frozen_time"]:
        message = "Test clock frozen_time must be later than the current frozen_time."
        raise refused(message, "frozen_time")
    advancing = clock | {"status": "advancing"}
    account.event("test_helpers.test_clock.advancing", advancing, clock)
    pass_time(account, params["frozen_time"], clock_id)
    clock["frozen_time"] = params["frozen_time"]
    account.save(clock)
    account.event("test_helpers.test_clock.ready", clock, advancing)
    return advancing | {"frozen_time": clock["frozen_time"]}


def list_clocks(account: Account, params: Object) -> Object:
    return page(account, "test_helpers.test_clock", params, "/v1/test_helpers/test_clocks")
