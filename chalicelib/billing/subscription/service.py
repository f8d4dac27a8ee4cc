"""Use cases of plans: begin, change, end, and what Stripe says they are."""

from collections.abc import Callable
from typing import Protocol

from chalicelib.billing import catalog
from chalicelib.billing.catalog import Kind, Offer
from chalicelib.billing.order import Status, is_upgrade
from chalicelib.billing.plan import Plan, plan_of
from chalicelib.billing.ports import Cashier, OrderStore, PlanStore
from chalicelib.billing.problems import SubscriptionExists
from chalicelib.billing.readings import Price, Subscription, current
from chalicelib.kernel.errors import NotFound, Validation
from chalicelib.kernel.transaction import Contended

TRIES = 5


class Readings(Protocol):
    """What plans need of `billing.settling.gateway`."""

    def subscriptions(self, customer_id: str) -> list[Subscription]: ...


class Shop(Protocol):
    """What plans need of `billing.service`."""

    def price(self, offer: Offer, currency: str) -> Price: ...


class Plans:
    """An account has one plan at most. It is ordered as packs are, in `billing.service`. `tell(account_id, plan,
    version)` is called just before a plan is kept as that version."""

    def __init__(
        self,
        store: PlanStore,
        orders: OrderStore,
        readings: Readings,
        cashier: Cashier,
        shop: Shop,
        *,
        tell: Callable[[str, Plan, int], None],
    ) -> None:
        self._store = store
        self._orders = orders
        self._readings = readings
        self._cashier = cashier
        self._shop = shop
        self._tell = tell

    def get(self, account_id: str) -> Plan:
        """As last seen; events keep it fresh."""
        return self._store.plan(account_id)[0]

    def make_room(self, account_id: str) -> None:
        """To be called before a plan is ordered: raises SubscriptionExists if there is one, or one is being paid.

        A page that was opened before and not paid is closed, so that two plans cannot both be paid.
        """
        if self.refresh(account_id).alive:
            raise SubscriptionExists
        for order in self._orders.orders(account_id, "sub_", before=None, limit=1):
            if order.status is Status.OPEN and order.session_id is not None:
                closed = self._cashier.expire_checkout(order.session_id)
                if closed.status == "complete":
                    raise SubscriptionExists("A plan has just been paid, and will be there in a moment.")

    def change(self, account_id: str, offer_id: str) -> Plan:
        """Another plan: a larger one at once, for the difference; a smaller one from the next period on.

        Raises NotFound without a plan, Validation, PaymentRefused (and nothing changed), BillingRefused.
        """
        offer = catalog.find(Kind.PLAN, offer_id)
        if offer is None:
            raise Validation(f"plan: there is no plan {offer_id!r}", param="plan")
        found = self._alive(account_id)
        old = catalog.by_product(found.product_id)
        price_id = self._shop.price(offer, found.currency).id
        if found.price_id != price_id:
            self._cashier.change_plan(found, price_id, at_once=is_upgrade(old, offer))
        elif found.cancel_at_period_end:
            self._cashier.set_ending(found.id, ends=False)
        return self.refresh(account_id)

    def set_ending(self, account_id: str, *, ends: bool) -> Plan:
        """Whether the plan ends with its period, which is paid. Raises NotFound without a plan."""
        found = self._alive(account_id)
        if found.cancel_at_period_end is not ends:
            self._cashier.set_ending(found.id, ends=ends)
        return self.refresh(account_id)

    def refresh(self, account_id: str, customer_id: str = "") -> Plan:
        """Looks at Stripe and keeps what it says. Raises Contended when others keep writing, which they never do."""
        customer = customer_id or self._orders.customer(account_id)
        if customer is None:
            return Plan()
        for _ in range(TRIES):
            before, version = self._store.plan(account_id)
            now = plan_of(current(self._readings.subscriptions(customer)))
            if now == before:
                return now
            self._tell(account_id, now, version + 1)
            if self._store.save_plan(account_id, now, version):
                return now
        raise Contended(account_id)

    def _alive(self, account_id: str) -> Subscription:
        customer = self._orders.customer(account_id)
        found = current(self._readings.subscriptions(customer)) if customer else None
        if found is None or not plan_of(found).alive:
            raise NotFound("There is no plan.")
        return found
