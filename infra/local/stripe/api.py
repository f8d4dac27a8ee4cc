"""The API under /v1: authenticates, parses, heeds idempotency keys, runs an endpoint, answers as Stripe does."""

import base64
import binascii
import json
import re
from dataclasses import dataclass, field

from infra.local.stripe import faults
from infra.local.stripe.account import Account
from infra.local.stripe.endpoint import Endpoint
from infra.local.stripe.endpoints import route
from infra.local.stripe.errors import Object, StripeError, refused
from infra.local.stripe.forms import parse
from infra.local.stripe.idempotency import Answers, Kept, digest
from infra.local.stripe.rendering import rendered

_KEY = re.compile(r"(?:sk|rk)_test_\w+")


@dataclass(frozen=True)
class Request:
    """What came over HTTP. Header names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str


@dataclass(frozen=True)
class Answer:
    """What goes back. `lost`: it does not; the connection is closed instead."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)
    lost: bool = False


LOST = Answer(0, "", lost=True)


class Api:
    """One account's API."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._answers = Answers(account)

    def answer(self, request: Request) -> Answer:
        """Never raises for what a caller can send."""
        with self._account.store.transaction():
            request_id = self._account.new_id("req_", 14)
            fault = faults.strike(self._account, request.method, request.path)
        headers = {"Request-Id": request_id, "Stripe-Version": self._account.api_version}
        if fault is not None and fault["kind"] == "unreachable":
            return LOST
        try:
            self._authenticate(request)
            if fault is not None and fault["kind"] == "rate_limit":
                raise StripeError("Request rate limit exceeded.", status=429, code="rate_limit")
            return self._perform(request, headers, fault)
        except StripeError as error:
            return Answer(error.status, _encoded(error.body()), headers)

    def _authenticate(self, request: Request) -> None:
        """A secret test key, as Bearer or as the user of Basic. No live key is welcome here."""
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            credential = _basic_user(credential)
        if not _KEY.fullmatch(credential):
            message = "Invalid API Key provided: this stand-in takes any key that begins with sk_test_, and no other."
            raise StripeError(message, status=401)
        version = request.headers.get("stripe-version", self._account.api_version)
        if version != self._account.api_version:
            raise refused(f"This stand-in speaks version {self._account.api_version} only, not {version}.")
        for name in ("stripe-account", "stripe-context"):
            if name in request.headers:
                raise refused(f"This stand-in has one account: do not send {name}.")

    def _perform(self, request: Request, headers: dict[str, str], fault: Object | None) -> Answer:
        endpoint, ids = route(request.method, request.path)
        if request.method == "POST" and request.query:
            raise refused("Parameters of a POST belong in its body.")
        nested = parse(request.body if request.method == "POST" else request.query or request.body)
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        if key is not None:
            headers["Idempotency-Key"] = key
        with self._answers.at_work(key):
            call = Call(digest(request.method, request.path, nested), headers["Request-Id"], key, fault or {})
            with self._account.store.transaction():
                kept = self._answers.given(key, call.digest)
            if kept is not None:
                again = {"Idempotent-Replayed": "true", "Original-Request": kept.request_id}
                return Answer(kept.status, kept.body, headers | again | _retry(kept.status))
            kept = self._run(call, endpoint, endpoint.parameters(nested), ids)
        return Answer(kept.status, kept.body, headers | _retry(kept.status), lost=call.fault.get("kind") == "lost")

    def _run(self, call: "Call", endpoint: Endpoint, params: Object, ids: tuple[str, ...]) -> Kept:
        """What is done and the answer to it are kept together, or the refusal alone."""
        try:
            with self._account.transaction(call.request_id, call.key):
                return self._keep(call, *self._do(call, endpoint, params, ids))
        except StripeError as error:
            with self._account.store.transaction():
                return self._keep(call, error.status, error.body())

    def _do(self, call: "Call", endpoint: Endpoint, params: Object, ids: tuple[str, ...]) -> tuple[int, Object]:
        status, body = 200, {}
        if call.does:
            expand = params.pop("expand", [])
            try:
                body = rendered(self._account, endpoint.run(self._account, params, *ids), expand)
            except StripeError as error:
                if not error.keep:
                    raise
                status, body = error.status, error.body()
        if call.fault.get("kind") == "error":
            return 500, {"error": {"message": "An unknown error occurred.", "type": "api_error"}}
        return status, body

    def _keep(self, call: "Call", status: int, body: Object) -> Kept:
        kept = Kept(status, _encoded(body), call.request_id)
        self._answers.keep(call.key, call.digest, kept)
        return kept


@dataclass(frozen=True)
class Call:
    """A request that is about to be performed, and what is to go wrong with it."""

    digest: str
    request_id: str
    key: str | None
    fault: Object

    @property
    def does(self) -> bool:
        """Whether it has its effect."""
        return self.fault.get("kind") != "error" or bool(self.fault["effect"])


def _retry(status: int) -> dict[str, str]:
    """A kept 500 would only be given again."""
    return {"Stripe-Should-Retry": "false"} if status >= 500 else {}


def _basic_user(credential: str) -> str:
    try:
        return base64.b64decode(credential, validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _encoded(body: Object) -> str:
    return json.dumps(body, indent=2)
