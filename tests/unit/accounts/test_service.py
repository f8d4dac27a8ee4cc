"""Signing in: codes that work once, sessions that end, and nothing that tells whether an account exists."""

import hashlib
import itertools

import pytest

from chalicelib.accounts import signin
from chalicelib.accounts.service import Accounts
from chalicelib.kernel.errors import InvalidCode, RateLimited, Unauthorized, Validation
from tests.support.fake_credits import FakeCreditsStore
from tests.support.fake_ledgers import credits_over
from tests.support.fake_rooms import FakeAccountsStore
from tests.support.fakes import ManualClock, Memory, entropy

EMAIL = "ada@example.com"


def keyed_hash(purpose, value):
    return hashlib.sha256(f"{purpose}:{value}".encode()).hexdigest()


class Room:
    def __init__(self):
        self.memory = Memory()
        self.clock = ManualClock()
        self.store = FakeAccountsStore(self.memory)
        self.ledger = credits_over(FakeCreditsStore(self.memory), self.clock)
        self.queued: list[str] = []
        numbers = itertools.count(10_000_000)
        tokens = itertools.count()
        self.accounts = Accounts(
            self.store,
            self.ledger,
            self.memory.transact,
            self.clock,
            entropy(4),
            keyed_hash=keyed_hash,
            random_token=lambda count: f"{next(tokens):0{count}}",
            random_digits=lambda count: f"{next(numbers):0{count}}",
            queue_mail=self.queued.append,
            signup_bonus=100,
            codes_per_source=10,
            retention_hours=48,
        )

    def code(self, email=EMAIL, source="192.0.2.1"):
        """Asks for a code and reads the mail."""
        self.accounts.ask_code(email, source)
        issued = self.accounts.issue_code(self.queued[-1])
        assert issued is not None
        assert issued[0] == email
        return issued[1]

    def sign_in(self, email=EMAIL):
        return self.accounts.start_session(email, self.code(email), "req_1")


@pytest.fixture
def room():
    return Room()


def test_the_first_sign_in_makes_the_account_with_its_bonus_and_the_next_finds_it(room):
    first, second = room.sign_in(), room.sign_in()
    assert first.account_id == second.account_id
    assert first.token != second.token
    assert room.ledger.balance(first.account_id).available(room.clock.now()) == 100
    assert room.accounts.profile(first.account_id).email == EMAIL


def test_asking_for_a_code_does_the_same_whether_the_account_exists_or_not(room):
    room.sign_in()
    room.store.work.clear()
    room.accounts.ask_code(EMAIL, "192.0.2.7")
    known, room.store.work = room.store.work, []
    room.accounts.ask_code("nobody@example.com", "192.0.2.7")
    assert known == room.store.work == ["count", "ask_code"]
    assert len(room.queued) == 3


def test_a_wrong_code_does_the_same_whether_the_account_exists_or_not(room):
    room.sign_in()
    work = []
    for email in (EMAIL, "nobody@example.com"):
        room.code(email)
        room.store.work.clear()
        with pytest.raises(InvalidCode):
            room.accounts.start_session(email, "00000000", "req_1")
        work.append(list(room.store.work))
    assert work[0] == work[1] == ["try_code"]


def test_a_code_works_once(room):
    code = room.code()
    room.accounts.start_session(EMAIL, code, "req_1")
    with pytest.raises(InvalidCode):
        room.accounts.start_session(EMAIL, code, "req_1")


def test_a_code_has_five_tries(room):
    code = room.code()
    for _ in range(5):
        with pytest.raises(InvalidCode):
            room.accounts.start_session(EMAIL, "00000000", "req_1")
    with pytest.raises(InvalidCode):
        room.accounts.start_session(EMAIL, code, "req_1")


def test_the_fifth_try_still_counts(room):
    code = room.code()
    for _ in range(4):
        with pytest.raises(InvalidCode):
            room.accounts.start_session(EMAIL, "00000000", "req_1")
    assert room.accounts.start_session(EMAIL, code, "req_1").token


def test_a_new_code_ends_the_one_before_and_brings_new_tries(room):
    old = room.code()
    for _ in range(5):
        with pytest.raises(InvalidCode):
            room.accounts.start_session(EMAIL, "00000000", "req_1")
    new = room.code()
    with pytest.raises(InvalidCode):
        room.accounts.start_session(EMAIL, old, "req_1")
    assert room.accounts.start_session(EMAIL, new, "req_1").token


def test_a_code_ends_after_ten_minutes_though_its_row_is_still_there(room):
    code = room.code()
    room.clock.forward(minutes=10)
    with pytest.raises(InvalidCode):
        room.accounts.start_session(EMAIL, code, "req_1")


def test_a_code_is_for_its_address_only(room):
    code = room.code("eve@example.com")
    room.code(EMAIL)
    with pytest.raises(InvalidCode):
        room.accounts.start_session(EMAIL, code, "req_1")


def test_the_code_is_stored_as_a_keyed_hash_and_queued_not_at_all(room):
    code = room.code()
    assert code not in str(room.store.codes)
    assert code not in str(room.queued)
    assert EMAIL not in str(room.queued)


def test_a_mail_that_comes_late_or_twice_sends_no_code_that_nobody_waits_for(room):
    room.accounts.ask_code(EMAIL, "192.0.2.1")
    room.clock.forward(minutes=10)
    assert room.accounts.issue_code(room.queued[-1]) is None
    room.sign_in()
    assert room.accounts.issue_code(room.queued[-1]) is None


def test_an_address_that_asks_too_often_gets_no_mail_and_is_not_told(room):
    for number in range(signin.CODES_PER_HOUR + 5):
        room.accounts.ask_code(EMAIL, f"192.0.2.{number}")
    assert len(room.queued) == signin.CODES_PER_HOUR
    room.clock.forward(hours=1)
    room.accounts.ask_code(EMAIL, "192.0.2.99")
    assert len(room.queued) == signin.CODES_PER_HOUR + 1


def test_P21_a_source_that_asks_for_many_addresses_is_refused(room):
    for number in range(10):
        room.accounts.ask_code(f"user{number}@example.com", "192.0.2.1")
    with pytest.raises(RateLimited) as refused:
        room.accounts.ask_code("one-more@example.com", "192.0.2.1")
    assert refused.value.headers["Retry-After"] == "3600"
    room.accounts.ask_code("one-more@example.com", "192.0.2.2")


def test_P1_the_source_is_counted_by_a_keyed_hash_never_by_its_address(room):
    room.accounts.ask_code(EMAIL, "192.0.2.1")
    assert "192.0.2.1" not in str(room.store.counters)


def test_a_session_ends_after_seven_idle_days_and_lives_on_when_used(room):
    token = room.sign_in().token
    for _ in range(4):
        room.clock.forward(days=6)
        assert room.accounts.session(token).principal.session_id
    room.clock.forward(days=7)
    with pytest.raises(Unauthorized):
        room.accounts.session(token)


def test_a_session_ends_after_thirty_days_however_much_it_is_used(room):
    token = room.sign_in().token
    for _ in range(29):
        room.clock.forward(days=1)
        room.accounts.session(token)
    room.clock.forward(days=1)
    with pytest.raises(Unauthorized):
        room.accounts.session(token)


def test_signing_out_is_effective_at_once_and_ends_that_session_only(room):
    one, other = room.sign_in(), room.sign_in()
    principal = room.accounts.session(one.token).principal
    room.accounts.end_session(principal.account_id, principal.session_id)
    with pytest.raises(Unauthorized):
        room.accounts.session(one.token)
    assert room.accounts.session(other.token).principal.account_id == one.account_id


@pytest.mark.parametrize("forged", ["fts_", "fts_x_y", "fts_" + "A" * 5_000, "fts_0" + "0" * 25 + "_x"])
def test_a_forged_token_is_refused(room, forged):
    with pytest.raises(Unauthorized):
        room.accounts.session(forged)


def test_a_token_that_claims_another_account_is_refused(room):
    ada, eve = room.sign_in(), room.sign_in("eve@example.com")
    random_part = eve.token.rpartition("_")[2]
    with pytest.raises(Unauthorized):
        room.accounts.session(signin.make_token(ada.account_id, random_part))


def test_no_token_is_stored(room):
    token = room.sign_in().token
    assert token.rpartition("_")[2] not in str(room.store.sessions)


def test_two_first_sign_ins_at_the_same_time_make_one_account(room):
    first, second = room.code(), None

    def other_was_first():
        nonlocal second
        room.memory.before_commit = lambda: None
        second = room.sign_in()

    room.memory.before_commit = other_was_first
    started = room.accounts.start_session(EMAIL, first, "req_1")
    assert second is not None
    assert started.account_id == second.account_id
    assert len(room.store.profiles) == 1


def test_P7_retention_can_be_shortened_never_lengthened(room):
    account_id = room.sign_in().account_id
    assert room.accounts.retention_hours(account_id) == 48
    room.accounts.change(account_id, {"retention_hours": 2})
    assert room.accounts.retention_hours(account_id) == 2
    with pytest.raises(Validation):
        room.accounts.change(account_id, {"retention_hours": 49})
    assert room.accounts.retention_hours(account_id) == 2


def test_an_account_that_was_erased_answers_as_signed_out(room):
    for call in (lambda: room.accounts.profile("acct_x"), lambda: room.accounts.change("acct_x", {"locale": "de"})):
        with pytest.raises(Unauthorized):
            call()
