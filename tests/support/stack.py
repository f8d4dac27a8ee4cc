"""A whole service on this machine, as `make run` starts it, for tests."""

import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from infra.local import demo
from infra.local.datadir import HOST, DataDir
from infra.local.deploy import STACK, root_client
from infra.local.functions import Deployment
from tests.support.dashboard import Dashboard

PROJECT = Path(__file__).resolve().parents[2]
START_SECONDS = 100.0
STOP_SECONDS = 60.0
MODULES = {
    "emulator": "infra.local.emulator",
    "functions": "infra.local.runner",
    "front": "infra.local.front",
    "sweeper": "infra.local.sweeper",
    "stripe": "infra.local.stripe",
}


class DidNotStart(Exception):
    """The stack ended instead; the message is everything it printed."""


@dataclass(frozen=True)
class Account:
    """An account made by signing up. `token` is its session, `key` an API key with every scope."""

    email: str
    account_id: str
    token: str
    key: str


class Stack:
    """One `infra.local run` process and everything below it. Stops by process id, never by name."""

    def __init__(
        self,
        data: Path,
        *,
        port: int = 0,
        isolated: bool = True,
        only_emulator: bool = False,
        variables: dict[str, str] | None = None,
    ) -> None:
        """`variables` are set for it; what the user has set for Stripe is not passed on."""
        self.data = data
        self.base_url = ""
        self.said: list[str] = []
        self._port = port
        self._flags = [*(["--isolated"] if isolated else []), *(["--only-emulator"] if only_emulator else [])]
        self._variables = {name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")}
        self._variables |= variables or {}
        self._process: subprocess.Popen[str] | None = None
        self._clients: dict[tuple[str, int], Any] = {}

    def start(self) -> "Stack":
        """Returns when it is ready. Raises DidNotStart with what it said."""
        command = [sys.executable, "-m", "infra.local", "run", "--port", str(self._port), "--data", str(self.data)]
        self._process = subprocess.Popen(
            [*command, "--sweep-seconds", "1", *self._flags],
            cwd=PROJECT,
            env=self._variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._listen, args=(self._process, lines), daemon=True).start()
        self.said = []
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if line is None:
                raise DidNotStart("\n".join(self.said))
            self.said.append(line)
            if line.startswith("ready "):
                self.base_url = line.removeprefix("ready ")
                self._port = int(self.base_url.rpartition(":")[2])
                return self
        self.stop(signal.SIGKILL)
        raise DidNotStart("\n".join([*self.said, f"not ready within {START_SECONDS:.0f} s"]))

    @staticmethod
    def _listen(process: "subprocess.Popen[str]", lines: "queue.Queue[str | None]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Signals the supervisor and waits until nothing of it runs; returns its exit code."""
        if self._process is None:
            return 0
        below = self.pids(everything=True)
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            code = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None
        wait_until(lambda: not any(is_running(pid) for pid in below.values()), "the processes to end")
        return code

    def restart(self, kill: int = signal.SIGTERM) -> "Stack":
        """Stops it with that signal, and starts it again on the same data and port."""
        self.stop(signal.Signals(kill))
        return self.start()

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        assert self._process is not None, "the stack is not running"
        return self._process.pid

    def pids(self, *, everything: bool = False) -> dict[str, int]:
        """The process ids by the names of MODULES; `everything` adds their children."""
        found: dict[str, int] = {}
        for pid in children_of(self.pid):
            command = command_of(pid)
            name = next((n for n, module in MODULES.items() if module in command), f"other-{pid}")
            found[name] = pid
            if everything:
                found |= {f"{name}/{below}": below for below in children_of(pid)}
        return found

    @property
    def demo(self) -> dict[str, Any]:
        """The demo account: base_url, email, account_id, api_key."""
        return json.loads((self.data / "demo.json").read_text())

    @property
    def stripe(self) -> Dashboard:
        """The stand-in for Stripe that belongs to the stack."""
        return Dashboard(self.data / "stripe", f"http://{HOST}:{self._port_of('stripe')}")

    def _port_of(self, name: str) -> int:
        return int(json.loads((self.data / "laptop.json").read_text())["ports"][name])

    @property
    def emulator_port(self) -> int:
        """Where the stack's AWS is."""
        return self._port_of("emulator")

    @property
    def endpoint_url(self) -> str:
        """The address of the stack's AWS."""
        return f"http://{HOST}:{self.emulator_port}"

    def client(self, service: str) -> Any:
        """A boto3 client with the emulator's root credentials; made once, as making one takes longer than using it."""
        key = (service, self.emulator_port)
        if key not in self._clients:
            self._clients[key] = root_client(DataDir(self.data), service, self.emulator_port)
        return self._clients[key]

    @property
    def outputs(self) -> dict[str, str]:
        """The deployed stack's outputs: table, bucket and queue names."""
        described = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}

    @property
    def resources(self) -> dict[str, tuple[str, str]]:
        """The deployed stack's resources: logical id → (type, physical id)."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK)
        found = [summary for page in pages for summary in page["StackResourceSummaries"]]
        return {r["LogicalResourceId"]: (r["ResourceType"], r["PhysicalResourceId"]) for r in found}

    @property
    def credentials(self) -> tuple[str, str]:
        """The emulator's root access key id and secret."""
        root = DataDir(self.data).secrets
        return root.root_key_id, root.root_secret

    def environment(self) -> dict[str, str]:
        """The variables of a process that may use everything deployed: for chalicelib.aws.settings."""
        return Deployment.read(self.data / "functions.json").warm_environment()

    def api(self, method: str, path: str, *, key: str | None = None, **options: Any) -> requests.Response:
        """A request to the HTTP API; `key` is an API key or session token: None is the demo account's, "" is none."""
        headers = dict(options.pop("headers", None) or {})
        token = self.demo["api_key"] if key is None else key
        if token:
            headers.setdefault("Authorization", f"Bearer {token}")
        options.setdefault("timeout", 40)
        options.setdefault("allow_redirects", False)
        return requests.request(method, self.base_url + path, headers=headers, **options)

    def outbox(self) -> set[Path]:
        """The mails so far."""
        return set((self.data / "outbox").glob("*.eml"))

    def mail(self, to: str, *, after: set[Path] | None = None, seconds: float = 20.0) -> str:
        """The text of the newest mail to an address; waits for one that is not in `after`."""
        return demo.wait_for_mail(self.data / "outbox", to, after or set(), seconds)

    def new_account(self, email: str | None = None, scopes: list[str] | None = None) -> Account:
        """Signs up over HTTP as a person would."""
        address = email or f"user-{secrets.token_hex(6)}@example.com"
        token = demo.sign_in(self.base_url, self.data / "outbox", address)
        account = self.api("GET", "/v1/account", key=token)
        account.raise_for_status()
        body = {"name": "test", "scopes": scopes or demo.SCOPES}
        key = self.api("POST", "/v1/keys", key=token, json=body)
        key.raise_for_status()
        return Account(address, account.json()["id"], token, key.json()["secret"])

    def log(self, name: str) -> str:
        """What one of MODULES wrote."""
        return (self.data / "logs" / f"{name}.log").read_text(errors="replace")


def wait_until(holds: Any, what: str, seconds: float = 30.0) -> Any:
    """Calls until the result is true, and returns it; fails naming what was waited for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        result = holds()
        if result:
            return result
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")


def children_of(pid: int) -> list[int]:
    """The running child processes of a process."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
        if int(parent) == pid and state != "Z":
            found.append(int(entry.name))
    return found


def command_of(pid: int) -> list[str]:
    """A process's command line; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
