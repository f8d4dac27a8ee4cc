"""The stand-in as a process: `python -m infra.local.stripe`, started, killed, started again."""

import contextlib
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import stripe

from tests.support.standin import Desk, Webhook, client_of, wait_for

PROJECT = Path(__file__).parents[3]


class Process:
    """One start of it."""

    def __init__(self, folder: Path, webhook: Webhook, *arguments: str) -> None:
        command = [sys.executable, "-m", "infra.local.stripe", "--data", str(folder), "--webhook-url", webhook.url]
        self.child = subprocess.Popen([*command, *arguments], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
        assert self.child.stdout is not None
        self.base_url = self.child.stdout.readline().removeprefix("ready ").strip()
        self.desk = Desk(folder, self.base_url, webhook)

    def end(self, how: signal.Signals) -> int:
        """Its exit code. Leaves nothing running even when it does not listen."""
        self.child.send_signal(how)
        try:
            return self.child.wait(10)
        finally:
            self.child.kill()
            self.child.wait()
            assert self.child.stdout is not None
            self.child.stdout.close()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    webhook = Webhook()
    yield webhook
    webhook.close()


def test_what_was_answered_survives_kill_9(tmp_path: Path, webhook: Webhook) -> None:
    process = Process(tmp_path, webhook)
    made: list[str] = []

    def shop() -> None:
        client = client_of(process.base_url, retries=0)
        with contextlib.suppress(stripe.APIConnectionError):
            while True:
                made.append(
                    client.v1.customers.create({"name": str(len(made))}, {"idempotency_key": f"k{len(made)}"}).id
                )

    shopper = threading.Thread(target=shop)
    shopper.start()
    wait_for(lambda: len(made) > 30)
    process.end(signal.SIGKILL)
    shopper.join()
    process = Process(tmp_path, webhook)
    try:
        names = {
            each.id: each.name for each in process.desk.stripe.v1.customers.list({"limit": 100}).auto_paging_iter()
        }
        assert {made_id: str(n) for n, made_id in enumerate(made)}.items() <= names.items()
        # The one that was under way happened once or not at all, and its key still says which.
        assert len(names) - len(made) in (0, 1)
        again = process.desk.stripe.v1.customers.create({"name": str(len(made))}, {"idempotency_key": f"k{len(made)}"})
        assert again.id not in made
        found = process.desk.stripe.v1.customers.list({"limit": 100}).auto_paging_iter()
        assert len(list(found)) == len(made) + 1
    finally:
        assert process.end(signal.SIGTERM) == 0


def test_a_restart_keeps_time_secrets_held_events_and_plans(tmp_path: Path, webhook: Webhook) -> None:
    process = Process(tmp_path, webhook)
    desk = process.desk
    desk.control("delivery", {"mode": "hold"})
    subscription = desk.subscribed(desk.customer().id)
    desk.advance(days=10)
    desk.control("faults", {"kind": "rate_limit"})
    before, told = desk.credentials, desk.control("state", method="GET")
    process.end(signal.SIGKILL)
    process = Process(tmp_path, webhook)
    try:
        desk = process.desk
        after = desk.control("state", method="GET")
        assert after | {"now": 0} == told | {"now": 0}
        assert 0 <= after["now"] - told["now"] < 60
        assert desk.credentials == before
        desk.control("faults", method="DELETE")
        desk.control("delivery", {"mode": "normal"})
        webhook.expect("customer.subscription.created", "invoice.paid")
        desk.advance(days=25)
        assert len(desk.stripe.v1.invoices.list({"subscription": subscription.id}).data) == 2
    finally:
        assert process.end(signal.SIGINT) == 0


def test_it_does_not_wait_at_the_end_for_a_webhook_that_never_answers(tmp_path: Path, webhook: Webhook) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        deaf = Webhook()
        deaf.close()
        deaf.url = f"http://127.0.0.1:{silent.getsockname()[1]}/hook"
        process = Process(tmp_path, deaf)
        process.desk.customer()
        connection, _ = silent.accept()
        connection.recv(1)
        began = time.monotonic()
        assert process.end(signal.SIGTERM) == 0
        assert time.monotonic() - began < 5
        connection.close()
    process = Process(tmp_path, webhook)
    try:
        webhook.expect("customer.created")
    finally:
        process.end(signal.SIGTERM)


@pytest.mark.parametrize("name", ["stand-in.json", "stripe.sqlite3"])
def test_damaged_data_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{" * 4096)
    command = [sys.executable, "-m", "infra.local.stripe", "--data", str(tmp_path)]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    [line] = ended.stderr.splitlines()
    assert str(tmp_path / name) in line
    assert "restore it, or move" in line
    assert (tmp_path / name).read_text() == "{" * 4096


def test_it_ends_when_it_cannot_deliver_any_more(tmp_path: Path, webhook: Webhook) -> None:
    Process(tmp_path, webhook).end(signal.SIGTERM)
    with contextlib.closing(sqlite3.connect(tmp_path / "stripe.sqlite3")) as database, database:
        row = ("evt_gone", 0, 0, "pending")
        database.execute("INSERT INTO deliveries (event, due, attempts, state) VALUES (?, ?, ?, ?)", row)
    command = [sys.executable, "-m", "infra.local.stripe", "--data", str(tmp_path), "--webhook-url", webhook.url]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert "No such event: 'evt_gone'" in ended.stderr


def test_a_folder_in_use_is_one_line(tmp_path: Path, webhook: Webhook) -> None:
    process = Process(tmp_path, webhook)
    try:
        command = [sys.executable, "-m", "infra.local.stripe", "--data", str(tmp_path)]
        ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=30, check=False)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr.startswith(f"stand-in: {tmp_path} is in use by process {process.child.pid}")
    finally:
        process.end(signal.SIGTERM)


def test_the_same_seed_makes_the_same_ids(tmp_path: Path, webhook: Webhook) -> None:
    ids = []
    for n, seed in enumerate(("a", "a", "b")):
        process = Process(tmp_path / str(n), webhook, "--seed", seed)
        try:
            session = process.desk.paid(customer=process.desk.customer().id)
            ids.append((session.id, session.customer, session.payment_intent))
        finally:
            process.end(signal.SIGTERM)
    assert ids[0] == ids[1]
    assert not set(ids[0]) & set(ids[2])


def test_its_secrets_are_its_owner_s_alone(tmp_path: Path, webhook: Webhook) -> None:
    process = Process(tmp_path / "data", webhook)
    try:
        modes = {path.name: path.stat().st_mode & 0o077 for path in (tmp_path / "data").iterdir()}
        assert modes["stand-in.json"] == 0
        assert modes["stripe.sqlite3"] == 0
        listening = socket.create_connection(("127.0.0.1", int(process.base_url.rpartition(":")[2])))
        listening.close()
    finally:
        process.end(signal.SIGTERM)


def test_events_go_nowhere_but_this_machine(tmp_path: Path) -> None:
    for url in ("http://example.com/hook", "https://127.0.0.1:1/hook", "http://127.0.0.1/hook"):
        command = [sys.executable, "-m", "infra.local.stripe", "--data", str(tmp_path), "--webhook-url", url]
        ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=30, check=False)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert "the webhook must be" in ended.stderr


def test_it_takes_over_a_socket_and_ends_with_its_parent(tmp_path: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    command = [sys.executable, "-m", "infra.local.stripe", str(listener.fileno()), "--data", str(tmp_path)]
    child = subprocess.Popen(
        command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[listener.fileno()], text=True
    )
    assert child.stdout is not None
    assert child.stdin is not None
    try:
        ready = child.stdout.readline()
        assert ready == f"ready http://127.0.0.1:{listener.getsockname()[1]}\n"
        assert client_of(ready.split()[1]).v1.customers.list().data == []
        child.stdin.close()
        child.wait(10)
        assert child.returncode is not None
    finally:
        if child.poll() is None:
            child.kill()
            child.wait(10)
        child.stdout.close()
        listener.close()
    assert json.loads((tmp_path / "stand-in.json").read_text())["api_key"].startswith("sk_test_")
