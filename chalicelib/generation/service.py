"""Use cases of generations that a client asks for: make, read, review, delete."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from chalicelib.generation import operations
from chalicelib.generation.generation import (
    MAX_SEED,
    Asset,
    AssetStatus,
    Generation,
    Listing,
    Order,
    Review,
    Status,
    pending_assets,
    result_key,
    result_prefix,
)
from chalicelib.generation.ports import Ledger, Models, Photos, Store
from chalicelib.generation.views import GenerationView
from chalicelib.kernel.clock import Clock
from chalicelib.kernel.errors import (
    Conflict,
    Gone,
    IdempotencyKeyReused,
    MaxAssetsExceeded,
    NotFound,
    Problem,
    UnsupportedParameter,
    Validation,
)
from chalicelib.kernel.ids import Entropy, is_id, parent_id, parent_of
from chalicelib.kernel.principal import Principal
from chalicelib.kernel.shapes import refusal
from chalicelib.kernel.transaction import Contended, Transact, Transaction

CHANGE_TRIES = 8
#: How often a waiting request looks whether its generation is done.
POLL = timedelta(milliseconds=400)


@dataclass(frozen=True, slots=True)
class Made:
    """The answer to an order: the same text for every repetition of it."""

    generation_id: str
    answer: str
    replayed: bool


class Generations:
    """`queue(account_id, generation_id)` hints a worker. `key_taken` is what the commit raises when the
    Idempotency-Key is bound already."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        photos: Photos,
        models: Models,
        transact: Transact,
        clock: Clock,
        entropy: Entropy,
        *,
        keyed_hash: Callable[[str, str], str],
        queue: Callable[[str, str], None],
        sleep: Callable[[float], None],
        key_taken: type[Exception],
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._photos = photos
        self._models = models
        self._transact = transact
        self._clock = clock
        self._entropy = entropy
        self._hash = keyed_hash
        self._queue = queue
        self._sleep = sleep
        self._key_taken = key_taken

    def order(self, principal: Principal, order: Order, idempotency_key: str, request_id: str) -> Made:
        """Commits the generation, its hold and its Idempotency-Key together, then hints a worker.

        The same key and order answer the same again, whatever has happened since; the same key with another order
        raises IdempotencyKeyReused. Any other refusal raises and leaves nothing behind: Validation,
        UnsupportedParameter, MaxAssetsExceeded, InsufficientAssets, KeyCapReached, ConcurrencyLimited, UploadNotReady,
        Gone, Conflict.
        """
        account_id, key_hash = principal.account_id, self._hash("idempotency", idempotency_key)
        fingerprint = order.fingerprint()

        def build(tx: Transaction) -> tuple[Generation, str]:
            made = self._plan(principal, order, request_id)
            answer = GenerationView.of(made).model_dump_json()
            self._store.add_request(tx, account_id, key_hash, fingerprint, made.id, answer, made.created_at)
            limit = self._models.model(made.model).max_input_pixels
            for param, upload_id in made.uploads.items():
                self._photos.require_ready(tx, account_id, upload_id, param, limit)
            who = {"spender": principal.spender, "request_id": request_id}
            lane = self._ledger.hold(tx, account_id, made.id, made.cost, **who)
            self._store.add(tx, replace(made, lane=lane))
            return made, answer

        try:
            made, answer = self._transact(build)
        except (Problem, self._key_taken):
            # A repetition must get the first answer, even where a new order would be refused now.
            first = self._replay(account_id, key_hash, fingerprint)
            if first is None:
                raise
            return first
        self._queue(account_id, made.id)
        return Made(made.id, answer, replayed=False)

    def quote(self, principal: Principal, order: Order, request_id: str) -> Generation:
        """The generation that an order would make now, uncommitted. Raises Validation, UnsupportedParameter."""
        return self._plan(principal, replace(order, max_assets=None), request_id)

    def get(self, account_id: str, generation_id: str) -> Generation:
        """Raises NotFound, for another account's generation too; Gone once deleted or expired."""
        made = self._store.get(account_id, generation_id) if is_id("gen", generation_id) else None
        if made is None:
            raise NotFound
        if made.deleted or made.over(self._clock.now()):
            raise Gone("The generation was deleted." if made.deleted else "The results have expired.")
        return made

    def wait(self, account_id: str, generation_id: str, seconds: int) -> Generation:
        """The generation once it is finished, or as it is after so many seconds."""
        until = self._clock.now() + timedelta(seconds=seconds)
        made = self.get(account_id, generation_id)
        while made.finished_at is None and self._clock.now() + POLL < until:
            self._sleep(POLL.total_seconds())
            made = self.get(account_id, generation_id)
        return made

    def newest(self, account_id: str, listing: Listing) -> list[Generation]:
        """Newest first; deleted and expired ones are left out."""
        return self._store.newest(account_id, self._clock.now(), listing)

    def delete(self, account_id: str, generation_id: str) -> None:
        """Afterwards all its results are gone. Raises NotFound, Gone; Conflict while it is not finished."""
        prefix = result_prefix(account_id, generation_id)
        try:
            made = self.get(account_id, generation_id)
        except Gone:
            # Also when it was marked before: the earlier call may have died before it came to the bytes.
            self._store.delete_results(prefix)
            raise
        if made.finished_at is None:
            raise Conflict(f"The generation is {made.status}; only a finished one can be deleted.")
        self._change(account_id, generation_id, _all_deleted, deleted=True)
        self._store.delete_results(prefix)

    def asset(self, account_id: str, asset_id: str) -> tuple[Generation, Asset]:
        """Raises NotFound, for another account's asset too; Gone once it was deleted or has expired."""
        made, index = self._holder(account_id, asset_id)
        asset = made.assets[index]
        if made.deleted or asset.status is AssetStatus.DELETED:
            raise Gone("The result was deleted.")
        if made.over(self._clock.now()):
            raise Gone("The result has expired.")
        return made, asset

    def content_url(self, account_id: str, asset_id: str) -> str:
        """A short-lived URL of the bytes. Raises as `asset` does; Conflict while there are none."""
        _, asset = self.asset(account_id, asset_id)
        if asset.status is not AssetStatus.SUCCEEDED:
            raise Conflict(f"The result is {asset.status}.")
        extension = (asset.content_type or "").rpartition("/")[2].replace("jpeg", "jpg")
        return self._store.result_url(asset, f"{asset_id}.{extension}")

    def delete_asset(self, account_id: str, asset_id: str) -> None:
        """Afterwards the bytes are gone and the asset answers 410. Raises as `asset` does."""
        try:
            made, asset = self.asset(account_id, asset_id)
        except Gone:
            # Also when it was marked before: the earlier call may have died before it came to the bytes.
            self._delete_bytes(*self._holder(account_id, asset_id))
            raise
        if asset.status is AssetStatus.QUEUED:
            raise Conflict("The result is not there yet.")
        index = made.assets.index(asset)
        self._change(account_id, made.id, lambda assets: _with(assets, index, status=AssetStatus.DELETED))
        self._delete_bytes(made, index)

    def review(self, account_id: str, asset_id: str) -> tuple[Generation, Asset]:
        """Notes that its owner has looked at the result. Raises as `asset` does; Conflict if it did not succeed."""
        made, asset = self.asset(account_id, asset_id)
        if asset.status is not AssetStatus.SUCCEEDED:
            raise Conflict(f"The result is {asset.status}; only one that succeeded can be reviewed.")
        index = made.assets.index(asset)
        self._change(account_id, made.id, lambda assets: _with(assets, index, review=Review.REVIEWED))
        return self.asset(account_id, asset_id)

    def _plan(self, principal: Principal, order: Order, request_id: str) -> Generation:
        """The generation an order stands for. Raises Validation, UnsupportedParameter, MaxAssetsExceeded."""
        model, parameters, reference = self._understand(order)
        now = self._clock.now()
        generation_id = parent_id("gen", now, self._entropy)
        seed = order.seed if order.seed is not None else int.from_bytes(self._entropy(4), "big") & MAX_SEED
        made = Generation(
            id=generation_id,
            account_id=principal.account_id,
            status=Status.QUEUED,
            model=model.id,
            operation=order.operation,
            parameters=parameters,
            upload_id=order.upload_id,
            reference_upload_id=reference,
            price=model.price_assets,
            seed=seed,
            created_at=now,
            spender=principal.spender,
            request_id=request_id,
            assets=pending_assets(generation_id, order.n),
        )
        if order.max_assets is not None and made.cost > order.max_assets:
            raise MaxAssetsExceeded(
                f"This costs {made.cost} and max_assets is {order.max_assets}.", param="max_assets", needed=made.cost
            )
        return made

    def _understand(self, order: Order) -> tuple[Any, dict[str, Any], str | None]:
        """(model, parameters as JSON, id of the second upload) of an order, or the refusal that says what is wrong."""
        try:
            model = self._models.model(order.model)
        except LookupError:
            raise Validation(f"model: there is no model {order.model!r}", param="model") from None
        if order.operation not in model.operations:
            offered = ", ".join(model.operations)
            raise Validation(f"operation: {order.model} does {offered}", param="operation")
        operation = operations.operation(order.operation)
        if operation.needs_photo and order.upload_id is None:
            raise Validation(f"upload_id: {order.operation} needs a photo", param="upload_id")
        if order.prompt is not None:
            raise UnsupportedParameter(f"prompt: {order.operation} takes no prompt", param="prompt")
        if order.n > model.max_outputs:
            raise Validation(f"n: {order.model} makes at most {model.max_outputs}", param="n")
        try:
            parameters = operation.parse(order.parameters)
        except ValidationError as error:
            raise refusal(error, "parameters") from None
        return model, parameters.model_dump(mode="json", exclude_unset=True), operation.reference_upload(parameters)

    def _replay(self, account_id: str, key_hash: str, fingerprint: str) -> Made | None:
        found = self._store.request(account_id, key_hash, self._clock.now())
        if found is None:
            return None
        if found[0] != fingerprint:
            raise IdempotencyKeyReused
        return Made(found[1], found[2], replayed=True)

    def _holder(self, account_id: str, asset_id: str) -> tuple[Generation, int]:
        generation_id, index = parent_of("gen", asset_id) if is_id("ast", asset_id) else ("", -1)
        made = self._store.get(account_id, generation_id) if index >= 0 else None
        if made is None or index >= len(made.assets):
            raise NotFound
        return made, index

    def _change(
        self,
        account_id: str,
        generation_id: str,
        change: Callable[[tuple[Asset, ...]], tuple[Asset, ...]],
        *,
        deleted: bool = False,
    ) -> None:
        for _ in range(CHANGE_TRIES):
            made = self._store.get(account_id, generation_id)
            if made is None:
                raise NotFound
            if made.deleted:
                return  # by another call, or by this one, when the answer to its first try was lost
            if self._store.change_assets(made, change(made.assets), deleted=deleted):
                return
        raise Contended(generation_id)

    def _delete_bytes(self, made: Generation, index: int) -> None:
        """Of every attempt: a worker that died may have left a copy beside the one that was published."""
        for attempt in range(1, made.attempt + 1):
            self._store.delete_result(result_key(made.account_id, made.id, attempt, index))


def _with(assets: tuple[Asset, ...], index: int, **members: Any) -> tuple[Asset, ...]:
    return (*assets[:index], replace(assets[index], **members), *assets[index + 1 :])


def _all_deleted(assets: tuple[Asset, ...]) -> tuple[Asset, ...]:
    return tuple(replace(asset, status=AssetStatus.DELETED) for asset in assets)
