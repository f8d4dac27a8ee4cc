"""What a provider says of a job is never believed: the job is asked for."""

import pytest

from chalicelib.generation.callbacks.service import Callbacks
from chalicelib.kernel.errors import NotFound, Validation
from tests.unit.generation.room import ACCOUNT, Room


class Unsealed(Exception):
    pass


class Seal:
    """Binds a text to a place, and can be opened only there."""

    def seal(self, owner, place, text):
        return f"{owner}|{place}|{text[::-1]}".encode()

    def open(self, owner, place, sealed):
        kept_owner, kept_place, text = [*sealed.decode("utf-8", "replace").split("|"), "", ""][:3]
        if (kept_owner, kept_place) != (owner, place):
            raise Unsealed
        return text[::-1]


class Called(Room):
    """With one generation at a provider that calls back."""

    callbacks: Callbacks
    id: str


@pytest.fixture
def room():
    room = Called()
    room.cloud(polls=5, calls_back=True)
    room.callbacks = Callbacks(
        room.store,
        Seal(),
        room.engine,
        room.clock,
        queue=room.queue,
        unsealed=(Unsealed,),
        public_url="https://photos.example.com/api/",
    )
    room.id = room.made(model="cloud/stylize-1")
    room.run(room.id)
    room.queued.clear()
    return room


def handle(room):
    url = room.callbacks.url(room.row(room.id))
    assert url.startswith("https://photos.example.com/api/v1/provider-callbacks/cloud/")
    assert ACCOUNT not in url
    return url.rpartition("/")[2]


def test_F33_a_callback_has_the_job_asked_for_at_once(room):
    room.callbacks.receive("cloud", handle(room), {}, b"signed")
    assert room.queued == [(room.id, 0)]


def test_F34_callbacks_that_are_forged_foreign_or_late_change_nothing(room):
    good = handle(room)
    with pytest.raises(Validation):
        room.callbacks.receive("cloud", good, {}, b"forged")
    for provider, given in (("spare", good), ("cloud", "x"), ("cloud", "%%%"), ("cloud", "QUJD")):
        with pytest.raises(NotFound):
            room.callbacks.receive(provider, given, {}, b"signed")
    room.run_until_done(room.id)
    room.queued.clear()
    room.callbacks.receive("cloud", good, {}, b"signed")
    assert room.queued == []


def test_F34_one_that_comes_twice_costs_a_question_and_no_more(room):
    for _ in range(2):
        room.callbacks.receive("cloud", handle(room), {}, b"signed")
        room.run(room.id)
    room.run_until_done(room.id)
    assert len(room.engine.clouds["cloud"].submissions) == 1
    assert room.balance == (97, 0)


def test_no_address_is_given_where_no_provider_could_reach_us(room):
    room.callbacks._public_url = ""
    assert room.callbacks.url(room.row(room.id)) is None
