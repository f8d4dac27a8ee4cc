"""What the use cases of generations need of others."""

from datetime import datetime
from typing import Any, Protocol

from chalicelib.generation.generation import Asset, Generation, Listing
from chalicelib.kernel.transaction import Transaction


class Store(Protocol):
    """What these use cases need of `generation.store`."""

    def add(self, tx: Transaction, made: Generation) -> None: ...
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
    def get(self, account_id: str, generation_id: str) -> Generation | None: ...
    def newest(self, account_id: str, now: datetime, listing: Listing) -> list[Generation]: ...
    def change_assets(self, made: Generation, assets: tuple[Asset, ...], *, deleted: bool = False) -> bool: ...
    def delete_result(self, key: str) -> None: ...
    def delete_results(self, prefix: str) -> int: ...
    def result_url(self, asset: Asset, filename: str) -> str: ...


class Ledger(Protocol):
    """What these use cases need of the credits room."""

    def hold(
        self, tx: Transaction, account_id: str, generation_id: str, assets: int, *, spender: str, request_id: str
    ) -> str: ...


class Photos(Protocol):
    """What these use cases need of the uploads room."""

    def require_ready(self, tx: Transaction, account_id: str, upload_id: str, param: str, max_pixels: int) -> None: ...


class Models(Protocol):
    """What these use cases need of the provider registry. `model` raises LookupError."""

    def model(self, model_id: str) -> Any: ...


class WorkStore(Protocol):
    """What a worker needs of `generation.store`."""

    def get(self, account_id: str, generation_id: str) -> Generation | None: ...
    def claim(self, account_id: str, generation_id: str, now: datetime, until: datetime) -> Generation | None: ...
    def requeue(self, made: Generation, due_at: datetime) -> bool: ...
    def finish(self, tx: Transaction, before: Generation, after: Generation) -> None: ...
    def due(self, now: datetime, limit: int) -> list[tuple[str, str]]: ...
    def write_result(self, key: str, data: bytes, content_type: str) -> None: ...
    def delete_result(self, key: str) -> None: ...


class Settlement(Protocol):
    """What a worker needs of the credits room."""

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


class Pictures(Protocol):
    """What a worker needs of the uploads room. Raises Gone."""

    def photo(self, account_id: str, upload_id: str) -> bytes: ...


class Providers(Protocol):
    """What a worker needs of the provider registry."""

    def provider_for(self, model_id: str) -> Any: ...
