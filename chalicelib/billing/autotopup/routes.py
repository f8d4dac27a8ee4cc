"""Automatic top-ups and balance alerts over HTTP. What spends money by itself is set by a signed-in person only."""

from pydantic import Field

from chalicelib.billing.autotopup.rules import AutoTopUp, Because, Wish, spent
from chalicelib.edge.http import Call, Door
from chalicelib.edge.identity import Access
from chalicelib.kernel.clock import rfc3339
from chalicelib.kernel.errors import ApiKeyRequired, Conflict
from chalicelib.kernel.money import MAX_ASSETS
from chalicelib.kernel.principal import Scope
from chalicelib.kernel.shapes import Body, View
from chalicelib.wiring import services

door = Door("billing")

#: More than this is no limit any more, in any currency that is sold in.
MAX_CEILING = 10_000_000


class AutoTopUpBody(Body):
    """All of it is said each time; there is no default for what may be spent."""

    pack: str = Field(max_length=40, description="which pack of `GET /v1/plans`")
    below: int = Field(ge=1, le=MAX_ASSETS, description="buy it when fewer assets than this are available")
    monthly_ceiling_minor: int = Field(
        ge=1, le=MAX_CEILING, description="the most for a UTC month, in the currency's smallest unit"
    )
    currency: str = Field(max_length=3, description="lower case, of `GET /v1/plans`")


class AlertBody(Body):
    below: int | None = Field(ge=1, le=MAX_ASSETS, description="mail me when fewer assets are available; null: never")


class AutoTopUpView(View):
    """`spent_this_month_minor` is what was charged, or may have been, of the ceiling."""

    enabled: bool
    pack: str | None = None
    below: int | None = None
    monthly_ceiling_minor: int | None = None
    currency: str | None = None
    spent_this_month_minor: int = 0
    failures: int = Field(0, description="refusals in a row; at 3 it turns itself off")
    turned_off_because: Because | None = None
    last_attempt_at: str | None = None
    last_order_id: str | None = None


class AlertView(View):
    below: int | None


@door.route(
    "GET",
    "/v1/auto-top-up",
    summary="Automatic top-up",
    access=Access.SESSION,
    answer=AutoTopUpView,
    problems=(ApiKeyRequired,),
)
def get_auto_top_up(call: Call[None, None]) -> AutoTopUpView:
    """Off, unless a person turned it on."""
    services().keys.require_any(call.principal)
    return _view(services().auto_top_ups.get(call.principal.account_id))


@door.route(
    "PUT",
    "/v1/auto-top-up",
    summary="Turn automatic top-up on",
    access=Access.SESSION,
    body=AutoTopUpBody,
    answer=AutoTopUpView,
    problems=(ApiKeyRequired, Conflict),
)
def turn_on_auto_top_up(call: Call[AutoTopUpBody, None]) -> AutoTopUpView:
    """Buys a pack with the saved payment method when little is left: at most one attempt an hour, and never more in a
    month than the ceiling. After three refusals in a row it turns itself off, and only you turn it on again."""
    services().keys.require_any(call.principal)
    wish = Wish(call.body.pack, call.body.below, call.body.monthly_ceiling_minor, call.body.currency)
    return _view(services().auto_top_ups.turn_on(call.principal.account_id, wish))


@door.route(
    "DELETE",
    "/v1/auto-top-up",
    summary="Turn automatic top-up off",
    access=Access.SESSION,
    answer=AutoTopUpView,
    problems=(ApiKeyRequired,),
)
def turn_off_auto_top_up(call: Call[None, None]) -> AutoTopUpView:
    """Effective at once; what was spent this month is remembered."""
    services().keys.require_any(call.principal)
    return _view(services().auto_top_ups.turn_off(call.principal.account_id))


@door.route(
    "GET",
    "/v1/balance-alert",
    summary="When to be told of a low balance",
    scope=Scope.BILLING_READ,
    answer=AlertView,
    problems=(ApiKeyRequired,),
)
def get_balance_alert(call: Call[None, None]) -> AlertView:
    services().keys.require_any(call.principal)
    return AlertView(below=services().auto_top_ups.alert(call.principal.account_id))


@door.route(
    "PUT",
    "/v1/balance-alert",
    summary="Be told of a low balance",
    scope=Scope.BILLING,
    body=AlertBody,
    answer=AlertView,
    problems=(ApiKeyRequired,),
)
def set_balance_alert(call: Call[AlertBody, None]) -> AlertView:
    """By mail, once whenever the balance falls below it."""
    services().keys.require_any(call.principal)
    services().auto_top_ups.set_alert(call.principal.account_id, call.body.below)
    return AlertView(below=call.body.below)


def _view(known: AutoTopUp | None) -> AutoTopUpView:
    if known is None:
        return AutoTopUpView(enabled=False)
    return AutoTopUpView(
        enabled=known.on,
        pack=known.wish.pack,
        below=known.wish.below,
        monthly_ceiling_minor=known.wish.ceiling,
        currency=known.wish.currency,
        spent_this_month_minor=spent(known, services().clock.now()),
        failures=known.failures,
        turned_off_because=known.because,
        last_attempt_at=rfc3339(known.attempt.at) if known.attempt else None,
        last_order_id=known.attempt.order_id if known.attempt else None,
    )
