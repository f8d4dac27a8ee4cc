"""What is sold, and buying packs, over HTTP."""

from typing import Any

from pydantic import Field

from chalicelib.billing import catalog
from chalicelib.billing.catalog import DEFAULT_CURRENCY, Kind, Offer
from chalicelib.billing.order import MAX_URL, How, Order, Status, Wish, is_web_address
from chalicelib.billing.problems import BillingNotConfigured, BillingRefused, BillingUnavailable
from chalicelib.edge.http import Answer, Call, Door
from chalicelib.edge.identity import Access
from chalicelib.edge.paging import after_id, page
from chalicelib.kernel.clock import rfc3339
from chalicelib.kernel.errors import ApiKeyRequired, IdempotencyKeyMissing, IdempotencyKeyReused, Validation
from chalicelib.kernel.principal import Scope
from chalicelib.kernel.shapes import Body, Page, PageQuery, View
from chalicelib.wiring import services

door = Door("billing")

#: The catalog changes with a release.
PLANS_CACHE = "public, max-age=300"
#: Where the portal shows what was bought.
PORTAL_PAGE = "/billing"


class PriceView(View):
    """`amount` is in the currency's smallest unit: cents, but whole yen."""

    currency: str
    amount: int
    zero_decimal: bool
    tax_included: bool


class OfferView(View):
    id: str
    name: str
    assets: int
    prices: list[PriceView]


class PackView(OfferView):
    """Bought once; its assets end after so many months."""

    expires_after_months: int


class PlanView(OfferView):
    """Paid each month; its assets end with the period that they were paid for."""

    interval: str


class PlansView(View):
    packs: list[PackView]
    plans: list[PlanView]
    currencies: list[str]
    default_currency: str


class CreateTopUp(Body):
    pack: str = Field(max_length=40, description="which pack of `GET /v1/plans`")
    currency: str = Field(DEFAULT_CURRENCY, max_length=3, description="lower case")
    return_url: str | None = Field(None, max_length=MAX_URL, description="where both of the next lead, if left out")
    success_url: str | None = Field(None, max_length=MAX_URL, description="where the browser goes once it is paid")
    cancel_url: str | None = Field(None, max_length=MAX_URL, description="where the browser goes if it is not")
    save_card: bool = Field(False, description="keep the payment method, for automatic top-ups")


class TopUpView(View):
    """`amount` is the price in the currency's smallest unit, before promotion codes and what taxes add. The assets
    are there by the time the status is `paid`."""

    id: str
    status: Status
    checkout_url: str | None
    pack: str
    assets: int
    amount: int
    currency: str
    automatic: bool
    receipt_url: str | None
    invoice_url: str | None
    created_at: str

    @classmethod
    def of(cls, order: Order) -> "TopUpView":
        return cls(
            id=order.id,
            status=order.status,
            checkout_url=order.checkout_url if order.status is Status.OPEN else None,
            pack=order.offer,
            assets=order.assets,
            amount=order.amount,
            currency=order.currency,
            automatic=order.how is How.SAVED_CARD,
            receipt_url=order.receipt_url,
            invoice_url=order.invoice_url,
            created_at=rfc3339(order.created_at),
        )


class TopUpPage(Page[TopUpView]):
    pass


@door.route("GET", "/v1/plans", summary="What can be bought", access=Access.PUBLIC, answer=PlansView)
def list_plans(_: Call[None, None]) -> Answer:
    """Packs, the smallest first, and monthly plans, with their price in each currency."""
    packs = [
        PackView(**_members(offer), expires_after_months=catalog.PACK_MONTHS) for offer in catalog.offers(Kind.PACK)
    ]
    plans = [PlanView(**_members(offer), interval="month") for offer in catalog.offers(Kind.PLAN)]
    view = PlansView(packs=packs, plans=plans, currencies=list(catalog.CURRENCIES), default_currency=DEFAULT_CURRENCY)
    return Answer(view, headers={"Cache-Control": PLANS_CACHE})


@door.route(
    "POST",
    "/v1/top-ups",
    summary="Buy a pack",
    scope=Scope.BILLING,
    body=CreateTopUp,
    status=201,
    answer=TopUpView,
    idempotent=True,
    problems=(
        ApiKeyRequired,
        BillingNotConfigured,
        BillingRefused,
        BillingUnavailable,
        IdempotencyKeyMissing,
        IdempotencyKeyReused,
    ),
)
def create_top_up(call: Call[CreateTopUp, None]) -> Answer:
    """Send the browser to `checkout_url`, which is good for a day. Nothing is added before it is paid."""
    services().keys.require_any(call.principal)
    success, cancel = ways_back(call, call.body.success_url, call.body.cancel_url, call.body.return_url)
    wish = Wish(How.CHECKOUT, call.body.pack, call.body.currency, success, cancel, call.body.save_card)
    placed = services().orders.place(call.principal.account_id, wish, call.idempotency_key, call.request_id)
    headers = {"Location": f"/v1/top-ups/{placed.order.id}"}
    if placed.replayed:
        headers["Idempotency-Replayed"] = "true"
    return Answer(TopUpView.of(placed.order), headers=headers)


@door.route(
    "GET",
    "/v1/top-ups",
    summary="All top-ups",
    scope=Scope.BILLING_READ,
    query=PageQuery,
    answer=TopUpPage,
    problems=(ApiKeyRequired,),
)
def list_top_ups(call: Call[None, PageQuery]) -> Page[TopUpView]:
    """Newest first, those that were never paid included."""
    services().keys.require_any(call.principal)
    before = after_id("top", call.query.after)
    found = services().orders.newest(call.principal.account_id, before=before, limit=call.query.limit + 1)
    return page([TopUpView.of(order) for order in found], [order.id for order in found], call.query.limit)


@door.route(
    "GET",
    "/v1/top-ups/{top_up_id}",
    summary="One top-up",
    scope=Scope.BILLING_READ,
    answer=TopUpView,
    problems=(ApiKeyRequired,),
)
def get_top_up(call: Call[None, None]) -> TopUpView:
    """Its status, and where its receipt and invoice are."""
    services().keys.require_any(call.principal)
    return TopUpView.of(services().orders.get(call.principal.account_id, call.path["top_up_id"]))


def ways_back(call: Call[Any, Any], success: str | None, cancel: str | None, both: str | None) -> tuple[str, str]:
    """Where Stripe's page leads, by default to the portal. Raises Validation for what is no address of a web page."""
    for name, given in (("success_url", success), ("cancel_url", cancel), ("return_url", both)):
        if given is not None and not is_web_address(given):
            raise Validation(f"{name}: is not an https address", param=name)
    home = both or f"{call.base_url}{PORTAL_PAGE}"
    if not is_web_address(home):
        raise Validation("return_url: is required", param="return_url")
    return success or home, cancel or home


def _members(offer: Offer) -> dict[str, Any]:
    prices = [
        PriceView(
            currency=currency,
            amount=amount,
            zero_decimal=currency in catalog.ZERO_DECIMAL,
            tax_included=catalog.CURRENCIES[currency],
        )
        for currency, amount in offer.prices.items()
    ]
    return {"id": offer.id, "name": offer.name, "assets": offer.assets, "prices": prices}
