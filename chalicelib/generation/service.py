"""Use cases of a client with generations that were ordered: read, wait, cancel, review, collect, delete."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from chalicelib.generation.generation import (
    Asset,
    AssetStatus,
    Generation,
    Listing,
    Retention,
    Review,
    Status,
)
from chalicelib.generation.ports import Ender, Providers, Results, Store, Tell
from chalicelib.kernel.clock import Clock
from chalicelib.kernel.errors import Conflict, Gone, NotFound
from chalicelib.kernel.ids import is_id, parent_of
from chalicelib.kernel.transaction import Contended
from chalicelib.providers.capability import Runs

CHANGE_TRIES = 8
#: How often a waiting request looks whether its generation is done.
POLL = timedelta(milliseconds=400)


class Generations:
    """`queue(generation, delay_seconds)` hints a worker. `missing` is what is raised for an object that is gone."""

    def __init__(
        self,
        store: Store,
        results: Results,
        ending: Ender,
        providers: Providers,
        clock: Clock,
        *,
        tell: Tell,
        queue: Callable[[Generation, int], None],
        sleep: Callable[[float], None],
        missing: type[Exception],
    ) -> None:
        self._store = store
        self._results = results
        self._ending = ending
        self._providers = providers
        self._clock = clock
        self._tell = tell
        self._queue = queue
        self._sleep = sleep
        self._missing = missing

    def get(self, account_id: str, generation_id: str) -> Generation:
        """Raises NotFound, for another account's generation too; Gone once deleted or expired."""
        made = self._store.get(account_id, generation_id) if is_id("gen", generation_id) else None
        if made is None:
            raise NotFound
        if made.deleted or made.over(self._clock.now()):
            raise Gone("The generation was deleted." if made.deleted else "The results have expired.")
        return made

    def wait(self, account_id: str, generation_id: str, seconds: float) -> Generation:
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

    def cancel(self, account_id: str, generation_id: str) -> Generation:
        """Ends it at once where no provider can have it, which costs nothing; else has its worker ask the provider to
        stop: what was made by then is delivered and charged. One that has ended stays as it is. Raises NotFound, Gone.
        """
        for _ in range(CHANGE_TRIES):
            made = self.get(account_id, generation_id)
            if made.finished_at is not None or made.cancel_requested:
                return made
            if self._is_ours(made):
                canceled = _canceled(made, self._clock)
                if self._ending.end(made, canceled):
                    return canceled
            elif self._store.request_cancel(made):
                self._queue(made, 0)
                return replace(made, cancel_requested=True)
        raise Contended(generation_id)

    def collect(self, made: Generation) -> dict[str, bytes]:
        """The bytes of what is kept for delivery only, by asset, once: afterwards they are gone from here."""
        kept = {asset.id: asset for asset in made.assets if asset.key}
        if made.retention is Retention.STANDARD or not kept:
            return {}
        waiting = {asset_id: asset for asset_id, asset in kept.items() if not asset.delivered}
        if not waiting:
            # Whoever delivered them may have died before it came to the bytes.
            self._results.delete_results(made.prefix)
            return {}
        try:
            found = {asset_id: self._results.read_result(asset.key or "") for asset_id, asset in waiting.items()}
        except self._missing:
            return {}
        handed = tuple(replace(asset, delivered=True) if asset.id in waiting else asset for asset in made.assets)
        won = self._store.change_assets(made, handed)
        self._results.delete_results(made.prefix)
        return found if won else {}

    def delete(self, account_id: str, generation_id: str) -> None:
        """Afterwards all its results are gone. Raises NotFound, Gone; Conflict while it is not finished."""
        try:
            made = self.get(account_id, generation_id)
        except Gone:
            # Also when it was marked before: the earlier call may have died before it came to the bytes.
            known = self._store.get(account_id, generation_id)
            if known is not None:
                self._results.delete_results(known.prefix)
            raise
        if made.finished_at is None:
            raise Conflict(f"The generation is {made.status}; cancel it first.")
        self._change(account_id, generation_id, _all_deleted, deleted=True)
        self._results.delete_results(made.prefix)
        self._tell.deleted(made, made.assets)

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
        """A short-lived URL of the bytes. Raises as `asset` does; Conflict while there are none, Gone for what is
        delivered once."""
        _, asset = self._kept(account_id, asset_id)
        extension = (asset.content_type or "").rpartition("/")[2].replace("jpeg", "jpg").replace("mpeg", "mp3")
        return self._results.result_url(asset, f"{asset.id}.{extension}")

    def bytes_of(self, account_id: str, asset_id: str) -> bytes:
        """Raises as `content_url` does."""
        _, asset = self._kept(account_id, asset_id)
        try:
            return self._results.read_result(asset.key or "")
        except self._missing:
            raise Gone("The result has expired or been deleted.") from None

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
        self._tell.deleted(made, (asset,))

    def review(self, account_id: str, asset_id: str) -> tuple[Generation, Asset]:
        """Notes that its owner has looked at the result. Raises as `asset` does; Conflict if it did not succeed."""
        made, asset = self.asset(account_id, asset_id)
        if asset.status is not AssetStatus.SUCCEEDED:
            raise Conflict(f"The result is {asset.status}; only one that succeeded can be reviewed.")
        index = made.assets.index(asset)
        self._change(account_id, made.id, lambda assets: _with(assets, index, review=Review.REVIEWED))
        return self.asset(account_id, asset_id)

    def _is_ours(self, made: Generation) -> bool:
        """Whether no other system can have it: it is queued and was not begun, or our own engine makes it."""
        if made.status is Status.QUEUED:
            return True
        try:
            runs = self._providers.capability(made.provider).runs
        except LookupError:
            return False
        return bool(runs is Runs.EMBEDDED)

    def _kept(self, account_id: str, asset_id: str) -> tuple[Generation, Asset]:
        made, asset = self.asset(account_id, asset_id)
        if asset.status is not AssetStatus.SUCCEEDED:
            raise Conflict(f"The result is {asset.status}.")
        if made.retention is Retention.NONE:
            raise Gone("The result is delivered once and is not kept: the generation's first answer has it.")
        return made, asset

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
        key = made.assets[index].key
        if key:
            self._results.delete_result(key)


def _canceled(made: Generation, clock: Clock) -> Generation:
    assets = tuple(replace(asset, status=AssetStatus.CANCELED) for asset in made.assets)
    return replace(made, status=Status.CANCELED, assets=assets, finished_at=clock.now())


def _with(assets: tuple[Asset, ...], index: int, **members: Any) -> tuple[Asset, ...]:
    return (*assets[:index], replace(assets[index], **members), *assets[index + 1 :])


def _all_deleted(assets: tuple[Asset, ...]) -> tuple[Asset, ...]:
    return tuple(replace(asset, status=AssetStatus.DELETED) for asset in assets)
