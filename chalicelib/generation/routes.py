"""Generations and their results over HTTP."""

import re
from typing import Annotated

from pydantic import AwareDatetime, Field, JsonValue

from chalicelib.credits.caps import KeyCapReached
from chalicelib.edge.confirm import Confirm, ConfirmQuery, confirmed
from chalicelib.edge.http import Answer, Call, Content, Door
from chalicelib.edge.paging import after_id, page
from chalicelib.generation.generation import (
    DEADLINE,
    LEAST_DEADLINE,
    MAX_SEED,
    Generation,
    Listing,
    Retention,
    Status,
)
from chalicelib.generation.ordering.order import MAX_FALLBACKS, Order
from chalicelib.generation.views import GenerationView
from chalicelib.kernel.errors import (
    ConcurrencyLimited,
    ConfirmationRequired,
    Conflict,
    Gone,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
    InsufficientAssets,
    MaxAssetsExceeded,
    UnsupportedParameter,
)
from chalicelib.kernel.money import MAX_ASSETS
from chalicelib.kernel.principal import Scope
from chalicelib.kernel.shapes import Body, Page, PageQuery, View
from chalicelib.providers.capability import MAX_OUTPUTS
from chalicelib.uploads.upload import UploadNotReady
from chalicelib.wiring import services

door = Door("generation")

#: API Gateway answers for us after 29 seconds, so a request waits no longer than this.
MAX_WAIT_SECONDS = 25
_WAIT = re.compile(r"(?:^|,)\s*wait=(\d{1,3})\s*(?:,|;|$)")


#: JSON has no tuples and no enumerations: these are read from what it has.
ModelName = Annotated[str, Field(max_length=100)]
Address = Annotated[str, Field(max_length=2048, pattern=r"^https://[^\s]+$")]


class CreateGeneration(Body):
    model: str = Field(max_length=100, examples=["local/style-1"])
    operation: str = Field(max_length=60, examples=["stylize"])
    upload_id: str | None = Field(None, max_length=64, description="a ready upload")
    prompt: str | None = Field(None, max_length=4000)
    parameters: dict[str, JsonValue] = Field(default_factory=dict, description="of the operation: see `GET /v1/models`")
    n: int = Field(1, ge=1, le=MAX_OUTPUTS, description="how many results")
    seed: int | None = Field(None, ge=0, le=MAX_SEED, description="drawn, and answered, if left out")
    max_assets: int | None = Field(None, ge=0, le=MAX_ASSETS, description="refuse rather than cost more")
    fallback_models: tuple[ModelName, ...] = Field(
        (), max_length=MAX_FALLBACKS, description="models that may make it where the first cannot be had, in this order"
    )
    retention: Retention = Field(
        Retention.STANDARD, description="`none` keeps nothing: results are delivered once, here or to `deliver_to`"
    )
    retention_hours: int | None = Field(None, ge=1, le=720, description="shorter than the account's, never longer")
    deliver_to: tuple[Address, ...] = Field(
        (), max_length=MAX_OUTPUTS, description="with retention none: one https URL per result, which takes a PUT"
    )
    deadline_seconds: int | None = Field(
        None,
        ge=int(LEAST_DEADLINE.total_seconds()),
        le=int(DEADLINE.total_seconds()),
        description="end it, uncharged, if it is not done by then",
    )

    def order(self) -> Order:
        """As the use cases take it."""
        return Order(**self.model_dump())


class ListGenerations(PageQuery):
    status: Status | None = None
    created_after: AwareDatetime | None = None


class GenerationPage(Page[GenerationView]):
    pass


@door.route(
    "POST",
    "/v1/generations",
    summary="Generate",
    scope=Scope.GENERATIONS,
    body=CreateGeneration,
    status=202,
    answer=GenerationView,
    idempotent=True,
    problems=(
        Conflict,
        ConcurrencyLimited,
        Gone,
        IdempotencyKeyMissing,
        IdempotencyKeyReused,
        InsufficientAssets,
        KeyCapReached,
        MaxAssetsExceeded,
        UnsupportedParameter,
        UploadNotReady,
    ),
)
def create_generation(call: Call[CreateGeneration, None]) -> Answer:
    """Takes a hold on the balance and queues the work. What fails is not charged.

    With `Prefer: wait=n` (n ≤ 25 seconds) the answer is 200 with the finished generation if it is done by then.
    """
    made = services().ordering.order(call.principal, call.body.order(), call.idempotency_key, call.request_id)
    headers = {"Location": f"/v1/generations/{made.generation_id}", "Content-Type": "application/json"}
    if made.replayed:
        headers["Idempotency-Replayed"] = "true"
    seconds = _wait(call.headers.get("prefer", ""))
    if seconds:
        headers["Preference-Applied"] = f"wait={seconds}"
        try:
            done = services().generations.wait(call.principal.account_id, made.generation_id, seconds)
        except Gone:
            # Deleted or expired since: a repetition still gets its first answer.
            return Answer(made.answer, headers=headers)
        if done.finished_at is not None:
            return Answer(_seen(done), status=200, headers=headers)
    return Answer(made.answer, headers=headers)


class QuoteView(View):
    """`assets` is what the whole would cost now at the most, `assets_per_result` each of its `n` results from the model
    that is named first; nothing is set aside."""

    object: str = "quote"
    model: str
    operation: str
    n: int
    assets_per_result: int
    assets: int
    within_max_assets: bool = Field(description="whether `max_assets`, if it was given, would allow it")


@door.route(
    "POST",
    "/v1/quotes",
    summary="What a generation would cost",
    scope=Scope.GENERATIONS,
    body=CreateGeneration,
    answer=QuoteView,
    problems=(UnsupportedParameter,),
)
def quote_generation(call: Call[CreateGeneration, None]) -> QuoteView:
    """Takes the body of `POST /v1/generations`; takes no hold. Uploads are not looked at."""
    limit = call.body.max_assets
    made = services().ordering.quote(call.principal, call.body.order(), call.request_id)
    return QuoteView(
        model=made.model,
        operation=made.operation,
        n=len(made.assets),
        assets_per_result=made.price,
        assets=made.held,
        within_max_assets=limit is None or made.held <= limit,
    )


@door.route(
    "GET",
    "/v1/generations",
    summary="All generations",
    scope=Scope.GENERATIONS,
    query=ListGenerations,
    answer=GenerationPage,
)
def list_generations(call: Call[None, ListGenerations]) -> Page[GenerationView]:
    """Newest first; deleted and expired ones are left out."""
    query = call.query
    listing = Listing(query.limit + 1, after_id("gen", query.after), query.status, query.created_after)
    found = services().generations.newest(call.principal.account_id, listing)
    return page([GenerationView.of(made) for made in found], [made.id for made in found], call.query.limit)


@door.route(
    "GET",
    "/v1/generations/{generation_id}",
    summary="One generation",
    scope=Scope.GENERATIONS,
    answer=GenerationView,
    problems=(Gone,),
)
def get_generation(call: Call[None, None]) -> GenerationView:
    """Its status, results and charge. Where nothing is kept, the first answer after it succeeded has the results."""
    return _seen(services().generations.get(call.principal.account_id, call.path["generation_id"]))


@door.route(
    "POST",
    "/v1/generations/{generation_id}/cancel",
    summary="Cancel a generation",
    scope=Scope.GENERATIONS,
    status=202,
    answer=GenerationView,
    problems=(Gone,),
)
def cancel_generation(call: Call[None, None]) -> Answer:
    """Ends it, uncharged, unless a provider has it: that is asked to stop, and what it made by then is charged.

    202, or 200 with the generation as it is if it had ended before. `charged` says what was taken.
    """
    account_id, generation_id = call.principal.account_id, call.path["generation_id"]
    ended = services().generations.get(account_id, generation_id).finished_at is not None
    made = services().generations.cancel(account_id, generation_id)
    return Answer(_seen(made), status=200 if ended else 202)


@door.route(
    "DELETE",
    "/v1/generations/{generation_id}",
    summary="Delete a generation and its results",
    scope=Scope.GENERATIONS,
    body=Confirm,
    query=ConfirmQuery,
    status=204,
    content=Content.NONE,
    problems=(ConfirmationRequired, Conflict, Gone),
)
def delete_generation(call: Call[Confirm, ConfirmQuery]) -> Answer:
    """Permanent. What it cost stays charged."""
    account_id, generation_id = call.principal.account_id, call.path["generation_id"]
    confirmed(call, generation_id, lambda: services().generations.get(account_id, generation_id))
    services().generations.delete(account_id, generation_id)
    return Answer()


def _seen(made: Generation) -> GenerationView:
    """With the results themselves, where this answer is the one that delivers them."""
    return GenerationView.of(made, services().generations.collect(made))


def _wait(prefer: str) -> int:
    """Seconds of `Prefer: wait=n` (RFC 7240, section 4.3), at most MAX_WAIT_SECONDS; 0 if it is not asked for."""
    found = _WAIT.search(prefer)
    return min(int(found[1]), MAX_WAIT_SECONDS) if found else 0
