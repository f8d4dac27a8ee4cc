"""Who is made of what: webhooks, what signs them, and requests to anybody's public hosts."""

from functools import cached_property
from typing import TYPE_CHECKING

from chalicelib.aws import dispatch, entropy
from chalicelib.aws.tables import transact
from chalicelib.wiring.hints import hint
from chalicelib.wiring.rooms import Rooms

if TYPE_CHECKING:
    from chalicelib.outbound.gateway import Outbound
    from chalicelib.outbound.policy import Public
    from chalicelib.signing.service import Signing
    from chalicelib.webhooks.delivering.service import Delivering
    from chalicelib.webhooks.delivering.store import DeliveryStore
    from chalicelib.webhooks.outbox.service import Webhooks
    from chalicelib.webhooks.outbox.store import EventStore
    from chalicelib.webhooks.service import Endpoints
    from chalicelib.webhooks.store import EndpointStore


class Webhooking(Rooms):
    """Imports are inside, so that a function loads only the rooms that it uses."""

    @cached_property
    def send_public(self) -> "Outbound":
        """Sends to any public host."""
        from chalicelib.outbound.gateway import Outbound

        return Outbound(self._public)

    @cached_property
    def signing(self) -> "Signing":
        from chalicelib.aws.secrets import JsonSecret
        from chalicelib.signing.service import Signing

        return Signing(JsonSecret(self.settings.signing_secret, self.clock).read)

    @cached_property
    def webhooks(self) -> "Webhooks":
        """What other rooms tell events to."""
        from chalicelib.webhooks.outbox.service import Webhooks

        return Webhooks(
            self._webhook_events,
            self.clock,
            entropy.token_bytes,
            subscriptions=self._webhook_endpoints.subscriptions,
            queue=self._hint_webhook,
        )

    @cached_property
    def webhook_endpoints(self) -> "Endpoints":
        from chalicelib.webhooks.service import Endpoints

        return Endpoints(
            self._webhook_endpoints,
            self._webhook_events,
            self._webhook_deliveries,
            self.webhooks,
            transact,
            self.clock,
            entropy.token_bytes,
            check=self._public.target,
            queue=self._hint_webhook,
        )

    @cached_property
    def webhook_deliveries(self) -> "Delivering":
        from chalicelib.signing.keys import Purpose
        from chalicelib.webhooks.delivering.service import Around, Delivering

        around = Around(
            send=self.send_public,
            keys=lambda: self.signing.keys(Purpose.WEBHOOKS),
            queue=self._hint_webhook,
            jitter=entropy.jitter,
            token=lambda: entropy.token_bytes(8).hex(),
            tell_now=self.webhooks.tell_now,
            notify=self._queue_webhook_notice,
            changed=self.webhooks.forget,
        )
        return Delivering(self._webhook_events, self._webhook_deliveries, self._webhook_endpoints, self.clock, around)

    @cached_property
    def _public(self) -> "Public":
        from chalicelib.outbound.policy import Public

        return Public(loopback=self.settings.webhooks_allow_loopback)

    @cached_property
    def _webhook_endpoints(self) -> "EndpointStore":
        from chalicelib.webhooks.store import EndpointStore

        return EndpointStore(self.settings.webhooks_table, self.sealer)

    @cached_property
    def _webhook_events(self) -> "EventStore":
        from chalicelib.webhooks.outbox.store import EventStore

        return EventStore(self.settings.webhooks_table)

    @cached_property
    def _webhook_deliveries(self) -> "DeliveryStore":
        from chalicelib.webhooks.delivering.store import DeliveryStore

        return DeliveryStore(self.settings.webhooks_table)

    def _hint_webhook(
        self, account_id: str, event_id: str, endpoint_id: str | None = None, delay_seconds: int = 0
    ) -> None:
        """The sweep finds what a lost hint leaves."""
        ids = {"account_id": account_id, "event_id": event_id, **({"endpoint_id": endpoint_id} if endpoint_id else {})}
        hint(self.settings.webhook_queue_url, ids, "webhook.hint_lost", delay_seconds=delay_seconds, event_id=event_id)

    def _queue_webhook_notice(self, account_id: str, notice: str, ref: str) -> None:
        """What fails here is tried again with what it is about, so that no notice is lost."""
        dispatch.send(self.settings.mail_queue_url, {"account_id": account_id, "notice": notice, "ref": ref})
