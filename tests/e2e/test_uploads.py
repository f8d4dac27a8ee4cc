"""What S3 refuses by its own policy before any code of ours runs: all of it on the real form."""

import base64
import hashlib
import json
import subprocess
import sys
import time
from typing import Any

import pytest
import requests

from tests.e2e.person import Person, open_image, photo, s3_code, send
from tests.support.stack import PROJECT, Stack, wait_until

PHOTO = photo(80)


@pytest.fixture
def form(person: Person) -> dict[str, Any]:
    return person.declare(PHOTO)


def sum_of(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def still_pending(person: Person, form: dict[str, Any]) -> bool:
    key = f"incoming/{person.account.account_id}/{form['id']}"
    stored = person.stack.client("s3").list_objects_v2(Bucket=person.stack.outputs["UploadsBucket"], Prefix=key)
    return stored["KeyCount"] == 0 and person.get(f"/v1/uploads/{form['id']}")["status"] == "pending"


def test_the_form_as_it_is_works(person: Person, form: dict[str, Any]) -> None:
    assert send(form, PHOTO).status_code == 201
    assert person.processed(form["id"])["status"] == "ready"


@pytest.mark.parametrize(
    "data", [PHOTO[:-1], PHOTO + b"\0", b"", PHOTO * 2], ids=["shorter", "longer", "empty", "twice"]
)
def test_another_size_is_refused(person: Person, form: dict[str, Any], data: bytes) -> None:
    refused = send(form, data)
    assert (refused.status_code, s3_code(refused)) in {(400, "EntityTooSmall"), (400, "EntityTooLarge")}
    assert still_pending(person, form)


def test_another_type_is_refused(person: Person, form: dict[str, Any]) -> None:
    refused = send(form, PHOTO, Content_Type="text/html")
    assert (refused.status_code, s3_code(refused)) == (403, "AccessDenied")
    assert still_pending(person, form)


def test_another_content_is_refused(person: Person, form: dict[str, Any]) -> None:
    forged = PHOTO[:-3] + b"xyz"
    refused = send(form, forged)
    assert refused.status_code == 400
    assert s3_code(refused) in {"BadDigest", "InvalidRequest", "XAmzContentChecksumMismatch"}
    assert still_pending(person, form)


def test_another_checksum_is_refused(person: Person, form: dict[str, Any]) -> None:
    forged = PHOTO[:-3] + b"xyz"
    refused = send(form, forged, x_amz_checksum_sha256=sum_of(forged))
    assert (refused.status_code, s3_code(refused)) == (403, "AccessDenied")
    assert still_pending(person, form)


@pytest.mark.parametrize("key", ["incoming/x/y", "clean/{account}/{upload}", "incoming/{account}/{upload}/../z", ""])
def test_another_key_is_refused(person: Person, form: dict[str, Any], key: str) -> None:
    chosen = key.format(account=person.account.account_id, upload=form["id"])
    refused = send(form, PHOTO, key=chosen)
    assert refused.status_code in (400, 403)
    assert s3_code(refused) in {"AccessDenied", "InvalidArgument"}
    assert still_pending(person, form)


@pytest.mark.parametrize("field", ["x-amz-checksum-sha256", "Content-Type", "policy", "x-amz-signature"])
def test_a_form_without_a_field_is_refused(person: Person, form: dict[str, Any], field: str) -> None:
    fields = {name: value for name, value in form["fields"].items() if name != field}
    assert send({**form, "fields": fields}, PHOTO).status_code in (400, 403)
    assert still_pending(person, form)


@pytest.mark.parametrize("extra", ["acl", "x-amz-meta-note", "x-amz-website-redirect-location"])
def test_a_field_that_the_policy_does_not_name_is_refused(person: Person, form: dict[str, Any], extra: str) -> None:
    fields = {extra: "public-read", **form["fields"]}
    assert send({**form, "fields": fields}, PHOTO).status_code == 403
    assert still_pending(person, form)


def test_another_policy_is_refused(person: Person, form: dict[str, Any]) -> None:
    policy = base64.b64decode(form["fields"]["policy"]).replace(b"image/jpeg", b"text/html")
    refused = send(form, PHOTO, policy=base64.b64encode(policy).decode(), Content_Type="text/html")
    assert (refused.status_code, s3_code(refused)) == (403, "SignatureDoesNotMatch")
    assert still_pending(person, form)


def test_an_expired_form_is_refused(stack: Stack, person: Person, form: dict[str, Any]) -> None:
    key = f"incoming/{person.account.account_id}/{form['id']}"
    arguments = [key, "image/jpeg", str(len(PHOTO)), hashlib.sha256(PHOTO).hexdigest()]
    made = subprocess.run(
        [sys.executable, "-m", "tests.e2e.short_form", *arguments],
        cwd=PROJECT,
        env=stack.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    short = {**form, **json.loads(made.stdout)}
    assert short["fields"].keys() == form["fields"].keys()
    time.sleep(1.1)
    refused = send(short, PHOTO)
    assert (refused.status_code, s3_code(refused)) == (403, "AccessDenied")
    assert still_pending(person, form)


def test_nobody_without_a_form_comes_near_the_bucket(stack: Stack, person: Person, form: dict[str, Any]) -> None:
    key = f"clean/{person.account.account_id}/{person.ready(PHOTO)}"
    for bucket in (stack.outputs["UploadsBucket"], stack.outputs["ResultsBucket"]):
        base = f"{stack.endpoint_url}/{bucket}"
        for method, url in (
            ("GET", f"{base}/{key}"),
            ("HEAD", f"{base}/{key}"),
            ("GET", base),
            ("GET", f"{base}?list-type=2"),
            ("PUT", f"{base}/incoming/a/b"),
            ("DELETE", f"{base}/{key}"),
            ("POST", f"{base}?delete"),
            ("GET", f"{base}?policy"),
        ):
            assert requests.request(method, url, data=b"", timeout=10).status_code == 403, (method, url)
        unsigned = requests.post(base, data={"key": "incoming/a/b"}, files={"file": PHOTO}, timeout=10)
        assert unsigned.status_code == 403
    assert stack.client("s3").head_object(Bucket=stack.outputs["UploadsBucket"], Key=key)["ContentLength"]


def test_P7_what_is_sent_after_the_check_is_not_used_and_not_kept(stack: Stack, person: Person) -> None:
    """F54: the form still works, so other bytes may follow; what was checked is another object, out of its reach."""
    form = person.declare(PHOTO)
    assert send(form, PHOTO).status_code == 201
    assert person.processed(form["id"])["status"] == "ready"
    s3, bucket = stack.client("s3"), stack.outputs["UploadsBucket"]
    clean = f"clean/{person.account.account_id}/{form['id']}"
    before = s3.get_object(Bucket=bucket, Key=clean)["Body"].read()
    assert send(form, PHOTO).status_code == 201
    incoming = f"incoming/{person.account.account_id}/{form['id']}"
    wait_until(lambda: s3.list_objects_v2(Bucket=bucket, Prefix=incoming)["KeyCount"] == 0, "the late bytes to go")
    assert s3.get_object(Bucket=bucket, Key=clean)["Body"].read() == before
    assert open_image(before).size == (80, 80)
    assert person.get(f"/v1/uploads/{form['id']}")["status"] == "ready"


def test_bytes_sent_after_the_deletion_do_not_stay(stack: Stack, person: Person) -> None:
    form = person.declare(PHOTO)
    assert person.call("DELETE", f"/v1/uploads/{form['id']}?confirm={form['id']}").status_code == 204
    assert send(form, PHOTO).status_code == 201
    s3, bucket = stack.client("s3"), stack.outputs["UploadsBucket"]

    def nothing_left() -> bool:
        prefixes = [f"{kind}/{person.account.account_id}/{form['id']}" for kind in ("incoming", "clean")]
        return sum(s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["KeyCount"] for prefix in prefixes) == 0

    assert wait_until(nothing_left, "the late bytes to go")
