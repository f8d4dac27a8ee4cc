"""The members of every view that clients get."""

ASSET = {
    "id", "status", "content_type", "width", "height", "seconds", "size_bytes", "seed", "sha256", "delivered",
    "expires_at", "review", "charged", "error", "b64_json",
}  # fmt: skip
KEY = {
    "id", "name", "scopes", "hint", "cap", "attestation", "status", "created_at", "expires_at", "last_used_on",
    "revoked_at",
}  # fmt: skip
ENDPOINT = {
    "id", "object", "url", "events", "description", "enabled", "disabled_because", "created_at", "last_success_at",
}  # fmt: skip
PAGE = {"object", "data", "has_more", "next_cursor"}
OFFER = {"id", "name", "assets", "prices"}
#: What clients rely on: a member that goes is a breaking change, one that comes must not be a leak.
VIEWS: dict[str, set[str]] = {
    "CredentialsFound": {"type", "outcome", "validation_state", "issuer", "model", "generated_at"},
    "ProvenanceView": {"object", "created_at", "results"},
    "WatermarkFound": {"type", "outcome", "model", "generated_at"},
    "AccountView": {"id", "email", "country", "locale", "retention_hours", "created_at"},
    "AlertView": {"below"},
    "AssetView": ASSET,
    "AttestationView": {"basis", "people_shown", "version", "stated_at"},
    "AttemptView": {"at", "status", "error", "milliseconds"},
    "AutoTopUpView": {
        "enabled", "pack", "below", "monthly_ceiling_minor", "currency", "spent_this_month_minor", "failures",
        "turned_off_because", "last_attempt_at", "last_order_id",
    },
    "BalanceView": {"available", "held", "debt", "buckets"},
    "BucketView": {"kind", "assets", "expires_at"},
    "CapView": {"assets", "window"},
    "CodeAsked": {"message"},
    "DeliveryPage": PAGE,
    "DeliveryView": {
        "event_id", "object", "type", "status", "attempts", "next_attempt_at", "created_at",
    },
    "DunningView": {"since", "next_attempt_at", "invoice_url"},
    "EndpointList": PAGE,
    "EndpointView": ENDPOINT,
    "EntryView": {"id", "kind", "assets", "cause", "reason", "key_id", "lines", "request_id", "created_at"},
    "EventView": {"id", "object", "type", "created_at"},
    "FailureView": {"code", "message"},
    "FormView": {"id", "status", "url", "fields", "expires_at"},
    "GenerationPage": PAGE,
    "GenerationView": {
        "id", "status", "cancel_requested", "model", "provider", "operation", "upload_id", "seed", "progress",
        "queue_position", "retention", "charged", "assets", "notice", "error", "created_at", "deadline_at",
        "finished_at",
    },
    "Health": {"status"},
    "ImageView": {"url", "b64_json", "revised_prompt"},
    "ImagesView": {"created", "data", "id", "charged", "notice"},
    "InvoicePage": PAGE,
    "InvoiceView": {"id", "number", "amount", "paid", "currency", "status", "url", "created_at"},
    "JwkView": {"kty", "crv", "x", "kid", "use", "alg", "purpose"},
    "JwksView": {"keys"},
    "KeyList": PAGE,
    "KeyView": KEY,
    "LedgerPage": PAGE,
    "LineView": {"account", "assets"},
    "ModelList": {"object", "data"},
    "ModelView": {
        "id", "object", "created", "owned_by", "provider", "modality", "operations", "price", "price_steps",
        "generative", "max_outputs", "max_input_pixels", "max_seconds", "sizes", "description", "parameters_note",
        "parameters",
    },
    "ModelPriceList": {"object", "data"},
    "ModelPriceView": {"model", "operation", "assets", "steps"},
    "NewEndpointView": ENDPOINT | {"secret"},
    "NewKeyView": KEY | {"secret"},
    "OrderedPlanView": {"id", "status", "checkout_url", "plan", "assets", "amount", "currency", "created_at"},
    "PackView": OFFER | {"expires_after_months"},
    "ParametersView": {"operation", "summary", "needs_photo", "prompt", "json_schema"},
    "PlanView": OFFER | {"interval"},
    "PlansView": {"packs", "plans", "currencies", "default_currency"},
    "PortalView": {"url"},
    "PriceView": {"currency", "amount", "zero_decimal", "tax_included"},
    "ProviderList": {"object", "data"},
    "ProviderView": {
        "provider", "role", "models", "is_sent", "regions", "hosts", "keeps_inputs_hours", "trains_on_inputs",
        "terms_url",
    },
    "QuoteView": {"object", "model", "operation", "n", "assets_per_result", "assets", "within_max_assets"},
    "ReceivedView": {"received"},
    "SessionView": {"account_id", "token", "csrf_token", "expires_at"},
    "StepView": {"measure", "above", "adds", "per"},
    "SubscriptionView": {
        "plan", "status", "assets", "amount", "currency", "current_period_end", "cancel_at_period_end", "dunning",
    },
    "TopUpPage": PAGE,
    "TopUpView": {
        "id", "status", "checkout_url", "pack", "assets", "amount", "currency", "automatic", "receipt_url",
        "invoice_url", "created_at",
    },
    "UploadPage": PAGE,
    "UploadView": {
        "id", "status", "content_type", "size_bytes", "reason", "message", "width", "height", "created_at",
        "expires_at",
    },
    "UsagePage": PAGE,
    "UsageView": {"day", "key_id", "model", "generations", "assets"},
}  # fmt: skip
#: A schema of the document that is asked for, not answered.
REQUESTS = {
    "AlertBody", "AskCode", "Attestation", "AutoTopUpBody", "Basis", "CapBody", "ChangeAccount",
    "ChangeEndpoint", "ChangeKey", "ChangeSubscription", "CheckProvenance", "Confirm", "CreateEndpoint",
    "CreateGeneration", "CreateKey",
    "CreateSubscription", "CreateTopUp", "CreateUpload", "EditImage", "GenerateImages", "JsonValue", "OpenPortal",
    "PeopleShown", "RotateKey", "RotateSecret", "StandingAttestation", "StartSession",
}  # fmt: skip
