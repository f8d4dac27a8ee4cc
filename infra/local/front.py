"""The HTTP front: `python -m infra.local.front LISTENER DATA`. What API Gateway is on AWS.

Each request becomes a proxy event for the application object, in one of 32 threads. A client that goes away does not
stop the request it sent; a request of more than 10 MB is refused; 29 seconds without an answer are
504.
"""

import asyncio
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

from infra.local.datadir import DataDir
from infra.local.functions import Context, Deployment, arn, call, resolve
from infra.local.processes import end_with_parent
from infra.local.proxy_event import BadAnswer, HttpAnswer, HttpRequest, Routes, from_result, to_event

THREADS = 32
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
MAX_REQUEST_BYTES = 10 * 1024 * 1024
MAX_DISCARDED_BYTES = 10 * MAX_REQUEST_BYTES
TIMEOUT_SECONDS = 29.0
#: A client whose body is refused has paused, and waits for an answer, when it has sent nothing for so long.
PAUSE_SECONDS = 0.3
# https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
GATEWAY_CODES = {413: "REQUEST_TOO_LARGE", 502: "INTEGRATION_FAILURE", 504: "INTEGRATION_TIMEOUT"}
MAX_RESPONSE_BYTES = 6 * 1024 * 1024  # Lambda's
DRAIN_SECONDS = 20.0

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Front:
    """The ASGI application around the Chalice application."""

    def __init__(self, deployment: Deployment, application: Any) -> None:
        self._function = deployment.api
        self._application = application
        self._routes = Routes(application.routes)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="api")
        self._open: set[asyncio.Future[HttpAnswer]] = set()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown" and self._open:
                await asyncio.wait(self._open, timeout=DRAIN_SECONDS)
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        head = scope["method"] == "HEAD"
        body = await _read(scope, receive)
        if isinstance(body, HttpAnswer):
            await _send(send, body)
            return
        if body is None:
            return  # the client went away while it was sending
        work = asyncio.get_running_loop().run_in_executor(self._threads, self._handle, _request(scope, body), head)
        self._open.add(work)
        work.add_done_callback(self._open.discard)
        try:
            # Shielded: neither our time-out nor a client that hangs up stops a request half way.
            answer = await asyncio.wait_for(asyncio.shield(work), TIMEOUT_SECONDS)
        except TimeoutError:
            answer = problem(504, "Endpoint request timed out", scope["path"])
        await _send(send, answer)

    def _handle(self, request: HttpRequest, head: bool) -> HttpAnswer:
        now = time.time()
        request_id = str(uuid.uuid4())
        event = to_event(request, self._routes, self._application.api.binary_types, request_id, now)
        context = Context(
            function_name=self._function.name,
            invoked_function_arn=arn(self._function.name),
            memory_limit_in_mb=self._function.memory_mb,
            aws_request_id=request_id,
            deadline_seconds=now + self._function.timeout_seconds,
        )
        answer = call(self._application, event, context)
        try:
            if "error" in answer:
                raise BadAnswer(answer["error"]["errorType"])
            if len((answer["result"] or {}).get("body") or "") > MAX_RESPONSE_BYTES:
                raise BadAnswer("the response is larger than Lambda may return")
            return from_result(answer["result"], head=head)
        except BadAnswer as error:
            print(json.dumps({"level": "ERROR", "event": "bad_answer", "request_id": request_id, "error": str(error)}))
            return problem(502, "Internal server error", event["path"])


async def _read(scope: dict[str, Any], receive: Receive) -> bytes | HttpAnswer | None:
    """The body; or the refusal of one that is too large; or None when the client disconnected.

    What is too large is thrown away as it comes, for a client that is still sending would not read the answer; one
    that waits to be told is told.
    """
    too_large = problem(413, "Request Too Long", scope["path"])
    declared = next((v for n, v in scope["headers"] if n.lower() == b"content-length"), b"0")
    refused = not declared.isdigit() or int(declared) > MAX_REQUEST_BYTES
    chunks: list[bytes] = []
    received_bytes = 0
    while True:
        try:
            message = await asyncio.wait_for(receive(), PAUSE_SECONDS if refused else None)
        except TimeoutError:
            return too_large
        if message["type"] == "http.disconnect":
            return None
        chunk = message.get("body", b"")
        received_bytes += len(chunk)
        refused = refused or received_bytes > MAX_REQUEST_BYTES
        if refused:
            chunks.clear()
        else:
            chunks.append(chunk)
        if not message.get("more_body") or received_bytes > MAX_DISCARDED_BYTES:
            return too_large if refused else b"".join(chunks)


def _request(scope: dict[str, Any], body: bytes) -> HttpRequest:
    return HttpRequest(
        method=scope["method"],
        raw_path=scope["raw_path"].decode("latin-1"),
        raw_query=scope["query_string"].decode("latin-1"),
        headers=[(n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in scope["headers"]],
        body=body,
        source_ip=(scope.get("client") or ("127.0.0.1",))[0],
        port=(scope.get("server") or ("", 0))[1] or 0,
    )


def problem(status: int, message: str, path: str) -> HttpAnswer:
    """What the gateway itself refuses, as the deployed gateway's responses say it (RFC 9457)."""
    error = {"message": message, "type": "api_error" if status >= 500 else "invalid_request_error"}
    body = {"type": "about:blank", "title": message, "status": status, "detail": message, "instance": path}
    encoded = json.dumps(body | {"error": error | {"param": None, "code": GATEWAY_CODES[status]}}).encode()
    headers = [("content-type", "application/problem+json"), ("content-length", str(len(encoded)))]
    headers.append(("request-id", str(uuid.uuid4())))
    if status == 413:
        headers.append(("connection", "close"))  # the rest of the body is not read
    return HttpAnswer(status, headers, encoded)


async def _send(send: Send, answer: HttpAnswer) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _serve_until_told(front: Front, descriptor: int) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    config = Config()
    config.bind = [f"fd://{descriptor}"]
    config.loglevel = "WARNING"
    config.include_server_header = False
    config.graceful_timeout = DRAIN_SECONDS
    config.max_app_queue_size = 4
    await serve(front, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]


def main() -> None:
    """Serves until SIGTERM, then answers what is open."""
    descriptor, folder = sys.argv[1:]
    end_with_parent()
    deployment = Deployment.read(DataDir(Path(folder)).functions)
    own = deployment.environment(deployment.api) if deployment.isolated else deployment.warm_environment()
    os.environ.update(own)
    application = resolve(deployment.api.handler)
    asyncio.run(_serve_until_told(Front(deployment, application), int(descriptor)))


if __name__ == "__main__":
    main()
