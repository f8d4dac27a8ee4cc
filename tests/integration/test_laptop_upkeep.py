"""What the laptop does behind the service: deployment repairs, expiry, schedules, mail, the journal."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.local.datadir import DataDir, LaptopError
from infra.local.emulator import journal
from infra.local.functions import ConfigurationError, Function, union
from infra.local.lifecycle import abort_after, expiry_after, matches, noncurrent_after
from infra.local.processes import trim_log
from infra.local.reconcile import Resolver, cors_rule, lifecycle_rule, refuse_ignored
from infra.local.sweeper import Sweeper
from tests.support.stack import PROJECT, Stack, command_of, wait_until


def declared(stack: Stack, kind: str) -> dict[str, dict]:
    """Physical name → properties of the packaged template's resources of a type."""
    template = json.loads((stack.data / "build" / "sam.json").read_text())["Resources"]
    return {stack.resources[n][1]: r["Properties"] for n, r in template.items() if r["Type"] == kind}


def test_tables_are_what_the_template_says(emulator: Stack) -> None:
    dynamodb = emulator.client("dynamodb")
    tables = declared(emulator, "AWS::DynamoDB::Table")
    assert tables
    for name, properties in tables.items():
        ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        wanted = properties.get("TimeToLiveSpecification", {})
        assert (ttl["TimeToLiveStatus"] == "ENABLED") is bool(wanted.get("Enabled")), name
        assert ttl.get("AttributeName") == wanted.get("AttributeName"), name
        backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        enabled = properties.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled", False)
        assert (backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED") is enabled, name


def test_buckets_are_what_the_template_says(emulator: Stack) -> None:
    s3 = emulator.client("s3")
    buckets = declared(emulator, "AWS::S3::Bucket")
    assert buckets
    for name, properties in buckets.items():
        rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
        assert {r["ID"] for r in rules} == {r["Id"] for r in properties["LifecycleConfiguration"]["Rules"]}
        assert all(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values())


def test_every_queue_event_reports_its_failures_one_by_one(emulator: Stack) -> None:
    mappings = emulator.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    assert mappings
    for mapping in mappings:
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"], mapping["EventSourceArn"]


@pytest.fixture
def own_emulator(tmp_path: Path) -> Iterator[Stack]:
    """Others' rows and objects are no business of a sweep to come in ten days."""
    running = Stack(tmp_path / "data", only_emulator=True)
    try:
        yield running.start()
    finally:
        running.stop()


def test_the_sweeper_deletes_what_is_due(own_emulator: Stack) -> None:
    emulator = own_emulator
    bucket, s3 = emulator.outputs["ResultsBucket"], emulator.client("s3")
    s3.put_object(Bucket=bucket, Key="results/old", Body=b"x")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="results/half")["UploadId"]
    table = next(n for n, p in declared(emulator, "AWS::DynamoDB::Table").items() if "TimeToLiveSpecification" in p)
    due, later = put_expiring(emulator, table, -60), put_expiring(emulator, table, 30 * 24 * 3600)
    mistaken = put_expiring(emulator, table, -6 * 365 * 24 * 3600)  # TTL ignores what is more than five years old
    sweeper = Sweeper(DataDir(emulator.data), emulator.endpoint_url)

    first = sweeper.sweep(datetime.now(UTC))
    assert first["objects"] == 0
    assert first["items"] == 1
    assert not exists(emulator, table, due)
    assert exists(emulator, table, later)
    assert exists(emulator, table, mistaken)

    second = sweeper.sweep(datetime.now(UTC) + timedelta(days=10))
    assert second["objects"] >= 1
    assert second["uploads"] == 1
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="results/old")
    assert upload not in {u["UploadId"] for u in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])}
    assert exists(emulator, table, later)


def put_expiring(stack: Stack, table: str, in_seconds: int) -> dict:
    dynamodb = stack.client("dynamodb")
    described = dynamodb.describe_table(TableName=table)["Table"]
    types = {a["AttributeName"]: a["AttributeType"] for a in described["AttributeDefinitions"]}
    key = {p["AttributeName"]: {types[p["AttributeName"]]: str(time.time_ns())} for p in described["KeySchema"]}
    attribute = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["AttributeName"]
    dynamodb.put_item(TableName=table, Item={**key, attribute: {"N": str(int(time.time()) + in_seconds)}})
    return key


def exists(stack: Stack, table: str, key: dict) -> bool:
    return "Item" in stack.client("dynamodb").get_item(TableName=table, Key=key)


def test_the_schedule_really_fires(stack: Stack) -> None:
    """Every minute; the function's own process shows that it was called."""
    rescue = stack.resources["Rescue"][1]

    def fired() -> bool:
        return any(rescue in command_of(pid) for pid in stack.pids(everything=True).values())

    assert wait_until(fired, "the scheduled rescue", seconds=100)


def test_mail_goes_to_the_outbox_and_nowhere_else(stack: Stack) -> None:
    before = stack.outbox()
    account = stack.new_account()
    mails = stack.outbox() - before
    assert len(mails) == 1
    assert all(path.stat().st_mode & 0o077 == 0 for path in mails)
    for log in (stack.data / "logs").glob("*.log"):
        assert account.email not in log.read_text(errors="replace"), log.name
        assert account.token not in log.read_text(errors="replace"), log.name
        assert account.key not in log.read_text(errors="replace"), log.name


def test_a_torn_line_loses_its_whole_group_and_nothing_else(tmp_path: Path) -> None:
    log = journal.Journal(tmp_path, 1)
    for number in range(3):
        log.add(["item", "a", "r", "t", str(number), "s", {"n": {"N": "1"}}])
        log.add(["item", "a", "r", "t", str(number), "s2", None])
        log.commit()
    path = journal.path_of(tmp_path, 1)
    whole = path.read_bytes()
    assert [len(group) for group in journal.read(path)] == [2, 2, 2]
    last = whole.rindex(b"\n", 0, -1) + 1
    for cut in range(last + 1, len(whole)):
        path.write_bytes(whole[:cut])
        assert [len(group) for group in journal.read(path)] == [2, 2], cut
    path.write_bytes(whole.replace(b'"2"', b'"9"'))
    assert [len(group) for group in journal.read(path)] == [2, 2]


def test_journals_follow_each_other(tmp_path: Path) -> None:
    log = journal.Journal(tmp_path, 7)
    log.add(["item"])
    assert log.rotate() == 8
    log.add(["message"])
    log.commit()
    assert journal.numbers(tmp_path) == [7, 8]
    assert [list(journal.read(journal.path_of(tmp_path, n))) for n in (7, 8)] == [[[["item"]]], [[["message"]]]]


def test_lifecycle_rules() -> None:
    rule = lifecycle_rule(
        {
            "Id": "r",
            "Status": "Enabled",
            "Prefix": "a/",
            "TagFilters": [{"Key": "k", "Value": "v"}],
            "ExpirationInDays": "2",
            "NoncurrentVersionExpirationInDays": 3,
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        }
    )
    assert (expiry_after(rule), noncurrent_after(rule), abort_after(rule)) == tuple(
        timedelta(days=d) for d in (2, 3, 1)
    )
    assert matches(rule, "a/b", {"k": "v"})
    assert not matches(rule, "a/b", {"k": "w"})
    assert not matches(rule, "b/b", {"k": "v"})
    assert not matches({"Filter": {"ObjectSizeGreaterThan": 1}}, "a", {})
    with pytest.raises(LaptopError, match="Transitions"):
        lifecycle_rule({"Status": "Enabled", "Transitions": []})
    assert cors_rule({"MaxAge": 3, "ExposedHeaders": ["x"]}) == {"MaxAgeSeconds": 3, "ExposeHeaders": ["x"]}


def test_an_ignored_resource_is_an_error() -> None:
    template = {"Resources": {"Made": {"Type": "A"}, "Lost": {"Type": "B"}, "Not": {"Type": "C", "Condition": "x"}}}
    with pytest.raises(LaptopError, match=r"ignored Lost \(B\)$"):
        refuse_ignored(template, {"Made": ("A", "made-1")})
    with pytest.raises(LaptopError, match=r"Lost \(B\)"):
        refuse_ignored(template, {"Made": ("A", "made-1"), "Lost": ("B", "s-Lost-noop-12345678")})


def test_intrinsics_are_resolved_or_refused() -> None:
    template = {"Parameters": {"Days": {"Default": 3}}}
    resolve = Resolver(template, {"Key": ("AWS::KMS::Key", "k-1")}, {"Days": "5"})
    assert resolve({"a": [{"Ref": "Days"}, {"Ref": "Key"}]}) == {"a": ["5", "k-1"]}
    assert resolve({"Fn::GetAtt": ["Key", "Arn"]}).endswith(":key/k-1")
    with pytest.raises(LaptopError, match="Fn::Join"):
        resolve({"Fn::Join": ["", []]})


def test_functions_that_disagree_cannot_share_a_process() -> None:
    def function(name: str, **variables: str) -> Function:
        return Function(name, name, "m.f", 1, 128, variables, {})

    assert union([function("A", X="1"), function("B", X="1", Y="2")]) == {"X": "1", "Y": "2"}
    with pytest.raises(ConfigurationError, match="X differs between A and B"):
        union([function("A", X="1"), function("B", X="2")])


def test_a_log_keeps_its_newest_lines(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(b"".join(b"line %04d\n" % n for n in range(1000)))
    trim_log(log, 10_000)
    assert log.stat().st_size == 10_000
    trim_log(log, 1_000)
    lines = log.read_text().splitlines()
    assert lines[-1] == "line 0999"
    assert log.stat().st_size <= 500
    assert all(len(line) == 9 for line in lines)


LEFT_TO_THE_SWEEPER = """
import threading
from infra.local.emulator import durable
from ministack.services import dynamodb

assert durable.REAPER in {thread.name for thread in threading.enumerate()}, "MiniStack calls it something else now"
noted = []
durable.watch(type("Noting", (), {"add": lambda self, change: noted.append(change)})())
table = {"TableName": "t", "items": {}, "TableArn": "arn:aws:dynamodb:eu-west-1:000000000000:table/t"}
dynamodb._set_item(table, "a", "b", {"pk": {"S": "a"}})
by_name = lambda name: threading.Thread(target=dynamodb._remove_item, args=(table, "a", "b"), name=name)
for name in (durable.REAPER, "a request"):
    thread = by_name(name)
    thread.start()
    thread.join()
    print(len(noted), bool(table["items"].get("a")))
"""


def test_only_the_sweeper_expires_items() -> None:
    """What else would delete rows of tests whose clock stands in the past, and of nobody's fault."""
    program = [sys.executable, "-c", LEFT_TO_THE_SWEEPER]
    ran = subprocess.run(program, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert ran.stdout.splitlines() == ["1 True", "2 False"], ran.stderr
