"""F01 to F04 for the other rooms: uploads, accounts, keys, deletion. Every fault at every call, then a repetition."""

from datetime import timedelta
from functools import partial

import pytest

from chalicelib.kernel.errors import Gone, InvalidCode, Unauthorized
from chalicelib.keys.key import Key
from chalicelib.uploads.upload import Status
from tests.faults.sweep import OUTLIVES_RETRIES, positions, refusals, spoiled
from tests.support.audit import Audit
from tests.support.deployed import BONUS, Deployed
from tests.support.faults import Fault, Injector

CASES = [(fault, 1) for fault in Fault] + [(Fault.LOSE_RESPONSE, OUTLIVES_RETRIES)]
every_fault = pytest.mark.parametrize(("fault", "times"), CASES)


@every_fault
@pytest.mark.parametrize("data", [b"bytes", b"bad bytes"])
def test_an_upload_ends_as_ready_or_rejected_with_nothing_left_over(
    core: Deployed, injector: Injector, fault: Fault, times: int, data: bytes
) -> None:
    for at in positions(injector, fault):
        account_id = core.account(assets=0)
        upload_id = core.declare(account_id, data)
        spoiled(injector, fault, at, partial(core.uploads.process, account_id, upload_id), times)
        core.restart()
        for _ in range(2):
            core.uploads.process(account_id, upload_id)
        bucket = core.settings.uploads_bucket
        assert core.objects(bucket, f"incoming/{account_id}/") == []
        clean = core.objects(bucket, f"clean/{account_id}/")
        if data == b"bytes":
            assert core.uploads.get(account_id, upload_id).status is Status.READY
            assert clean == [f"clean/{account_id}/{upload_id}"]
            assert core.uploads.photo(account_id, upload_id) == b"clean bytes"
        else:
            assert core.uploads.get(account_id, upload_id).status is Status.REJECTED
            assert clean == []


@every_fault
def test_P5_deleting_an_upload_is_finished_by_its_repetition(
    core: Deployed, injector: Injector, fault: Fault, times: int
) -> None:
    for at in positions(injector, fault):
        account_id = core.account(assets=0)
        upload_id = core.photo(account_id)
        with refusals(Gone):
            spoiled(injector, fault, at, partial(core.uploads.delete, account_id, upload_id), times)
        core.restart()
        with refusals(Gone):
            core.uploads.delete(account_id, upload_id)
        assert core.objects(core.settings.uploads_bucket, f"clean/{account_id}/") == []
        with pytest.raises(Gone):
            core.uploads.get(account_id, upload_id)


@every_fault
@pytest.mark.parametrize("thing", ["asset", "generation"])
def test_P5_deleting_results_is_finished_by_its_repetition(
    core: Deployed, injector: Injector, fault: Fault, times: int, thing: str
) -> None:
    core.engine.does = lambda _: None
    for at in positions(injector, fault):
        account_id = core.account(assets=10)
        made = core.order(account_id, core.photo(account_id), n=2)
        core.running.run(account_id, made)
        asset_id = core.generations.get(account_id, made).assets[0].id

        def flow(account_id: str = account_id, made: str = made, asset_id: str = asset_id) -> None:
            if thing == "asset":
                core.generations.delete_asset(account_id, asset_id)
            else:
                core.generations.delete(account_id, made)

        spoiled(injector, fault, at, flow, times)
        Audit(core, account_id).check_safety()
        core.restart()
        with refusals(Gone):
            flow()
        with pytest.raises(Gone):
            core.generations.asset(account_id, asset_id)
        audit = Audit(core, account_id)
        audit.check_at_rest()
        assert len(audit.results) == (1 if thing == "asset" else 0)
        assert audit.spendable == 6


@every_fault
def test_a_first_sign_in_makes_one_account_with_one_bonus(
    core: Deployed, injector: Injector, fault: Fault, times: int
) -> None:
    for at in positions(injector, fault):
        email = f"{fault.replace('_', '-')}-{times}-{at}@example.com"
        with refusals(InvalidCode):  # a try whose answer was lost may have used the code up; nothing else may
            spoiled(injector, fault, at, partial(core.sign_in, email), times)
        core.restart()
        account_id = core.sign_in(email)
        assert core.sign_in(email) == account_id
        audit = Audit(core, account_id)
        audit.check_at_rest()
        assert list(audit.moves) == ["grant#signup"]
        assert audit.spendable == BONUS
        owners = [
            row for row in core.rows(core.settings.accounts_table) if row.get("account_id", {}).get("S") == account_id
        ]
        assert len(owners) == 1
        assert core.accounts.profile(account_id).email == email


def works(core: Deployed, secret: str) -> bool:
    try:
        core.services.keys.authenticate(secret)
    except Unauthorized:
        return False
    return True


@every_fault
def test_P4_making_a_key_is_done_or_not_and_never_by_half(
    core: Deployed, injector: Injector, fault: Fault, times: int
) -> None:
    for at in positions(injector, fault):
        account_id = core.account(assets=10)
        shown: list[tuple[Key, str]] = []

        def flow(account_id: str = account_id, shown: list[tuple[Key, str]] = shown) -> None:
            shown.append(core.key(account_id))

        spoiled(injector, fault, at, flow, times)
        core.restart()
        known = core.services.keys.all(account_id)
        assert {key.id for key, _ in shown} <= {key.id for key in known}
        assert all(works(core, secret) for _, secret in shown)
        assert set(Audit(core, account_id).usages) == {key.id for key in known}


@every_fault
def test_P4_a_rotation_that_fails_leaves_the_old_secret_working(
    core: Deployed, injector: Injector, fault: Fault, times: int
) -> None:
    for at in positions(injector, fault):
        account_id = core.account(assets=0)
        key, old = core.key(account_id)
        new: list[str] = []

        def flow(account_id: str = account_id, key: Key = key, new: list[str] = new) -> None:
            new.append(core.services.keys.rotate(account_id, key.id, timedelta(hours=1))[1])

        spoiled(injector, fault, at, flow, times)
        core.restart()
        assert all(works(core, secret) for secret in [old, *new])
        _, last = core.services.keys.rotate(account_id, key.id, timedelta(0))
        assert [works(core, secret) for secret in [old, *new, last]] == [*(False for _ in [old, *new]), True]


@every_fault
def test_P4_a_revocation_that_was_answered_holds_and_its_repetition_always_does(
    core: Deployed, injector: Injector, fault: Fault, times: int
) -> None:
    for at in positions(injector, fault):
        account_id = core.account(assets=10)
        key, secret = core.key(account_id)
        done = spoiled(injector, fault, at, partial(core.services.keys.revoke, account_id, key.id), times)
        core.restart()
        revoked = core.services.keys.get(account_id, key.id).revoked_at is not None
        assert revoked or not done
        assert works(core, secret) != revoked
        core.services.keys.revoke(account_id, key.id)
        assert not works(core, secret)
        with pytest.raises(Unauthorized):
            core.order(account_id, core.photo(account_id), spender=key.id)
        Audit(core, account_id).check_at_rest()
