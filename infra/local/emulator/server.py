"""The emulator's process: MiniStack's ASGI application behind the gate, its state kept by journal and snapshots.

What `kill -9` can lose: nothing that was answered for DynamoDB, S3 objects and SQS sends; of everything else (stack,
roles, secrets, executions) at most the last second. The page cache outlives a killed process, so nothing is flushed
to the disk on the way: a power cut may lose more, which is the bargain of a laptop.
"""

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack import app as ministack

from infra.local.datadir import HOST, DataDir, Secrets, take_lock
from infra.local.emulator import denials, durable, fidelity, lambdas, mail
from infra.local.emulator.gate import CONTROL_PREFIX, Gate, Request, needs_snapshot
from infra.local.emulator.journal import Journal
from infra.local.emulator.snapshots import MAX_JOURNAL_BYTES, SnapshotError, Snapshots
from infra.local.processes import end_with_parent

_log = logging.getLogger("laptop.emulator")
COMMIT_SECONDS = 0.05
SNAPSHOT_SECONDS = 1.0

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass
class Emulator:
    """The wrapped application. `held` keeps snapshots back while a deployment is half done."""

    gate: Gate
    snapshots: Snapshots
    secrets: Secrets
    held: bool
    changed: bool = False
    journal: Journal | None = None
    queues: durable.QueueWatch | None = None
    _executions: tuple[tuple[str, str, int], ...] = ()
    _keeper: asyncio.Task[None] | None = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await ministack.app(scope, self._before_shutdown(receive), self._after_startup(send))
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        request = Request.of(scope)
        refusal = self.gate.refusal(request)
        if refusal is not None:
            await _refuse(send, request, refusal)
            return
        if request.path.startswith(CONTROL_PREFIX):
            await self._control(request, send)
            return
        lasting = needs_snapshot(request)
        self.changed |= lasting
        try:
            await ministack.app(scope, receive, self._committing(send))
        finally:
            self.changed |= lasting

    def _committing(self, send: Send) -> Send:
        async def commit_then_send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self._commit()
            await send(message)

        return commit_then_send

    def _commit(self) -> None:
        if self.queues is not None and self.journal is not None:
            self.queues.note()
            self.journal.commit()

    async def _control(self, request: Request, send: Send) -> None:
        what = request.path.removeprefix(CONTROL_PREFIX)
        if what == "ready":
            await _answer(send, 200, {"ready": True, "longest_pause_seconds": self.snapshots.longest_pause_seconds})
        elif what == "credentials":
            await _answer(send, 200, lambdas.register_sessions(self.secrets.session_secret))
        elif what == "hold" and request.method == "POST":
            self.held = True
            await _answer(send, 200, {})
        elif what == "snapshot" and request.method == "POST":
            self.held = False
            await _answer(send, 200, {"written": self._snapshot(full=True, wait=True)})
        else:
            await _answer(send, 404, {"message": "no such control route"})

    def _after_startup(self, send: Send) -> Send:
        async def restore_then_send(message: dict[str, Any]) -> None:
            if message["type"] == "lifespan.startup.complete":
                self.journal = self.snapshots.replay()
                self.queues = durable.watch(self.journal)
                self.queues.forget()
                lambdas.register_sessions(self.secrets.session_secret)
                if not self.held:
                    self._snapshot(full=True, wait=True)
                self._keeper = asyncio.create_task(self._keep())
            await send(message)

        return restore_then_send

    def _before_shutdown(self, receive: Receive) -> Receive:
        async def receive_and_keep() -> dict[str, Any]:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                if self._keeper is not None:
                    self._keeper.cancel()
                self._commit()
                if not self.held:
                    self._snapshot(full=True, wait=True)
            return message

        return receive_and_keep

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + SNAPSHOT_SECONDS
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            self._commit()
            if loop.time() >= due:
                due = loop.time() + SNAPSHOT_SECONDS
                self._snapshot_if_due()

    def _snapshot_if_due(self) -> None:
        executions = _executions()
        grown = self.journal is not None and self.journal.bytes > MAX_JOURNAL_BYTES
        retry, self.snapshots.failed = self.snapshots.failed, False
        if self.held or not (self.changed or grown or retry or executions != self._executions):
            return
        if self._snapshot(full=grown, wait=False):
            self.changed, self._executions = False, executions

    def _snapshot(self, *, full: bool, wait: bool) -> bool:
        if self.journal is None or self.queues is None:
            return False
        return self.snapshots.take(self.journal, self.queues, full=full, wait=wait)


def _executions() -> tuple[tuple[str, str, int], ...]:
    """How far each state machine execution is: they move on without any request."""
    module = sys.modules.get("ministack.services.stepfunctions")
    if module is None:
        return ()
    present = module._executions.all_values()
    return tuple((e["executionArn"], e["status"], len(e.get("events", ()))) for e in present)


async def _refuse(send: Send, request: Request, reason: str) -> None:
    """403 in the form of the service that was called: S3's XML, or JSON for what names an action."""
    if request.action or request.path.startswith("/_"):
        await _answer(send, 403, {"__type": "AccessDeniedException", "code": "AccessDenied", "message": reason})
    else:
        xml = (
            f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>{reason}</Message></Error>'
        )
        await _send(send, 403, b"application/xml", xml.encode())


async def _answer(send: Send, status: int, body: dict[str, Any]) -> None:
    await _send(send, status, b"application/json", json.dumps(body).encode())


async def _send(send: Send, status: int, content_type: bytes, body: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def run(
    data: DataDir, listener: int, port: int, runner_port: int, origins: frozenset[str], *, held: bool, idle: bool
) -> None:
    """Serves the listening socket until SIGTERM. The environment must have been set before this module was imported."""
    end_with_parent()
    lock = take_lock(data.root / "emulator.lock", "the state is in use", "wait until it has ended")
    secrets = data.secrets
    try:
        snapshots = Snapshots(data.state)
    except SnapshotError as error:
        sys.exit(f"{error}: restore it, or move {data.root} away to start afresh")
    snapshots.load()
    denials.log_denials()
    fidelity.repair()
    mail.deliver_to(data.outbox)
    lambdas.run_in(runner_port, secrets.control_token)
    if idle:
        lambdas.keep_idle()
    hosts = frozenset({f"{HOST}:{port}", f"localhost:{port}"})
    emulator = Emulator(Gate(hosts, origins, secrets.control_token), snapshots, secrets, held)
    config = Config()
    config.bind = [f"fd://{listener}"]
    config.loglevel = "WARNING"
    config.keep_alive_timeout = 75
    config.graceful_timeout = 2
    asyncio.run(_serve_until_told(emulator, config))
    lock.close()


async def _serve_until_told(emulator: Emulator, config: Config) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await serve(emulator, config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]
