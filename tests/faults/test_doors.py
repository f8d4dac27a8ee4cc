"""What a client is told while AWS is failing: a problem that says when to try again, never a half-done thing."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.aws import session
from chalicelib.aws.entropy import token_bytes
from chalicelib.aws.tables import COMMIT_ATTEMPTS, transact
from chalicelib.credits.ledger import Bucket, BucketKind
from chalicelib.kernel.principal import ALL_SCOPES
from chalicelib.kernel.transaction import Contended, Transaction
from tests.support.audit import Audit
from tests.support.deployed import Deployed
from tests.support.door import call
from tests.support.faults import Fault, Injector, conflict_and_failed_condition

UPLOAD = {
    "content_type": "image/jpeg",
    "size_bytes": 4,
    "sha256": "0" * 64,
    "attestation": {"basis": "own_work", "people_shown": "none"},
}


@pytest.fixture
def caller(core: Deployed) -> tuple[str, str]:
    """An account with 10 assets and the secret of a key of it."""
    account_id = core.account(assets=10)
    return account_id, core.services.keys.create(account_id, "k", ALL_SCOPES, expires_at=None, cap=None)[1]


@pytest.fixture
def warm(caller: tuple[str, str]) -> tuple[str, str]:
    """The same, in a process that has answered before: what it caches is there."""
    assert call("GET", "/v1/balance", token=caller[1]).status == 200
    return caller


@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.DROP_REQUEST, Fault.LOSE_RESPONSE])
@pytest.mark.parametrize(
    ("method", "resource", "body"),
    [("GET", "/v1/balance", None), ("GET", "/v1/generations", None), ("POST", "/v1/uploads", UPLOAD)],
)
def test_F04_aws_that_does_not_answer_is_503_with_retry_after(
    warm: tuple[str, str], injector: Injector, fault: Fault, method: str, resource: str, body: Any
) -> None:
    for at in (1, 2):  # while the caller is authenticated, and after it
        with injector.plan(fault, at, times=99):
            answer = call(method, resource, body=body, token=warm[1])
        assert (answer.status, answer.headers["retry-after"]) == (503, "1"), answer.body
        assert answer.json()["error"]["code"] == "unavailable"
        assert "127.0.0.1" not in answer.body
        assert len(injector.spoiled) <= 8, "tries of all layers together"
    assert call(method, resource, body=body, token=warm[1]).status < 300


@pytest.mark.parametrize("fault", [Fault.THROTTLE, Fault.DROP_REQUEST, Fault.LOSE_RESPONSE])
def test_F02_one_fault_is_hidden_by_a_retry(warm: tuple[str, str], injector: Injector, fault: Fault) -> None:
    for at in (1, 2):
        with injector.plan(fault, at):
            assert call("GET", "/v1/balance", token=warm[1]).json()["available"] == 10
        assert injector.reached


def test_F05_a_conflict_that_passes_is_retried_and_one_that_stays_is_contended(
    core: Deployed, injector: Injector
) -> None:
    account_id = core.account(assets=0)
    bucket = Bucket("bonus_2", BucketKind.BONUS, 5)
    with injector.plan(Fault.CONFLICT, times=COMMIT_ATTEMPTS - 1, operation="TransactWriteItems"):
        assert core.services.credits.grant(account_id, bucket, cause="bonus_2", request_id="r")
    bucket = Bucket("bonus_3", BucketKind.BONUS, 5)
    with injector.plan(Fault.CONFLICT, times=99, operation="TransactWriteItems"), pytest.raises(Contended):
        core.services.credits.grant(account_id, bucket, cause="bonus_3", request_id="r")
    assert len(injector.spoiled) == COMMIT_ATTEMPTS
    audit = Audit(core, account_id)
    audit.check_safety()
    assert audit.spendable == 5


def test_F06_a_failed_condition_wins_over_a_conflict(core: Deployed, injector: Injector) -> None:
    """Both in one answer: retrying could not help, so nothing is retried."""
    account_id = core.account(assets=0)
    bucket = Bucket("bonus_1", BucketKind.BONUS, 5)
    with injector.plan(Fault.CONFLICT, times=99, operation="TransactWriteItems", reasons=conflict_and_failed_condition):
        assert core.services.credits.grant(account_id, bucket, cause="bonus_1", request_id="r") is False
    assert len(injector.spoiled) == 1
    assert core.services.credits.balance(account_id).available(core.clock.now()) == 0


def test_F08_a_grant_is_made_once_also_after_every_token_has_been_forgotten(core: Deployed) -> None:
    account_id = core.account(assets=5)
    core.clock.forward(days=400)
    for _ in range(3):
        core.restart()
        again = Bucket("bonus_1", BucketKind.BONUS, 5)
        assert core.services.credits.grant(account_id, again, cause="bonus_1", request_id="r") is False
    Audit(core, account_id).check_at_rest()


def test_an_empty_transaction_sends_nothing(injector: Injector) -> None:
    with injector.watch():
        assert transact(lambda _: 7) == 7
        transact(Transaction.__repr__)
    assert injector.calls == 0


class TestKeyDisabled:
    """F14: the key that wraps data keys is disabled, or waits to be deleted."""

    @pytest.fixture(params=["disabled", "pending deletion"])
    def no_key(self, core: Deployed, request: pytest.FixtureRequest) -> Iterator[None]:
        kms, key = session.client("kms"), core.settings.sealing_key
        if request.param == "disabled":
            kms.disable_key(KeyId=key)
        else:
            kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        wiring.services.cache_clear()
        core.restart()
        try:
            yield
        finally:
            if request.param != "disabled":
                kms.cancel_key_deletion(KeyId=key)
            kms.enable_key(KeyId=key)
            wiring.services.cache_clear()
            core.restart()

    @pytest.fixture
    def profile(self, core: Deployed) -> tuple[str, str]:
        """(account id, secret of a key) of somebody who has signed in before."""
        account_id = core.sign_in(f"before-{token_bytes(4).hex()}@example.com")
        return account_id, core.services.keys.create(account_id, "k", ALL_SCOPES, expires_at=None, cap=None)[1]

    def test_F14_calls_that_need_it_are_503_and_nothing_is_stored_in_clear(
        self, core: Deployed, profile: tuple[str, str], no_key: None
    ) -> None:
        canary = "canary-of-the-key@example.com"
        asked = call("POST", "/v1/auth/codes", body={"email": canary})
        read = call("GET", "/v1/account", token=profile[1])
        for answer in (asked, read):
            assert (answer.status, answer.headers.get("retry-after")) == (503, "1"), answer.body
        assert canary not in str(core.rows(core.settings.accounts_table))

    def test_F14_the_ledger_and_generations_go_on_without_it(
        self, core: Deployed, profile: tuple[str, str], no_key: None
    ) -> None:
        account_id, secret = profile
        before = call("GET", "/v1/balance", token=secret).json()["available"]
        made = core.order(account_id, core.photo(account_id))
        core.running.run(account_id, made)
        Audit(core, account_id).check_at_rest()
        assert call("GET", "/v1/balance", token=secret).json()["available"] == before - 2

    def test_F14_everything_resumes_when_it_is_back(self, core: Deployed, profile: tuple[str, str]) -> None:
        kms, key = session.client("kms"), core.settings.sealing_key
        kms.disable_key(KeyId=key)
        wiring.services.cache_clear()
        try:
            assert call("GET", "/v1/account", token=profile[1]).status == 503
        finally:
            kms.enable_key(KeyId=key)
        assert call("GET", "/v1/account", token=profile[1]).json()["email"].startswith("before-")


def test_P8_no_table_holds_an_address_in_clear(core: Deployed) -> None:
    email = "canary-at-rest@example.com"
    core.sign_in(email)
    core.accounts.ask_code(email, "source")
    tables = [name for name in core.settings.model_dump() if name.endswith("_table")]
    for name in tables:
        assert "canary-at-rest" not in str(core.rows(getattr(core.settings, name))), name


def test_P4_no_table_holds_a_secret_in_clear(core: Deployed) -> None:
    account_id = core.account(assets=0)
    _, secret = core.key(account_id)
    core.services.keys.authenticate(secret)
    for name in [name for name in core.settings.model_dump() if name.endswith("_table")]:
        stored = str(core.rows(getattr(core.settings, name)))
        assert secret not in stored
        assert secret[9:39] not in stored
