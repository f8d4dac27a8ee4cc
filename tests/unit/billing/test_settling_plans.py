"""Plans and their invoices over memory, whatever events come, how often and in which order."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.billing.order import taken
from chalicelib.billing.plan import Dunning, Plan, PlanStatus
from chalicelib.billing.readings import Line, Payment
from tests.support.fake_billing import ACCOUNT, CUSTOMER, nothing
from tests.support.fakes import NOON
from tests.unit.billing.room import MONTH, Room, hobby, subscription


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 3), st.integers(0, 900))
def test_F51_each_invoice_of_a_plan_is_granted_once_whatever_the_order(data, months, refunded):
    room = Room()
    room.stripe.plans = [subscription()]
    events = [room.event("customer.subscription.created", "sub_1")]
    for number in range(1, months + 1):
        room.stripe.invoices[f"in_{number}"] = hobby(number, refunded=refunded)
        room.stripe.payments[f"pi_in_{number}"] = Payment(
            f"pi_in_{number}", "succeeded", 900, "usd", CUSTOMER, "", "", NOON
        )
        room.stripe.behind[f"ch_{number}"] = f"pi_in_{number}"
        kinds = ("invoice.paid", "invoice.payment_succeeded")
        events += [room.event(kind, f"in_{number}") for kind in kinds]
        events.append(room.event("payment_intent.succeeded", f"pi_in_{number}"))
        events.append(room.event("charge.refunded", f"ch_{number}"))
    for event in data.draw(st.permutations(events)):
        room.hand_over(event)
    back = taken(250, amount=900, gone=refunded)
    assert {each.id: (each.granted, each.taken) for each in room.paid.booked.values()} == {
        f"in_{number}": (250, back) for number in range(1, months + 1)
    }
    assert len(room.paid.grants) == months
    assert room.plans.get(ACCOUNT).status is PlanStatus.ACTIVE


def test_F51_a_renewal_that_failed_is_told_once_and_brings_nothing():
    room = Room()
    owed = hobby(2, status="open", amount_paid=0, since=NOON)
    room.stripe.invoices["in_2"] = owed
    room.stripe.plans = [subscription(status="past_due", unpaid=owed)]
    for _ in range(3):
        assert room.hand_over(room.event("invoice.payment_failed", "in_2")) == "settled"
    assert room.notices == [("payment_failed", "in_2")]
    assert room.paid.booked == {}
    assert room.plans.get(ACCOUNT).dunning == Dunning(NOON, None, None)


def test_F50_an_invoice_for_what_is_not_sold_is_told():
    room = Room()
    bad = Line("prod_other", "price_o", 1, 900, False, NOON + MONTH)
    room.stripe.invoices["in_1"] = replace(hobby(), lines=(bad,))
    assert room.hand_over(room.event("invoice.paid", "in_1")) == "mismatch"
    assert (room.mismatches, room.paid.booked) == (["offer"], {})


def test_the_plan_that_counts_is_the_newest_that_lives():
    room = Room()
    old = subscription(id="sub_0", status="canceled", created_at=NOON + MONTH)
    room.stripe.plans = [old, subscription(), subscription(id="sub_9", status="incomplete_expired")]
    assert room.plans.refresh(ACCOUNT).subscription_id == "sub_1"
    room.stripe.plans = [old]
    assert room.plans.refresh(ACCOUNT) == replace(room.plans.get(ACCOUNT), status=PlanStatus.CANCELED)
    assert room.plans.refresh("acct_2") == Plan()


def test_F42_a_plans_snapshot_that_was_overtaken_is_taken_again():
    room = Room()
    room.stripe.plans = [subscription()]

    def overtaken(name):
        if name == "save_plan":
            room.store.before = nothing
            room.stripe.plans = [subscription(status="canceled")]
            room.plans.refresh(ACCOUNT)

    room.store.before = overtaken
    room.plans.refresh(ACCOUNT)
    assert room.plans.get(ACCOUNT).status is PlanStatus.CANCELED
