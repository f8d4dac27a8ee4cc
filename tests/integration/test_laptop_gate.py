"""The emulator's gate: a web page, another user or a well-known key must not get at a laptop's AWS."""

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from infra.local.emulator.gate import Gate, Request, needs_snapshot
from tests.support.stack import Stack

PUT = {"x-amz-target": "DynamoDB_20120810.PutItem"}


def signed(service: str, key: str = "AKIAX") -> dict[str, str]:
    return {
        "authorization": f"AWS4-HMAC-SHA256 Credential={key}/20300101/us-east-1/{service}/aws4_request, Signature=0"
    }


@pytest.mark.parametrize("path", ["/_ministack/reset", "/_ministack/ses/messages", "/_laptop/credentials", "/health"])
def test_control_routes_need_the_token(emulator: Stack, path: str) -> None:
    assert requests.get(emulator.endpoint_url + path).status_code == 403
    assert requests.get(emulator.endpoint_url + path, headers={"X-Laptop-Token": "guess"}).status_code == 403


def test_a_rebound_name_is_refused(emulator: Stack) -> None:
    answer = requests.get(emulator.endpoint_url + "/", headers={"Host": f"evil.example:{emulator.emulator_port}"})
    assert answer.status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_foreign_page_is_refused(emulator: Stack, origin: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        answer = requests.request(method, emulator.endpoint_url + "/bucket", headers={"Origin": origin})
        assert answer.status_code == 403, method
        assert "access-control-allow-origin" not in answer.headers


def test_our_own_page_may_upload(stack: Stack) -> None:
    address = f"{stack.endpoint_url}/{stack.outputs['UploadsBucket']}"
    preflight = requests.options(address, headers={"Origin": stack.base_url, "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 200, preflight.text
    assert preflight.headers["access-control-allow-origin"] == stack.base_url


@pytest.mark.parametrize("key", ["test", "000000000000", "123456789012"])
def test_well_known_keys_are_refused(emulator: Stack, key: str) -> None:
    client = boto3.client(
        "dynamodb",
        endpoint_url=emulator.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key="test",
    )
    with pytest.raises(ClientError) as refusal:
        client.list_tables()
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_unsigned_requests_are_refused_as_s3_refuses_them(emulator: Stack) -> None:
    bucket = emulator.outputs["ResultsBucket"]
    emulator.client("s3").put_object(Bucket=bucket, Key="results/private", Body=b"x")
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        answer = requests.request(method, f"{emulator.endpoint_url}/{bucket}/results/private", data=b"y")
        assert answer.status_code == 403, method
    assert "<Code>AccessDenied</Code>" in requests.get(f"{emulator.endpoint_url}/{bucket}/results/private").text
    assert emulator.client("s3").get_object(Bucket=bucket, Key="results/private")["Body"].read() == b"x"


def test_a_form_without_a_policy_is_refused(emulator: Stack) -> None:
    address = f"{emulator.endpoint_url}/{emulator.outputs['UploadsBucket']}"
    answer = requests.post(address, data={"key": "incoming/x"}, files={"file": ("x", b"y")})
    assert answer.status_code == 403


def test_a_function_may_do_only_what_its_policy_says(stack: Stack) -> None:
    """P10: an isolated function's credentials are its role's."""
    from infra.local.functions import Deployment

    api = Deployment.read(stack.data / "functions.json").api
    session = boto3.session.Session(
        api.credentials["AWS_ACCESS_KEY_ID"],
        api.credentials["AWS_SECRET_ACCESS_KEY"],
        api.credentials["AWS_SESSION_TOKEN"],
        region_name="us-east-1",
    )
    session.client("dynamodb", endpoint_url=stack.endpoint_url).get_item(
        TableName=api.variables["ACCOUNTS_TABLE"], Key=first_key(stack, api.variables["ACCOUNTS_TABLE"])
    )
    with pytest.raises(ClientError, match="not authorized"):
        session.client("dynamodb", endpoint_url=stack.endpoint_url).delete_table(
            TableName=api.variables["ACCOUNTS_TABLE"]
        )
    with pytest.raises(ClientError, match="AccessDenied"):
        session.client("s3", endpoint_url=stack.endpoint_url).list_buckets()
    assert '"event": "denied"' in stack.log("emulator")


def first_key(stack: Stack, table: str) -> dict[str, dict[str, str]]:
    schema = stack.client("dynamodb").describe_table(TableName=table)["Table"]["KeySchema"]
    return {part["AttributeName"]: {"S": "none"} for part in schema}


@pytest.mark.parametrize(
    ("method", "path", "headers", "lasting"),
    [
        ("POST", "/", {**PUT, **signed("dynamodb")}, False),
        ("POST", "/", {"x-amz-target": "DynamoDB_20120810.UpdateTimeToLive"}, True),
        ("POST", "/", {"x-amz-target": "TrentService.Decrypt"}, False),
        ("POST", "/", {"x-amz-target": "TrentService.ScheduleKeyDeletion"}, True),
        ("POST", "/", {"x-amz-target": "AmazonSQS.SendMessage"}, False),
        ("POST", "/", {"x-amz-target": "AmazonSQS.SetQueueAttributes"}, True),
        ("POST", "/", {"x-amz-target": "AWSStepFunctions.StartExecution"}, True),
        ("GET", "/bucket/key", signed("s3"), False),
        ("PUT", "/bucket/a/b/c", signed("s3"), False),
        ("PUT", "/bucket", signed("s3"), True),
        ("POST", "/bucket", {"content-type": "multipart/form-data; boundary=x"}, False),
        ("POST", "/", {"content-type": "application/x-www-form-urlencoded", **signed("cloudformation")}, True),
        ("POST", "/2015-03-31/functions/f/invocations", signed("lambda"), False),
        ("PUT", "/2015-03-31/functions/f/configuration", signed("lambda"), True),
        ("POST", "/v2/email/outbound-emails", signed("ses"), False),
        ("POST", "/v2/email/identities", signed("ses"), True),
    ],
)
def test_which_requests_call_for_a_snapshot(method: str, path: str, headers: dict[str, str], lasting: bool) -> None:
    assert needs_snapshot(Request(method, path, "", headers)) is lasting


def test_a_presigned_address_with_a_well_known_key_is_refused() -> None:
    gate = Gate(frozenset({"h"}), frozenset(), "token")
    query = "X-Amz-Credential=test%2F20300101%2Fus-east-1%2Fs3%2Faws4_request"
    assert gate.refusal(Request("GET", "/b/k", query, {"host": "h"})) == "this access key is not accepted"
    good = query.replace("test", "AKIAX")
    assert gate.refusal(Request("GET", "/b/k", good, {"host": "h"})) is None
