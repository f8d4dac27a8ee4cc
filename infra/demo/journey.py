"""The five steps of the main job, each over HTTP: upload, generate, save, account for it, delete."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.demo.client import Client, DemoError, Refused, get, send_form, sha256
from infra.demo.progress import Report, Step

STEPS = 5
WAIT_SECONDS = 180.0
POLL_SECONDS = 0.2
SIGNATURES = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG": "image/png",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}
BRANDS = {b"avif": "image/avif", b"avis": "image/avif"}
EXTENSIONS = {"image/jpeg": ".jpg", "image/png": ".png"}


@dataclass(frozen=True)
class Outcome:
    """What came of it: where the picture is, what it cost, what was there before and is left, in assets."""

    saved: Path
    width: int
    height: int
    cost: int
    before: int
    after: int
    reasons: list[str]


def content_type(data: bytes) -> str:
    """The type that the bytes show. Raises DemoError for what the service would not take."""
    for signature, kind in SIGNATURES.items():
        if data.startswith(signature):
            return kind
    if data[4:8] == b"ftyp":
        return BRANDS.get(data[8:12], "image/heic")
    raise DemoError("that file is not a JPEG, PNG, WebP, GIF, AVIF or HEIC photo")


def travel(client: Client, photo: bytes, style: str, out: Path, report: Report) -> Outcome:
    """Does it all, showing each step. Raises DemoError as soon as one does not do what it promises."""
    kind = content_type(photo)
    before = client.call("GET", "/v1/balance")["available"]
    with report.step("Upload") as step:
        upload_id = _upload(client, photo, kind, step)
    with report.step("Generate") as step:
        made = _generate(client, upload_id, style, step)
    asset = made["assets"][0]
    with report.step("Save") as step:
        saved = _save(client, asset, out)
        step.note = str(saved)
    with report.step("Account") as step:
        after = client.call("GET", "/v1/balance")["available"]
        reasons = _reasons(client, made["id"])
        step.note = f"{before} assets before, {after} after"
        if before - after != made["charged"]:
            raise DemoError(f"the balance went from {before} to {after}, but {made['charged']} was charged")
    with report.step("Delete") as step:
        _delete(client, asset["id"], step)
    return Outcome(saved, asset["width"], asset["height"], made["charged"], before, after, reasons)


def _upload(client: Client, photo: bytes, kind: str, step: Step) -> str:
    """Declares the photo, sends it to the storage by the form, and waits until it is checked and clean."""
    form = client.call(
        "POST",
        "/v1/uploads",
        {
            "content_type": kind,
            "size_bytes": len(photo),
            "sha256": sha256(photo),
            "attestation": {"basis": "own_work", "people_shown": "consented"},
        },
    )
    step.note = f"sending {len(photo) / 1e6:.1f} MB"

    def sent(share: float) -> None:
        step.share = share

    send_form(form, photo, sent)
    step.share, step.note = None, "checking the photo, removing its metadata"
    path = f"/v1/uploads/{form['id']}"
    upload = _wait(lambda: client.call("GET", path), ("pending", "processing"))
    if upload["status"] != "ready":
        raise DemoError(f"the photo was {upload['status']}: {upload['message'] or 'nothing arrived in time'}")
    step.note = f"{upload['width']} x {upload['height']} pixels, metadata removed"
    return str(form["id"])


def _generate(client: Client, upload_id: str, style: str, step: Step) -> Any:
    """Orders the picture and waits until it is made. What fails is not charged, and says why."""
    step.note = f"painting it in {style}"
    body = {"model": "local/style-1", "operation": "stylize", "upload_id": upload_id, "parameters": {"style": style}}
    ordered = client.order(body)
    path = f"/v1/generations/{ordered['id']}"
    made = _wait(lambda: client.call("GET", path), ("queued", "running"))
    if made["status"] != "succeeded":
        raise DemoError(f"the generation {made['status']}, charged {made['charged']}: {made['error']['message']}")
    step.note = f"style {style}, charged {made['charged']}"
    return made


def _save(client: Client, asset: dict[str, Any], out: Path) -> Path:
    """Follows the redirect to the bytes and writes them beside where the user is."""
    data = get(client.location(f"/v1/assets/{asset['id']}/content"))
    if len(data) != asset["size_bytes"]:
        raise DemoError(f"{len(data)} bytes came instead of {asset['size_bytes']}")
    saved = out if out.suffix else out.with_suffix(EXTENSIONS.get(asset["content_type"], ".jpg"))
    try:
        saved.write_bytes(data)
    except OSError as error:
        raise DemoError(f"cannot write {saved}: {error.strerror}") from None
    return saved.absolute()


def _reasons(client: Client, generation_id: str) -> list[str]:
    """The entries of the ledger that the generation caused, oldest first."""
    entries = client.call("GET", "/v1/ledger?limit=100")["data"]
    return [f"{entry['kind']} {entry['assets']:+d}" for entry in reversed(entries) if entry["cause"] == generation_id]


def _delete(client: Client, asset_id: str, step: Step) -> None:
    """Deletes the result there (the saved file stays here) and makes sure that it is gone: 410, and no bytes."""
    link = client.location(f"/v1/assets/{asset_id}/content")
    client.call("DELETE", f"/v1/assets/{asset_id}?confirm={asset_id}")
    path = f"/v1/assets/{asset_id}"
    looks = (lambda: client.call("GET", path), lambda: client.location(f"{path}/content"), lambda: get(link))
    if [_status(look) for look in looks] != [410, 410, 404]:
        raise DemoError("the deleted result still answers")
    step.note = "gone there: the API answers 410, the storage 404; your file stays"


def _status(act: Callable[[], Any]) -> int:
    """The status that an act was refused with; 200 if it was not."""
    try:
        act()
    except Refused as refused:
        return refused.status
    return 200


def _wait(look: Callable[[], Any], under_way: tuple[str, ...]) -> Any:
    """Looks until the status is another than these. Raises DemoError after WAIT_SECONDS."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        found = look()
        if found["status"] not in under_way:
            return found
        time.sleep(POLL_SECONDS)
    raise DemoError(f"still {under_way[-1]} after {WAIT_SECONDS:.0f} s: see functions.log in the data folder's logs")
