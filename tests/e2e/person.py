"""A person with an account, and what they do over HTTP and S3's form: nothing here looks behind the API."""

import hashlib
import io
import re
import uuid
from functools import cache
from pathlib import Path
from typing import Any

import requests
import skimage
from PIL import Image

from tests.support.stack import Account, Stack, wait_until

ASTRONAUT = Path(skimage.__file__).parent / "data" / "astronaut.png"
ATTESTATION = {"basis": "public_domain", "people_shown": "consented"}
#: A style that the engine knows by number.
STYLE = 19


@cache
def photo(side: int = 96) -> bytes:
    """A real photo as a square JPEG of so many pixels a side."""
    with Image.open(ASTRONAUT) as opened:
        image = opened.convert("RGB").resize((side, side))
    return jpeg(image)


def jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


def open_image(data: bytes) -> Image.Image:
    """The picture in those bytes, decoded."""
    with Image.open(io.BytesIO(data)) as opened:
        opened.load()
        return opened


def send(form: dict[str, Any], data: bytes, **changed: str) -> requests.Response:
    """Sends bytes with a form of `POST /v1/uploads`; `changed` replaces fields, named with `_` for `-`."""
    fields = dict(form["fields"]) | {name.replace("_", "-"): value for name, value in changed.items()}
    return requests.post(form["url"], data=fields, files={"file": ("file", data)}, timeout=30)


def s3_code(answer: requests.Response) -> str:
    """The code of S3's error, like `AccessDenied`."""
    found = re.search(r"<Code>(\w+)</Code>", answer.text)
    return found[1] if found else ""


class Person:
    """Acts with an API key; `as_session` acts signed in."""

    def __init__(self, stack: Stack, account: Account) -> None:
        self.stack = stack
        self.account = account

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """A request with this person's key."""
        return self.stack.api(method, path, key=self.account.key, **options)

    def as_session(self, method: str, path: str, **options: Any) -> requests.Response:
        """A request with this person's session token."""
        return self.stack.api(method, path, key=self.account.token, **options)

    def get(self, path: str) -> Any:
        """The JSON of a GET that must answer 200."""
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def declare(self, data: bytes, content_type: str = "image/jpeg") -> dict[str, Any]:
        """The form for those bytes."""
        sha256 = hashlib.sha256(data).hexdigest()
        body = {"content_type": content_type, "size_bytes": len(data), "sha256": sha256, "attestation": ATTESTATION}
        answer = self.call("POST", "/v1/uploads", json=body)
        assert answer.status_code == 201, answer.text
        form: dict[str, Any] = answer.json()
        return form

    def upload(self, data: bytes, content_type: str = "image/jpeg", *, seconds: float = 60.0) -> dict[str, Any]:
        """Declares, sends and waits: the upload once it is `ready` or `rejected`."""
        form = self.declare(data, content_type)
        sent = send(form, data)
        assert sent.status_code == 201, sent.text
        return self.processed(form["id"], seconds=seconds)

    def processed(self, upload_id: str, *, seconds: float = 60.0) -> dict[str, Any]:
        """The upload once it is `ready` or `rejected`."""

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.get(f"/v1/uploads/{upload_id}")
            return None if found["status"] in ("pending", "processing") else found

        upload: dict[str, Any] = wait_until(look, f"the upload {upload_id}", seconds)
        return upload

    def ready(self, data: bytes | None = None, content_type: str = "image/jpeg") -> str:
        """The id of an upload that is ready."""
        upload = self.upload(data or photo(), content_type)
        assert upload["status"] == "ready", upload
        return str(upload["id"])

    def order(self, body: dict[str, Any], *, idempotency_key: str = "", **options: Any) -> requests.Response:
        """`POST /v1/generations`, with a new Idempotency-Key unless one is given."""
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4()), **options.pop("headers", {})}
        return self.call("POST", "/v1/generations", json=body, headers=headers, **options)

    def finished(self, generation_id: str, *, seconds: float = 60.0) -> dict[str, Any]:
        """The generation once it has ended."""

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.get(f"/v1/generations/{generation_id}")
            return found if found["finished_at"] else None

        made: dict[str, Any] = wait_until(look, f"the generation {generation_id}", seconds)
        return made

    def generate(self, body: dict[str, Any]) -> dict[str, Any]:
        """Orders and waits: the generation once it has ended."""
        ordered = self.order(body)
        assert ordered.status_code == 202, ordered.text
        return self.finished(ordered.json()["id"])

    def top_up(self, pack: str = "starter") -> dict[str, Any]:
        """An order of a pack that is not paid."""
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        answer = self.call("POST", "/v1/top-ups", json={"pack": pack}, headers=headers)
        assert answer.status_code == 201, answer.text
        order: dict[str, Any] = answer.json()
        return order

    def stylize(self, upload_id: str, style: Any = STYLE) -> dict[str, Any]:
        """A stylized photo that succeeded."""
        made = self.generate(stylizing(upload_id, style))
        assert made["status"] == "succeeded", made
        return made

    def download(self, asset_id: str) -> bytes:
        """The bytes of a result, by the redirect."""
        redirect = self.call("GET", f"/v1/assets/{asset_id}/content")
        assert redirect.status_code == 302, redirect.text
        content = requests.get(redirect.headers["Location"], timeout=30)
        assert content.status_code == 200, content.text
        return content.content

    def available(self) -> int:
        """What can be spent."""
        return int(self.get("/v1/balance")["available"])

    def ledger(self) -> list[dict[str, Any]]:
        """The newest hundred entries."""
        entries: list[dict[str, Any]] = self.get("/v1/ledger?limit=100")["data"]
        return entries

    def new_key(self, **members: Any) -> dict[str, Any]:
        """Another key of this account, with its secret."""
        body = {"name": "another", "scopes": ["generations", "uploads", "billing:read"], **members}
        answer = self.as_session("POST", "/v1/keys", json=body)
        assert answer.status_code == 201, answer.text
        key: dict[str, Any] = answer.json()
        return key

    def with_key(self, secret: str) -> "Person":
        """The same person acting with another key."""
        account = self.account
        return Person(self.stack, Account(account.email, account.account_id, account.token, secret))


def stylizing(upload_id: str, style: Any = STYLE) -> dict[str, Any]:
    """The body of a stylize order."""
    return {
        "model": "local/style-1",
        "operation": "stylize",
        "upload_id": upload_id,
        "parameters": {"style": style},
    }


def upscaling(upload_id: str) -> dict[str, Any]:
    """The body of an upscale order."""
    return {"model": "local/upscale-1", "operation": "upscale", "upload_id": upload_id}
