"""API keys over HTTP. Made and managed by a signed-in person, never by another key."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, Field

from chalicelib.credits.caps import Cap, Window
from chalicelib.edge.confirm import Confirm, ConfirmQuery, confirmed
from chalicelib.edge.http import Call, Door
from chalicelib.edge.identity import Access
from chalicelib.kernel.clock import rfc3339
from chalicelib.kernel.errors import ConfirmationRequired, Conflict, Validation
from chalicelib.kernel.money import MAX_ASSETS
from chalicelib.kernel.principal import Scope
from chalicelib.kernel.shapes import Body, View
from chalicelib.keys.key import MAX_OVERLAP, Key, Standing
from chalicelib.uploads.upload import Attestation, Basis, PeopleShown
from chalicelib.wiring import services

door = Door("keys")

Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]


class CapBody(Body):
    assets: int = Field(ge=0, le=MAX_ASSETS)
    window: Window = Field(description="UTC day, UTC month, or the key's lifetime")


class StandingAttestation(Body):
    """Stated of every photo that comes with a request of this key (`POST /v1/images/edits`)."""

    basis: Basis
    people_shown: PeopleShown

    def attestation(self) -> Attestation:
        return Attestation(self.basis, self.people_shown)


class CreateKey(Body):
    name: Name
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope))
    expires_at: AwareDatetime | None = None
    cap: CapBody | None = Field(None, description="at most so many assets held or charged in each window")
    attestation: StandingAttestation | None = None


class ChangeKey(Body):
    name: Name | None = None
    cap: CapBody | None = None
    attestation: StandingAttestation | None = None


class RotateKey(Body):
    overlap_hours: int = Field(24, ge=0, le=int(MAX_OVERLAP.total_seconds() // 3600), description="old secret works on")


class CapView(View):
    assets: int
    window: Window


class AttestationView(View):
    """What is stated of every photo that comes with a request of the key, and when; `version` is of its wording."""

    basis: Basis
    people_shown: PeopleShown
    version: int
    stated_at: str


class KeyView(View):
    """`hint` is the start and end of the secret, to recognise it by."""

    id: str
    name: str
    scopes: list[Scope]
    hint: str
    cap: CapView | None
    attestation: AttestationView | None
    status: str
    created_at: str
    expires_at: str | None
    last_used_on: str | None
    revoked_at: str | None


class NewKeyView(KeyView):
    """`secret` is shown this once and cannot be read again."""

    secret: str


class KeyList(View):
    object: str = "list"
    data: list[KeyView]
    has_more: bool = False
    next_cursor: str | None = None


@door.route(
    "POST",
    "/v1/keys",
    summary="Make an API key",
    access=Access.SESSION,
    body=CreateKey,
    status=201,
    answer=NewKeyView,
    problems=(Conflict,),
)
def create_key(call: Call[CreateKey, None]) -> NewKeyView:
    """The secret is in this answer only; store it now."""
    expires_at = call.body.expires_at
    if expires_at is not None and expires_at <= services().clock.now():
        raise Validation("expires_at: is in the past", param="expires_at")
    key, secret = services().keys.create(
        call.principal.account_id,
        call.body.name,
        frozenset(call.body.scopes),
        expires_at=expires_at,
        cap=_cap(call.body.cap),
        attestation=call.body.attestation.attestation() if call.body.attestation is not None else None,
    )
    return NewKeyView(**_members(key), secret=secret)


@door.route("GET", "/v1/keys", summary="All API keys", access=Access.SESSION, answer=KeyList)
def list_keys(call: Call[None, None]) -> KeyList:
    """Newest first, revoked ones included."""
    return KeyList(data=[KeyView(**_members(key)) for key in services().keys.all(call.principal.account_id)])


@door.route("GET", "/v1/keys/{key_id}", summary="One API key", access=Access.SESSION, answer=KeyView)
def get_key(call: Call[None, None]) -> KeyView:
    return KeyView(**_members(services().keys.get(call.principal.account_id, call.path["key_id"])))


@door.route(
    "PATCH",
    "/v1/keys/{key_id}",
    summary="Rename a key, set its cap or its attestation",
    access=Access.SESSION,
    body=ChangeKey,
    answer=KeyView,
    problems=(Conflict,),
)
def change_key(call: Call[ChangeKey, None]) -> KeyView:
    """Members that are left out stay as they are; `null` removes the cap or the attestation."""
    if "attestation" in call.body.model_fields_set:
        stated = call.body.attestation.attestation() if call.body.attestation is not None else None
        services().keys.attest(call.principal.account_id, call.path["key_id"], stated)
    key = services().keys.change(
        call.principal.account_id,
        call.path["key_id"],
        name=call.body.name,
        cap=_cap(call.body.cap),
        set_cap="cap" in call.body.model_fields_set,
    )
    return KeyView(**_members(key))


@door.route(
    "POST",
    "/v1/keys/{key_id}/rotate",
    summary="Give a key a new secret",
    access=Access.SESSION,
    body=RotateKey,
    status=201,
    answer=NewKeyView,
    problems=(Conflict,),
)
def rotate_key(call: Call[RotateKey, None]) -> NewKeyView:
    """The old secret works on for `overlap_hours`, so that it can be replaced without an outage."""
    overlap = timedelta(hours=call.body.overlap_hours)
    key, secret = services().keys.rotate(call.principal.account_id, call.path["key_id"], overlap)
    return NewKeyView(**_members(key), secret=secret)


@door.route(
    "DELETE",
    "/v1/keys/{key_id}",
    summary="Revoke a key",
    access=Access.SESSION,
    body=Confirm,
    query=ConfirmQuery,
    answer=KeyView,
    problems=(ConfirmationRequired,),
)
def revoke_key(call: Call[Confirm, ConfirmQuery]) -> KeyView:
    """Permanent, and effective with the answer: the next request with the key is refused."""
    account_id, key_id = call.principal.account_id, call.path["key_id"]
    confirmed(call, key_id, lambda: services().keys.get(account_id, key_id))
    services().keys.revoke(account_id, key_id)
    return KeyView(**_members(services().keys.get(account_id, key_id)))


def _cap(body: CapBody | None) -> Cap | None:
    return Cap(body.assets, body.window) if body else None


def _stated(standing: Standing) -> AttestationView:
    return AttestationView(
        basis=standing.attestation.basis,
        people_shown=standing.attestation.people_shown,
        version=standing.version,
        stated_at=rfc3339(standing.stated_at),
    )


def _members(key: Key) -> dict[str, object]:
    def time(moment: datetime | None) -> str | None:
        return rfc3339(moment) if moment else None

    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "hint": key.hint,
        "cap": CapView(assets=key.cap.assets, window=key.cap.window) if key.cap else None,
        "attestation": _stated(key.standing) if key.standing else None,
        "status": "revoked" if key.revoked_at else "active" if key.in_force(services().clock.now()) else "expired",
        "created_at": rfc3339(key.created_at),
        "expires_at": time(key.expires_at),
        "last_used_on": key.last_used_on,
        "revoked_at": time(key.revoked_at),
    }
