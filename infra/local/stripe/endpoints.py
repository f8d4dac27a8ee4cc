"""Every endpoint that this stand-in plays: its parameters' type in the `stripe` package, and which of them it heeds.

A parameter that Stripe knows and that is not named here is refused: what we send must not be ignored in silence.
"""

from infra.local.stripe import (
    catalog,
    checkout,
    customers,
    erasure,
    events,
    invoices,
    payments,
    portal,
    refunds,
    renewals,
    subscriptions,
)
from infra.local.stripe.account import Account
from infra.local.stripe.endpoint import Endpoint, Run
from infra.local.stripe.errors import Object, StripeError
from infra.local.stripe.fields import assign

_PAGES = "limit starting_after ending_before"
_CUSTOMER = "address description email metadata name phone preferred_locales tax_exempt"
_PRODUCT = (
    "active description images marketing_features metadata name shippable statement_descriptor tax_code unit_label url"
)
_RECURRING = "recurring.interval recurring.interval_count recurring.usage_type"


def _fetch(kind: str) -> Run:
    return lambda account, _params, object_id: account.get(kind, object_id)


def _relabel(kind: str, *fields: str) -> Run:
    """An update of metadata and such."""

    def run(account: Account, params: Object, object_id: str) -> Object:
        before = account.living(kind, object_id)
        body = account.save(assign(dict(before), params, fields))
        account.event(f"{kind}.updated", body, before)
        return body

    return run


ENDPOINTS = (
    Endpoint(
        "POST",
        "/v1/customers",
        "CustomerCreateParams",
        f"{_CUSTOMER} payment_method test_clock invoice_settings.default_payment_method",
        customers.create,
    ),
    Endpoint("GET", "/v1/customers", "CustomerListParams", f"{_PAGES} created email test_clock", customers.list_),
    Endpoint("GET", "/v1/customers/{id}", "CustomerRetrieveParams", "", customers.retrieve),
    Endpoint(
        "POST",
        "/v1/customers/{id}",
        "CustomerUpdateParams",
        f"{_CUSTOMER} invoice_settings.default_payment_method",
        customers.update,
    ),
    Endpoint("DELETE", "/v1/customers/{id}", "CustomerDeleteParams", "", erasure.delete_customer),
    Endpoint(
        "GET",
        "/v1/customers/{id}/payment_methods",
        "CustomerPaymentMethodListParams",
        f"{_PAGES} type",
        customers.list_cards,
    ),
    Endpoint("GET", "/v1/payment_methods", "PaymentMethodListParams", f"{_PAGES} customer type", customers.list_cards),
    Endpoint("GET", "/v1/payment_methods/{id}", "PaymentMethodRetrieveParams", "", _fetch("payment_method")),
    Endpoint("POST", "/v1/payment_methods/{id}/attach", "PaymentMethodAttachParams", "customer", customers.attach),
    Endpoint("POST", "/v1/payment_methods/{id}/detach", "PaymentMethodDetachParams", "", customers.detach),
    Endpoint("POST", "/v1/products", "ProductCreateParams", f"id {_PRODUCT}", catalog.create_product),
    Endpoint("GET", "/v1/products", "ProductListParams", f"{_PAGES} active created ids url", catalog.list_products),
    Endpoint("GET", "/v1/products/{id}", "ProductRetrieveParams", "", _fetch("product")),
    Endpoint("POST", "/v1/products/{id}", "ProductUpdateParams", f"default_price {_PRODUCT}", catalog.update_product),
    Endpoint(
        "POST",
        "/v1/prices",
        "PriceCreateParams",
        "active currency currency_options lookup_key metadata nickname "
        f"product product_data tax_behavior transfer_lookup_key unit_amount {_RECURRING}",
        catalog.create_price,
    ),
    Endpoint(
        "GET",
        "/v1/prices",
        "PriceListParams",
        f"{_PAGES} active created currency lookup_keys product type",
        catalog.list_prices,
    ),
    Endpoint("GET", "/v1/prices/{id}", "PriceRetrieveParams", "", _fetch("price")),
    Endpoint(
        "POST",
        "/v1/prices/{id}",
        "PriceUpdateParams",
        "active currency_options lookup_key metadata nickname tax_behavior transfer_lookup_key",
        catalog.update_price,
    ),
    Endpoint(
        "POST",
        "/v1/coupons",
        "CouponCreateParams",
        "amount_off currency duration duration_in_months id max_redemptions metadata name percent_off redeem_by",
        catalog.create_coupon,
    ),
    Endpoint("GET", "/v1/coupons/{id}", "CouponRetrieveParams", "", _fetch("coupon")),
    Endpoint(
        "POST",
        "/v1/promotion_codes",
        "PromotionCodeCreateParams",
        "active code customer expires_at max_redemptions metadata promotion",
        catalog.create_promotion_code,
    ),
    Endpoint(
        "GET",
        "/v1/promotion_codes",
        "PromotionCodeListParams",
        f"{_PAGES} active code created customer",
        catalog.list_promotion_codes,
    ),
    Endpoint("GET", "/v1/promotion_codes/{id}", "PromotionCodeRetrieveParams", "", _fetch("promotion_code")),
    Endpoint(
        "POST",
        "/v1/promotion_codes/{id}",
        "PromotionCodeUpdateParams",
        "active metadata",
        catalog.update_promotion_code,
    ),
    Endpoint(
        "POST",
        "/v1/checkout/sessions",
        "checkout.SessionCreateParams",
        "allow_promotion_codes "
        "automatic_tax.enabled billing_address_collection cancel_url client_reference_id currency customer "
        "customer_creation customer_email customer_update discounts expires_at invoice_creation line_items.price "
        "line_items.quantity line_items.price_data locale metadata mode payment_intent_data.description "
        "payment_intent_data.metadata payment_intent_data.receipt_email payment_intent_data.setup_future_usage "
        "payment_intent_data.statement_descriptor_suffix allowed_payment_method_types submit_type "
        "subscription_data.description subscription_data.metadata success_url",
        checkout.create,
    ),
    Endpoint(
        "GET",
        "/v1/checkout/sessions",
        "checkout.SessionListParams",
        f"{_PAGES} created customer customer_details payment_intent status subscription",
        checkout.list_,
    ),
    Endpoint("GET", "/v1/checkout/sessions/{id}", "checkout.SessionRetrieveParams", "", checkout.retrieve),
    Endpoint("POST", "/v1/checkout/sessions/{id}/expire", "checkout.SessionExpireParams", "", checkout.expire),
    Endpoint(
        "GET",
        "/v1/checkout/sessions/{id}/line_items",
        "checkout.SessionListLineItemsParams",
        "limit starting_after",
        checkout.list_line_items,
    ),
    Endpoint(
        "POST",
        "/v1/payment_intents",
        "PaymentIntentCreateParams",
        "amount automatic_payment_methods confirm "
        "currency customer description metadata off_session payment_method allowed_payment_method_types receipt_email "
        "setup_future_usage statement_descriptor_suffix",
        payments.create,
    ),
    Endpoint(
        "GET", "/v1/payment_intents", "PaymentIntentListParams", f"{_PAGES} created customer", payments.list_intents
    ),
    Endpoint("GET", "/v1/payment_intents/{id}", "PaymentIntentRetrieveParams", "", _fetch("payment_intent")),
    Endpoint(
        "POST",
        "/v1/payment_intents/{id}",
        "PaymentIntentUpdateParams",
        "description metadata receipt_email",
        _relabel("payment_intent", "description", "receipt_email"),
    ),
    Endpoint(
        "POST",
        "/v1/payment_intents/{id}/confirm",
        "PaymentIntentConfirmParams",
        "off_session payment_method",
        payments.confirm,
    ),
    Endpoint(
        "POST", "/v1/payment_intents/{id}/cancel", "PaymentIntentCancelParams", "cancellation_reason", payments.cancel
    ),
    Endpoint(
        "GET", "/v1/charges", "ChargeListParams", f"{_PAGES} created customer payment_intent", payments.list_charges
    ),
    Endpoint("GET", "/v1/charges/{id}", "ChargeRetrieveParams", "", _fetch("charge")),
    Endpoint(
        "POST", "/v1/refunds", "RefundCreateParams", "amount charge metadata payment_intent reason", refunds.create
    ),
    Endpoint("GET", "/v1/refunds", "RefundListParams", f"{_PAGES} charge created payment_intent", refunds.list_),
    Endpoint("GET", "/v1/refunds/{id}", "RefundRetrieveParams", "", _fetch("refund")),
    Endpoint(
        "GET", "/v1/disputes", "DisputeListParams", f"{_PAGES} charge created payment_intent", refunds.list_disputes
    ),
    Endpoint("GET", "/v1/disputes/{id}", "DisputeRetrieveParams", "", _fetch("dispute")),
    Endpoint(
        "GET",
        "/v1/subscriptions",
        "SubscriptionListParams",
        f"{_PAGES} created customer price status",
        subscriptions.list_,
    ),
    Endpoint("GET", "/v1/subscriptions/{id}", "SubscriptionRetrieveParams", "", _fetch("subscription")),
    Endpoint(
        "POST",
        "/v1/subscriptions/{id}",
        "SubscriptionUpdateParams",
        "cancel_at_period_end "
        "cancellation_details default_payment_method description items.id items.price items.quantity metadata "
        "payment_behavior proration_behavior",
        subscriptions.update,
    ),
    Endpoint(
        "DELETE",
        "/v1/subscriptions/{id}",
        "SubscriptionCancelParams",
        "cancellation_details invoice_now prorate",
        subscriptions.cancel,
    ),
    Endpoint(
        "GET", "/v1/invoices", "InvoiceListParams", f"{_PAGES} created customer status subscription", invoices.list_
    ),
    Endpoint("GET", "/v1/invoices/{id}", "InvoiceRetrieveParams", "", _fetch("invoice")),
    Endpoint("POST", "/v1/invoices/{id}/pay", "InvoicePayParams", "off_session payment_method", renewals.pay_invoice),
    Endpoint("POST", "/v1/invoices/{id}/void", "InvoiceVoidInvoiceParams", "", invoices.void),
    Endpoint(
        "GET",
        "/v1/invoice_payments",
        "InvoicePaymentListParams",
        f"{_PAGES} created invoice payment status",
        invoices.list_payments,
    ),
    Endpoint("GET", "/v1/invoice_payments/{id}", "InvoicePaymentRetrieveParams", "", _fetch("invoice_payment")),
    Endpoint(
        "POST",
        "/v1/billing_portal/sessions",
        "billing_portal.SessionCreateParams",
        "customer locale return_url",
        portal.create,
    ),
    Endpoint("GET", "/v1/events", "EventListParams", f"{_PAGES} created type types", events.list_),
    Endpoint("GET", "/v1/events/{id}", "EventRetrieveParams", "", events.retrieve),
    Endpoint(
        "POST",
        "/v1/test_helpers/test_clocks",
        "test_helpers.TestClockCreateParams",
        "frozen_time name",
        renewals.create_clock,
    ),
    Endpoint("GET", "/v1/test_helpers/test_clocks", "test_helpers.TestClockListParams", _PAGES, renewals.list_clocks),
    Endpoint(
        "GET",
        "/v1/test_helpers/test_clocks/{id}",
        "test_helpers.TestClockRetrieveParams",
        "",
        _fetch("test_helpers.test_clock"),
    ),
    Endpoint(
        "POST",
        "/v1/test_helpers/test_clocks/{id}/advance",
        "test_helpers.TestClockAdvanceParams",
        "frozen_time",
        renewals.advance_clock,
    ),
)
_PATTERNS = tuple((endpoint.method, endpoint.pattern, endpoint) for endpoint in ENDPOINTS)


def route(method: str, path: str) -> tuple[Endpoint, tuple[str, ...]]:
    """The endpoint and the ids in the path. Raises StripeError as Stripe does for an unknown URL."""
    for known, pattern, endpoint in _PATTERNS:
        found = pattern.fullmatch(path) if known == method else None
        if found is not None:
            return endpoint, found.groups()
    message = f"Unrecognized request URL ({method}: {path}). This stand-in plays only what is in its README."
    raise StripeError(message, status=404)
