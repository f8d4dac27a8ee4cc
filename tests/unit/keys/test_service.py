"""API keys: shown once, hashed at rest, found by their secret only, ended at once."""

import hashlib
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.credits.caps import Cap, KeyCapReached, Window
from chalicelib.credits.ledger import Bucket, BucketKind
from chalicelib.kernel.errors import ApiKeyRequired, Conflict, NotFound, RateLimited, Unauthorized
from chalicelib.kernel.principal import Principal, Scope
from chalicelib.keys.key import MAX_KEYS, MAX_SECRETS, Standing
from chalicelib.keys.service import Keys
from chalicelib.uploads.upload import ATTESTATION_VERSION, Attestation, Basis, PeopleShown
from tests.support.fake_credits import FakeCreditsStore
from tests.support.fake_keys import FakeKeysStore
from tests.support.fake_ledgers import credits_over
from tests.support.fakes import ManualClock, Memory, entropy

ACCOUNT, OTHER = "acct_1", "acct_2"
SCOPES = frozenset({Scope.UPLOADS, Scope.GENERATIONS})


def keyed_hash(purpose, value):
    return hashlib.sha256(f"{purpose}:{value}".encode()).hexdigest()


class Room:
    def __init__(self, requests_per_minute=600):
        memory = Memory()
        self.clock = ManualClock()
        self.store = FakeKeysStore(memory)
        self.ledger = credits_over(FakeCreditsStore(memory), self.clock)
        self.ledger.grant(ACCOUNT, Bucket("bonus", BucketKind.BONUS, 100), cause="bonus", request_id="r")
        self.memory = memory
        self.keys = Keys(
            self.store,
            self.ledger,
            memory.transact,
            self.clock,
            entropy(3),
            keyed_hash=keyed_hash,
            mode="test",
            requests_per_minute=requests_per_minute,
        )

    def create(self, cap=None, **lives):
        expires_at = self.clock.now() + timedelta(**lives) if lives else None
        return self.keys.create(ACCOUNT, "a key", SCOPES, expires_at=expires_at, cap=cap)

    def hold(self, key, name, assets):
        self.memory.transact(
            lambda tx: self.ledger.hold(tx, ACCOUNT, name, assets, spender=key.id, request_id="r"),
        )


@pytest.fixture
def room():
    return Room()


def test_P4_a_key_works_and_brings_its_account_scopes_and_id(room):
    key, secret = room.create()
    caller = room.keys.authenticate(secret)
    assert (caller.account_id, caller.scopes, caller.key_id, caller.session_id) == (ACCOUNT, SCOPES, key.id, None)


def test_P4_key_is_hashed_at_rest(room):
    key, secret = room.create()
    stored = f"{room.store.keys} {room.store.secrets}"
    assert secret not in stored
    assert secret[9:35] not in stored
    assert keyed_hash("key", secret) in room.store.secrets
    assert secret not in str(room.keys.get(ACCOUNT, key.id))


def test_P4_what_cannot_be_a_key_is_refused_without_a_look_up(room):
    _, secret = room.create()
    room.store.count_request = None  # calling it would raise TypeError
    for invented in ("", "ftg_test_x", secret[:-1] + ("A" if secret[-1] != "A" else "B")):
        with pytest.raises(Unauthorized):
            room.keys.authenticate(invented)


def test_P4_expiry_ends_a_key_at_its_instant_though_its_row_is_still_there(room):
    _, secret = room.create(hours=1)
    room.clock.forward(hours=1, milliseconds=-1)
    assert room.keys.authenticate(secret).account_id == ACCOUNT
    room.clock.forward(milliseconds=1)
    with pytest.raises(Unauthorized):
        room.keys.authenticate(secret)


def test_P4_revocation_is_effective_at_once_for_requests_and_holds(room):
    key, secret = room.create()
    room.keys.revoke(ACCOUNT, key.id)
    with pytest.raises(Unauthorized):
        room.keys.authenticate(secret)
    with pytest.raises(Unauthorized):
        room.hold(key, "gen", 1)
    assert room.keys.get(ACCOUNT, key.id).revoked_at == room.clock.now()


def test_P4_revoking_twice_is_no_error_also_at_the_same_time(room):
    key, _ = room.create()

    def other_was_first():
        room.memory.before_commit = lambda: None
        room.keys.revoke(ACCOUNT, key.id)

    room.memory.before_commit = other_was_first
    room.keys.revoke(ACCOUNT, key.id)
    room.keys.revoke(ACCOUNT, key.id)
    assert room.keys.get(ACCOUNT, key.id).revoked_at == room.clock.now()


def test_P4_rotation_overlaps_and_the_old_secret_ends_on_time(room):
    key, old = room.create()
    same, new = room.keys.rotate(ACCOUNT, key.id, timedelta(hours=2))
    assert (same.id, same.hint[-4:]) == (key.id, new.rpartition("_")[0][-4:])
    room.clock.forward(hours=2, milliseconds=-1)
    assert {room.keys.authenticate(secret).key_id for secret in (old, new)} == {key.id}
    room.clock.forward(milliseconds=1)
    with pytest.raises(Unauthorized):
        room.keys.authenticate(old)
    assert room.keys.authenticate(new).key_id == key.id


def test_P4_a_second_rotation_never_gives_an_old_secret_more_time(room):
    key, first = room.create()
    room.keys.rotate(ACCOUNT, key.id, timedelta(hours=1))
    room.keys.rotate(ACCOUNT, key.id, timedelta(days=7))
    room.clock.forward(hours=1)
    with pytest.raises(Unauthorized):
        room.keys.authenticate(first)


def test_secrets_of_a_key_are_limited_and_those_that_ended_are_removed(room):
    key, _ = room.create()
    for _ in range(MAX_SECRETS - 1):
        room.keys.rotate(ACCOUNT, key.id, timedelta(hours=1))
    with pytest.raises(Conflict):
        room.keys.rotate(ACCOUNT, key.id, timedelta(hours=1))
    room.clock.forward(hours=1)
    _, newest = room.keys.rotate(ACCOUNT, key.id, timedelta(0))
    assert len(room.store.secrets) == 2
    assert room.keys.authenticate(newest).key_id == key.id


@pytest.mark.parametrize("ended", ["revoked", "expired"])
def test_a_key_that_ended_cannot_be_rotated(room, ended):
    key, _ = room.create(hours=1)
    if ended == "revoked":
        room.keys.revoke(ACCOUNT, key.id)
    else:
        room.clock.forward(hours=1)
    with pytest.raises(Conflict):
        room.keys.rotate(ACCOUNT, key.id, timedelta(hours=1))


def test_P10_another_accounts_key_is_not_found(room):
    key, _ = room.create()
    for call in (
        lambda: room.keys.get(OTHER, key.id),
        lambda: room.keys.revoke(OTHER, key.id),
        lambda: room.keys.rotate(OTHER, key.id, timedelta(0)),
        lambda: room.keys.change(OTHER, key.id, name="mine now", cap=None, set_cap=True),
    ):
        with pytest.raises(NotFound):
            call()
    assert room.keys.all(OTHER) == []


def test_P4_a_cap_binds_from_the_first_hold_and_can_be_raised(room):
    key, _ = room.create(cap=Cap(2, Window.DAY))
    room.hold(key, "one", 2)
    with pytest.raises(KeyCapReached):
        room.hold(key, "two", 1)
    changed = room.keys.change(ACCOUNT, key.id, name="renamed", cap=Cap(3, Window.DAY), set_cap=True)
    assert (changed.name, changed.cap) == ("renamed", Cap(3, Window.DAY))
    room.hold(key, "two", 1)
    assert room.keys.change(ACCOUNT, key.id, name=None, cap=None, set_cap=True).cap is None
    room.hold(key, "three", 50)


def test_the_cap_of_a_revoked_key_cannot_be_set_which_would_let_it_spend_again(room):
    key, _ = room.create()
    room.keys.revoke(ACCOUNT, key.id)
    with pytest.raises(Conflict):
        room.keys.change(ACCOUNT, key.id, name=None, cap=Cap(5, Window.DAY), set_cap=True)
    with pytest.raises(Unauthorized):
        room.hold(key, "gen", 1)


def left(room, secret):
    rate = room.keys.authenticate(secret).rate
    assert rate is not None
    return rate.remaining


def test_requests_are_limited_by_the_minute_and_the_answer_says_so():
    room = Room(requests_per_minute=3)
    _, secret = room.create()
    assert [left(room, secret) for _ in range(3)] == [2, 1, 0]
    with pytest.raises(RateLimited) as refused:
        room.keys.authenticate(secret)
    assert refused.value.headers["Retry-After"] == "60"
    assert refused.value.headers["Ratelimit"] == '"requests";r=0;t=60'
    room.clock.forward(minutes=1)
    assert left(room, secret) == 2


def test_an_account_has_a_limited_number_of_keys_in_force(room):
    made = [room.create()[0] for _ in range(MAX_KEYS)]
    with pytest.raises(Conflict):
        room.create()
    room.keys.revoke(ACCOUNT, made[0].id)
    room.create()


def test_P4_the_first_key_opens_the_pages_of_money_and_its_end_does_not_close_them():
    room = Room()
    person = Principal(ACCOUNT, SCOPES, session_id="ses")
    with pytest.raises(ApiKeyRequired) as refused:
        room.keys.require_any(person)
    assert refused.value.extra == {"href": "/v1/keys", "method": "POST"}
    key, _ = room.keys.create(ACCOUNT, "a key", SCOPES, expires_at=None, cap=None)
    room.keys.require_any(person)
    room.keys.revoke(ACCOUNT, key.id)
    room.keys.require_any(person)
    assert room.keys.has_any(ACCOUNT)
    assert not room.keys.has_any(OTHER)


def test_P4_who_comes_by_a_key_is_not_asked_whether_there_is_one(monkeypatch):
    room = Room()
    monkeypatch.setattr(room.store, "has_any", lambda _: pytest.fail("looked"))
    room.keys.require_any(Principal(ACCOUNT, SCOPES, key_id="key_1"))
    assert not room.store.keys


def test_P17_a_key_states_for_its_photos_what_its_owner_said_and_nothing_else():
    room = Room()
    stated = Attestation(Basis.OWN_WORK, PeopleShown.SELF)
    made, _ = room.keys.create(ACCOUNT, "app", SCOPES, expires_at=None, cap=None)
    caller = Principal(ACCOUNT, SCOPES, key_id=made.id)
    assert room.keys.attestation_of(caller) is None
    room.clock.forward(hours=1)
    standing = room.keys.attest(ACCOUNT, made.id, stated).standing
    assert standing == Standing(stated, ATTESTATION_VERSION, room.clock.now())
    assert room.keys.attestation_of(caller) == stated
    assert room.keys.attestation_of(Principal(ACCOUNT, SCOPES, session_id="ses_1")) is None
    with pytest.raises(NotFound):
        room.keys.attest(OTHER, made.id, stated)
    assert room.keys.attest(ACCOUNT, made.id, None).standing is None
    assert room.keys.attestation_of(caller) is None


def test_P17_what_was_stated_to_an_earlier_wording_has_to_be_stated_again():
    room = Room()
    stated = Attestation(Basis.OWN_WORK, PeopleShown.SELF)
    made, _ = room.keys.create(ACCOUNT, "app", SCOPES, expires_at=None, cap=None, attestation=stated)
    caller = Principal(ACCOUNT, SCOPES, key_id=made.id)
    assert room.keys.attestation_of(caller) == stated
    assert made.standing is not None
    room.store.attest(ACCOUNT, made.id, replace(made.standing, version=ATTESTATION_VERSION - 1))
    assert room.keys.attestation_of(caller) is None
