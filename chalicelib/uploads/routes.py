"""Uploads over HTTP. The bytes go to S3 by the form, never through this API."""

from typing import Literal

from pydantic import Field

from chalicelib.edge.confirm import Confirm, ConfirmQuery, confirmed
from chalicelib.edge.http import Answer, Call, Content, Door
from chalicelib.edge.paging import after_id, page
from chalicelib.kernel.clock import rfc3339
from chalicelib.kernel.errors import AttestationRequired, ConfirmationRequired, Gone
from chalicelib.kernel.principal import Scope
from chalicelib.kernel.shapes import Body, Page, PageQuery, View
from chalicelib.media.limits import MAX_UPLOAD_BYTES
from chalicelib.uploads.upload import FORM_LIFE, Basis, PeopleShown, Status, Upload
from chalicelib.wiring import services

door = Door("uploads")

PhotoType = Literal["image/jpeg", "image/png", "image/webp", "image/gif", "image/avif", "image/heic", "image/heif"]


class Attestation(Body):
    """Your statement that you hold the rights, and that the people shown agreed."""

    basis: Basis
    people_shown: PeopleShown


class CreateUpload(Body):
    content_type: PhotoType
    size_bytes: int = Field(ge=0, le=MAX_UPLOAD_BYTES)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the file's bytes, hexadecimal")
    attestation: Attestation | None = None


class FormView(View):
    """Send `fields`, then the file as `file`, as multipart/form-data to `url`, before `expires_at`."""

    id: str
    status: Status
    url: str
    fields: dict[str, str]
    expires_at: str


class UploadView(View):
    """`reason` and `message` say why an upload was rejected. Width and height are pixels, upright, once ready."""

    id: str
    status: Status
    content_type: str
    size_bytes: int
    reason: str | None
    message: str | None
    width: int | None
    height: int | None
    created_at: str
    expires_at: str


class UploadPage(Page[UploadView]):
    pass


@door.route(
    "POST",
    "/v1/uploads",
    summary="Declare a photo and get a form for its bytes",
    scope=Scope.UPLOADS,
    body=CreateUpload,
    status=201,
    answer=FormView,
    problems=(AttestationRequired,),
)
def create_upload(call: Call[CreateUpload, None]) -> Answer:
    """S3 accepts exactly the declared size, type and content at that form, for 15 minutes."""
    attestation = call.body.attestation
    if attestation is None:
        raise AttestationRequired(param="attestation")
    upload, form = services().uploads.declare(
        call.principal.account_id,
        call.body.content_type,
        call.body.size_bytes,
        call.body.sha256,
        attestation.basis,
        attestation.people_shown,
    )
    view = FormView(
        id=upload.id,
        status=upload.status,
        url=form.url,
        fields=form.fields,
        expires_at=rfc3339(upload.created_at + FORM_LIFE),
    )
    return Answer(view, headers={"Location": f"/v1/uploads/{upload.id}"})


@door.route("GET", "/v1/uploads", summary="All uploads", scope=Scope.UPLOADS, query=PageQuery, answer=UploadPage)
def list_uploads(call: Call[None, PageQuery]) -> Page[UploadView]:
    """Newest first; expired and deleted ones are left out."""
    before = after_id("upl", call.query.after)
    found = services().uploads.newest(call.principal.account_id, before=before, limit=call.query.limit + 1)
    return page([_view(upload) for upload in found], [upload.id for upload in found], call.query.limit)


@door.route(
    "GET", "/v1/uploads/{upload_id}", summary="One upload", scope=Scope.UPLOADS, answer=UploadView, problems=(Gone,)
)
def get_upload(call: Call[None, None]) -> UploadView:
    """Poll this after sending the bytes, until `ready` or `rejected`: usually less than a second."""
    return _view(services().uploads.get(call.principal.account_id, call.path["upload_id"]))


@door.route(
    "DELETE",
    "/v1/uploads/{upload_id}",
    summary="Delete an upload",
    scope=Scope.UPLOADS,
    body=Confirm,
    query=ConfirmQuery,
    status=204,
    content=Content.NONE,
    problems=(ConfirmationRequired, Gone),
)
def delete_upload(call: Call[Confirm, ConfirmQuery]) -> Answer:
    """Permanent. A generation that has not begun yet ends without a charge; finished ones are not affected."""
    account_id, upload_id = call.principal.account_id, call.path["upload_id"]
    confirmed(call, upload_id, lambda: services().uploads.get(account_id, upload_id))
    services().uploads.delete(account_id, upload_id)
    return Answer()


def _view(upload: Upload) -> UploadView:
    return UploadView(
        id=upload.id,
        status=upload.status,
        content_type=upload.content_type,
        size_bytes=upload.size_bytes,
        reason=upload.reason,
        message=upload.message,
        width=upload.width,
        height=upload.height,
        created_at=rfc3339(upload.created_at),
        expires_at=rfc3339(upload.expires_at),
    )
