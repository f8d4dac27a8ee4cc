"""Who is made of what: billing, which needs most other rooms and is needed by none."""

from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.aws import dispatch, entropy
from chalicelib.aws.tables import transact
from chalicelib.edge import observe
from chalicelib.wiring.generating import Generating
from chalicelib.wiring.hints import hint

if TYPE_CHECKING:
    from chalicelib.billing.announcing.service import Announcing
    from chalicelib.billing.autotopup.service import AutoTopUps
    from chalicelib.billing.checkout.gateway import CheckoutGateway
    from chalicelib.billing.event import Subject
    from chalicelib.billing.events.service import Events
    from chalicelib.billing.events.store import EventStore
    from chalicelib.billing.gateway import Connection
    from chalicelib.billing.service import Orders
    from chalicelib.billing.settling.gateway import ReadingGateway
    from chalicelib.billing.settling.service import Settling
    from chalicelib.billing.store import BillingStore
    from chalicelib.billing.subscription.service import Plans
    from chalicelib.billing.sweep.service import Sweep
    from chalicelib.billing.sync.service import CatalogSync
    from chalicelib.billing.telling.service import Telling
    from chalicelib.notices.service import Notices


class Services(Generating):
    """Everything. Imports are inside here too."""

    @cached_property
    def stripe(self) -> "Connection":
        from chalicelib.aws.secrets import JsonSecret
        from chalicelib.billing.gateway import Connection

        secret = JsonSecret(self.settings.stripe_secret, self.clock)
        return Connection(secret, self.settings.stripe_base_url, self.clock)

    @cached_property
    def orders(self) -> "Orders":
        from chalicelib.billing.service import Orders
        from chalicelib.billing.store import OrderKeyTaken

        return Orders(
            self._billing_store,
            self._cashier,
            transact,
            self.clock,
            entropy.token_bytes,
            keyed_hash=self.peppers.hash,
            email_of=lambda account_id: self.accounts.profile(account_id).email,
            key_taken=OrderKeyTaken,
        )

    @cached_property
    def plans(self) -> "Plans":
        from chalicelib.billing.subscription.service import Plans
        from chalicelib.billing.subscription.store import PlanStore

        store = PlanStore(self.settings.billing_table)
        tell = self._announcing.plan
        return Plans(store, self._billing_store, self._readings, self._cashier, self.orders, tell=tell)

    @cached_property
    def settling(self) -> "Settling":
        from chalicelib.billing.settling.service import Settling, Told

        return Settling(
            self._billing_store,
            self._event_store,
            self._readings,
            self._cashier,
            self.paid,
            self.clock,
            refresh_plan=self.plans.refresh,
            told=Told(self._queue_notice, self._mismatch, self._announcing.refunded),
        )

    @cached_property
    def stripe_events(self) -> "Events":
        from chalicelib.billing.events.service import Events

        def look(subject: "Subject", object_id: str, cause: str) -> str:
            # The API only receives events; what settles them is loaded by the worker that does.
            return self.settling.look(subject, object_id, cause)

        return Events(self._event_store, self.stripe, self.clock, look=look, queue=self._hint_billing)

    @cached_property
    def billing_sweep(self) -> "Sweep":
        from chalicelib.billing.sweep.service import Sweep

        return Sweep(
            self._event_store,
            self._billing_store,
            self._readings,
            self.paid,
            self.stripe_events,
            self.clock,
            look=self.settling.look,
            look_at_order=self.settling.order,
            configured=self.stripe.configured,
        )

    @cached_property
    def auto_top_ups(self) -> "AutoTopUps":
        from chalicelib.billing.autotopup.service import AutoTopUps
        from chalicelib.billing.autotopup.store import AutoTopUpStore

        return AutoTopUps(
            AutoTopUpStore(self.settings.billing_table),
            self.credits,
            self.paid,
            self.upkeep,
            self.clock,
            entropy.token_bytes,
            charge=self.orders.charge,
            notify=self._queue_notice,
            hint=self._hint_low,
        )

    @cached_property
    def telling(self) -> "Telling":
        from chalicelib.billing.autotopup.store import AutoTopUpStore
        from chalicelib.billing.subscription.store import PlanStore
        from chalicelib.billing.telling.service import Telling

        plans, automatic = PlanStore(self.settings.billing_table), AutoTopUpStore(self.settings.billing_table)
        return Telling(self._billing_store, plans, automatic, self.credits, self.clock)

    @cached_property
    def notices(self) -> "Notices":
        from chalicelib.notices.gateway import MailGateway
        from chalicelib.notices.service import Notices

        def describe(account_id: str, notice: str, ref: str) -> "dict[str, str] | None":
            # A sign-in code is mailed without loading billing.
            if notice == "webhook_endpoint_disabled":
                return self.webhook_endpoints.describe(account_id, ref)
            return self.telling.describe(account_id, notice, ref)

        return Notices(
            MailGateway(self.settings.mail_sender),
            issue_code=self.accounts.issue_code,
            address_of=lambda account_id: self.accounts.profile(account_id).email,
            describe=describe,
        )

    @cached_property
    def catalog_sync(self) -> "CatalogSync":
        from chalicelib.billing.sync.gateway import CatalogGateway
        from chalicelib.billing.sync.service import CatalogSync

        return CatalogSync(CatalogGateway(self.stripe.call))

    @cached_property
    def _billing_store(self) -> "BillingStore":
        from chalicelib.billing.store import BillingStore

        return BillingStore(self.settings.billing_table)

    @cached_property
    def _event_store(self) -> "EventStore":
        from chalicelib.billing.events.store import EventStore

        return EventStore(self.settings.billing_table)

    @cached_property
    def _cashier(self) -> "CheckoutGateway":
        from chalicelib.billing.checkout.gateway import CheckoutGateway

        return CheckoutGateway(self.stripe.call, self.clock)

    @cached_property
    def _readings(self) -> "ReadingGateway":
        from chalicelib.billing.settling.gateway import ReadingGateway

        return ReadingGateway(self.stripe.call)

    def _hint_billing(self, event_id: str) -> None:
        """The sweep finds what a lost hint leaves."""
        hint(self.settings.billing_queue_url, {"event_id": event_id}, "billing.hint_lost", event_id=event_id)

    @cached_property
    def _announcing(self) -> "Announcing":
        from chalicelib.billing.announcing.service import Announcing

        return Announcing(self.webhooks, self.clock)

    def _queue_notice(self, account_id: str, notice: str, ref: str) -> None:
        """What fails here is tried again with what it is about, so that no notice is lost."""
        self._announcing.notice(account_id, notice, ref)
        dispatch.send(self.settings.mail_queue_url, {"account_id": account_id, "notice": notice, "ref": ref})

    def _mismatch(self, account_id: str, payment_id: str, what: str) -> None:
        """Somebody paid what we did not ask for, or it is not for who it should be: a person has to look."""
        from chalicelib.billing.problems import PaymentMismatch

        observe.failure(
            "billing.mismatch", PaymentMismatch(), account_id=account_id, payment_id=payment_id, reason=what
        )
