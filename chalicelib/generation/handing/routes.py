"""Results over HTTP, one by one."""

from chalicelib.edge.confirm import Confirm, ConfirmQuery, confirmed
from chalicelib.edge.http import Answer, Call, Content, Door
from chalicelib.generation.generation import Asset, Generation
from chalicelib.generation.views import AssetView
from chalicelib.kernel.errors import ConfirmationRequired, Conflict, Gone
from chalicelib.kernel.principal import Scope
from chalicelib.wiring import services

door = Door("results")


@door.route(
    "GET", "/v1/assets/{asset_id}", summary="One result", scope=Scope.GENERATIONS, answer=AssetView, problems=(Gone,)
)
def get_asset(call: Call[None, None]) -> AssetView:
    return _view(services().generations.asset(call.principal.account_id, call.path["asset_id"]))


@door.route(
    "GET",
    "/v1/assets/{asset_id}/content",
    summary="The bytes of a result",
    scope=Scope.GENERATIONS,
    status=302,
    content=Content.NONE,
    problems=(Conflict, Gone),
)
def get_content(call: Call[None, None]) -> Answer:
    """Redirects to a URL of the storage that works for 5 minutes and is made for this request."""
    url = services().generations.content_url(call.principal.account_id, call.path["asset_id"])
    return Answer(headers={"Location": url})


@door.route(
    "POST",
    "/v1/assets/{asset_id}/review",
    summary="Mark a result as reviewed",
    scope=Scope.GENERATIONS,
    answer=AssetView,
    problems=(Conflict, Gone),
)
def review_asset(call: Call[None, None]) -> AssetView:
    """Says that its owner has looked at it and answers for its use."""
    return _view(services().generations.review(call.principal.account_id, call.path["asset_id"]))


@door.route(
    "DELETE",
    "/v1/assets/{asset_id}",
    summary="Delete a result",
    scope=Scope.GENERATIONS,
    body=Confirm,
    query=ConfirmQuery,
    status=204,
    content=Content.NONE,
    problems=(ConfirmationRequired, Conflict, Gone),
)
def delete_asset(call: Call[Confirm, ConfirmQuery]) -> Answer:
    """Permanent: with the answer the bytes are gone. What it cost stays charged."""
    account_id, asset_id = call.principal.account_id, call.path["asset_id"]
    confirmed(call, asset_id, lambda: services().generations.asset(account_id, asset_id))
    services().generations.delete_asset(account_id, asset_id)
    return Answer()


def _view(found: tuple[Generation, Asset]) -> AssetView:
    return AssetView.of(found[1], found[0].expires_at)
