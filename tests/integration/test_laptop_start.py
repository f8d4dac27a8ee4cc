"""Starting and stopping: what a person with `make run` sees, also when something is wrong."""

import json
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import DidNotStart, Stack, is_running, wait_until


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def running(data: Path) -> Iterator[Stack]:
    stack = Stack(data, isolated=False)
    try:
        yield stack.start()
    finally:
        stack.stop()


def refused(stack: Stack) -> str:
    """The one line that a stack says instead of starting."""
    try:
        with pytest.raises(DidNotStart) as failure:
            stack.start()
    finally:
        stack.stop()
    lines = str(failure.value).splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_first_start_makes_a_demo_account_that_works(running: Stack) -> None:
    known = running.demo
    assert set(known) == {"base_url", "email", "account_id", "api_key"}
    assert known["base_url"] == running.base_url
    balance = running.api("GET", "/v1/balance")
    assert balance.status_code == 200
    assert balance.json()["available"] == 100
    assert (running.data / "demo.json").stat().st_mode & 0o077 == 0


def test_sigterm_ends_every_process(running: Stack) -> None:
    below = running.pids(everything=True)
    assert set(below) >= {"emulator", "functions", "front", "sweeper"}
    assert running.stop() == 0
    assert not [name for name, pid in below.items() if is_running(pid)]
    assert not (running.data / "functions.json").exists(), "credentials outlived the stack"


def test_ctrl_c_ends_it_too(running: Stack) -> None:
    assert running.stop(signal.SIGINT) == 0


def test_two_stacks_run_side_by_side(running: Stack, tmp_path: Path) -> None:
    other = Stack(tmp_path / "other", isolated=False)
    try:
        other.start()
        assert other.base_url != running.base_url
        assert other.demo["account_id"] != running.demo["account_id"]
        foreign = other.api("GET", "/v1/account", key=running.demo["api_key"])
        assert foreign.status_code == 401
        assert running.api("GET", "/v1/balance").status_code == 200
        assert other.api("GET", "/v1/balance").status_code == 200
    finally:
        other.stop()


def test_a_taken_port_is_one_line(data: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert refused(Stack(data, port=port)) == (
            f"fotogenic: port {port} is in use: choose another, as in `make run PORT=8001`"
        )


def test_a_data_folder_in_use_is_one_line(running: Stack) -> None:
    line = refused(Stack(running.data))
    assert f"is in use by process {running.pid}" in line
    assert "choose another DATA" in line


def test_a_folder_of_somebody_else_is_left_alone(data: Path) -> None:
    data.mkdir()
    (data / "thesis.txt").write_text("mine")
    assert "not a Fotogenic data folder: choose another DATA" in refused(Stack(data))
    assert [path.name for path in data.iterdir()] == ["thesis.txt"]


def test_a_file_as_data_is_one_line(data: Path) -> None:
    data.write_text("")
    assert "is a file: choose another DATA" in refused(Stack(data))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}', '{"format": 1, "ports": {}, "secrets": {"x": 1}}'])
def test_a_damaged_marker_is_one_line(data: Path, content: str) -> None:
    data.mkdir()
    (data / "laptop.json").write_text(content)
    assert "laptop.json is damaged: restore it, or move" in refused(Stack(data))


def test_data_of_another_version_is_one_line(data: Path) -> None:
    data.mkdir()
    secrets = dict.fromkeys(("root_key_id", "root_secret", "control_token", "session_secret"), "x")
    (data / "laptop.json").write_text(json.dumps({"format": 99, "ports": {}, "secrets": secrets}))
    assert "another version of Fotogenic" in refused(Stack(data))


def test_damaged_state_is_said_and_not_overwritten(data: Path) -> None:
    stack = Stack(data, only_emulator=True)
    try:
        stack.start()
        stack.stop()
        [snapshot] = (data / "state").glob("snapshot-*")
        (snapshot / "dynamodb.json").write_text("{")
        with pytest.raises(DidNotStart, match=r"dynamodb\.json is damaged: restore it, or move"):
            stack.start()
        assert (snapshot / "dynamodb.json").read_text() == "{"
    finally:
        stack.stop()


def test_the_address_in_demo_json_follows_the_port(running: Stack) -> None:
    before = running.demo
    running.stop()
    elsewhere = Stack(running.data, isolated=False)
    try:
        elsewhere.start()
        assert elsewhere.demo == before | {"base_url": elsewhere.base_url}
        assert elsewhere.api("GET", "/v1/balance").json()["available"] == 100
    finally:
        elsewhere.stop()


def test_the_emulators_port_changes_when_it_is_taken(data: Path) -> None:
    stack = Stack(data, isolated=False)
    try:
        stack.start()
        port, key = stack.emulator_port, stack.demo["api_key"]
    finally:
        stack.stop()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        try:
            stack.start()
            assert stack.emulator_port != port
            assert stack.api("GET", "/v1/balance", key=key).status_code == 200
            assert stack.new_account().account_id
        finally:
            stack.stop()


def test_an_unchanged_template_is_not_deployed_again(running: Stack) -> None:
    assert any("deploying" in line for line in running.said)
    running.restart()
    assert not any("deploying" in line for line in running.said)


def test_nothing_is_left_listening(data: Path) -> None:
    stack = Stack(data, isolated=False)
    try:
        stack.start()
        remembered = json.loads((data / "laptop.json").read_text())["ports"]
        ports = [*remembered.values(), int(stack.base_url.rpartition(":")[2])]
    finally:
        stack.stop(signal.SIGKILL)

    def all_free() -> bool:
        for port in ports:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return False
        return True

    assert wait_until(all_free, "the ports to be free after kill -9 of the supervisor", seconds=10)
    shutil.rmtree(data)
