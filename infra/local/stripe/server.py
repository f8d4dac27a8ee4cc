"""The HTTP server: on 127.0.0.1 only, answers to its own address only, a thread for each connection."""

import hmac
import json
import socket
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from infra.local.stripe.api import Answer, Api, Request
from infra.local.stripe.control import Control
from infra.local.stripe.errors import ControlError, StripeError
from infra.local.stripe.forms import MAX_BODY_BYTES
from infra.local.stripe.pages import Page, Pages, style

CONTROL_HEADER = "stand-in-token"
IDLE_SECONDS = 60
_SAFE = {
    "Cache-Control": "no-store",
    # A form's Origin is "null" under `no-referrer`, and then it could not be told from a foreign page's.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Doors:
    """What is behind the server."""

    def __init__(self, api: Api, pages: Pages, control: Control, control_token: str) -> None:
        self.api = api
        self.pages = pages
        self.control = control
        self.control_token = control_token


class Server(ThreadingHTTPServer):
    """Takes over a socket that listens already."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, doors: Doors) -> None:
        super().__init__(listener.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.doors = doors
        port = listener.getsockname()[1]
        self.hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the signature is the base's
        """A caller that went away is nothing to report; anything else is, without what it sent."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            traceback.print_exc()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "stand-in-for-stripe"
    sys_version = ""
    timeout = IDLE_SECONDS
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature is the base's
        """Keeps quiet: paths and queries hold what customers typed."""

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_DELETE = do_GET  # noqa: N815 - the names are the base's

    def _answer(self) -> None:
        body = self._body()
        if body is None:
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        path, _, query = self.path.partition("?")
        if headers.get("host", "") not in self.server.hosts:
            self._send(403, "text/plain", "this stand-in answers to its own address only", {})
        elif "origin" in headers and headers["origin"].removeprefix("http://") not in self.server.hosts:
            self._send(403, "text/plain", "requests from this origin are refused", {})
        elif path.startswith("/v1/"):
            self._send_answer(self._api(Request(self.command, path, query, headers, body)))
        elif path.startswith("/_control/"):
            self._control(path, headers, body)
        elif path == "/style.css":
            self._send(200, "text/css; charset=utf-8", style(), {})
        else:
            self._page(path, query, body)

    def _body(self) -> str | None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > MAX_BODY_BYTES or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._send(413, "text/plain", "the body is too long, or has no length", {})
            return None
        return self.rfile.read(int(length)).decode("utf-8", "replace")

    def _api(self, request: Request) -> Answer:
        try:
            return self.server.doors.api.answer(request)
        except Exception:  # noqa: BLE001 - the last door: a fault of ours becomes Stripe's kind of 500
            traceback.print_exc()
            error = {"error": {"message": "The stand-in failed: see its log.", "type": "api_error"}}
            return Answer(500, json.dumps(error), {"Stripe-Should-Retry": "false"})

    def _send_answer(self, answer: Answer) -> None:
        if answer.lost:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(answer.status, "application/json", answer.body, answer.headers)

    def _control(self, path: str, headers: dict[str, str], body: str) -> None:
        token = headers.get(CONTROL_HEADER, "").encode()
        if not hmac.compare_digest(token, self.server.doors.control_token.encode()):
            self._send(403, "application/json", '{"error": "the control token is missing"}', {})
            return
        try:
            answer = self.server.doors.control.answer(self.command, path, _json_object(body))
            self._send(200, "application/json", json.dumps(answer), {})
        except (ControlError, TypeError, ValueError) as error:
            self._send(400, "application/json", json.dumps({"error": str(error)}), {})
        except StripeError as error:
            self._send(error.status, "application/json", json.dumps({"error": error.message}), {})

    def _page(self, path: str, query: str, body: str) -> None:
        pages = self.server.doors.pages
        try:
            page = pages.answer(self.command, path, query, body)
        except StripeError as error:
            page = pages.refused(error)
        except (ControlError, ValueError) as error:
            page = pages.refused(StripeError(str(error)))
        self._send_page(page)

    def _send_page(self, page: Page) -> None:
        headers = page.headers | ({"Location": page.to} if page.to else {})
        self._send(page.status, "text/html; charset=utf-8", page.html, headers)

    def _send(self, status: int, kind: str, text: str, headers: dict[str, str]) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in (_SAFE | headers | {"Content-Type": kind, "Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _json_object(body: str) -> dict[str, Any]:
    try:
        parsed = json.loads(body or "{}")
    except ValueError:
        raise ControlError("the body is not JSON") from None
    if not isinstance(parsed, dict):
        raise ControlError("the body is not a JSON object")
    return parsed
