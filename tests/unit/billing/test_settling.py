"""Settling over memory: whatever events come, how often and in which order, the ledger ends where Stripe is."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.billing.event import Subject
from chalicelib.billing.order import PAID, Status, status_of, taken
from chalicelib.billing.readings import Payment
from chalicelib.billing.settling.service import TRIES, Outcome
from chalicelib.kernel.transaction import Contended
from tests.support.fake_billing import ACCOUNT, nothing
from tests.support.fakes import NOON
from tests.support.faults import Crash
from tests.unit.billing.room import ORDER, Room, hobby, subscription

#: What may happen to the money, in an order that a bank could follow.
stories = st.lists(
    st.one_of(st.integers(1, 250).map(lambda amount: ("refund", amount)), st.just(("fail", 0))), max_size=3
)


def tell(room, story, dispute, verdict):
    """Everything that happens at Stripe, and the events it makes."""
    events, refunds = room.pay(), []
    for number, (what, wanted) in enumerate(story):
        amount = min(wanted, 500 - room.stripe.payments["pi_1"].refunded)
        if what == "refund":
            if amount:
                events += room.refund(amount, number)
                refunds.append((amount, number))
        elif refunds:
            events += room.fail_refund(*refunds.pop())
    if dispute:
        events += room.dispute(dispute)
        events += room.win() if verdict else []
    return events


@settings(max_examples=150, deadline=None)
@given(st.data(), stories, st.integers(0, 500), st.booleans())
def test_F41_F42_F44_any_order_and_any_number_of_events_come_to_the_same_ledger(data, story, dispute, verdict):
    room = Room()
    events = tell(room, story, dispute, verdict)
    again = data.draw(st.lists(st.sampled_from(events), max_size=4))
    for event in data.draw(st.permutations(events + again)):
        room.hand_over(event)
    room.check_settled()


@settings(max_examples=150, deadline=None)
@given(st.data(), stories, st.integers(0, 500), st.booleans())
def test_F42_events_between_what_happens_come_to_the_same_ledger_too(data, story, dispute, verdict):
    """Some are dealt with as soon as they are made, some long after: each look finds another truth."""
    room = Room()
    late = []

    def now_or_later(made):
        for event in made:
            if data.draw(st.booleans()):
                room.hand_over(event)
            else:
                late.append(event)
        return made

    for name in ("pay", "refund", "fail_refund", "dispute", "win"):
        happens = getattr(room, name)
        setattr(room, name, lambda *given, happens=happens: now_or_later(happens(*given)))
    tell(room, story, dispute, verdict)
    for event in data.draw(st.permutations(late)):
        room.hand_over(event)
    if not room.paid.booked:
        return  # nothing was ever dealt with: there was no event left
    if not late:
        room.hand_over(room.event("payment_intent.succeeded", "pi_1"))
    room.hand_over(room.event("charge.refunded", "ch_1"))
    room.check_settled()


STEPS = ("payment", "stripe.payment", "stripe.session_of", "reconcile", "link", "save_order", "end_notice")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("what", ["refund", "dispute", "same"])
def test_a_second_worker_at_any_step_of_the_first_changes_nothing(step, what):
    room = Room()
    first, *_ = room.pay()

    def overtake(name):
        if name != step:
            return
        watch(nothing)
        made = {"refund": lambda: room.refund(200, 1), "dispute": lambda: room.dispute(500), "same": lambda: [first]}
        for event in made[what]():
            room.hand_over(event)

    def watch(before):
        room.store.before = room.paid.before = room.stripe.before = before

    watch(overtake)
    room.hand_over(first)
    payment = room.stripe.payments["pi_1"]
    gone = taken(100, amount=500, gone=payment.refunded + payment.disputed)
    assert (room.paid.booked["pi_1"].granted, room.paid.booked["pi_1"].taken) == (100, gone)
    assert room.paid.grants == ["grant#pi_1"]
    assert room.order.status is status_of(ORDER, room.stripe.sessions["cs_1"], payment)


@pytest.mark.parametrize("step", STEPS)
def test_F42_a_second_refund_that_overtakes_the_look_for_the_first_is_not_undone(step):
    """The order's state is the same before and after, so that only the ledger's own version can tell."""
    room = Room()
    for event in [*room.pay(), *room.refund(50, 1)]:
        room.hand_over(event)

    def overtake(name):
        if name == step:
            watch(nothing)
            for event in room.refund(100, 2):
                room.hand_over(event)

    def watch(before):
        room.store.before = room.paid.before = room.stripe.before = before

    watch(overtake)
    room.hand_over(room.event("refund.updated", "re_1"))
    gone = room.stripe.payments["pi_1"].refunded
    assert room.paid.booked["pi_1"].taken == taken(100, amount=500, gone=gone)
    assert room.order.status is Status.PARTIALLY_REFUNDED


def test_F01_a_crash_at_any_step_is_made_good_by_the_next_delivery():
    for at in range(1, 60):
        room = Room()
        events = [*room.pay(), *room.refund(250, 1)]
        steps = itertools.count(1)

        def dies(_, steps=steps, at=at):
            if next(steps) == at:
                raise Crash

        room.store.before = room.paid.before = room.stripe.before = dies
        crashed = 0
        for event in events:
            try:
                room.hand_over(event)
            except Crash:
                crashed += 1
        room.store.before = room.paid.before = room.stripe.before = nothing
        for event in events * 2:
            room.hand_over(event)
        assert room.paid.booked["pi_1"].taken == 50
        assert room.paid.grants == ["grant#pi_1"]
        assert set(room.notices) == {("top_up_completed", "top_1")}
        assert len(room.notices) <= 2
        if not crashed:
            assert at > 15
            return
    raise AssertionError("more steps than that")


def test_who_is_overtaken_each_time_gives_up_and_the_event_stays():
    room = Room()
    first, *_ = room.pay()
    numbers = itertools.count(1)

    def moves(name):
        if name == "reconcile":
            booked = room.paid.payment(ACCOUNT, "pi_1")
            room.paid.booked["pi_1"] = replace(booked, version=next(numbers))

    room.paid.before = moves
    with pytest.raises(Contended):
        room.hand_over(first)
    assert next(numbers) == TRIES + 1
    assert room.store.events[first.id].outcome is None


def test_an_order_that_somebody_wrote_meanwhile_is_looked_at_again():
    room = Room()
    first, *_ = room.pay()

    def written(name):
        if name == "save_order":
            room.store.before = nothing
            room.store.made[ACCOUNT, ORDER.id] = replace(room.order, version=room.order.version + 1)

    room.store.before = written
    room.hand_over(first)
    assert room.order.status is Status.PAID


def test_F50_a_mismatch_brings_nothing_and_is_told_each_time():
    room = Room()
    events = room.pay()
    room.stripe.sessions["cs_1"] = replace(room.stripe.sessions["cs_1"], subtotal=499)
    assert [room.hand_over(event) for event in events] == ["mismatch", "mismatch"]
    assert room.paid.booked == {}
    assert room.order.status is Status.OPEN
    assert room.mismatches == ["amount", "amount"]


def test_F50_a_payment_for_an_order_that_was_never_made_is_told():
    room = Room()
    events = room.pay()
    del room.store.made[ACCOUNT, ORDER.id]
    assert room.hand_over(events[0]) == "mismatch"
    assert room.mismatches == ["no such order"]


@pytest.mark.parametrize(
    ("subject", "object_id"),
    [(Subject.SUBSCRIPTION, "sub_x"), (Subject.INVOICE, "in_x"), (Subject.PAYMENT, "pi_x"), (Subject.CHARGE, "ch_x")],
)
def test_F45_what_belongs_to_a_stranger_is_left_alone(subject, object_id):
    room = Room()
    room.stripe.plans = [subscription(id="sub_x", customer_id="cus_x")]
    room.stripe.invoices["in_x"] = replace(hobby(), id="in_x", customer_id="cus_x")
    room.stripe.payments["pi_x"] = Payment("pi_x", "succeeded", 1, "usd", "cus_x", "", "", NOON)
    room.stripe.behind["ch_x"] = "pi_x"
    assert room.settling.look(subject, object_id, "evt") is Outcome.NOT_OURS
    assert room.paid.booked == {}


def test_an_open_order_is_looked_at_until_it_is_over():
    room = Room()
    assert room.settling.order(ACCOUNT, "top_1") is Outcome.SETTLED
    assert room.store.due[ACCOUNT, "top_1"] == NOON + timedelta(days=1)
    room.clock.forward(days=32)
    room.settling.order(ACCOUNT, "top_1")
    assert room.store.due[ACCOUNT, "top_1"] is None
    assert room.settling.order(ACCOUNT, "top_none") is Outcome.NOTHING
    assert Status.OPEN not in PAID
