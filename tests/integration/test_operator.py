"""The operator's command: which deployment it is for, what it refuses, and what it does once."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.billing.order import How, Status, Wish
from infra.fotogenic import corrections
from tests.support.deployed import Deployed, deployed
from tests.support.stack import PROJECT, Stack

BACK = "https://shop.example/back"


@pytest.fixture(scope="module")
def core(emulator: Stack) -> Iterator[Deployed]:
    with deployed(emulator) as process:
        yield process


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, in a shell that knows nothing of AWS but what is given."""
    shell = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STRIPE_"))}
    command = [sys.executable, "-m", "infra.fotogenic", *words]
    return subprocess.run(
        command, cwd=PROJECT, env=shell | environment, capture_output=True, text=True, timeout=60, check=False
    )


def on(stack: Stack, *words: str) -> subprocess.CompletedProcess[str]:
    return run(*words, "--laptop", str(stack.data))


@pytest.mark.parametrize(
    "words", [[], ["nothing"], ["audit", "--grace-hours", "-1"], ["adjust"], ["audit", "--stack", "a", "--laptop", "b"]]
)
def test_what_is_not_understood_is_exit_status_2(words: list[str]) -> None:
    said = run(*words)
    assert said.returncode == 2
    assert "usage: fotogenic" in said.stderr


def test_a_deployment_that_is_not_there_is_exit_status_2_and_one_line(tmp_path: Path) -> None:
    said = run("audit", "--laptop", str(tmp_path / "none"))
    assert said.returncode == 2
    assert said.stderr == f"fotogenic: {tmp_path / 'none'} is not a Fotogenic data folder\n"
    assert not (tmp_path / "none").exists()
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}
    nowhere = run("audit", "--stack", "fotogenic", "--json", AWS_ENDPOINT_URL="http://127.0.0.1:9", **keys)
    assert nowhere.returncode == 2
    assert "cannot be read" in json.loads(nowhere.stdout)["error"]


def test_a_laptop_that_is_not_running_says_how_to_start_it(tmp_path: Path) -> None:
    from infra.local.datadir import DataDir

    folder = tmp_path / "data"
    DataDir(folder).listen("emulator").close()
    said = run("audit", "--laptop", str(folder))
    assert said.returncode == 2
    assert f"make run DATA={folder}" in said.stderr


def test_P3_what_is_sold_is_listed_without_a_deployment() -> None:
    said = run("catalog", "show", "--json")
    assert said.returncode == 0
    offers = json.loads(said.stdout)["offers"]
    assert {offer["kind"] for offer in offers} == {"pack", "plan"}
    assert all(offer["assets"] > 0 and offer["prices"]["usd"] > 0 for offer in offers)


def test_providers_are_put_and_shown_and_what_is_wrong_is_not_put(
    core: Deployed, emulator: Stack, tmp_path: Path
) -> None:
    file = tmp_path / "providers.json"
    try:
        file.write_text(json.dumps({"openai": {"api_key": "secret-canary"}, "disabled_models": ["local/upscale-1"]}))
        put = on(emulator, "providers", "set", str(file))
        assert put.returncode == 0, put.stderr
        shown = on(emulator, "providers", "show", "--json")
        assert "secret-canary" not in put.stdout + shown.stdout
        offered = {each["provider"]: each["models"] for each in json.loads(shown.stdout)["providers"]}
        assert {"local", "openai"} == set(offered)
        assert "local/upscale-1" not in {model["id"] for model in offered["local"]}

        file.write_text(json.dumps({"openai": {"key": "secret-canary"}}))
        refused = on(emulator, "providers", "set", str(file))
        assert refused.returncode == 1
        assert "wrong: openai.api_key" in refused.stdout
        assert "secret-canary" not in refused.stdout
        assert on(emulator, "providers", "show", "--json").stdout == shown.stdout
    finally:
        file.write_text("{}")
        assert on(emulator, "providers", "set", str(file)).returncode == 0
    assert "openai " in on(emulator, "providers", "show").stdout


def test_P3_the_catalog_is_synced_once(emulator: Stack) -> None:
    on(emulator, "catalog", "sync")
    again = on(emulator, "catalog", "sync")
    assert (again.returncode, again.stdout) == (0, "everything is as it should be\n")
    assert json.loads(on(emulator, "catalog", "sync", "--json").stdout) == {"changes": []}


def test_an_adjustment_is_made_once_for_its_ticket_and_names_who_and_why(core: Deployed, emulator: Stack) -> None:
    account = core.account(assets=10)
    words = ["adjust", account, "25", "--reason", "sorry for the outage", "--ticket", "T-1"]
    assert on(emulator, *words).stdout == "adjusted; 35 available, 0 held, 0 owed\n"
    assert "nothing done" in on(emulator, *words).stdout
    taken = on(emulator, "adjust", account, "-5", "--reason", "a mistake", "--ticket", "T-2", "--json")
    assert json.loads(taken.stdout) == {"made": True, "available": 30, "held": 0, "debt": 0}
    newest = core.services.credits.entries(account, before=None, limit=2)
    assert [entry.move.change for entry in newest] == [-5, 25]
    assert all(entry.request_id.startswith("req_") for entry in newest)
    assert newest[0].move.cause == "T-2"
    who, _, why = newest[0].move.reason.partition(": ")
    assert (bool(who), why) == (True, "a mistake")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["acct_unknown", "5", "--ticket", "T", "--reason", "r"], "not-found"),
        (["ACCOUNT", "0", "--ticket", "T", "--reason", "r"], "validation"),
        (["ACCOUNT", "5", "--ticket", "no spaces", "--reason", "r"], "validation"),
        (["ACCOUNT", "5", "--ticket", "T", "--reason", " "], "validation"),
        (["ACCOUNT", "-11", "--ticket", "T", "--reason", "r"], "insufficient-assets"),
    ],
)
def test_an_adjustment_that_makes_no_sense_is_refused_by_name(
    words: list[str], code: str, core: Deployed, emulator: Stack
) -> None:
    account = core.account(assets=10)
    said = on(emulator, "adjust", *[account if word == "ACCOUNT" else word for word in words])
    assert said.returncode == 1
    assert said.stderr.startswith(f"fotogenic: {code}: ")
    assert core.services.credits.balance(account).available(core.clock.now()) == 10


def test_P3_a_refund_is_made_once_for_its_ticket_and_takes_the_assets_back(core: Deployed, emulator: Stack) -> None:
    on(emulator, "catalog", "sync")
    account = core.sign_in("refunded@example.com")
    services = core.services
    order = services.orders.place(account, Wish(How.CHECKOUT, "starter", "usd", BACK, BACK), "k1", "req_1").order
    early = on(emulator, "refund", account, order.id, "--ticket", "T-1")
    assert (early.returncode, early.stderr.split(": ")[1]) == (1, "conflict")
    emulator.stripe.pay(order.session_id or "")
    services.settling.session(order.session_id or "", "evt_1")
    first = on(emulator, "refund", account, order.id, "--amount", "250", "--ticket", "T-1", "--json")
    assert json.loads(first.stdout)["amount"] == 250
    assert (
        on(emulator, "refund", account, order.id, "--amount", "250", "--ticket", "T-1", "--json").stdout == first.stdout
    )
    services.settling.session(order.session_id or "", "evt_2")
    assert services.orders.get(account, order.id).status is Status.PARTIALLY_REFUNDED
    assert services.credits.balance(account).available(core.clock.now()) == 10 + 50
    too_much = on(emulator, "refund", account, order.id, "--amount", "251", "--ticket", "T-2")
    assert (too_much.returncode, too_much.stderr.split(": ")[1]) == (1, "billing-refused")


def test_a_refund_is_found_again_after_stripe_has_forgotten_its_key(core: Deployed, emulator: Stack) -> None:
    on(emulator, "catalog", "sync")
    account = core.sign_in("forgotten@example.com")
    services = core.services
    order = services.orders.place(account, Wish(How.CHECKOUT, "starter", "usd", BACK, BACK), "k1", "req_1").order
    emulator.stripe.pay(order.session_id or "")
    services.settling.session(order.session_id or "", "evt_1")
    made = corrections.refund(services, account, order.id, 100, ticket="T-9")
    emulator.stripe.control("clock", {"advance_seconds": 25 * 3600})
    assert corrections.refund(services, account, order.id, 100, ticket="T-9") == made


def test_the_command_works_from_any_folder(tmp_path: Path) -> None:
    shim = tmp_path / "fotogenic"
    made = subprocess.run(
        ["make", "-s", "-B", "-o", ".venv/.installed", f"OPERATOR={shim}", str(shim)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert len(shim.read_text().splitlines()) == 2
    said = subprocess.run(
        [shim, "catalog", "show"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (said.returncode, "starter" in said.stdout) == (0, True)
