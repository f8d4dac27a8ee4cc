"""What an upload is, and which states follow which."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from chalicelib.kernel.errors import Problem


class Status(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    READY = "ready"
    REJECTED = "rejected"
    EXPIRED = "expired"


NEXT: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.PROCESSING}),
    Status.PROCESSING: frozenset({Status.PROCESSING, Status.READY, Status.REJECTED}),
    Status.READY: frozenset(),
    Status.REJECTED: frozenset(),
    Status.EXPIRED: frozenset(),
}

#: How long the form for the bytes works.
FORM_LIFE = timedelta(minutes=15)
#: An upload whose bytes never came ends by itself.
PENDING_LIFE = timedelta(hours=1)
#: After `expires_at` the row stays this long, so that reads can say 410 instead of 404.
REMEMBERED = timedelta(days=7)


class Basis(StrEnum):
    """By what right the person uploads this."""

    OWN_WORK = "own_work"
    LICENSED = "licensed"
    PUBLIC_DOMAIN = "public_domain"


class PeopleShown(StrEnum):
    """Who can be recognised in it."""

    NONE = "none"
    SELF = "self"
    CONSENTED = "consented"


@dataclass(frozen=True, slots=True)
class Attestation:
    """What the person who uploads states: by what right, and who is shown."""

    basis: Basis
    people_shown: PeopleShown


#: Version of the statement that an attestation is to; a new wording gets a new number.
ATTESTATION_VERSION = 1


class UploadNotReady(Problem):
    code, status, kind = "upload-not-ready", 409, "conflict_error"
    title = "The upload is not ready"
    advice = (
        "Send the bytes to the form that `POST /v1/uploads` answered, then wait until the upload's status is `ready`."
    )


@dataclass(frozen=True, slots=True)
class Upload:
    """`reason` and `message` are set when rejected. Width and height are pixels, upright, once ready."""

    id: str
    account_id: str
    status: Status
    content_type: str
    size_bytes: int
    sha256: str
    created_at: datetime
    expires_at: datetime
    deleted: bool = False
    reason: str | None = None
    message: str | None = None
    width: int | None = None
    height: int | None = None
    stored_type: str | None = None

    def at(self, now: datetime) -> "Upload":
        """The upload as it is to be seen now: expired once its time is over, whatever the row says."""
        return replace(self, status=Status.EXPIRED) if self.expires_at <= now else self


def incoming_key(account_id: str, upload_id: str) -> str:
    """Where the client's bytes arrive, untrusted."""
    return f"incoming/{account_id}/{upload_id}"


def clean_key(account_id: str, upload_id: str) -> str:
    """Where the cleaned photo is kept: written by the worker only."""
    return f"clean/{account_id}/{upload_id}"


def parse_incoming(key: str) -> tuple[str, str] | None:
    """(account id, upload id) of an incoming object's key, or None for any other key."""
    parts = key.split("/")
    return (parts[1], parts[2]) if len(parts) == 3 and parts[0] == "incoming" else None
