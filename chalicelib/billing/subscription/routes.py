"""Plans, invoices and the customer portal over HTTP. A signed-in person's, never a key's."""

import re

from pydantic import Field

from chalicelib.billing import catalog
from chalicelib.billing.catalog import DEFAULT_CURRENCY, Kind
from chalicelib.billing.order import MAX_URL, How, Status, Wish
from chalicelib.billing.plan import Plan, PlanStatus
from chalicelib.billing.problems import (
    BillingNotConfigured,
    BillingRefused,
    BillingUnavailable,
    PaymentRefused,
    SubscriptionExists,
)
from chalicelib.billing.routes import ways_back
from chalicelib.edge.http import Answer, Call, Door
from chalicelib.edge.identity import Access
from chalicelib.edge.paging import after_place, page
from chalicelib.kernel.clock import rfc3339
from chalicelib.kernel.errors import ApiKeyRequired, IdempotencyKeyMissing, IdempotencyKeyReused, Validation
from chalicelib.kernel.principal import Scope
from chalicelib.kernel.shapes import Body, Page, PageQuery, View
from chalicelib.wiring import services

door = Door("billing")

_INVOICE = re.compile(r"in_[A-Za-z0-9_]{1,200}")
FAILURES = (ApiKeyRequired, BillingNotConfigured, BillingRefused, BillingUnavailable)


class CreateSubscription(Body):
    plan: str = Field(max_length=40, description="which plan of `GET /v1/plans`")
    currency: str = Field(DEFAULT_CURRENCY, max_length=3, description="lower case")
    return_url: str | None = Field(None, max_length=MAX_URL, description="where both of the next lead, if left out")
    success_url: str | None = Field(None, max_length=MAX_URL, description="where the browser goes once it is paid")
    cancel_url: str | None = Field(None, max_length=MAX_URL, description="where the browser goes if it is not")


class ChangeSubscription(Body):
    """One of the two."""

    plan: str | None = Field(None, max_length=40)
    cancel_at_period_end: bool | None = Field(None, description="false: the plan goes on after all")


class OpenPortal(Body):
    return_url: str | None = Field(None, max_length=MAX_URL, description="where its link back leads")


class OrderedPlanView(View):
    """The plan begins when it is paid at `checkout_url`, which is good for a day."""

    id: str
    status: Status
    checkout_url: str | None
    plan: str
    assets: int
    amount: int
    currency: str
    created_at: str


class DunningView(View):
    """A renewal that could not be paid: due since when, tried again when (null: not by itself), payable where."""

    since: str
    next_attempt_at: str | None
    invoice_url: str | None


class SubscriptionView(View):
    """`assets` come with each paid month and end with it."""

    plan: str | None
    status: PlanStatus
    assets: int | None
    amount: int | None
    currency: str | None
    current_period_end: str | None
    cancel_at_period_end: bool
    dunning: DunningView | None

    @classmethod
    def of(cls, plan: Plan) -> "SubscriptionView":
        offer = catalog.find(Kind.PLAN, plan.offer or "")
        owed = plan.dunning
        again = owed.next_attempt_at if owed else None
        return cls(
            plan=plan.offer,
            status=plan.status,
            assets=offer.assets if offer else None,
            amount=offer.prices.get(plan.currency or "") if offer else None,
            currency=plan.currency,
            current_period_end=rfc3339(plan.period_ends_at) if plan.period_ends_at else None,
            cancel_at_period_end=plan.cancel_at_period_end,
            dunning=DunningView(
                since=rfc3339(owed.since),
                next_attempt_at=rfc3339(again) if again else None,
                invoice_url=owed.invoice_url,
            )
            if owed
            else None,
        )


class PortalView(View):
    """Good for some minutes, for this customer only."""

    url: str


class InvoiceView(View):
    """`amount` is what it is for, in the currency's smallest unit."""

    id: str
    number: str | None
    amount: int
    paid: int
    currency: str
    status: str
    url: str | None
    created_at: str


class InvoicePage(Page[InvoiceView]):
    pass


@door.route(
    "GET",
    "/v1/subscription",
    summary="The plan",
    access=Access.SESSION,
    answer=SubscriptionView,
    problems=(ApiKeyRequired,),
)
def get_subscription(call: Call[None, None]) -> SubscriptionView:
    """`none` without one. `dunning` says what to do when a renewal could not be paid."""
    services().keys.require_any(call.principal)
    return SubscriptionView.of(services().plans.get(call.principal.account_id))


@door.route(
    "POST",
    "/v1/subscription",
    summary="Choose a plan",
    access=Access.SESSION,
    body=CreateSubscription,
    status=201,
    answer=OrderedPlanView,
    idempotent=True,
    problems=(*FAILURES, IdempotencyKeyMissing, IdempotencyKeyReused, SubscriptionExists),
)
def create_subscription(call: Call[CreateSubscription, None]) -> Answer:
    """Send the browser to `checkout_url`. A page that was opened before is closed, so that nobody pays twice."""
    services().keys.require_any(call.principal)
    account_id = call.principal.account_id
    success, cancel = ways_back(call, call.body.success_url, call.body.cancel_url, call.body.return_url)
    wish = Wish(How.PLAN, call.body.plan, call.body.currency, success, cancel)
    placed = services().orders.place(
        account_id,
        wish,
        call.idempotency_key,
        call.request_id,
        first=lambda: services().plans.make_room(account_id),
    )
    order = placed.order
    view = OrderedPlanView(
        id=order.id,
        status=order.status,
        checkout_url=order.checkout_url,
        plan=order.offer,
        assets=order.assets,
        amount=order.amount,
        currency=order.currency,
        created_at=rfc3339(order.created_at),
    )
    return Answer(view, headers={"Idempotency-Replayed": "true"} if placed.replayed else {})


@door.route(
    "PATCH",
    "/v1/subscription",
    summary="Change the plan",
    access=Access.SESSION,
    body=ChangeSubscription,
    answer=SubscriptionView,
    problems=(*FAILURES, PaymentRefused),
)
def change_subscription(call: Call[ChangeSubscription, None]) -> SubscriptionView:
    """A larger plan begins at once: the rest of the month is charged, and brings its share of the assets. A smaller
    one begins with the next month. Assets that are there stay as they are."""
    services().keys.require_any(call.principal)
    account_id, body = call.principal.account_id, call.body
    if (body.plan is None) is (body.cancel_at_period_end is None):
        raise Validation("Send either plan or cancel_at_period_end.", param="plan")
    if body.plan is not None:
        return SubscriptionView.of(services().plans.change(account_id, body.plan))
    return SubscriptionView.of(services().plans.set_ending(account_id, ends=bool(body.cancel_at_period_end)))


@door.route(
    "DELETE",
    "/v1/subscription",
    summary="End the plan",
    access=Access.SESSION,
    answer=SubscriptionView,
    problems=FAILURES,
)
def cancel_subscription(call: Call[None, None]) -> SubscriptionView:
    """It ends with the month that is paid, and can be kept until then with `PATCH`."""
    services().keys.require_any(call.principal)
    return SubscriptionView.of(services().plans.set_ending(call.principal.account_id, ends=True))


@door.route(
    "POST",
    "/v1/billing-portal",
    summary="A link to payment methods and invoices",
    access=Access.SESSION,
    body=OpenPortal,
    answer=PortalView,
    problems=FAILURES,
)
def open_portal(call: Call[OpenPortal, None]) -> PortalView:
    """At the payment provider's own pages."""
    services().keys.require_any(call.principal)
    back, _ = ways_back(call, None, None, call.body.return_url)
    return PortalView(url=services().orders.portal(call.principal.account_id, back))


@door.route(
    "GET",
    "/v1/invoices",
    summary="All invoices",
    scope=Scope.BILLING_READ,
    query=PageQuery,
    answer=InvoicePage,
    problems=FAILURES,
)
def list_invoices(call: Call[None, PageQuery]) -> Page[InvoiceView]:
    """Newest first, of packs and plans."""
    services().keys.require_any(call.principal)
    after, limit = after_place(_INVOICE, call.query.after), call.query.limit
    # One more than wanted says whether there are more; the provider gives at most a hundred.
    found = services().orders.invoices(call.principal.account_id, after=after, limit=min(limit + 1, 100))
    views = [
        InvoiceView(
            id=invoice.id,
            number=invoice.number,
            amount=invoice.amount_due,
            paid=invoice.amount_paid,
            currency=invoice.currency,
            status=invoice.status,
            url=invoice.url,
            created_at=rfc3339(invoice.created_at),
        )
        for invoice in found
    ]
    return page(views, [invoice.id for invoice in found], min(limit, 99))
