"""Just enough HTTP for the demo: JSON with an API key, an upload form, a download."""

import hashlib
import http.client
import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

SECONDS = 40.0
CHUNK_BYTES = 65_536

#: Gets the share that has been sent, 0 to 1.
Progress = Callable[[float], None]


class DemoError(Exception):
    """The demo cannot go on; the message is one line that says why."""


class Refused(DemoError):
    """The service refused; `status` is HTTP's, the message is the problem's own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """Talks to the API at `base_url` with an API key. Everything raises Refused or DemoError."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self.base_url = base_url
        self._api_key = api_key

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The JSON of the answer, None if there is none. `headers` are named with `_` for `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"Authorization": f"Bearer {self._api_key}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        _, answer = _request(urllib.request.Request(self.base_url + path, data, sent, method=method))
        return json.loads(answer) if answer else None

    def order(self, body: dict[str, Any]) -> Any:
        """Orders a generation under an Idempotency-Key of its own."""
        return self.call("POST", "/v1/generations", body, Idempotency_Key=str(uuid.uuid4()))

    def location(self, path: str) -> str:
        """Where a path redirects to."""
        request = urllib.request.Request(self.base_url + path, headers={"Authorization": f"Bearer {self._api_key}"})
        headers, _ = _request(request)
        if "Location" not in headers:
            raise DemoError(f"{path} did not redirect")
        return headers["Location"]


def get(url: str) -> bytes:
    """The bytes at a URL of the storage."""
    return _request(urllib.request.Request(url))[1]


def is_alive(base_url: str) -> bool:
    """Whether the service answers there."""
    try:
        with urllib.request.urlopen(f"{base_url}/healthz", timeout=3) as answer:
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException, ValueError):
        return False


def sha256(data: bytes) -> str:
    """As `POST /v1/uploads` wants it: hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def send_form(form: dict[str, Any], data: bytes, progress: Progress) -> None:
    """Sends the fields of a form and the file, which must be last, as multipart/form-data (RFC 7578)."""
    boundary = uuid.uuid4().hex
    fields = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form["fields"].items()
    )
    head = f'{fields}--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="photo"\r\n\r\n'.encode()
    whole = head + data + f"\r\n--{boundary}--\r\n".encode()

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(whole), CHUNK_BYTES):
            yield whole[start : start + CHUNK_BYTES]
            progress(min(1.0, (start + CHUNK_BYTES) / len(whole)))

    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Content-Length": str(len(whole))}
    _request(urllib.request.Request(form["url"], pieces(), headers, method="POST"))


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: where it leads is what we want to know, and our key is not for there."""

    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(_Stay)


def _request(request: urllib.request.Request) -> tuple[Any, bytes]:
    """(headers, body) of an answer below 400."""
    where = f"{request.get_method()} {urlsplit(request.full_url).path}"
    try:
        with _opener.open(request, timeout=SECONDS) as answer:
            return answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        if error.code < 400:
            return error.headers, b""
        raise Refused(error.code, f"{where} was refused: {error.code} {_detail(error)}") from None
    except urllib.error.URLError as error:
        raise DemoError(f"{where} did not answer: {error.reason}") from None
    except (TimeoutError, http.client.HTTPException, OSError) as error:
        raise DemoError(f"{where} broke off: {error}") from None


def _detail(error: urllib.error.HTTPError) -> str:
    """What a problem says, in one line."""
    text = error.read(2000).decode("utf-8", "replace")
    try:
        return str(json.loads(text)["detail"])
    except (ValueError, KeyError, TypeError):
        return " ".join(text.split())[:200]
