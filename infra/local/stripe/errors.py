"""Errors as Stripe's API answers them: https://docs.stripe.com/api/errors."""

from typing import Any

Object = dict[str, Any]


class StripeError(Exception):
    """An answer that is not 200. `keep` says whether what was done before it stays done, as with a declined card."""

    def __init__(
        self,
        message: str,
        *,
        kind: str = "invalid_request_error",
        status: int = 400,
        code: str | None = None,
        param: str | None = None,
        keep: bool = False,
        **extra: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind
        self.status = status
        self.code = code
        self.param = param
        self.keep = keep
        self.extra = extra

    def body(self) -> Object:
        """The JSON body: {"error": {...}}."""
        error: Object = {"message": self.message, "type": self.kind}
        if self.code is not None:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param is not None:
            error["param"] = self.param
        return {"error": error | self.extra}


class ControlError(Exception):
    """A request to the control routes that makes no sense; the message says why."""


def missing(kind: str, object_id: str, param: str = "id") -> StripeError:
    """The object does not exist."""
    name = kind.replace("checkout.session", "checkout session").replace("test_helpers.test_clock", "test_clock")
    return StripeError(f"No such {name}: '{object_id}'", status=404, code="resource_missing", param=param)


def refused(message: str, param: str | None = None, code: str | None = None) -> StripeError:
    """A request that Stripe refuses with 400."""
    return StripeError(message, param=param, code=code)


def not_played(what: str, param: str | None = None) -> StripeError:
    """Something that Stripe does and this stand-in does not: refused, because silence would be a lie."""
    return StripeError(f"The local stand-in for Stripe does not play {what}", param=param, code="stand_in_limit")


def declined(charge: Object, intent: Object) -> StripeError:
    """The card was refused: 402, with the payment intent as it now is."""
    error = intent["last_payment_error"]
    extra = {name: error[name] for name in ("charge", "decline_code") if error.get(name)}
    return StripeError(
        charge["failure_message"],
        kind="card_error",
        status=402,
        code=charge["failure_code"],
        keep=True,
        payment_intent=intent,
        payment_method=error["payment_method"],
        **extra,
    )
