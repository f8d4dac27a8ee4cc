"""Webhook endpoints over HTTP."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from chalicelib.edge.confirm import Confirm, ConfirmQuery, confirmed
from chalicelib.edge.http import Call, Door
from chalicelib.kernel.clock import rfc3339
from chalicelib.kernel.errors import ConfirmationRequired, Conflict
from chalicelib.kernel.principal import Scope
from chalicelib.kernel.shapes import Body, View
from chalicelib.webhooks.endpoint import MAX_OVERLAP, Endpoint
from chalicelib.webhooks.event import EventType
from chalicelib.wiring import services

door = Door("webhooks")

MAX_OVERLAP_HOURS = int(MAX_OVERLAP.total_seconds() // 3600)

Url = Annotated[str, Field(min_length=1, max_length=2048, description="https, on a public host")]
Description = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
EventTypes = Annotated[
    list[EventType], Field(min_length=1, max_length=len(EventType), description="null: all, also those to come")
]


class CreateEndpoint(Body):
    url: Url
    events: EventTypes | None = None
    description: Description = ""


class ChangeEndpoint(Body):
    url: Url | None = None
    events: EventTypes | None = None
    description: Description | None = None
    enabled: bool | None = None


class RotateSecret(Body):
    overlap_hours: int = Field(24, ge=0, le=MAX_OVERLAP_HOURS, description="how long the old secret stays valid")


class EndpointView(View):
    """`disabled_because` is `owner`, `gone` (it answered 410) or `failing` (it took nothing for days)."""

    id: str
    object: str = "webhook_endpoint"
    url: str
    events: list[EventType] | None
    description: str
    enabled: bool
    disabled_because: str | None
    created_at: str
    last_success_at: str | None


class NewEndpointView(EndpointView):
    """`secret` is shown this once and cannot be read again."""

    secret: str


class EndpointList(View):
    object: str = "list"
    data: list[EndpointView]
    has_more: bool = False
    next_cursor: str | None = None


class EventView(View):
    """An event that is about to be sent."""

    id: str
    object: str = "event"
    type: str
    created_at: str


@door.route(
    "POST",
    "/v1/webhook-endpoints",
    summary="Make a webhook endpoint",
    scope=Scope.WEBHOOKS,
    body=CreateEndpoint,
    status=201,
    answer=NewEndpointView,
    problems=(Conflict,),
)
def create_webhook_endpoint(call: Call[CreateEndpoint, None]) -> NewEndpointView:
    """The secret is in this answer only; store it now."""
    made = services().webhook_endpoints.create(
        call.principal.account_id, call.body.url, _types(call.body.events), call.body.description
    )
    return _with_secret(made)


@door.route(
    "GET",
    "/v1/webhook-endpoints",
    summary="All webhook endpoints",
    scope=Scope.WEBHOOKS,
    answer=EndpointList,
)
def list_webhook_endpoints(call: Call[None, None]) -> EndpointList:
    """Newest first."""
    found = services().webhook_endpoints.all(call.principal.account_id)
    return EndpointList(data=[EndpointView(**_members(known)) for known in found])


@door.route(
    "GET",
    "/v1/webhook-endpoints/{endpoint_id}",
    summary="One webhook endpoint",
    scope=Scope.WEBHOOKS,
    answer=EndpointView,
)
def get_webhook_endpoint(call: Call[None, None]) -> EndpointView:
    return EndpointView(
        **_members(services().webhook_endpoints.get(call.principal.account_id, call.path["endpoint_id"]))
    )


@door.route(
    "PATCH",
    "/v1/webhook-endpoints/{endpoint_id}",
    summary="Change a webhook endpoint",
    scope=Scope.WEBHOOKS,
    body=ChangeEndpoint,
    answer=EndpointView,
)
def change_webhook_endpoint(call: Call[ChangeEndpoint, None]) -> EndpointView:
    """Members that are left out stay as they are; `"events": null` asks for all. `"enabled": true` puts an endpoint
    in force again that was disabled; what happened meanwhile is not sent."""
    changed = services().webhook_endpoints.change(
        call.principal.account_id,
        call.path["endpoint_id"],
        url=call.body.url,
        description=call.body.description,
        events=_types(call.body.events),
        set_events="events" in call.body.model_fields_set,
        enabled=call.body.enabled,
    )
    return EndpointView(**_members(changed))


@door.route(
    "DELETE",
    "/v1/webhook-endpoints/{endpoint_id}",
    summary="Delete a webhook endpoint",
    scope=Scope.WEBHOOKS,
    body=Confirm,
    query=ConfirmQuery,
    answer=EndpointView,
    problems=(ConfirmationRequired,),
)
def delete_webhook_endpoint(call: Call[Confirm, ConfirmQuery]) -> EndpointView:
    """Permanent: its secret and its log are gone, and what waits to be sent to it is not sent."""
    account_id, endpoint_id = call.principal.account_id, call.path["endpoint_id"]
    confirmed(call, endpoint_id, lambda: services().webhook_endpoints.get(account_id, endpoint_id))
    return EndpointView(**_members(services().webhook_endpoints.delete(account_id, endpoint_id)))


@door.route(
    "POST",
    "/v1/webhook-endpoints/{endpoint_id}/rotate-secret",
    summary="Give a webhook endpoint a new secret",
    scope=Scope.WEBHOOKS,
    body=RotateSecret,
    status=201,
    answer=NewEndpointView,
    problems=(Conflict,),
)
def rotate_webhook_secret(call: Call[RotateSecret, None]) -> NewEndpointView:
    """For `overlap_hours` everything is signed with both, so that the old one can be replaced without an outage."""
    overlap = timedelta(hours=call.body.overlap_hours)
    return _with_secret(
        services().webhook_endpoints.rotate(call.principal.account_id, call.path["endpoint_id"], overlap)
    )


@door.route(
    "POST",
    "/v1/webhook-endpoints/{endpoint_id}/test",
    summary="Send a test event",
    scope=Scope.WEBHOOKS,
    status=202,
    answer=EventView,
    problems=(Conflict,),
)
def test_webhook_endpoint(call: Call[None, None]) -> EventView:
    """Sends `webhook_endpoint.test` to this endpoint, whatever it wants; its deliveries show what came of it."""
    event = services().webhook_endpoints.test(call.principal.account_id, call.path["endpoint_id"])
    return EventView(id=event.id, type=event.type, created_at=rfc3339(event.created_at))


def _types(given: list[EventType] | None) -> frozenset[EventType] | None:
    return frozenset(given) if given is not None else None


def _with_secret(known: Endpoint) -> NewEndpointView:
    return NewEndpointView(**_members(known), secret=known.secrets[0].text)


def _members(known: Endpoint) -> dict[str, object]:
    return {
        "id": known.id,
        "url": known.url,
        "events": sorted(known.events) if known.events is not None else None,
        "description": known.description,
        "enabled": known.enabled,
        "disabled_because": known.because,
        "created_at": rfc3339(known.created_at),
        "last_success_at": _time(known.last_success_at),
    }


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None
