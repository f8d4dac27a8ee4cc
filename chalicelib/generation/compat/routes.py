"""Images over HTTP as OpenAI's clients ask for them, unmodified."""

import json
import re
from base64 import b64encode
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import ValidationError

from chalicelib.credits.caps import KeyCapReached
from chalicelib.edge.http import Answer, Call, Door
from chalicelib.edge.identity import Access
from chalicelib.generation.compat.form import MAX_FORM_BYTES, read
from chalicelib.generation.compat.mapping import default_model, editing, generating
from chalicelib.generation.compat.problems import (
    ContentBlocked,
    GenerationFailed,
    NotBuilt,
    ProviderUnavailable,
    StillRunning,
)
from chalicelib.generation.compat.service import Finished, Request, digest
from chalicelib.generation.compat.shapes import (
    CheckProvenance,
    EditImage,
    GenerateImages,
    ImagesView,
    ImageView,
    ProvenanceView,
    without_neutral,
)
from chalicelib.generation.generation import MAX_INLINE_BYTES, NOTICE, AssetStatus
from chalicelib.generation.ordering.order import Order
from chalicelib.kernel.clock import epoch_seconds
from chalicelib.kernel.errors import (
    AttestationRequired,
    ConcurrencyLimited,
    Conflict,
    Gone,
    IdempotencyKeyReused,
    InsufficientAssets,
    UnsupportedParameter,
    Validation,
)
from chalicelib.kernel.principal import Scope
from chalicelib.kernel.shapes import refusal
from chalicelib.media.photo import RejectedPhoto
from chalicelib.media.sniff import HEAD_BYTES, sniff
from chalicelib.providers.capability import Model, Runs
from chalicelib.uploads.upload import Attestation, Basis, PeopleShown, UploadNotReady
from chalicelib.wiring import services

door = Door("images")

PROBLEMS = (
    ConcurrencyLimited,
    Conflict,
    ContentBlocked,
    GenerationFailed,
    Gone,
    IdempotencyKeyReused,
    InsufficientAssets,
    KeyCapReached,
    ProviderUnavailable,
    StillRunning,
    UnsupportedParameter,
)
_STATED = re.compile(r"\s*([a-z_]+)\s*=\s*([a-z_]+)\s*")


@door.route(
    "POST",
    "/v1/images/generations",
    summary="Generate pictures, in OpenAI's shape",
    scope=Scope.GENERATIONS,
    raw=True,
    form=GenerateImages,
    answer=ImagesView,
    problems=PROBLEMS,
)
def generate_images(call: Call[None, None]) -> Answer:
    """Waits for the result. One that takes longer answers 503 with `Retry-After` and `x-should-retry: true`: whoever
    repeats the request, as the official clients do, waits for the same generation and is charged once."""
    try:
        given = json.loads(call.raw_body or b"{}")
    except ValueError:
        raise Validation("The body is not JSON.") from None
    if not isinstance(given, dict):
        raise Validation("The body is not a JSON object.")
    asked = _parsed(GenerateImages, without_neutral(given))
    request, content = _request(call), {"route": "generations", **given}

    def order() -> Order:
        return generating(asked, _model(asked.model, "generate"))

    return _answer(services().compat.run(request, content, order), asked.response_format)


@door.route(
    "POST",
    "/v1/images/edits",
    summary="Change a photo, in OpenAI's shape",
    scope=Scope.GENERATIONS,
    raw=True,
    media="multipart/form-data",
    max_body_bytes=MAX_FORM_BYTES,
    form=EditImage,
    answer=ImagesView,
    problems=(*PROBLEMS, AttestationRequired, UploadNotReady),
)
def edit_image(call: Call[None, None]) -> Answer:
    """Edits, stylizes or upscales the photo, by what the model does. Waits as `POST /v1/images/generations` does.

    A photo in the request is an upload like any other, and needs its statement of rights: that of the key
    (`attestation` of `POST /v1/keys`), or a header `Fotogenic-Attestation: basis=own_work; people_shown=none`.
    """
    form = read(call.headers.get("content-type", ""), call.raw_body)
    photo = _photo(form.files)
    asked = _parsed(EditImage, without_neutral(dict(form.fields)))
    if (photo is None) == (asked.upload_id is None) or "image" in form.fields:
        raise Validation("image: send exactly one of a file, image, and upload_id", param="image")
    request = _request(call)
    content: dict[str, Any] = {"route": "edits", **form.fields}
    if photo is not None:
        content |= {"image": digest(photo), "stated": call.headers.get("fotogenic-attestation")}

    def order() -> Order:
        wanted = editing(asked, _model(asked.model, "edit"))  # refused, if it is, before anything is uploaded
        if photo is None:
            return wanted
        receive = partial(_received, call, photo, content["image"])
        return replace(wanted, upload_id=services().compat.photo(request, content, receive))

    return _answer(services().compat.run(request, content, order), asked.response_format)


@door.route(
    "POST",
    "/v1/content_provenance_checks",
    summary="Ask where a file came from, in OpenAI's shape: reserved",
    access=Access.PUBLIC,
    raw=True,
    media="multipart/form-data",
    form=CheckProvenance,
    answer=ProvenanceView,
    problems=(NotBuilt,),
)
def check_provenance(_: Call[None, None]) -> Answer:
    """Answers 501 until results carry Content Credentials and a watermark to find. The shape will not change."""
    raise NotBuilt("No result of this version carries a mark that could be looked for.").with_headers(
        x_should_retry="false"
    )


def _request(call: Call[None, None]) -> Request:
    count = call.headers.get("x-stainless-retry-count", "0")
    retry = int(count) if count.isascii() and count.isdigit() and len(count) < 4 else 0
    return Request(
        principal=call.principal,
        arrived_at=services().clock.now(),
        retry=retry,
        idempotency_key=call.idempotency_key,
        request_id=call.request_id,
    )


def _parsed(shape: type[Any], given: dict[str, Any]) -> Any:
    try:
        return shape.model_validate(given)
    except ValidationError as error:
        raise refusal(error) from None


def _model(named: str | None, operation: str) -> Model:
    """Raises Validation for one that is not there."""
    known = services().models
    if named is None:
        ours = [m.id for m in known.models() if known.capability(m.provider).runs is Runs.EMBEDDED]
        named = default_model(known.models(), operation, ours)
    try:
        return known.model(named)
    except LookupError:
        raise Validation(f"model: there is no model {named!r}", param="model") from None


def _photo(files: list[tuple[str, bytes]]) -> bytes | None:
    """The one photo of a form. Raises UnsupportedParameter, Validation."""
    for name, _ in files:
        if name not in ("image", "image[]"):
            raise UnsupportedParameter(f"{name}: is not supported here", param=name)
    if len(files) > 1:
        raise Validation("image: one photo can be changed at a time", param="image")
    return files[0][1] if files else None


def _received(call: Call[None, None], photo: bytes, sha256: str) -> str:
    """The id of a new upload of that photo. Raises AttestationRequired, Validation."""
    attestation = _stated(call.headers) or services().keys.attestation_of(call.principal)
    if attestation is None:
        raise AttestationRequired(
            "Send `Fotogenic-Attestation: basis=own_work; people_shown=none` with the request, or give the key an "
            "`attestation` (`PATCH /v1/keys/{id}`).",
            param="Fotogenic-Attestation",
        ).with_headers(x_should_retry="false")
    try:
        kind = sniff(photo[:HEAD_BYTES])
    except RejectedPhoto as rejected:
        raise Validation(f"image: {rejected.sentence}", param="image") from None
    if kind is None or kind.content_type is None:
        raise Validation(f"image: is {kind.called if kind else 'no photo that is known here'}", param="image")
    stated = (attestation.basis, attestation.people_shown)
    return services().uploads.receive(call.principal.account_id, photo, kind.content_type, sha256, *stated).id


def _stated(headers: dict[str, str]) -> Attestation | None:
    """The statement that a request makes itself. Raises Validation."""
    header = headers.get("fotogenic-attestation")
    if header is None:
        return None
    stated = [found for part in header.split(";") if (found := _STATED.fullmatch(part))]
    members = {found[1]: found[2] for found in stated}
    try:
        return Attestation(Basis(members["basis"]), PeopleShown(members["people_shown"]))
    except (KeyError, ValueError):
        raise Validation(
            f"Fotogenic-Attestation: basis={'|'.join(Basis)}; people_shown={'|'.join(PeopleShown)}",
            param="Fotogenic-Attestation",
        ) from None


def _answer(finished: Finished, response_format: str | None) -> Answer:
    """Raises Validation for results that are too large to be inside an answer."""
    made = finished.made
    there = [asset for asset in made.assets if asset.status is AssetStatus.SUCCEEDED]
    whole = response_format == "b64_json"
    if whole and sum(asset.size_bytes or 0 for asset in there) > MAX_INLINE_BYTES:
        message = f"response_format: the results of {made.id} are too large to be inside an answer; ask for url"
        raise Validation(message, param="response_format", id=made.id).with_headers(x_should_retry="false")
    generations = services().generations
    data = [
        ImageView(
            url=None if whole else generations.content_url(made.account_id, asset.id),
            b64_json=b64encode(generations.bytes_of(made.account_id, asset.id)).decode() if whole else None,
        )
        for asset in there
    ]
    view = ImagesView(
        created=epoch_seconds(made.created_at), data=data, id=made.id, charged=made.charged, notice=NOTICE
    )
    return Answer(view, headers={"Idempotency-Replayed": "true"} if finished.replayed else {})
