"""Settling over memory: one account, one order, and what may happen to its money."""

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.billing.event import Event
from chalicelib.billing.events.service import Events
from chalicelib.billing.order import How, Order, status_of, taken
from chalicelib.billing.readings import Invoice, Line, Payment, Session, Subscription
from chalicelib.billing.settling.service import Settling, Told
from chalicelib.billing.subscription.service import Plans
from tests.support.fake_billing import ACCOUNT, CUSTOMER, FakeBillingStore, FakePaid, FakeStripe
from tests.support.fakes import NOON, ManualClock, Memory

ORDER = Order("top_1", ACCOUNT, How.CHECKOUT, "starter", 100, 500, "usd", NOON, CUSTOMER, "price_1", session_id="cs_1")
OPEN = Session("cs_1", "payment", "open", "unpaid", None, CUSTOMER, ACCOUNT, "top_1", "usd", 500, 500, "url", NOON)
MONTH = timedelta(days=30)


class Sender:
    def livemode(self):
        return False

    def verified(self, body, header):
        raise AssertionError("not here")


class Room:
    """One order of one account. What Stripe does is a method; it says which events that makes."""

    def __init__(self):
        self.store, self.paid, self.stripe = FakeBillingStore(Memory()), FakePaid(), FakeStripe()
        self.clock = ManualClock()
        self.store.customers[ACCOUNT] = CUSTOMER
        self.store.made[ACCOUNT, ORDER.id] = ORDER
        self.stripe.sessions["cs_1"] = OPEN
        self.notices: list[tuple[str, str]] = []
        self.mismatches: list[str] = []
        self.refunded: list[str] = []
        self.queued: list[str] = []
        self.numbers = itertools.count(1)
        stripe: Any = self.stripe
        self.plans_told: list[tuple[str, int]] = []
        self.plans = Plans(self.store, self.store, stripe, stripe, stripe, tell=self.tell_plan)
        self.settling = Settling(
            self.store,
            self.store,
            self.stripe,
            self.stripe,
            self.paid,
            self.clock,
            refresh_plan=self.plans.refresh,
            told=Told(
                lambda *told: self.notices.append(told[1:]),
                lambda *told: self.mismatches.append(told[2]),
                lambda order: self.refunded.append(order.status.value),
            ),
        )
        self.events = Events(
            self.store,
            Sender(),
            self.clock,
            look=self.settling.look,
            queue=self.queued.append,
        )

    def tell_plan(self, account_id, plan, version):
        self.plans_told.append((plan.status.value, version))

    def event(self, kind, object_id):
        return Event(f"evt_{next(self.numbers)}", kind, object_id, False, NOON)

    def pay(self):
        paid = Payment("pi_1", "succeeded", 500, "usd", CUSTOMER, ACCOUNT, "top_1", NOON, NOON)
        self.stripe.payments["pi_1"] = paid
        self.stripe.behind |= {"ch_1": "pi_1"}
        self.stripe.sessions["cs_1"] = replace(OPEN, status="complete", payment_status="paid", payment_id="pi_1")
        kinds = (("payment_intent.succeeded", "pi_1"), ("checkout.session.completed", "cs_1"))
        return [self.event(*each) for each in kinds]

    def refund(self, amount, number):
        self._change(refunded=self.stripe.payments["pi_1"].refunded + amount)
        self.stripe.behind[f"re_{number}"] = "pi_1"
        return [self.event("refund.created", f"re_{number}"), self.event("charge.refunded", "ch_1")]

    def fail_refund(self, amount, number):
        self._change(refunded=self.stripe.payments["pi_1"].refunded - amount)
        return [self.event("refund.failed", f"re_{number}")]

    def dispute(self, amount):
        self._change(disputed=amount)
        self.stripe.behind["dp_1"] = "pi_1"
        return [self.event("charge.dispute.created", "dp_1"), self.event("charge.dispute.funds_withdrawn", "dp_1")]

    def win(self):
        self._change(disputed=0)
        return [self.event("charge.dispute.closed", "dp_1")]

    def _change(self, **members):
        self.stripe.payments["pi_1"] = replace(self.stripe.payments["pi_1"], **members)

    def hand_over(self, event):
        self.events.take(event)
        return self.events.process(event.id)

    @property
    def order(self):
        return self.store.made[ACCOUNT, ORDER.id]

    def check_settled(self):
        """What must hold once every event has been dealt with."""
        payment = self.stripe.payments["pi_1"]
        booked = self.paid.booked["pi_1"]
        gone = taken(100, amount=payment.amount, gone=payment.refunded + payment.disputed)
        assert (booked.granted, booked.taken) == (100, gone)
        assert self.paid.grants == ["grant#pi_1"]
        assert self.paid.balance.available(NOON) - self.paid.balance.debt == 100 - gone
        assert self.order.status is status_of(ORDER, self.stripe.sessions["cs_1"], payment)
        assert self.notices == [("top_up_completed", "top_1")]
        assert self.mismatches == []


def hobby(number=1, **changes):
    end = NOON + number * MONTH
    line = Line("fotogenic_hobby", "price_h", 1, 900, False, end)
    made = Invoice(f"in_{number}", "paid", CUSTOMER, "sub_1", "usd", 900, 900, (line,), NOON, attempts=1)
    return replace(made, payment_ids=(f"pi_in_{number}",), **changes)


def subscription(**changes):
    end = NOON + MONTH
    made = Subscription("sub_1", "active", CUSTOMER, "si_1", "fotogenic_hobby", "price_h", "usd", end, False, NOON)
    return replace(made, **changes)
