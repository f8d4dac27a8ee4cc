"""Starts the laptop stack in order, keeps its processes alive, and stops them."""

import http.client
import json
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any

from infra.local import demo
from infra.local.datadir import HOST, MAX_LOG_BYTES, DataDir, LaptopError, listen_on
from infra.local.deploy import Deployer, fingerprint, laptop_parameters, package
from infra.local.processes import Child, trim_log

START_SECONDS = 90.0
GRACE_SECONDS = {"front": 25.0, "functions": 25.0, "sweeper": 2.0, "emulator": 20.0}
TRIM_EVERY_SECONDS = 60.0
PORT_SECONDS = 3.0
PROBE_SECONDS = 2.0  # our listening sockets accept for a process that is gone, so a probe must not wait for long
_POLL_SECONDS = 0.1


class Laptop:
    """One running stack on one data folder."""

    def __init__(
        self, data: DataDir, port: int, *, isolated: bool, sweep_seconds: float, only_emulator: bool = False
    ) -> None:
        """`port` 0 is any free one; `only_emulator` deploys, and runs neither functions nor front nor sweeper.

        Raises LaptopError when the folder or the port is in use.
        """
        self._data = data
        self._lock = data.lock()
        self._isolated = isolated
        self._told_to_stop = False
        self._started = False
        self._began = time.monotonic()
        self._children: list[Child] = []
        listener = _own_port(port)
        self.base_url = f"http://{HOST}:{listener.getsockname()[1]}"
        emulator, functions = data.listen("emulator"), data.listen("functions")
        self.emulator_port: int = emulator.getsockname()[1]
        self._functions_port: int = functions.getsockname()[1]
        self._parameters = laptop_parameters(self.base_url)
        self._deployer = Deployer(data, self.emulator_port, self._parameters)
        self._emulator = self._child("emulator", "infra.local.emulator", emulator)
        self._functions = self._child("functions", "infra.local.runner", functions)
        self._front = self._child("front", "infra.local.front", listener)
        endpoint_url = f"http://{HOST}:{self.emulator_port}"
        self._sweeper = self._child("sweeper", "infra.local.sweeper", None, endpoint_url, str(sweep_seconds))
        origins = ",".join((self.base_url, self.base_url.replace(HOST, "localhost")))
        self._emulator.arguments += [str(self._functions_port), origins, *(["--idle"] if only_emulator else [])]
        self._only_emulator = only_emulator

    def _child(self, name: str, module: str, listener: socket.socket | None, *more: str) -> Child:
        arguments = [module, str(self._data.root), *more]
        return Child(name, arguments, self._data.logs / f"{name}.log", listener)

    def start(self) -> None:
        """Returns when everything answers and the demo account exists. Raises LaptopError; then call `stop`."""
        wanted = fingerprint(self._parameters)
        stale = self._data.deployed != wanted
        if stale:
            self._emulator.arguments.append("--held")
        self._say("starting the AWS emulator")
        self._run(self._emulator)
        with ThreadPoolExecutor(1) as beside:
            packaged = beside.submit(package, self._data) if stale else None
            self._wait_for(self._emulator, lambda: self._control("GET", "ready", PROBE_SECONDS))
            if packaged is not None:
                packaged.result()
        if stale:
            self._say("deploying the packaged template")
            self._deployer.deploy()
            self._control("POST", "snapshot")
            self._data.deployed = wanted
            self._emulator.arguments.remove("--held")
        credentials = self._control("GET", "credentials")
        self._deployer.deployment(credentials, isolated=self._isolated).write(self._data.functions)
        if not self._only_emulator:
            self._start_service()
        self._started = True

    def _start_service(self) -> None:
        self._say("starting the functions" + (", each alone with its own role" if self._isolated else ""))
        for child in (self._functions, self._front, self._sweeper):
            self._run(child)
        self._wait_for(self._functions, lambda: _get(self._functions_port, "/ping"))
        self._wait_for(self._front, lambda: _get(int(self.base_url.rpartition(":")[2]), "/healthz"))
        if not self._data.demo.exists():
            self._say("making the demo account")
        demo.ensure(self._data, self.base_url)

    def watch(self) -> None:
        """Restarts what dies until told to stop. Raises LaptopError when something keeps dying."""
        trim_at = time.monotonic() + TRIM_EVERY_SECONDS
        while not self._told_to_stop:
            time.sleep(_POLL_SECONDS)
            for child in self._children:
                if child.died:
                    self._revive(child)
            if time.monotonic() >= trim_at:
                trim_at = time.monotonic() + TRIM_EVERY_SECONDS
                for log in self._data.logs.glob("*.log"):
                    trim_log(log, MAX_LOG_BYTES)

    def _revive(self, child: Child) -> None:
        if child.exhausted:
            raise LaptopError(f"the {child.name} process keeps ending: see {self._data.logs / (child.name + '.log')}")
        self._say(f"the {child.name} process ended ({child.exit_code}): starting it again")
        child.start()

    def tell_to_stop(self, *_: int | FrameType | None) -> None:
        """A signal handler: ends `watch`, or `start` wherever it is. Raises LaptopError in the latter case, once."""
        # A plain member: an Event is locked while `watch` waits for it in this very thread, and setting it would wait.
        told_before, self._told_to_stop = self._told_to_stop, True
        if not self._started and not told_before:
            raise LaptopError("stopped before it was ready")

    def stop(self) -> None:
        """Ends the processes in order: nothing new comes in, what runs finishes, then the state is written."""
        for child in (self._front, self._functions, self._sweeper, self._emulator):
            child.stop(GRACE_SECONDS[child.name])
        self._data.functions.unlink(missing_ok=True)  # it holds credentials that nobody needs now
        self._lock.close()

    def _run(self, child: Child) -> None:
        child.start()
        self._children.append(child)

    def _wait_for(self, child: Child, answers: Any) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if child.died:
                raise LaptopError(f"the {child.name} process did not start: {self._last_line(child.name)}")
            try:
                answers()
                return
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
        raise LaptopError(f"the {child.name} process does not answer: see {self._data.logs / (child.name + '.log')}")

    def _last_line(self, name: str) -> str:
        lines = (self._data.logs / f"{name}.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it wrote nothing"

    def _control(self, method: str, what: str, seconds: float = 30.0) -> Any:
        connection = http.client.HTTPConnection(HOST, self.emulator_port, timeout=seconds)
        try:
            connection.request(method, f"/_laptop/{what}", headers={"X-Laptop-Token": self._data.secrets.control_token})
            answer = connection.getresponse()
            body = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise LaptopError(f"the emulator refused {what}: {body}")
        return body

    def _say(self, what: str) -> None:
        print(f"{time.monotonic() - self._began:5.1f} s  {what}", flush=True)


def _own_port(port: int) -> socket.socket:
    """Listens on the port the user asked for; waits a little for one that a stack just stopped is giving up."""
    deadline = time.monotonic() + PORT_SECONDS
    while True:
        try:
            return listen_on(port)
        except OverflowError:
            raise LaptopError(f"{port} is no port: choose one below 65536") from None
        except PermissionError:
            raise LaptopError(f"port {port} needs more rights: choose another, as in `make run PORT=8001`") from None
        except OSError:
            if time.monotonic() >= deadline:
                raise LaptopError(f"port {port} is in use: choose another, as in `make run PORT=8001`") from None
            time.sleep(0.1)


def _get(port: int, path: str) -> None:
    """Raises OSError unless that path answers 200."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", path, headers={"Accept": "*/*"})
        status = connection.getresponse().status
    finally:
        connection.close()
    if status != 200:
        raise ConnectionError(f"{path} answers {status}")


def run(laptop: Laptop) -> int:
    """Starts, announces, watches and stops a stack; returns the exit code."""
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(name, laptop.tell_to_stop)
    try:
        laptop.start()
        print(f"ready {laptop.base_url}", flush=True)
        laptop.watch()
        print("stopping", flush=True)
        return 0
    except LaptopError as error:
        print(f"fotogenic: {error}", file=sys.stderr, flush=True)
        return 1
    finally:
        laptop.stop()
