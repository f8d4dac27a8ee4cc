"""What can go wrong with billing, by name."""

from chalicelib.kernel.errors import Problem


class BillingNotConfigured(Problem):
    code, status, kind = "billing-not-configured", 503, "server_error"
    title = "Nothing can be bought here yet"
    advice = "The operator of this service has not set up payments, or has not synced the catalog. Nothing was charged."

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail)
        self.with_headers(retry_after="300")


class BillingUnavailable(Problem):
    """`uncertain`: what was asked for may have been done all the same."""

    code, status, kind = "billing-unavailable", 503, "server_error"
    title = "The payment provider does not answer right now"
    advice = "Try again after `Retry-After` seconds, with the same Idempotency-Key if there was one."

    def __init__(self, detail: str | None = None, *, uncertain: bool = False, answered: bool = False) -> None:
        super().__init__(detail)
        self.uncertain = uncertain
        #: The provider answered that it failed, and will give that answer to the same request again.
        self.answered = answered
        self.with_headers(retry_after="2")


class BillingRefused(Problem):
    """`reason` is the provider's own code for it."""

    code, status, kind = "billing-refused", 409, "conflict_error"
    title = "The payment provider refused this"
    advice = "`reason` is the provider's word for it. A customer with a plan pays everything in that plan's currency."

    def __init__(self, reason: str = "") -> None:
        super().__init__(f"The payment provider refused this: {reason or 'no reason given'}.", reason=reason)
        self.reason = reason


class PaymentRefused(Problem):
    code, status, kind = "payment-refused", 402, "invalid_request_error"
    title = "The payment was declined"
    advice = "Use another payment method (`POST /v1/billing-portal`), or ask the bank. Nothing was charged."

    def __init__(self, reason: str = "", *, payment_id: str = "") -> None:
        super().__init__(f"The payment was declined: {reason or 'no reason given'}.", reason=reason)
        self.payment_id = payment_id


class SignatureRefused(Problem):
    """Says the same whatever was wrong, so that nobody can learn from it."""

    code, status, kind = "signature-refused", 400, "invalid_request_error"
    title = "The request is not signed as it should be"
    advice = "Only the payment provider calls this route."


class NoSuchObject(BillingRefused):
    """The payment provider has no object of that id for us."""

    code = "unknown-to-provider"
    title = "The payment provider does not know this any more"
    advice = "It may have been deleted there. Start again with a new top-up or plan."


class SubscriptionExists(Problem):
    code, status, kind = "subscription-exists", 409, "conflict_error"
    title = "There is a plan already"
    advice = "Change it with `PATCH /v1/subscription`, or let it end first."


class NoSavedCard(PaymentRefused):
    code, status, kind = "no-saved-card", 409, "conflict_error"
    title = "There is no saved payment method"
    advice = "Save one with `POST /v1/billing-portal`, or with `save_card` at a top-up."


class PaymentMismatch(Exception):
    """A payment is not what was ordered. It brings nothing until a person has looked."""
