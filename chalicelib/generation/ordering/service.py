"""Use cases of ordering: commit a generation, or say what it would cost."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from chalicelib.generation import operations
from chalicelib.generation.generation import MAX_SEED, Generation, Retention, Status, pending_assets
from chalicelib.generation.ordering.order import Order, Plan, understand
from chalicelib.generation.ports import Ledger, Models, Photos, Requests, Store, Tell
from chalicelib.generation.views import GenerationView
from chalicelib.kernel.clock import Clock
from chalicelib.kernel.errors import IdempotencyKeyReused, MaxAssetsExceeded, Problem, Validation
from chalicelib.kernel.ids import Entropy, parent_id
from chalicelib.kernel.principal import Principal
from chalicelib.kernel.transaction import Transact, Transaction


@dataclass(frozen=True, slots=True)
class Made:
    """The answer to an order: the same text for every repetition of it."""

    generation_id: str
    answer: str
    replayed: bool


def nothing_more(_: Transaction, __: Generation) -> None:
    """Of an order that commits nothing beside itself."""


class Ordering:
    """`queue(generation, delay_seconds)` hints a worker. `key_taken` is what the commit raises when the
    Idempotency-Key is bound already. `retention_hours(account_id)` is how long that account's results are kept."""

    def __init__(
        self,
        store: Store,
        requests: Requests,
        ledger: Ledger,
        photos: Photos,
        models: Models,
        transact: Transact,
        clock: Clock,
        entropy: Entropy,
        *,
        keyed_hash: Callable[[str, str], str],
        queue: Callable[[Generation, int], None],
        tell: Tell,
        retention_hours: Callable[[str], int],
        key_taken: type[Exception],
    ) -> None:
        self._store = store
        self._requests = requests
        self._ledger = ledger
        self._photos = photos
        self._models = models
        self._transact = transact
        self._clock = clock
        self._entropy = entropy
        self._hash = keyed_hash
        self._queue = queue
        self._tell = tell
        self._retention_hours = retention_hours
        self._key_taken = key_taken

    def order(
        self,
        principal: Principal,
        order: Order,
        idempotency_key: str,
        request_id: str,
        *,
        beside: Callable[[Transaction, Generation], None] = nothing_more,
    ) -> Made:
        """Commits the generation, its hold and its Idempotency-Key together, and what `beside` adds; then hints a
        worker.

        The same key and order answer the same again, whatever has happened since; the same key with another order
        raises IdempotencyKeyReused. Any other refusal raises and leaves nothing behind: Validation,
        UnsupportedParameter, MaxAssetsExceeded, InsufficientAssets, KeyCapReached, ConcurrencyLimited, UploadNotReady,
        Gone, Conflict.
        """
        account_id, key_hash = principal.account_id, self._hash("idempotency", idempotency_key)
        # Keyed, because a prompt could be guessed from a plain hash of it.
        fingerprint = self._hash("order", order.canonical())

        def build(tx: Transaction) -> tuple[Generation, str]:
            plan, now = self._understand(order), self._clock.now()
            self._check_retention(account_id, order)
            made = self._made(principal, order, plan, request_id, now)
            answer = GenerationView.of(made).model_dump_json()
            self._requests.add_request(tx, account_id, key_hash, fingerprint, made.id, answer, now)
            for param, upload_id in made.uploads.items():
                self._photos.require_ready(tx, account_id, upload_id, param, plan.max_pixels)
            who = {"spender": principal.spender, "request_id": request_id}
            made = replace(made, lane=self._ledger.hold(tx, account_id, made.id, made.held, **who))
            self._store.add(tx, made)
            self._tell.generation(tx, made)
            beside(tx, made)
            return made, answer

        try:
            made, answer = self._transact(build)
        except (Problem, self._key_taken):
            # A repetition must get the first answer, even where a new order would be refused now.
            first = self._replay(account_id, key_hash, fingerprint)
            if first is None:
                raise
            return first
        self._queue(made, 0)
        return Made(made.id, answer, replayed=False)

    def quote(self, principal: Principal, order: Order, request_id: str) -> Generation:
        """The generation that an order would make now, uncommitted. Raises Validation, UnsupportedParameter."""
        unlimited = replace(order, max_assets=None)
        return self._made(principal, unlimited, self._understand(order), request_id, self._clock.now())

    def _made(self, principal: Principal, order: Order, plan: Plan, request_id: str, now: datetime) -> Generation:
        """The generation an order stands for. Raises MaxAssetsExceeded."""
        held = plan.dearest * order.n
        if order.max_assets is not None and held > order.max_assets:
            problem = f"This costs {held} and max_assets is {order.max_assets}."
            raise MaxAssetsExceeded(problem, param="max_assets", needed=held)
        generation_id = parent_id("gen", now, self._entropy)
        first, *others = plan.choices
        return Generation(
            id=generation_id,
            account_id=principal.account_id,
            status=Status.QUEUED,
            model=first.model,
            operation=order.operation,
            parameters=plan.parameters,
            upload_id=order.upload_id,
            reference_upload_id=plan.reference,
            price=first.price,
            held=held,
            others=tuple(others),
            words=plan.words,
            retention=order.retention,
            retention_hours=order.retention_hours,
            seed=order.seed if order.seed is not None else int.from_bytes(self._entropy(4), "big") & MAX_SEED,
            created_at=now,
            deadline_at=now + order.deadline,
            spender=principal.spender,
            request_id=request_id,
            assets=pending_assets(generation_id, order.n),
        )

    def _understand(self, order: Order) -> Plan:
        """Raises Validation, UnsupportedParameter."""
        named = [("model", order.model), *(("fallback_models", name) for name in order.fallback_models)]
        models: list[Any] = []
        for param, name in named:
            try:
                model = self._models.model(name)
            except LookupError:
                raise Validation(f"{param}: there is no model {name!r}", param=param) from None
            if order.operation not in model.operations:
                offered = ", ".join(model.operations)
                where = "operation" if param == "model" else param
                raise Validation(f"{where}: {name} does {offered}", param=where)
            models.append(model)
        if len({model.id for model in models}) < len(models):
            raise Validation("fallback_models: names a model twice", param="fallback_models")
        return understand(order, models, operations.operation(order.operation))

    def _check_retention(self, account_id: str, order: Order) -> None:
        """Results may be kept shorter than the account says, never longer."""
        if order.retention is Retention.STANDARD and order.retention_hours is not None:
            most = self._retention_hours(account_id)
            if order.retention_hours > most:
                raise Validation(f"retention_hours: this account keeps results for {most}", param="retention_hours")

    def _replay(self, account_id: str, key_hash: str, fingerprint: str) -> Made | None:
        found = self._requests.request(account_id, key_hash, self._clock.now())
        if found is None:
            return None
        if found[0] != fingerprint:
            raise IdempotencyKeyReused
        return Made(found[1], found[2], replayed=True)
