"""`kill -9` of every process, and what is still there afterwards."""

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import MODULES, Stack, is_running, wait_until


@pytest.fixture(scope="module")
def survivor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that these tests may kill."""
    running = Stack(tmp_path_factory.mktemp("survivor") / "data")
    try:
        yield running.start()
    finally:
        running.stop()


def key_of(stack: Stack, mark: str) -> dict[str, dict[str, str]]:
    """The key of a row of ours in a table of the service."""
    schema = stack.client("dynamodb").describe_table(TableName=table_of(stack))["Table"]["KeySchema"]
    return {part["AttributeName"]: {"S": mark} for part in schema}


def table_of(stack: Stack) -> str:
    return stack.outputs["GenerationsTable"]


def put(stack: Stack, mark: str, value: str) -> None:
    item = {**key_of(stack, mark), "value": {"S": value}}
    stack.client("dynamodb").put_item(TableName=table_of(stack), Item=item)


def get(stack: Stack, mark: str) -> str | None:
    found = stack.client("dynamodb").get_item(TableName=table_of(stack), Key=key_of(stack, mark))
    return found["Item"]["value"]["S"] if "Item" in found else None


@pytest.mark.parametrize("name", MODULES)
def test_a_killed_process_is_started_again_and_everything_works(survivor: Stack, name: str) -> None:
    account = survivor.new_account()
    victim = survivor.pids()[name]
    os.kill(victim, signal.SIGKILL)
    wait_until(lambda: survivor.pids().get(name, victim) != victim, f"another {name}")
    balance = survivor.api("GET", "/v1/balance", key=account.key)
    assert balance.status_code == 200, balance.text
    assert balance.json()["available"] == 100
    assert survivor.new_account().account_id != account.account_id


def test_what_was_answered_survives_an_emulator_killed_right_after(survivor: Stack) -> None:
    for number in range(5):
        key = f"gen_{uuid.uuid4().hex}"
        put(survivor, key, "first")
        put(survivor, key, f"last {number}")
        victim = survivor.pids()["emulator"]
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda gone=victim: survivor.pids().get("emulator", gone) != gone, "another emulator")
        assert get(survivor, key) == f"last {number}"


def test_a_transaction_survives_whole(survivor: Stack) -> None:
    table, mark = table_of(survivor), uuid.uuid4().hex
    keys = [f"{mark}-{n}" for n in range(20)]
    items = [{**key_of(survivor, key), "value": {"S": mark}} for key in keys]
    puts = [{"Put": {"TableName": table, "Item": item}} for item in items]
    survivor.client("dynamodb").transact_write_items(TransactItems=puts)
    os.kill(survivor.pids()["emulator"], signal.SIGKILL)
    assert [get(survivor, key) for key in keys] == [mark] * 20


def test_a_deleted_item_stays_deleted(survivor: Stack) -> None:
    key = uuid.uuid4().hex
    put(survivor, key, "x")
    survivor.client("dynamodb").delete_item(TableName=table_of(survivor), Key=key_of(survivor, key))
    os.kill(survivor.pids()["emulator"], signal.SIGKILL)
    assert get(survivor, key) is None


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_accounts_keys_objects_and_mail_survive_a_restart(survivor: Stack, how: signal.Signals) -> None:
    account = survivor.new_account()
    bucket, body = survivor.outputs["ResultsBucket"], os.urandom(200_000)
    survivor.client("s3").put_object(
        Bucket=bucket, Key=f"results/{account.account_id}", Body=body, ContentType="image/png"
    )
    below = survivor.pids(everything=True)
    survivor.restart(how)
    assert not [name for name, pid in below.items() if is_running(pid)]
    balance = survivor.api("GET", "/v1/balance", key=account.key)
    assert balance.status_code == 200, balance.text
    assert balance.json()["available"] == 100
    assert survivor.api("GET", "/v1/account", key=account.token).json()["id"] == account.account_id
    found = survivor.client("s3").get_object(Bucket=bucket, Key=f"results/{account.account_id}")
    assert found["Body"].read() == body
    assert found["ContentType"] == "image/png"
    assert survivor.mail(account.email)


def test_a_message_in_the_queue_survives(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "data", only_emulator=True)
    try:
        stack.start()
        queue_url, sqs = stack.outputs["EngineQueue"], stack.client("sqs")
        sqs.send_message(QueueUrl=queue_url, MessageBody="kept")
        sqs.send_message(QueueUrl=queue_url, MessageBody="taken")
        received: dict[str, str] = {}
        while len(received) < 2:
            for message in sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages", []):
                received[message["Body"]] = message["ReceiptHandle"]
        sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=received["taken"])
        stack.restart(signal.SIGKILL)
        # Whoever had received "kept" died with the stack: it is due at once, not after its visibility time-out.
        again = stack.client("sqs").receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10)["Messages"]
        assert [message["Body"] for message in again] == ["kept"]
    finally:
        stack.stop()


def test_secrets_and_keys_of_the_deployment_survive(survivor: Stack) -> None:
    name = survivor.resources["Peppers"][1]
    key_id = survivor.resources["SealingKey"][1]
    secret = survivor.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    sealed = survivor.client("kms").encrypt(KeyId=key_id, Plaintext=b"x")["CiphertextBlob"]
    survivor.restart(signal.SIGKILL)
    assert survivor.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"] == secret
    assert survivor.client("kms").decrypt(CiphertextBlob=sealed)["Plaintext"] == b"x"
