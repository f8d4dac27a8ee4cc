"""The job that the service is for: a photo in, a picture out, what it cost, and gone when it is deleted."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from botocore.exceptions import ClientError
from PIL import Image, ImageChops

from chalicelib.media.measure import measure
from tests.e2e.person import Person, jpeg, open_image, photo, stylizing, upscaling
from tests.e2e.problems import expect_problem
from tests.support.stack import Stack

SIDE = 160


@pytest.fixture(scope="module")
def upload_id(person: Person) -> str:
    return person.ready(photo(SIDE))


def differs(data: bytes) -> bool:
    """Whether a result is another picture than the photo it was made of."""
    return ImageChops.difference(open_image(data).convert("RGB"), open_image(photo(SIDE))).getbbox() is not None


def objects(stack: Stack, output: str, prefix: str) -> list[str]:
    found = stack.client("s3").list_objects_v2(Bucket=stack.outputs[output], Prefix=prefix)
    return [item["Key"] for item in found.get("Contents", ())]


def parse(moment: str) -> datetime:
    assert moment.endswith("Z")
    return datetime.fromisoformat(moment)


def test_a_photo_becomes_ready(person: Person, upload_id: str) -> None:
    upload = person.get(f"/v1/uploads/{upload_id}")
    assert (upload["status"], upload["reason"]) == ("ready", None)
    assert (upload["width"], upload["height"]) == (SIDE, SIDE)


@pytest.mark.parametrize(
    "style", [3, "starry-strokes", {"3": 0.5, "starry-strokes": 0.5}], ids=["number", "name", "blend"]
)
def test_stylize(person: Person, upload_id: str, style: Any) -> None:
    before = person.available()
    ordered = person.order(stylizing(upload_id, style))
    assert ordered.status_code == 202
    made = ordered.json()
    assert ordered.headers["Location"] == f"/v1/generations/{made['id']}"
    assert (made["status"], made["charged"], made["finished_at"]) == ("queued", 0, None)
    done = person.finished(made["id"])
    assert (done["status"], done["charged"], done["error"]) == ("succeeded", 1, None)
    [asset] = done["assets"]
    assert (asset["status"], asset["charged"], asset["content_type"]) == ("succeeded", 1, "image/jpeg")
    data = person.download(asset["id"])
    assert len(data) == asset["size_bytes"]
    assert open_image(data).size == (asset["width"], asset["height"]) == (SIDE, SIDE)
    assert differs(data)
    assert person.available() == before - 1


def test_stylize_after_a_reference_picture(person: Person, upload_id: str) -> None:
    colours = Image.linear_gradient("L").resize((128, 128)).convert("RGB")
    reference = person.ready(jpeg(ImageChops.offset(colours, 40)))
    body = {**stylizing(upload_id), "parameters": {"style_upload_id": reference}}
    done = person.generate(body)
    assert done["status"] == "succeeded", done
    assert differs(person.download(done["assets"][0]["id"]))


def test_upscale(person: Person, upload_id: str) -> None:
    before = person.available()
    done = person.generate(upscaling(upload_id))
    assert (done["status"], done["charged"]) == ("succeeded", 2)
    assert open_image(person.download(done["assets"][0]["id"])).size == (2 * SIDE, 2 * SIDE)
    assert person.available() == before - 2


def test_upscale_four_times(person: Person, upload_id: str) -> None:
    before = person.available()
    four_times = {**upscaling(upload_id), "model": "local/upscale-4"}
    refused = person.order({**four_times, "parameters": {"scale": 2}})
    assert expect_problem(refused, 400, "validation")["error"]["param"] == "parameters.scale"
    assert person.available() == before
    done = person.generate(four_times)
    assert (done["status"], done["charged"]) == ("succeeded", 4)
    assert open_image(person.download(done["assets"][0]["id"])).size == (4 * SIDE, 4 * SIDE)


def test_denoise(person: Person, upload_id: str) -> None:
    body = {"model": "local/denoise-1", "operation": "denoise", "upload_id": upload_id, "parameters": {"level": 3}}
    done = person.generate(body)
    assert (done["status"], done["charged"]) == ("succeeded", 2)
    data = person.download(done["assets"][0]["id"])
    assert open_image(data).size == (SIDE, SIDE)
    assert differs(data)


def test_animate(person: Person, upload_id: str) -> None:
    body = {"model": "local/clip-1", "operation": "animate", "upload_id": upload_id, "parameters": {"seconds": 1}}
    done = person.generate(body)
    assert (done["status"], done["charged"]) == ("succeeded", 2)
    [asset] = done["assets"]
    assert asset["content_type"] == "video/mp4"
    read = measure(person.download(asset["id"]))
    assert (read.width, read.height, read.seconds) == (SIDE, SIDE, 1)


def test_the_ledger_says_why(person: Person, upload_id: str) -> None:
    before = person.available()
    done = person.stylize(upload_id)
    mine = [entry for entry in person.ledger() if entry["cause"] == done["id"]]
    assert len(mine) == 2
    for entry in person.ledger():
        assert sum(line["assets"] for line in entry["lines"]) == 0
        assert entry["request_id"]
    assert sum(entry["assets"] for entry in mine) == -1 == person.available() - before
    assert sum(entry["assets"] for entry in person.ledger()) == person.available()
    assert {entry["key_id"] for entry in mine} == {mine[0]["key_id"]} != {None}


def test_prefer_wait_answers_with_the_result(person: Person, upload_id: str) -> None:
    done = person.order(stylizing(upload_id), headers={"Prefer": "wait=25"})
    assert done.status_code == 200
    assert done.headers["Preference-Applied"] == "wait=25"
    assert done.json()["status"] == "succeeded"


def test_prefer_wait_ends_when_it_says(person: Person, upload_id: str) -> None:
    soon = person.order(upscaling(upload_id), headers={"Prefer": "wait=1"})
    assert soon.status_code in (200, 202)
    assert soon.headers["Preference-Applied"] == "wait=1"
    assert soon.elapsed < timedelta(seconds=3)
    assert person.finished(soon.json()["id"])["status"] == "succeeded"


def test_P7_content_says_when_it_ends(person: Person, upload_id: str) -> None:
    limit = datetime.now(UTC) + timedelta(hours=48, minutes=1)
    asset = person.stylize(upload_id)["assets"][0]
    for moment in (asset["expires_at"], person.get(f"/v1/uploads/{upload_id}")["expires_at"]):
        assert datetime.now(UTC) < parse(moment) <= limit


def test_P7_an_account_can_shorten_it(stack: Stack) -> None:
    hasty = Person(stack, stack.new_account())
    assert hasty.as_session("PATCH", "/v1/account", json={"retention_hours": 2}).status_code == 200
    upload = hasty.upload(photo())
    made = hasty.stylize(upload["id"])
    for moment in (upload["expires_at"], made["assets"][0]["expires_at"]):
        assert parse(moment) <= datetime.now(UTC) + timedelta(hours=2)


def test_P11_a_result_is_unreviewed_until_its_owner_says_otherwise(person: Person, upload_id: str) -> None:
    made = person.stylize(upload_id)
    assert "inaccurate" in made["notice"]
    asset = made["assets"][0]
    assert asset["review"] == "unreviewed"
    reviewed = person.call("POST", f"/v1/assets/{asset['id']}/review")
    assert (reviewed.status_code, reviewed.json()["review"]) == (200, "reviewed")
    assert person.get(f"/v1/assets/{asset['id']}")["review"] == "reviewed"


def test_P6_a_download_is_a_short_lived_grant_for_one_object(stack: Stack, person: Person, upload_id: str) -> None:
    first, second = (person.stylize(upload_id)["assets"][0]["id"] for _ in range(2))
    location = person.call("GET", f"/v1/assets/{first}/content").headers["Location"]
    query = parse_qs(urlsplit(location).query)
    assert int(query["X-Amz-Expires"][0]) <= 900
    bytes_of_it = requests.get(location, timeout=30)
    assert bytes_of_it.headers["Content-Disposition"].startswith("attachment")
    assert bytes_of_it.headers["Cache-Control"] == "private, no-store"
    assert bytes_of_it.headers["Content-Type"] == "image/jpeg"
    other = urlsplit(person.call("GET", f"/v1/assets/{second}/content").headers["Location"]).path
    assert requests.get(location.replace(urlsplit(location).path, other), timeout=30).status_code == 403
    assert requests.get(location.partition("?")[0], timeout=30).status_code == 403
    assert requests.put(location, data=b"x", timeout=30).status_code == 403


def test_P5_deleting_a_result_needs_its_name_and_removes_it_from_s3(
    stack: Stack, person: Person, upload_id: str
) -> None:
    made = person.stylize(upload_id)
    asset_id = made["assets"][0]["id"]
    prefix = f"results/{person.account.account_id}/{made['id']}/"
    location = person.call("GET", f"/v1/assets/{asset_id}/content").headers["Location"]
    assert len(objects(stack, "ResultsBucket", prefix)) == 1
    refused = expect_problem(person.call("DELETE", f"/v1/assets/{asset_id}"), 400, "confirmation-required")
    assert "cannot be undone" in refused["detail"]
    wrong = person.call("DELETE", f"/v1/assets/{asset_id}", json={"confirm": upload_id})
    expect_problem(wrong, 400, "confirmation-required")
    assert person.call("DELETE", f"/v1/assets/{asset_id}?confirm={asset_id}").status_code == 204
    assert objects(stack, "ResultsBucket", prefix) == []
    assert requests.get(location, timeout=30).status_code == 404
    for path in (f"/v1/assets/{asset_id}", f"/v1/assets/{asset_id}/content"):
        expect_problem(person.call("GET", path), 410, "gone")
    again = person.call("DELETE", f"/v1/assets/{asset_id}", json={"confirm": asset_id})
    expect_problem(again, 410, "gone")
    left = person.get(f"/v1/generations/{made['id']}")
    assert (left["charged"], left["assets"][0]["status"]) == (1, "deleted")


def test_P5_deleting_a_generation_removes_all_its_results(stack: Stack, person: Person, upload_id: str) -> None:
    made = person.stylize(upload_id)
    path = f"/v1/generations/{made['id']}"
    expect_problem(person.call("DELETE", path), 400, "confirmation-required")
    assert person.call("DELETE", path, json={"confirm": made["id"]}).status_code == 204
    assert objects(stack, "ResultsBucket", f"results/{person.account.account_id}/{made['id']}/") == []
    expect_problem(person.call("GET", path), 410, "gone")
    expect_problem(person.call("GET", f"/v1/assets/{made['assets'][0]['id']}"), 410, "gone")
    assert made["id"] not in {item["id"] for item in person.get("/v1/generations")["data"]}


def test_P5_deleting_an_upload_removes_the_photo(stack: Stack, person: Person) -> None:
    upload_id = person.ready()
    bucket, key = stack.outputs["UploadsBucket"], f"clean/{person.account.account_id}/{upload_id}"
    assert stack.client("s3").head_object(Bucket=bucket, Key=key)["ContentType"] == "image/jpeg"
    expect_problem(person.call("DELETE", f"/v1/uploads/{upload_id}"), 400, "confirmation-required")
    assert person.call("DELETE", f"/v1/uploads/{upload_id}?confirm={upload_id}").status_code == 204
    with pytest.raises(ClientError, match="404"):
        stack.client("s3").head_object(Bucket=bucket, Key=key)
    expect_problem(person.call("GET", f"/v1/uploads/{upload_id}"), 410, "gone")
    expect_problem(person.order(stylizing(upload_id)), 410, "gone")


def test_a_rejected_upload_cannot_be_used_and_nothing_is_charged(person: Person) -> None:
    before = person.get("/v1/balance")
    upload = person.upload(b"<!doctype html><title>no photo</title>")
    assert (upload["status"], upload["reason"]) == ("rejected", "unsupported_type")
    refused = expect_problem(person.order(stylizing(upload["id"])), 409, "conflict")
    assert upload["message"] in refused["detail"]
    assert person.get("/v1/balance") == before


def test_an_upload_that_never_came_cannot_be_used(person: Person) -> None:
    form = person.declare(photo())
    refused = person.order(stylizing(form["id"]))
    expect_problem(refused, 409, "upload-not-ready")
    assert refused.headers["Retry-After"]


def test_a_photo_too_large_for_the_model_is_refused_before_anything_is_held(person: Person) -> None:
    before = person.get("/v1/balance")
    too_large = person.ready(jpeg(Image.new("RGB", (2100, 2100), (90, 120, 150))))
    body = expect_problem(person.order(upscaling(too_large)), 400, "validation")
    assert body["error"]["param"] == "upload_id"
    assert person.get("/v1/balance") == before


@pytest.mark.parametrize(("broken", "code"), [("gone", "upload_gone"), ("damaged", "photo_unreadable")])
def test_a_job_that_fails_is_not_charged_and_says_why(person: Person, broken: str, code: str) -> None:
    """What the engine works on is taken away, or damaged, behind the service's back after it was found ready."""
    before = person.get("/v1/balance")
    upload_id = person.ready(photo())
    stored = {"Bucket": person.stack.outputs["UploadsBucket"], "Key": f"clean/{person.account.account_id}/{upload_id}"}
    if broken == "gone":
        person.stack.client("s3").delete_object(**stored)
    else:
        person.stack.client("s3").put_object(**stored, Body=photo()[:200])
    done = person.generate(stylizing(upload_id))
    assert (done["status"], done["charged"]) == ("failed", 0)
    assert done["error"]["code"] == code
    assert done["error"]["message"].endswith(".")
    assert done["assets"][0]["status"] == "failed"
    assert person.get("/v1/balance") == before
    entries = [entry for entry in person.ledger() if entry["cause"] == done["id"]]
    assert [entry["kind"] for entry in entries] == ["void", "hold"]
    assert sum(entry["assets"] for entry in entries) == 0
    expect_problem(person.call("GET", f"/v1/assets/{done['assets'][0]['id']}/content"), 409, "conflict")
