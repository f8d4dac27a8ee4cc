"""Use cases of buying: an order is a row of ours first, then a checkout at Stripe, each found again after any crash."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from chalicelib.billing import catalog
from chalicelib.billing.catalog import Kind, Offer
from chalicelib.billing.order import PAID, REMEMBERED, How, Order, Status, Wish
from chalicelib.billing.ports import Cashier, OrderStore
from chalicelib.billing.problems import (
    BillingNotConfigured,
    BillingRefused,
    BillingUnavailable,
    NoSavedCard,
    PaymentRefused,
)
from chalicelib.billing.readings import Invoice, Payment, Price, Session
from chalicelib.kernel.clock import Clock
from chalicelib.kernel.errors import IdempotencyKeyReused, NotFound, RateLimited, Validation
from chalicelib.kernel.ids import Entropy, is_id, new_id
from chalicelib.kernel.transaction import Contended, Transact, Transaction

Made = TypeVar("Made", Session, Payment)

#: So many pages may be opened and not paid in an hour, so that nobody tries stolen cards on them one after another.
MAX_BEGUN, BEGUN_WITHIN = 20, timedelta(hours=1)
#: Requests under new keys, after Stripe answered that it failed and nothing of it was found.
MAX_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Placed:
    """An order as it was answered first, however often it is asked for."""

    order: Order
    replayed: bool


class Orders:
    """`email_of(account_id)`; `key_taken` is what the commit raises when the Idempotency-Key is bound already."""

    def __init__(
        self,
        store: OrderStore,
        cashier: Cashier,
        transact: Transact,
        clock: Clock,
        entropy: Entropy,
        *,
        keyed_hash: Callable[[str, str], str],
        email_of: Callable[[str], str],
        key_taken: type[Exception],
    ) -> None:
        self._store = store
        self._cashier = cashier
        self._transact = transact
        self._clock = clock
        self._entropy = entropy
        self._hash = keyed_hash
        self._email_of = email_of
        self._key_taken = key_taken

    def place(
        self,
        account_id: str,
        wish: Wish,
        idempotency_key: str,
        request_id: str,
        *,
        first: Callable[[], None] = lambda: None,
    ) -> Placed:
        """The order of that key, with a page to pay it on. `first` is called before a new one is made, to refuse it.

        Raises Validation, IdempotencyKeyReused, RateLimited, BillingNotConfigured, BillingUnavailable (repeat it),
        BillingRefused.
        """
        placed = self._placed(account_id, wish, idempotency_key, request_id, first)
        return Placed(self._opened(placed.order).as_made(), placed.replayed)

    def charge(self, account_id: str, *, pack: str, currency: str, order_id: str, request_id: str) -> str:
        """Buys a pack with the saved payment method; the payment's id. Its assets come when the payment is settled.

        The same order is charged once, however often it is sent. Raises PaymentRefused or BillingRefused when nothing
        was charged for certain; BillingUnavailable or BillingNotConfigured when it has to be sent again to know.
        """
        offer = catalog.find(Kind.PACK, pack)
        if offer is None or currency not in offer.prices:
            raise BillingRefused("not for sale")
        order = self._store.order(account_id, order_id)
        if order is None:
            customer_id = self._store.customer(account_id)
            if customer_id is None:
                raise NoSavedCard
            wish = Wish(How.SAVED_CARD, pack, currency, "", "")
            # No price at Stripe is needed: what is charged is the catalog's amount, and it brings the catalog's assets.
            made = self._order(account_id, wish, offer, order_id=order_id, price_id=offer.lookup_key)
            order = self._add(replace(made, customer_id=customer_id, request_id=request_id))
        if order.payment_id is not None and order.status is not Status.FAILED:
            return order.payment_id
        if order.status is not Status.OPEN:
            raise PaymentRefused("it was refused before")
        order, payment = self._charged(order)
        self._save(order, replace(order, payment_id=payment.id))
        return payment.id

    def get(self, account_id: str, order_id: str) -> Order:
        """Raises NotFound, for another account's order too."""
        order = self._store.order(account_id, order_id) if is_id("top", order_id) else None
        if order is None:
            raise NotFound
        return order

    def newest(self, account_id: str, *, before: str | None, limit: int) -> list[Order]:
        """Orders of packs, newest first."""
        return self._store.orders(account_id, "top_", before=before, limit=limit)

    def customer(self, account_id: str) -> str:
        """The account's customer at Stripe, made at the first time."""
        known = self._store.customer(account_id)
        if known is not None:
            return known
        email = self._email_of(account_id)
        # Stripe forgets a key after a day; the look comes first, so that a customer whose answer was lost is found.
        key = f"customer:{account_id}:{self._hash('customer', email)[:16]}"
        made = self._cashier.customer_of(account_id, email) or self._cashier.make_customer(account_id, email, key)

        def build(tx: Transaction) -> str:
            winner = self._store.customer(account_id)
            if winner is None:
                self._store.set_customer(tx, account_id, made)
            return winner or made

        return self._transact(build)

    def portal(self, account_id: str, return_url: str) -> str:
        """A link to Stripe's pages for payment methods and invoices."""
        return self._cashier.portal(self.customer(account_id), return_url)

    def invoices(self, account_id: str, *, after: str | None, limit: int) -> list[Invoice]:
        """Newest first; none for an account that never bought anything."""
        customer_id = self._store.customer(account_id)
        return self._cashier.invoices(customer_id, after=after, limit=limit) if customer_id else []

    def price(self, offer: Offer, currency: str) -> Price:
        """The offer's price at Stripe. Raises BillingNotConfigured unless it is what our catalog says."""
        price = self._cashier.price(offer.lookup_key)
        if price is None or price.amounts.get(currency) != offer.prices[currency]:
            raise BillingNotConfigured("The catalog has not been synced with the payment provider.")
        return price

    def _placed(
        self, account_id: str, wish: Wish, idempotency_key: str, request_id: str, first: Callable[[], None]
    ) -> Placed:
        key_hash = self._hash("idempotency", idempotency_key)
        known = self._replay(account_id, key_hash, wish)
        if known is not None:
            return known
        offer = catalog.find(wish.kind, wish.offer)
        if offer is None:
            raise Validation(f"{wish.kind}: there is no {wish.kind} {wish.offer!r}", param=wish.kind)
        if wish.currency not in offer.prices:
            raise Validation(f"currency: one of {', '.join(offer.prices)}", param="currency")
        first()
        now = self._clock.now()
        self._calm(account_id, now)
        order_id = new_id("sub" if wish.how is How.PLAN else "top", now, self._entropy)
        price = self.price(offer, wish.currency)
        made = self._order(account_id, wish, offer, order_id=order_id, price_id=price.id)
        order = replace(made, customer_id=self.customer(account_id), request_id=request_id)

        def build(tx: Transaction) -> None:
            self._store.add_order(tx, order, order.waits_until(now))
            self._store.add_request(tx, order, key_hash, wish.fingerprint(), REMEMBERED)

        try:
            self._transact(build)
        except self._key_taken:
            winner = self._replay(account_id, key_hash, wish)
            if winner is None:
                raise Contended(order.id) from None
            return winner
        return Placed(order, replayed=False)

    def _calm(self, account_id: str, now: datetime) -> None:
        """Raises RateLimited after MAX_BEGUN pages in BEGUN_WITHIN of which none was paid."""
        begun = self._store.orders(account_id, "top_", before=None, limit=MAX_BEGUN)
        recent = [order for order in begun if now - order.created_at < BEGUN_WITHIN and order.status not in PAID]
        if len(recent) == MAX_BEGUN:
            limited = RateLimited(f"At most {MAX_BEGUN} top-ups may be begun and not paid in an hour.")
            raise limited.with_headers(retry_after=str(int(BEGUN_WITHIN.total_seconds())))

    def _order(self, account_id: str, wish: Wish, offer: Offer, *, order_id: str, price_id: str) -> Order:
        now = self._clock.now()
        return Order(
            id=order_id,
            account_id=account_id,
            how=wish.how,
            offer=offer.id,
            assets=offer.assets,
            amount=offer.prices[wish.currency],
            currency=wish.currency,
            # As exactly as it is kept, so that a repetition is answered to the letter.
            created_at=now.replace(microsecond=now.microsecond // 1000 * 1000),
            customer_id="",
            price_id=price_id,
            success_url=wish.success_url,
            cancel_url=wish.cancel_url,
            save_card=wish.save_card,
        )

    def _add(self, order: Order) -> Order:
        """The order, added unless it is there already."""

        def build(tx: Transaction) -> Order:
            there = self._store.order(order.account_id, order.id)
            if there is None:
                self._store.add_order(tx, order, order.waits_until(order.created_at))
            return there or order

        return self._transact(build)

    def _replay(self, account_id: str, key_hash: str, wish: Wish) -> Placed | None:
        found = self._store.request(account_id, key_hash, self._clock.now())
        if found is None:
            return None
        if found[0] != wish.fingerprint():
            raise IdempotencyKeyReused
        order = self._store.order(account_id, found[1])
        return Placed(order, replayed=True) if order else None

    def _opened(self, order: Order) -> Order:
        """The order with its checkout, made now unless an earlier call got so far."""
        if order.session_id is not None:
            return order
        if order.status is not Status.OPEN:
            raise BillingRefused("the order was refused or is over")
        try:
            order, session = self._attempted(order, self._cashier.open_checkout, self._cashier.find_checkout)
        except BillingRefused:
            self._save(order, replace(order, status=Status.FAILED))
            raise
        return self._save(order, replace(order, session_id=session.id, checkout_url=session.url))

    def _charged(self, order: Order) -> tuple[Order, Payment]:
        card_id = self._cashier.saved_card(order.customer_id)
        try:
            if card_id is None:
                raise NoSavedCard
            return self._attempted(order, lambda again: self._cashier.charge(again, card_id), self._cashier.find_charge)
        except (BillingRefused, NoSavedCard):
            self._save(order, replace(order, status=Status.FAILED))
            raise
        except PaymentRefused as refused:
            self._save(order, replace(order, status=Status.FAILED, payment_id=refused.payment_id or None))
            raise

    def _attempted(
        self, order: Order, make: Callable[[Order], Made], find: Callable[[Order], Made | None]
    ) -> tuple[Order, Made]:
        """Makes it under the order's key. A failure that Stripe answered is kept under that key and given again, so
        that a new key is needed, but only once it is known that nothing was made under the old one."""
        for _ in range(MAX_ATTEMPTS):
            try:
                return order, make(order)
            except BillingUnavailable as error:
                if not error.answered:
                    raise
            found = find(order)
            if found is not None:
                return order, found
            order = self._save(order, replace(order, attempt=order.attempt + 1))
        raise BillingUnavailable

    def _save(self, before: Order, after: Order) -> Order:
        """The order as it is now: as given, or as another call has made it meanwhile."""
        if self._store.save_order(after, after.waits_until(self._clock.now())):
            return replace(after, version=before.version + 1)
        return self._store.order(before.account_id, before.id) or after
