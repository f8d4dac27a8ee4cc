"""What the use cases of generations need of others."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Protocol

from chalicelib.generation.generation import Asset, Generation, Listing
from chalicelib.kernel.transaction import Transaction


class EndStore(Protocol):
    """What ending one needs of `generation.store`."""

    def finish(self, tx: Transaction, before: Generation, after: Generation) -> None: ...


class Store(EndStore, Protocol):
    """What the use cases of clients need of `generation.store`."""

    def add(self, tx: Transaction, made: Generation) -> None: ...
    def get(self, account_id: str, generation_id: str) -> Generation | None: ...
    def newest(self, account_id: str, now: datetime, listing: Listing) -> list[Generation]: ...
    def change_assets(self, made: Generation, assets: tuple[Asset, ...], *, deleted: bool = False) -> bool: ...
    def request_cancel(self, made: Generation) -> bool: ...


class Requests(Protocol):
    """What ordering needs of `ordering.store`."""

    def add_request(
        self,
        tx: Transaction,
        account_id: str,
        key_hash: str,
        fingerprint: str,
        generation_id: str,
        answer: str,
        now: datetime,
    ) -> None: ...
    def request(self, account_id: str, key_hash: str, now: datetime) -> tuple[str, str, str] | None: ...


class WorkStore(EndStore, Protocol):
    """What a worker needs of `generation.store`."""

    def get(self, account_id: str, generation_id: str) -> Generation | None: ...
    def claim(
        self, account_id: str, generation_id: str, now: datetime, until: datetime, *, waiting: bool
    ) -> Generation | None: ...
    def keep(self, before: Generation, after: Generation, due_at: datetime) -> bool: ...
    def give_back(self, made: Generation, due_at: datetime, *, overdue_at: datetime | None = None) -> bool: ...
    def mark_begun(self, made: Generation) -> bool: ...
    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]: ...


class Results(Protocol):
    """What the use cases need of `handing.store`."""

    def write_result(self, key: str, data: bytes, content_type: str) -> None: ...
    def read_result(self, key: str) -> bytes: ...
    def delete_result(self, key: str) -> None: ...
    def delete_results(self, prefix: str, *, but: Collection[str] = ()) -> int: ...
    def result_url(self, asset: Asset, filename: str) -> str: ...


class Ledger(Protocol):
    """What ordering needs of the credits room."""

    def hold(
        self, tx: Transaction, account_id: str, generation_id: str, assets: int, *, spender: str, request_id: str
    ) -> str: ...


class Settlement(Protocol):
    """What ending one needs of the credits room."""

    def settle(
        self,
        tx: Transaction,
        account_id: str,
        generation_id: str,
        posted: int,
        *,
        spender: str,
        request_id: str,
        lane: str = "",
        model: str = "",
        lapsed: bool = False,
    ) -> None: ...


class Photos(Protocol):
    """What ordering needs of the uploads room."""

    def require_ready(self, tx: Transaction, account_id: str, upload_id: str, param: str, max_pixels: int) -> None: ...


class Pictures(Protocol):
    """What a worker needs of the uploads room. Raises Gone."""

    def photo(self, account_id: str, upload_id: str) -> bytes: ...


class Models(Protocol):
    """What these use cases need of the catalog of enabled models. Raises LookupError for one that is not enabled."""

    def model(self, model_id: str) -> Any: ...


class Providers(Models, Protocol):
    """What a worker needs of the catalog of enabled models. All raise LookupError for one that is not enabled."""

    def capability(self, provider: str) -> Any: ...
    def provider_for(self, model_id: str) -> Any: ...


class Ender(Protocol):
    """What workers and canceling need of ending."""

    def end(self, before: Generation, after: Generation, *, lapsed: bool = False) -> bool: ...


class Admission(Protocol):
    """Whether a provider may be sent a job now."""

    def enter(self, provider: str, generation_id: str, *, limit: int, until: datetime) -> int | None: ...
    def is_open(self, provider: str) -> bool: ...
    def extend(self, provider: str, generation_id: str, until: datetime) -> None: ...
    def leave(self, provider: str, generation_id: str, *, worked: bool | None) -> None: ...


class Tell(Protocol):
    """Who wants to know of a generation is told of its present state."""

    def generation(self, tx: Transaction, made: Generation) -> None: ...
    def running(self, made: Generation) -> None: ...
    def deleted(self, made: Generation, assets: Iterable[Asset]) -> None: ...


class Outbox(Protocol):
    """What telling needs of the webhooks room: `key` is of the event, so that telling twice tells once."""

    def tell(self, tx: Transaction, account_id: str, event_type: str, data: dict[str, Any], *, key: str) -> None: ...
    def tell_now(self, account_id: str, event_type: str, data: dict[str, Any], *, key: str) -> None: ...
