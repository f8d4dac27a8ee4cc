"""The demo account: made once, through the HTTP API, by the same steps a person takes."""

import email
import email.policy
import json
import re
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from infra.local.datadir import DataDir, LaptopError, write_private

EMAIL = "demo@fotogenic.invalid"
SCOPES = ["generations", "uploads", "billing:read", "billing", "webhooks"]
#: What the demo's key states of photos that come with its requests: they are whoever's who runs the demo.
ATTESTATION = {"basis": "own_work", "people_shown": "consented"}
MAIL_SECONDS = 30.0
_CODE = re.compile(r"\b\d{4} ?\d{4}\b")


def ensure(data: DataDir, base_url: str, scopes: list[str] | None = None) -> None:
    """Writes `demo.json`; only the address is refreshed when the account exists. Raises LaptopError."""
    if data.demo.exists():
        try:
            known = json.loads(data.demo.read_text())
            known["api_key"], known["account_id"]
        except (ValueError, KeyError, TypeError):
            raise LaptopError(f"{data.demo} is damaged: restore it, or delete it to get another demo account") from None
        if known.get("base_url") != base_url:
            write_private(data.demo, json.dumps(known | {"base_url": base_url}, indent=1))
        return
    made = sign_up(base_url, data.outbox, EMAIL, scopes or SCOPES)
    write_private(data.demo, json.dumps({"base_url": base_url, **made}, indent=1))


def sign_up(base_url: str, outbox: Path, address: str, scopes: list[str]) -> dict[str, Any]:
    """Signs up by e-mailed code and makes a key: `{email, account_id, api_key}`.

    An address that already has an account gets another key. Raises LaptopError naming the step that was refused.
    """
    session = sign_in(base_url, outbox, address)
    account = _call(base_url, "GET", "/v1/account", token=session)
    body = {"name": "demo", "scopes": scopes, "attestation": ATTESTATION}
    key = _call(base_url, "POST", "/v1/keys", body, token=session)
    return {"email": address, "account_id": account["id"], "api_key": key["secret"]}


def sign_in(base_url: str, outbox: Path, address: str) -> str:
    """A session token for an address, made with the code from the outbox. Raises LaptopError."""
    before = set(outbox.glob("*.eml"))
    _call(base_url, "POST", "/v1/auth/codes", {"email": address})
    code = code_in(wait_for_mail(outbox, address, before))
    token: str = _call(base_url, "POST", "/v1/auth/sessions", {"email": address, "code": code})["token"]
    return token


def wait_for_mail(outbox: Path, address: str, before: set[Path], seconds: float = MAIL_SECONDS) -> str:
    """The text of the next mail to an address that is not in `before`. Raises LaptopError after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for path in sorted(set(outbox.glob("*.eml")) - before, reverse=True):
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            if address in str(message["To"]):
                body = message.get_body(("plain", "html"))
                return str(body.get_content()) if body is not None else ""
        time.sleep(0.05)
    raise LaptopError(f"no mail arrived in {outbox} within {seconds:.0f} s; see functions.log beside it")


def code_in(text: str) -> str:
    """The one-time code of a sign-in mail. Raises LaptopError when there is none."""
    found = _CODE.search(text)
    if found is None:
        raise LaptopError("the sign-in mail holds no code")
    return found.group().replace(" ", "")


def _call(base_url: str, method: str, path: str, body: Any = None, token: str = "") -> Any:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base_url + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read() or b"null")
    except urllib.error.HTTPError as error:
        detail = error.read(500).decode("utf-8", "replace")
        raise LaptopError(f"the demo account was refused at {method} {path}: {error.code} {detail}") from None
    except urllib.error.URLError as error:
        raise LaptopError(f"the demo account could not be made: {error.reason}") from None
