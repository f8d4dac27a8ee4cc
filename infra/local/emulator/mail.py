"""The laptop's mail: what SES accepts is written to the outbox instead of being sent."""

import base64
import email.message
import email.policy
import itertools
import json
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_Handler = Callable[..., Awaitable[tuple[int, dict[str, str], bytes]]]
_numbers = itertools.count(1)


def deliver_to(outbox: Path) -> None:
    """From now on, every mail that the emulator's SES accepts appears as `<utc>-<n>.eml` in `outbox`."""
    from ministack.services import ses, ses_v2

    handle: _Handler = ses_v2.handle_request

    async def handle_and_write(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        answer = await handle(method, path, headers, body, query)
        if method == "POST" and path.rstrip("/").endswith("/outbound-emails") and answer[0] == 200:
            write(outbox, raw_mail(json.loads(body)))
            ses._sent_emails.clear()  # the emulator's own copy is read by nobody and is personal data
        return answer

    ses_v2.handle_request = handle_and_write


def raw_mail(request: dict[str, Any]) -> bytes:
    """The mail of an SES v2 SendEmail request (RFC 5322 bytes); simple content is put into a plain message."""
    content = request["Content"]
    if "Raw" in content:
        return base64.b64decode(content["Raw"]["Data"])
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message["From"] = request.get("FromEmailAddress", "")
    message["To"] = ", ".join(request.get("Destination", {}).get("ToAddresses", []))
    message["Subject"] = content["Simple"]["Subject"]["Data"]
    body = content["Simple"]["Body"]
    message.set_content(body.get("Text", body.get("Html", {})).get("Data", ""))
    return bytes(message)


def write(outbox: Path, mail: bytes) -> Path:
    """Writes one mail, whole or not at all, readable by the owner only; returns its path."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    path = outbox / f"{moment}-{next(_numbers)}.eml"
    temporary = path.with_suffix(".part")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(mail)
    temporary.replace(path)
    return path
