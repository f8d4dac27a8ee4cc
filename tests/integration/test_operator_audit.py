"""`fotogenic audit` on deployed tables: clean after real work, and every planted fault is found by name."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.billing.order import How, Wish
from chalicelib.credits.caps import Cap, Window
from infra.fotogenic.audit import Audit, Report
from infra.fotogenic.checks.finding import Rule
from infra.fotogenic.evidence import of_orders, of_stripe
from infra.fotogenic.reading import Reading
from tests.support.deployed import Deployed, deployed
from tests.support.seeded_faults import Planter
from tests.support.seeded_leftovers import FAULTS
from tests.support.stack import PROJECT, Stack

BACK = "https://shop.example/back"
#: By then no object is new any more, and no hold is.
LATER_HOURS = 3


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Of its own: what is planted here is no business of other tests."""
    running = Stack(tmp_path_factory.mktemp("audited") / "data", only_emulator=True)
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(scope="module")
def core(deployment: Stack) -> Iterator[Deployed]:
    with deployed(deployment) as process:
        process.clock.time = datetime.now(UTC)
        process.restart()
        yield process


def run(stack: Stack, *words: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command as an operator runs it, with nothing of AWS in the shell but what is given."""
    shell = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STRIPE_"))}
    shell = {name: value for name, value in shell.items() if not name.endswith(("_TABLE", "_BUCKET", "_QUEUE_URL"))}
    where = [] if environment else ["--laptop", str(stack.data)]
    command = [sys.executable, "-m", "infra.fotogenic", *words, *where]
    return subprocess.run(
        command, cwd=PROJECT, env=shell | (environment or {}), capture_output=True, text=True, timeout=100, check=False
    )


def audit_of(core: Deployed, **more: Any) -> Audit:
    reading = Reading(core.settings)
    given = {"paid": of_orders(reading), "models": [("fake/stylize-1", 2)], "pause": lambda _: None, **more}
    return Audit(reading, core.clock, **given)


@pytest.fixture(scope="module")
def worked(core: Deployed, deployment: Stack) -> str:
    """The id of an account that did everything: bought, was refunded, generated, failed, used lanes, is still at it."""
    assert run(deployment, "catalog", "sync").returncode == 0
    account_id = core.sign_in("worked@example.com")
    key, _ = core.key(account_id, Cap(50, Window.DAY))
    services = core.services
    order = services.orders.place(account_id, Wish(How.CHECKOUT, "starter", "usd", BACK, BACK), "k1", "req_1").order
    deployment.stripe.pay(order.session_id or "")
    services.settling.session(order.session_id or "", "evt_1")
    photo = core.photo(account_id)
    for number in range(3):
        made = core.order(account_id, photo, f"k{number}", spender=key.id)
        core.running.run(account_id, made)
    refund = run(deployment, "refund", account_id, order.id, "--amount", "100", "--ticket", "T-1", "--json")
    assert json.loads(refund.stdout)["amount"] == 100, refund.stderr
    services.settling.session(order.session_id or "", "evt_2")
    assert services._laning.open(account_id, "session", 2)
    in_lane = core.order(account_id, photo, "k7", spender="session")
    core.running.run(account_id, in_lane)
    core.order(account_id, photo, "k8", spender="session")
    core.order(account_id, photo, "k9", spender=key.id)
    core.uploads.declare(account_id, "image/jpeg", 4, "0" * 64, *_attested())
    core.uploads.delete(account_id, core.photo(account_id))
    return account_id


def _attested() -> tuple[Any, Any]:
    from chalicelib.uploads.upload import Basis, PeopleShown

    return Basis.OWN_WORK, PeopleShown.NONE


@pytest.fixture(scope="module")
def clean(worked: str, core: Deployed, deployment: Stack) -> subprocess.CompletedProcess[str]:
    """What the command says of a deployment that did real work."""
    return run(deployment, "audit", "--json")


@pytest.fixture(scope="module")
def seeded(clean: Any, core: Deployed) -> tuple[Report, dict[str, tuple[Rule, str]]]:
    """What an audit finds hours after every fault was planted, and what it must find."""
    expected = {name: plant(Planter(core)) for name, plant in FAULTS.items()}
    core.clock.forward(hours=LATER_HOURS)
    try:
        return audit_of(core).run(), expected
    finally:
        core.clock.forward(hours=-LATER_HOURS)


def test_a_deployment_after_real_work_is_clean(clean: subprocess.CompletedProcess[str]) -> None:
    assert (clean.returncode, clean.stderr) == (0, ""), clean.stdout + clean.stderr
    told = json.loads(clean.stdout)
    assert told["clean"] is True
    assert told["findings"] == []
    looked = told["looked_at"]
    assert (looked["accounts"], looked["generations"]) == (1, 6)
    assert min(looked["rows"], looked["objects"]) > 0


def test_F46_stripe_itself_is_asked_what_was_paid(worked: str, clean: Any, core: Deployed) -> None:
    assert audit_of(core, paid=of_stripe(core.services)).account(worked) == []
    behind = of_stripe(core.services)(worked, ["pi_unknown", "in_unknown", "cs_unknown"])
    assert set(behind.values()) == {None}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name: str, seeded: tuple[Report, dict[str, tuple[Rule, str]]]) -> None:
    report, expected = seeded
    assert expected[name] in {(finding.rule, finding.where) for finding in report.findings}


def test_nothing_is_found_where_nothing_was_planted(worked: str, seeded: tuple[Report, Any]) -> None:
    """What the account that worked left open hours ago is the one thing that is found of it."""
    report, expected = seeded
    own = {finding.rule for finding in report.findings if worked in finding.where}
    assert own <= {Rule.ORPHAN_HOLD, Rule.FORGOTTEN}
    planted = {part for _, where in expected.values() for part in _parts(where)} | {worked}
    strange = [finding for finding in report.findings if planted.isdisjoint(_parts(finding.where))]
    assert strange == []


def _parts(where: str) -> list[str]:
    return where.replace(":", "/").replace("#", "/").split("/")


def test_every_rule_of_the_audit_has_a_planted_fault(seeded: tuple[Report, dict[str, tuple[Rule, str]]]) -> None:
    assert {rule for rule, _ in seeded[1].values()} == set(Rule) - {Rule.BUSY}


def test_findings_are_lines_of_ids_and_set_the_exit_status(seeded: Any, deployment: Stack) -> None:
    said = run(deployment, "audit")
    assert said.returncode == 1
    *lines, summary = said.stdout.splitlines()
    assert "findings: " in summary
    assert all(line.split()[0] in set(Rule) for line in lines)
    assert "@" not in said.stdout


def test_a_deployment_at_work_has_no_findings_but_perhaps_that_it_moved(core: Deployed) -> None:
    account_id = core.account()
    photo = core.photo(account_id)
    stop = threading.Event()

    def work() -> None:
        number = 0
        while not stop.is_set() and number < 40:
            number += 1
            core.running.run(account_id, core.order(account_id, photo, f"busy-{number}"))

    worker = threading.Thread(target=work)
    worker.start()
    try:
        found = [finding for _ in range(5) for finding in audit_of(core).account(account_id)]
    finally:
        stop.set()
        worker.join()
    assert {finding.rule for finding in found} <= {Rule.BUSY}
    assert audit_of(core).account(account_id) == []


def test_sums_that_never_stand_still_are_not_believed(core: Deployed) -> None:
    """A fault is there, and the account moves at every look: the audit says that it could not check."""
    planter = Planter(core)
    planter.credit("balance", held=5)
    version = iter(range(100, 200))
    audit = audit_of(core, pause=lambda _: planter.credit("balance", version=next(version)))
    stamp, audit._stamp = audit._stamp, lambda account: (next(version), stamp(account))  # type: ignore[assignment,method-assign]
    assert [finding.rule for finding in audit.account(planter.account)] == [Rule.BUSY]


def test_the_command_works_with_the_documented_rights_and_those_allow_no_writing(
    seeded: Any, core: Deployed, deployment: Stack
) -> None:
    iam = deployment.client("iam")
    iam.create_user(UserName="auditor")
    policy = (PROJECT / "docs" / "audit-policy.json").read_text()
    iam.put_user_policy(UserName="auditor", PolicyName="audit", PolicyDocument=policy)
    made = iam.create_access_key(UserName="auditor")["AccessKey"]
    shell = {
        "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
        "AWS_ENDPOINT_URL": deployment.endpoint_url,
        "AWS_REGION": "us-east-1",
    }
    said = run(deployment, "audit", "--stack", "fotogenic", "--json", environment=shell)
    assert said.stderr == ""
    assert said.returncode == 1
    assert {finding["rule"] for finding in json.loads(said.stdout)["findings"]} >= {Rule.SUM, Rule.UNPAID_GRANT}
    words = ["adjust", Planter(core).account, "5", "--reason", "x", "--ticket", "T", "--stack", "fotogenic"]
    denied = run(deployment, *words, environment=shell)
    assert denied.returncode == 1
    assert "AccessDenied" in denied.stderr


def test_reading_leaves_every_row_as_it_was(worked: str, seeded: Any, core: Deployed) -> None:
    tables = (core.settings.credits_table, core.settings.generations_table, core.settings.billing_table)
    before = {table: core.rows(table) for table in tables}
    audit_of(core).run()
    assert {table: core.rows(table) for table in tables} == before
