"""Buying and settling on the real tables, with a fault at every call to AWS and to Stripe in turn."""

from collections.abc import Callable, Iterator

import pytest

from chalicelib.billing.order import Status
from chalicelib.billing.problems import BillingUnavailable
from tests.faults.sweep import MAX_CALLS, positions, spoiled
from tests.support.deployed import Deployed
from tests.support.faults import Crash, Fault, Injector
from tests.support.shop import Shop
from tests.support.standin import Desk


@pytest.fixture
def shop(core: Deployed, desk: Desk) -> Shop:
    return Shop(core, desk)


class Line:
    """Stands where our code calls Stripe, and cuts the line at the call of that number, before or after it."""

    def __init__(self, shop: Shop) -> None:
        self._call = shop.services.stripe.call
        self._cut: tuple[int, bool] = (0, False)
        self.calls = 0
        shop.services._cashier._call = self.ask
        shop.services._readings._call = self.ask

    def cut(self, at: int, *, after: bool) -> None:
        self.calls, self._cut = 0, (at, after)

    def ask(self, question: Callable[..., object]) -> object:
        self.calls += 1
        at, after = self._cut
        if self.calls == at and not after:
            raise Crash
        answer = self._call(question)
        if self.calls == at:
            raise Crash
        return answer


def each_call_to_stripe(line: Line, after: bool, run: Callable[[], object]) -> Iterator[bool]:
    """Runs it with the line cut at call 1, 2, 3 …, until there is no such call; whether it died."""
    for at in range(1, MAX_CALLS):
        line.cut(at, after=after)
        try:
            run()
        except Crash:
            yield True
            continue
        assert at > 1
        yield False
        return
    raise AssertionError(f"more than {MAX_CALLS} calls")


def check_settled(shop: Shop, account_id: str, order_id: str) -> None:
    """Paid once, in the ledger once, and told at least once."""
    order = shop.services.orders.get(account_id, order_id)
    assert order.status is Status.PARTIALLY_REFUNDED
    booked = shop.services.paid.payment(account_id, order.payment_id)
    assert (booked.granted, booked.taken) == (100, 50)
    assert shop.spendable(account_id) == 50
    grants = [e for e in shop.services.credits.entries(account_id, before=None, limit=50) if e.move.kind == "grant"]
    assert [entry.move.cause for entry in grants if entry.move.cause == order.payment_id] == [order.payment_id]
    assert ("top_up_completed", order_id) in shop.notices


@pytest.mark.parametrize("fault", list(Fault))
def test_F01_an_events_worker_that_dies_at_any_call_to_aws_is_made_good(
    shop: Shop, injector: Injector, fault: Fault
) -> None:
    for at in positions(injector, fault):
        account_id = shop.customer(f"crash-{fault}-{at}@example.com")
        order = shop.order(account_id)
        shop.desk.pay(order.session_id or "")
        shop.desk.refund(shop.desk.read(f"checkout/sessions/{order.session_id}")["payment_intent"], 250)
        events = [event for event in shop.events() if event["type"] in ("payment_intent.succeeded", "charge.refunded")]

        def work(events: list[dict[str, object]] = events) -> None:
            for event in events:
                shop.hand_over(event)

        spoiled(injector, fault, at, work)
        shop.restart()
        for event in events * 2:
            shop.hand_over(event)
        check_settled(shop, account_id, order.id)


@pytest.mark.parametrize("after", [False, True])
def test_F01_an_events_worker_that_dies_at_any_call_to_stripe_is_made_good(shop: Shop, after: bool) -> None:
    made: list[tuple[str, str, list[dict[str, object]]]] = []
    line = Line(shop)

    def one() -> None:
        account_id = shop.customer(f"stripe-{after}-{len(made)}@example.com")
        order = shop.order(account_id)
        shop.desk.pay(order.session_id or "")
        shop.desk.refund(shop.desk.read(f"checkout/sessions/{order.session_id}")["payment_intent"], 250)
        events = [event for event in shop.events() if event["type"] in ("payment_intent.succeeded", "charge.refunded")]
        made.append((account_id, order.id, events))

    def run() -> None:
        cut, line._cut = line._cut, (0, False)
        one()
        line.calls, line._cut = 0, cut
        for event in made[-1][2]:
            shop.hand_over(event)

    died = list(each_call_to_stripe(line, after, run))
    assert died.count(True) > 5
    shop.restart()
    for account_id, order_id, events in made:
        for event in events * 2:
            shop.hand_over(event)
        check_settled(shop, account_id, order_id)


@pytest.mark.parametrize("fault", list(Fault))
def test_F26_ordering_that_dies_at_any_call_to_aws_is_finished_by_its_repetition(
    shop: Shop, injector: Injector, fault: Fault
) -> None:
    for at in positions(injector, fault):
        account_id = shop.customer(f"order-{fault}-{at}@example.com")
        spoiled(injector, fault, at, lambda account_id=account_id: shop.order(account_id))  # type: ignore[misc]
        shop.restart()
        check_one_order(shop, account_id)


@pytest.mark.parametrize("after", [False, True])
def test_F47_ordering_that_dies_at_any_call_to_stripe_is_finished_by_its_repetition(shop: Shop, after: bool) -> None:
    line, accounts = Line(shop), list[str]()

    def run() -> None:
        accounts.append(shop.customer(f"line-{after}-{len(accounts)}@example.com"))
        shop.order(accounts[-1])

    died = list(each_call_to_stripe(line, after, run))
    assert died.count(True) >= 3
    shop.restart()
    for account_id in accounts:
        check_one_order(shop, account_id)


def check_one_order(shop: Shop, account_id: str) -> None:
    """The repetition gets the one order there is, with the one checkout and customer it has."""
    order = shop.order(account_id)
    assert [each.id for each in shop.services.orders.newest(account_id, before=None, limit=5)] == [order.id]
    sessions = shop.desk.read("checkout/sessions", limit=100)["data"]
    mine = [each["id"] for each in sessions if each["client_reference_id"] == account_id]
    assert mine == [order.session_id]
    customers = shop.desk.read("customers", limit=100)["data"]
    assert [c["id"] for c in customers if c["metadata"].get("account_id") == account_id] == [order.customer_id]


@pytest.mark.parametrize("kind", ["rate_limit", "unreachable", "error"])
def test_F19_while_stripe_is_down_nothing_is_lost(shop: Shop, kind: str) -> None:
    account_id = shop.customer(f"down-{kind}@example.com")
    order = shop.order(account_id)
    shop.desk.pay(order.session_id or "")
    events = shop.events()
    shop.desk.fault(kind, times=500, method="GET", path="/v1/")
    paid = next(event for event in events if event["type"] == "payment_intent.succeeded")
    with pytest.raises(BillingUnavailable):
        shop.hand_over(paid)
    shop.desk.control("faults", method="DELETE")
    assert shop.hand_over(paid) == "settled"
    assert shop.spendable(account_id) == 100
