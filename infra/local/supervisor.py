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

from infra.local import demo, payments
from infra.local.datadir import HOST, MAX_LOG_BYTES, DataDir, LaptopError, listen_on
from infra.local.deploy import Deployer, catalog_version, fingerprint, laptop_parameters, package
from infra.local.payments import StripeKeys
from infra.local.processes import Child, trim_log

START_SECONDS = 90.0
GRACE_SECONDS = {"front": 25.0, "functions": 25.0, "stripe": 5.0, "sweeper": 2.0, "emulator": 20.0}
OFFER_SECONDS = 90.0
TRIM_EVERY_SECONDS = 60.0
PORT_SECONDS = 3.0
PROBE_SECONDS = 2.0  # our listening sockets accept for a process that is gone, so a probe must not wait for long
_POLL_SECONDS = 0.1


class Laptop:
    """One running stack on one data folder."""

    def __init__(
        self,
        data: DataDir,
        port: int,
        *,
        isolated: bool,
        sweep_seconds: float,
        only_emulator: bool = False,
        stripe_keys: StripeKeys | None = None,
    ) -> None:
        """`port` 0 is any free one; without `stripe_keys` a stand-in plays Stripe.

        `only_emulator` deploys, and runs neither functions nor front nor sweeper; the stand-in tells nobody then.
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
        self._keys = stripe_keys
        self._stand_in: Child | None = None
        self._stripe_url = payments.STRIPE_URL
        if stripe_keys is None:
            self._stand_in = self._make_stand_in(data.listen("stripe"), tells=not only_emulator)
        self._parameters = laptop_parameters(self.base_url, self._stripe_url)
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

    def _make_stand_in(self, listener: socket.socket, *, tells: bool) -> Child:
        """`tells`: whether its events go to the front, the only place where they ever go."""
        self._stripe_url = f"http://{HOST}:{listener.getsockname()[1]}"
        arguments = ["infra.local.stripe", "--data", str(self._data.stripe)]
        webhook = ["--webhook-url", self.base_url + payments.EVENTS_PATH] if tells else []
        return Child("stripe", arguments + webhook, self._data.logs / "stripe.log", listener)

    def start(self) -> None:
        """Returns when everything answers and the demo account exists. Raises LaptopError; then call `stop`."""
        wanted = fingerprint(self._parameters)
        stale = self._data.deployed != wanted
        if stale:
            self._emulator.arguments.append("--held")
        self._say("starting the AWS emulator")
        self._run(self._emulator)
        if self._stand_in is not None:
            self._run(self._stand_in)
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
        keys = self._stripe_keys()
        self._deployer.put_secret("StripeSecret", keys.stored())
        credentials = self._control("GET", "credentials")
        self._deployer.deployment(credentials, isolated=self._isolated).write(self._data.functions)
        if not self._only_emulator:
            self._start_service()
            self._offer(keys)
        self._started = True

    def _stripe_keys(self) -> StripeKeys:
        if self._keys is not None:
            return self._keys
        assert self._stand_in is not None
        self._wait_for(self._stand_in, lambda: _get(_port(self._stripe_url), "/"))
        return payments.keys_of_stand_in(self._data.stripe)

    def _offer(self, keys: StripeKeys) -> None:
        """Tells Stripe what is sold, unless it knows. Raises LaptopError if the stand-in cannot be told."""
        version = catalog_version(keys.digest())
        if self._data.offered == version:
            return
        self._say("putting packs and plans on offer")
        teller = self._child("catalog", "infra.local.catalog", None)
        teller.start()
        try:
            told = teller.wait(OFFER_SECONDS) == 0
        finally:
            teller.stop(0)
        if told:
            self._data.offered = version
        elif self._stand_in is not None:
            raise LaptopError(f"the stand-in for Stripe could not be told what is sold: {self._last_line('catalog')}")
        else:  # no network, say: everything else works without
            self._say(f"Stripe could not be told what is sold, nothing can be bought: {self._last_line('catalog')}")

    @property
    def payments_line(self) -> str:
        """A line about who takes the money."""
        if self._keys is None:
            return f"payments: a stand-in for Stripe at {self._stripe_url} (no real money)"
        hint = f"`stripe listen --forward-to {self.base_url}{payments.EVENTS_PATH}` brings its events"
        deaf = "" if self._keys.webhook_secrets else ", once STRIPE_WEBHOOK_SECRET is set"
        return f"payments: Stripe in test mode (no real money); {hint}{deaf}"

    def _start_service(self) -> None:
        self._say("starting the functions" + (", each alone with its own role" if self._isolated else ""))
        for child in (self._functions, self._front, self._sweeper):
            self._run(child)
        self._wait_for(self._functions, lambda: _get(self._functions_port, "/ping"))
        self._wait_for(self._front, lambda: _get(_port(self.base_url), "/healthz"))
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
        stand_in = [] if self._stand_in is None else [self._stand_in]
        for child in (self._front, self._functions, *stand_in, self._sweeper, self._emulator):
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


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


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
        print(laptop.payments_line, flush=True)
        print(f"ready {laptop.base_url}", flush=True)
        laptop.watch()
        print("stopping", flush=True)
        return 0
    except LaptopError as error:
        print(f"fotogenic: {error}", file=sys.stderr, flush=True)
        return 1
    finally:
        laptop.stop()
