"""The function runner: `python -m infra.local.runner LISTENER DATA [FUNCTION]`.

Runs the deployed functions warm, each invocation in a thread. With FUNCTION it runs that one alone. An isolated
deployment gets a process for each function, started when first called and again when it died, with the environment
and the role credentials of that function only: a permission missing in its policy fails here too.
"""

import hmac
import http.client
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

from infra.local.datadir import HOST, DataDir, listen_on
from infra.local.functions import Context, Deployment, Function, arn, call, resolve
from infra.local.processes import Child, end_with_parent

MAX_EVENT_BYTES = 8_000_000  # Lambda takes 6 MB and SQS batches are smaller
GRACE_SECONDS = 20.0
_POLL_SECONDS = 0.05

Invoke = Callable[[dict[str, Any]], dict[str, Any]]


class Here:
    """Runs functions in this process."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        """One invocation: `{function, request_id, deadline_ms, event}` → as `functions.call`."""
        function = self._deployment.functions[request["function"]]
        context = Context(
            function_name=function.name,
            invoked_function_arn=request.get("arn") or arn(function.name),
            memory_limit_in_mb=function.memory_mb,
            aws_request_id=request["request_id"],
            deadline_seconds=request["deadline_ms"] / 1000,
        )
        return call(_handler(function.handler), request["event"], context)


@cache
def _handler(name: str) -> Callable[[Any, Any], Any]:
    return resolve(name)


class Apart:
    """Runs each function in a process of its own."""

    def __init__(self, deployment: Deployment, data: DataDir) -> None:
        self._deployment = deployment
        self._data = data
        self._lock = threading.Lock()
        self._children: dict[str, tuple[Child, socket.socket]] = {}

    def __call__(self, request: dict[str, Any]) -> dict[str, Any]:
        """As `Here`. A function that overruns its time is ended with its process, as on AWS."""
        function = self._deployment.functions[request["function"]]
        child, port = self._running(function)
        seconds = max(0.1, request["deadline_ms"] / 1000 - time.time())
        connection = http.client.HTTPConnection(HOST, port, timeout=seconds)
        headers = {"Content-Type": "application/json", "X-Laptop-Token": self._data.secrets.control_token}
        try:
            connection.request("POST", "/invoke", json.dumps(request), headers)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        except TimeoutError:
            child.kill()
            message = f"Task timed out after {function.timeout_seconds}.00 seconds"
            return {"error": {"errorType": "Sandbox.Timedout", "errorMessage": message}}
        except (OSError, http.client.HTTPException, ValueError):
            return {"error": {"errorType": "Runtime.ExitError", "errorMessage": "Runtime exited"}}
        finally:
            connection.close()

    def _running(self, function: Function) -> tuple[Child, int]:
        with self._lock:
            if function.name not in self._children:
                listener = listen_on(0)
                arguments = ["infra.local.runner", str(self._data.root), function.name]
                log = self._data.logs / "functions.log"
                variables = self._deployment.environment(function)
                self._children[function.name] = (Child(function.name, arguments, log, listener, variables), listener)
            child, listener = self._children[function.name]
            if child.pid is None:
                child.start()
            return child, listener.getsockname()[1]

    def stop(self) -> None:
        """Ends the processes, each after what it is doing."""
        for child, listener in self._children.values():
            child.stop(GRACE_SECONDS)
            listener.close()


class Server(ThreadingHTTPServer):
    """Serves an inherited listening socket."""

    daemon_threads = True

    def __init__(self, descriptor: int, invoke: Invoke, token: str) -> None:
        super().__init__((HOST, 0), _Requests, bind_and_activate=False)
        self.socket.close()
        self.socket = socket.socket(fileno=descriptor)
        self.server_address = self.socket.getsockname()
        self.invoke = invoke
        self.token = token
        self.in_flight = 0
        self.counting = threading.Lock()

    def drain(self, seconds: float) -> None:
        """Waits until nothing runs, at most so long."""
        deadline = time.monotonic() + seconds
        while self.in_flight and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)


class _Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536
    timeout = 30

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/ping" else 404, {})

    def do_POST(self) -> None:
        server = cast(Server, self.server)
        length = int(self.headers.get("Content-Length") or 0)
        token = self.headers.get("X-Laptop-Token", "")
        allowed = hmac.compare_digest(token.encode(), server.token.encode()) and self.path == "/invoke"
        if not allowed or length > MAX_EVENT_BYTES:
            self.close_connection = True
            self._answer(413 if allowed else 403, {})
            return
        request = json.loads(self.rfile.read(length))
        with server.counting:
            server.in_flight += 1
        try:
            answer = server.invoke(request)
        finally:
            with server.counting:
                server.in_flight -= 1
        self._answer(200, answer)

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        encoded = json.dumps(body).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)
            self.wfile.flush()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the emulator gave up waiting

    def log_message(self, *_: Any) -> None:
        """Quiet: the functions write the log."""


def main() -> None:
    """Serves until SIGTERM, then lets what runs finish."""
    descriptor, folder, *only = sys.argv[1:]
    end_with_parent()
    data = DataDir(Path(folder))
    deployment = Deployment.read(data.functions)
    apart = Apart(deployment, data) if deployment.isolated and not only else None
    invoke: Invoke = apart or Here(deployment)
    if apart is None and not only:
        os.environ.update(deployment.warm_environment())
    _import_early([deployment.functions[name] for name in only] if only else deployment.functions.values(), apart)
    server = Server(int(descriptor), invoke, data.secrets.control_token)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever(poll_interval=_POLL_SECONDS)
    server.drain(GRACE_SECONDS)
    if apart is not None:
        apart.stop()


def _import_early(functions: Any, apart: Apart | None) -> None:
    """A handler that cannot be imported is reported now; calling it will fail with the same error."""
    if apart is not None:
        return
    for function in functions:
        try:
            _handler(function.handler)
        except Exception as error:
            print(json.dumps({"level": "ERROR", "event": "import", "handler": function.handler, "error": repr(error)}))


if __name__ == "__main__":
    main()
