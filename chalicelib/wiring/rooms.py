"""Who is made of what: the rooms that most others need."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from chalicelib.aws import dispatch, entropy
from chalicelib.aws.objects import ObjectMissing
from chalicelib.aws.sealing import Sealer
from chalicelib.aws.secrets import Peppers
from chalicelib.aws.settings import Settings
from chalicelib.aws.tables import transact
from chalicelib.edge import observe
from chalicelib.kernel.clock import Clock
from chalicelib.wiring.hints import hint

if TYPE_CHECKING:
    from chalicelib.accounts.service import Accounts
    from chalicelib.credits.books import Books
    from chalicelib.credits.laning.service import Laning
    from chalicelib.credits.paid.service import Paid
    from chalicelib.credits.service import Credits
    from chalicelib.credits.upkeep.service import Upkeep
    from chalicelib.credits.upkeep.store import UpkeepStore
    from chalicelib.credits.used.service import Usages
    from chalicelib.keys.service import Keys
    from chalicelib.outbound.gateway import Outbound
    from chalicelib.uploads.service import Uploads


class Rooms:
    """Imports are inside, so that a function loads only the rooms that it uses."""

    def __init__(self, configured: Settings, clock: Clock) -> None:
        self.settings = configured
        self.clock = clock

    @cached_property
    def peppers(self) -> Peppers:
        return Peppers(self.settings.peppers_secret, self.clock)

    @cached_property
    def sealer(self) -> Sealer:
        return Sealer(self.settings.vault_table, self.settings.sealing_key, self.clock)

    @cached_property
    def _books(self) -> "Books":
        from chalicelib.credits.books import Books
        from chalicelib.credits.store import CreditsStore

        store = CreditsStore(self.settings.credits_table)
        return Books(store, self._upkeep_store, entropy.token_bytes, tell_low=self._hint_low)

    @cached_property
    def _upkeep_store(self) -> "UpkeepStore":
        from chalicelib.credits.upkeep.store import UpkeepStore

        return UpkeepStore(self.settings.credits_table)

    @cached_property
    def _laning(self) -> "Laning":
        from chalicelib.credits.laning.service import Laning
        from chalicelib.credits.laning.store import LaneStore

        return Laning(
            self._books,
            LaneStore(self.settings.credits_table),
            transact,
            self.clock,
            draw=entropy.below,
            max_open=self.settings.generations_in_flight,
        )

    @cached_property
    def credits(self) -> "Credits":
        from chalicelib.credits.service import Credits
        from chalicelib.credits.store import entry_of
        from chalicelib.credits.used.store import UsedStore

        return Credits(
            self._books,
            self._laning,
            UsedStore(self.settings.credits_table),
            transact,
            self.clock,
            entry_of=entry_of,
            max_open=self.settings.generations_in_flight,
        )

    @cached_property
    def paid(self) -> "Paid":
        from chalicelib.credits.paid.service import Paid
        from chalicelib.credits.paid.store import PaymentStore

        return Paid(self._books, self._laning, PaymentStore(self.settings.credits_table), transact, self.clock)

    @cached_property
    def upkeep(self) -> "Upkeep":
        from chalicelib.credits.upkeep.service import Upkeep

        return Upkeep(self._books, self._laning, self._upkeep_store, transact, self.clock, tell_low=self._hint_low)

    @cached_property
    def usages(self) -> "Usages":
        from chalicelib.credits.used.service import Usages
        from chalicelib.credits.used.store import UsedStore

        return Usages(self._books, UsedStore(self.settings.credits_table), self.clock)

    @cached_property
    def accounts(self) -> "Accounts":
        from chalicelib.accounts.service import Accounts
        from chalicelib.accounts.store import AccountsStore

        return Accounts(
            AccountsStore(self.settings.accounts_table, self.sealer),
            self.credits,
            transact,
            self.clock,
            entropy.token_bytes,
            keyed_hash=self.peppers.hash,
            random_token=entropy.token_urlsafe,
            random_digits=entropy.digits,
            queue_mail=lambda email_hash: dispatch.send(self.settings.mail_queue_url, {"email_hash": email_hash}),
            signup_bonus=self.settings.signup_bonus_assets,
            codes_per_source=self.settings.codes_per_source,
            retention_hours=self.settings.retention_hours,
        )

    @cached_property
    def keys(self) -> "Keys":
        from chalicelib.keys.service import Keys
        from chalicelib.keys.store import KeysStore

        return Keys(
            KeysStore(self.settings.keys_table),
            self.credits,
            transact,
            self.clock,
            entropy.token_bytes,
            keyed_hash=self.peppers.hash,
            mode=self.settings.key_mode,
            requests_per_minute=self.settings.requests_per_minute,
        )

    @cached_property
    def cleaner(self) -> Any:
        """Makes photos safe."""
        from chalicelib.media.gateway import PhotoCleaner

        return PhotoCleaner()

    @cached_property
    def models(self) -> Any:
        """The models that this deployment offers, and who makes them."""
        from chalicelib.aws import bedrock
        from chalicelib.aws.secrets import JsonSecret
        from chalicelib.providers.registry import REGISTRY
        from chalicelib.providers.service import Models

        return Models(
            JsonSecret(self.settings.providers_secret, self.clock).read,
            REGISTRY,
            send_to=self._send_to,
            invoke=bedrock.invoke,
            report=lambda fault: observe.event("providers.fault", reason=f"{fault.where}: {fault.what}"),
        )

    def _send_to(self, register: tuple[str, ...], origins: frozenset[str]) -> "Outbound":
        """Sends to those hosts and no others."""
        from chalicelib.outbound.gateway import Outbound
        from chalicelib.outbound.policy import Hosts

        return Outbound(Hosts(register, origins))

    @cached_property
    def uploads(self) -> "Uploads":
        from chalicelib.uploads.service import Uploads
        from chalicelib.uploads.store import UploadsStore, upload_of

        return Uploads(
            UploadsStore(self.settings.uploads_table, self.settings.uploads_bucket),
            self.cleaner,
            self.clock,
            entropy.token_bytes,
            upload_of=upload_of,
            missing=ObjectMissing,
            retention_hours=self.accounts.retention_hours,
        )

    def _hint_low(self, account_id: str) -> None:
        """The upkeep finds what a lost hint leaves."""
        hint(self.settings.billing_queue_url, {"balance_low": account_id}, "ledger.hint_lost", account_id=account_id)
