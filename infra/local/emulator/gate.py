"""What stands before the emulator: who may call it, and when an answer may leave. Pure: requests in, verdicts out.

Any web page in the user's browser can send requests to 127.0.0.1, and a DNS name can be rebound to it. So a foreign
Host or Origin is refused, the emulator's own administration is reachable only with the control token, and the well-
known credentials that MiniStack lets pass as root are refused.
"""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qs

TOKEN_HEADER = "x-laptop-token"
CONTROL_PREFIX = "/_laptop/"
# Keys that MiniStack takes for root without a signature.
_OPEN_KEYS = re.compile(r"test|\d{12}")
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/[^/]+/([^/,\s]+)/")
_READS = ("Get", "List", "Describe", "Query", "Scan", "BatchGet", "TransactGet", "Head", "Lookup", "Filter")
# In the journal, or without any effect that lasts.
_JOURNALED_ACTIONS = frozenset(
    {
        "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems",
        "SendMessage", "SendMessageBatch", "DeleteMessage", "DeleteMessageBatch", "ReceiveMessage",
        "ChangeMessageVisibility", "ChangeMessageVisibilityBatch", "PurgeQueue",
        "Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateRandom",
        "Sign", "Verify", "GenerateMac", "VerifyMac",
        "PutLogEvents", "CreateLogStream", "PutMetricData", "AssumeRole", "SendTaskHeartbeat",
    }
)  # fmt: skip
_EFFECTLESS_SERVICES = ("sts", "logs", "monitoring")


@dataclass(frozen=True)
class Request:
    """What the gate looks at: method, decoded path, raw query, headers with lower-case names."""

    method: str
    path: str
    query: str
    headers: dict[str, str]

    @staticmethod
    def of(scope: dict[str, object]) -> "Request":
        """From an ASGI HTTP scope."""
        pairs: Iterable[tuple[bytes, bytes]] = scope["headers"]  # type: ignore[assignment]
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}
        query: bytes = scope.get("query_string", b"")  # type: ignore[assignment]
        return Request(str(scope["method"]), str(scope["path"]), query.decode("latin-1"), headers)

    @property
    def credential(self) -> tuple[str, str]:
        """The access key id and the service the request is signed for; empty when it is not."""
        found = _CREDENTIAL.search(self.headers.get("authorization", ""))
        if found:
            return found.group(1), found.group(2)
        legacy = re.match(r"AWS ([^:]+):", self.headers.get("authorization", ""))
        if legacy:
            return legacy.group(1), "s3"
        query = parse_qs(self.query)
        scoped = query.get("X-Amz-Credential", [""])[0].split("/")
        if len(scoped) == 5:
            return scoped[0], scoped[3]
        return query.get("AWSAccessKeyId", [""])[0], "s3"

    @property
    def action(self) -> str:
        """The operation named by X-Amz-Target; empty for REST services."""
        return self.headers.get("x-amz-target", "").rpartition(".")[2]


@dataclass(frozen=True)
class Gate:
    """The rules. `hosts` and `origins` are exact; `token` opens the control routes."""

    hosts: frozenset[str]
    origins: frozenset[str]
    token: str

    def refusal(self, request: Request) -> str | None:
        """Why the request may not pass, or None."""
        if request.headers.get("host", "") not in self.hosts:
            return "this emulator answers to its own address only"
        origin = request.headers.get("origin")
        if origin is not None and origin not in self.origins:
            return "requests from this origin are refused"
        if self.is_control(request):
            token = request.headers.get(TOKEN_HEADER, "")
            return None if hmac.compare_digest(token.encode(), self.token.encode()) else "the control token is missing"
        key, _ = request.credential
        if _OPEN_KEYS.fullmatch(key):
            return "this access key is not accepted"
        if not key and not _may_be_unsigned(request):
            return "the request is not signed"
        return None

    def is_control(self, request: Request) -> bool:
        """Whether it asks for MiniStack's administration or ours. No bucket name begins with `_`."""
        return request.path.startswith("/_") or request.path == "/health"


def _may_be_unsigned(request: Request) -> bool:
    """Preflights, and forms that carry their signed policy inside; S3 judges both."""
    form = request.headers.get("content-type", "").startswith("multipart/form-data")
    return request.method == "OPTIONS" or (request.method == "POST" and form and "x-amz-target" not in request.headers)


def needs_snapshot(request: Request) -> bool:
    """Whether the request may change state that is neither in the journal nor on S3's disk."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return False
    action = request.action
    if action:
        return not action.startswith(_READS) and action not in _JOURNALED_ACTIONS
    _, service = request.credential
    if service in _EFFECTLESS_SERVICES or request.path == "/v2/email/outbound-emails":
        return False
    if service == "lambda":
        return not request.path.endswith("/invocations")
    is_form = not service or request.headers.get("content-type", "").startswith("multipart/form-data")
    is_object = service == "s3" and len(request.path.strip("/").split("/", 1)) == 2
    return not (is_form or is_object)
