"""Threads that want the same thing at the same time, on the deployed tables: exactly as many get it as may."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.aws.tables import transact
from chalicelib.credits.caps import Cap, KeyCapReached, Window
from chalicelib.credits.store import CreditsStore
from chalicelib.kernel.errors import InsufficientAssets, InvalidCode, Problem, Unauthorized
from chalicelib.kernel.transaction import Contended
from chalicelib.keys.service import Keys
from tests.support.audit import Audit
from tests.support.deployed import Deployed

THREADS = 16


def race(one: Callable[[int], object], threads: int = THREADS) -> list[object]:
    """What each of so many threads that start together came to: its result, or the refusal that it met."""
    outcomes: list[object] = []
    barrier = threading.Barrier(threads)

    def run(number: int) -> None:
        barrier.wait()
        try:
            outcomes.append(one(number))
        except Problem as refused:
            outcomes.append(refused)

    started = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    assert len(outcomes) == threads, "a thread died of something that is no refusal"
    return outcomes


def kinds(outcomes: list[object]) -> Counter[str]:
    return Counter(type(outcome).__name__ for outcome in outcomes)


@pytest.mark.parametrize("affordable", [0, 1, 5, 16])
def test_rule_2_threads_over_one_balance_get_exactly_what_it_pays(core: Deployed, affordable: int) -> None:
    account_id = core.account(assets=affordable * 2 + 1)
    upload_id = core.photo(account_id)
    outcomes = race(lambda number: core.order(account_id, upload_id, f"k{number}"))
    assert kinds(outcomes)["str"] == affordable
    assert kinds(outcomes)[InsufficientAssets.__name__] == THREADS - affordable
    audit = Audit(core, account_id)
    audit.check_safety()
    assert (audit.spendable, audit.held, len(audit.generations)) == (1, affordable * 2, affordable)


def test_rule_6_threads_over_one_keys_cap_get_exactly_what_it_allows(core: Deployed) -> None:
    account_id = core.account(assets=1000)
    key, _ = core.key(account_id, Cap(11, Window.DAY))
    upload_id = core.photo(account_id)
    outcomes = race(lambda number: core.order(account_id, upload_id, f"k{number}", spender=key.id))
    assert kinds(outcomes) == {"str": 5, KeyCapReached.__name__: 11}
    Audit(core, account_id).check_safety()


def test_rule_6_two_keys_do_not_spend_each_others_cap(core: Deployed) -> None:
    account_id = core.account(assets=1000)
    keys = [core.key(account_id, Cap(limit, Window.MONTH))[0] for limit in (4, 8)]
    upload_id = core.photo(account_id)
    outcomes = race(lambda number: core.order(account_id, upload_id, f"k{number}", spender=keys[number % 2].id))
    assert kinds(outcomes) == {"str": 6, KeyCapReached.__name__: 10}
    Audit(core, account_id).check_safety()


def test_rules_2_and_6_threads_over_lanes_that_open_and_close_get_exactly_what_can_be_paid(core: Deployed) -> None:
    """Each thread holds and posts one asset at a time until it is refused; one opens and closes lanes all the while."""
    affordable, limit = 100, 10
    account_id = core.account(assets=affordable)
    books, laning = core.services.credits, core.services._laning
    transact(lambda tx: books.register_key(tx, account_id, "key_0", Cap(limit, Window.MONTH)))
    posted, done = Counter[str](), threading.Event()

    def spend(number: int) -> object:
        spender, made = f"key_{number % 3}", 0
        who: dict[str, Any] = {"spender": spender, "request_id": "r"}
        while True:
            name = f"gen_{number}_{made}"
            try:
                lane = transact(lambda tx: books.hold(tx, account_id, name, 1, **who))  # noqa: B023
            except Contended:
                continue  # answered 503, and asked again
            except InsufficientAssets:
                done.set()
                raise
            transact(lambda tx: books.settle(tx, account_id, name, 1, lane=lane, model="a/b", **who))  # noqa: B023
            posted[spender] += 1
            made += 1

    def open_and_close() -> object:
        turns = 0
        while not done.is_set():
            laning.open(account_id, f"key_{turns % 3}", 1)
            laning.close(account_id, f"key_{(turns + 1) % 3}")
            turns += 1
        return turns

    outcomes = race(lambda number: open_and_close() if number == 0 else spend(number), threads=10)
    refused = kinds(outcomes)
    assert posted.total() == affordable
    assert posted["key_0"] <= limit
    assert refused[KeyCapReached.__name__] + refused[InsufficientAssets.__name__] == 9
    if posted["key_0"] < limit:  # its threads were slower than the other six together
        assert not refused[KeyCapReached.__name__], "refused what its cap allowed"
    audit = Audit(core, account_id)
    audit.check_at_rest()
    in_lanes = sum(1 for name, row in audit.moves.items() if name.startswith("hold#") and row["lane"]["S"])
    assert 0 < in_lanes < affordable, "some were paid from lanes, some from the balance itself"


def test_rule_3_threads_that_settle_one_hold_resolve_it_once(core: Deployed) -> None:
    account_id = core.account(assets=10)
    made = core.order(account_id, core.photo(account_id))
    outcomes = race(lambda _: core.running.run(account_id, made))
    assert Counter(str(outcome) for outcome in outcomes) == {"succeeded": 1, "nothing_to_do": THREADS - 1}
    Audit(core, account_id).check_at_rest()


def test_threads_with_one_sign_in_code_get_one_session(core: Deployed) -> None:
    email = "race-code@example.com"
    core.accounts.ask_code(email, "source")
    issued = core.accounts.issue_code(core.services.peppers.hash("email", email))
    assert issued is not None
    outcomes = race(lambda _: core.accounts.start_session(email, issued[1], "req_1"))
    assert kinds(outcomes) == {"Started": 1, InvalidCode.__name__: THREADS - 1}
    sessions = [row for row in core.rows(core.settings.accounts_table) if row["sk"]["S"].startswith("session#")]
    account_id = core.sign_in(email)
    assert len([row for row in sessions if row["pk"]["S"] == account_id]) == 1


def test_threads_that_guess_have_five_tries_between_them(core: Deployed) -> None:
    email = "race-guess@example.com"
    core.accounts.ask_code(email, "source")
    hashed = core.services.peppers.hash("email", email)
    issued = core.accounts.issue_code(hashed)
    assert issued is not None
    assert kinds(race(lambda number: core.accounts.start_session(email, f"{number:08}", "req_1"))) == {
        InvalidCode.__name__: THREADS
    }
    with pytest.raises(InvalidCode):
        core.accounts.start_session(email, issued[1], "req_1")
    row = next(row for row in core.rows(core.settings.accounts_table) if row["pk"]["S"] == f"address#{hashed}")
    assert int(row["tries"]["N"]) == 5


def test_first_sign_ins_at_the_same_time_make_one_account(core: Deployed) -> None:
    outcomes = race(lambda _: core.accounts._account("one@example.com", "hash-of-one", "req_1"), threads=8)
    assert len(set(outcomes)) == 1
    audit = Audit(core, str(outcomes[0]))
    audit.check_at_rest()
    assert list(audit.moves) == ["grant#signup"]


def test_F70_threads_with_one_idempotency_key_make_one_generation(core: Deployed) -> None:
    account_id = core.account(assets=2)
    upload_id = core.photo(account_id)
    outcomes = race(lambda _: core.order(account_id, upload_id))
    assert kinds(outcomes) == {"str": THREADS}
    assert len(set(outcomes)) == 1
    audit = Audit(core, account_id)
    audit.check_safety()
    assert (len(audit.generations), audit.held) == (1, 2)


def test_F70_threads_with_one_key_for_different_orders_make_one_generation(core: Deployed) -> None:
    account_id = core.account(assets=100)
    upload_id = core.photo(account_id)
    outcomes = race(lambda number: core.order(account_id, upload_id, seed=number))
    assert kinds(outcomes) == {"str": 1, "IdempotencyKeyReused": THREADS - 1}
    assert len(Audit(core, account_id).generations) == 1


def test_P4_no_hold_is_taken_after_a_revocation_was_answered(core: Deployed) -> None:
    """Some threads order while one revokes: what is taken is settled and kept, and nothing is taken afterwards."""
    account_id = core.account(assets=1000)
    key, _ = core.key(account_id)
    upload_id = core.photo(account_id)

    def one(number: int) -> object:
        if number == 3:
            core.services.keys.revoke(account_id, key.id)
            return None
        return core.order(account_id, upload_id, f"k{number}", spender=key.id)

    outcomes = race(one)
    found = kinds(outcomes)
    assert found["NoneType"] == 1
    assert found["str"] + found[Unauthorized.__name__] == THREADS - 1
    with pytest.raises(Unauthorized):
        core.order(account_id, upload_id, "late", spender=key.id)
    audit = Audit(core, account_id)
    audit.check_safety()
    assert len(audit.generations) == found["str"]
    core.settle_everything(account_id)
    Audit(core, account_id).check_at_rest()


def test_P4_a_key_that_is_revoked_between_the_read_and_the_commit_holds_nothing(
    core: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id = core.account(assets=10)
    key, _ = core.key(account_id)
    upload_id = core.photo(account_id)
    snapshot = CreditsStore.snapshot

    def revoked_meanwhile(store: CreditsStore, account_id: str, **what: Any) -> Any:
        found = snapshot(store, account_id, **what)
        monkeypatch.setattr(CreditsStore, "snapshot", snapshot)
        core.services.keys.revoke(account_id, key.id)
        return found

    monkeypatch.setattr(CreditsStore, "snapshot", revoked_meanwhile)
    with pytest.raises(Unauthorized):
        core.order(account_id, upload_id, spender=key.id)
    audit = Audit(core, account_id)
    audit.check_at_rest()
    assert (audit.generations, audit.spendable) == ({}, 10)


def test_P4_revocations_at_the_same_time_all_succeed(core: Deployed) -> None:
    account_id = core.account(assets=0)
    key, secret = core.key(account_id)
    assert kinds(race(lambda _: core.services.keys.revoke(account_id, key.id), threads=8)) == {"NoneType": 8}
    with pytest.raises(Unauthorized):
        core.services.keys.authenticate(secret)


def test_requests_over_the_limit_are_refused_exactly(core: Deployed) -> None:
    account_id = core.account(assets=0)
    _, secret = core.key(account_id)
    few = Keys(
        core.services.keys._store,
        core.services.credits,
        core.services.keys._transact,
        core.clock,
        core.services.keys._entropy,
        keyed_hash=core.services.peppers.hash,
        mode="test",
        requests_per_minute=7,
    )
    assert kinds(race(lambda _: few.authenticate(secret))) == {"Principal": 7, "RateLimited": THREADS - 7}


def test_deleting_and_reviewing_at_the_same_time_loses_neither(core: Deployed) -> None:
    account_id = core.account(assets=10)
    made = core.order(account_id, core.photo(account_id), n=4)
    core.running.run(account_id, made)
    ids = [asset.id for asset in core.generations.get(account_id, made).assets]

    def one(number: int) -> object:
        if number < 2:
            core.generations.delete_asset(account_id, ids[number])
            return None
        return core.generations.review(account_id, ids[number])

    race(one, threads=4)
    after = core.generations.get(account_id, made).assets
    assert [(asset.status.value, asset.review.value) for asset in after] == [
        ("deleted", "unreviewed"),
        ("deleted", "unreviewed"),
        ("succeeded", "reviewed"),
        ("succeeded", "reviewed"),
    ]
    Audit(core, account_id).check_at_rest()
