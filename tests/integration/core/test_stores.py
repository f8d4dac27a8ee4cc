"""The real stores on the deployed tables and buckets: lists, expiry, sealing, objects."""

from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws import session, tables
from chalicelib.aws.entropy import token_bytes
from chalicelib.aws.objects import DELETE_BATCH, ObjectMissing, Objects
from chalicelib.aws.sealing import KeyDestroyed, Sealer, Unreadable
from chalicelib.credits.ledger import MoveKind
from chalicelib.credits.store import CreditsStore
from chalicelib.generation.generation import Listing, Status
from chalicelib.kernel.errors import Gone, InvalidCode, Unauthorized
from chalicelib.kernel.transaction import Contended
from chalicelib.uploads.upload import Status as UploadStatus
from tests.support.audit import Audit
from tests.support.deployed import Deployed
from tests.support.faults import Injector


def many(core: Deployed, count: int) -> tuple[str, list[str]]:
    """An account with so many generations, newest first; every third one has been run."""
    account_id = core.account(assets=100)
    upload_id = core.photo(account_id)
    made = []
    for number in range(count):
        core.clock.forward(seconds=1)
        made.append(core.order(account_id, upload_id, f"k{number}"))
        if number % 3 == 0:
            core.running.run(account_id, made[-1])
    return account_id, made[::-1]


def test_lists_are_newest_first_and_pages_meet_everything_once(core: Deployed) -> None:
    account_id, made = many(core, 7)
    met: list[str] = []
    before: str | None = None
    while True:
        page = core.generations.newest(account_id, Listing(limit=3, before=before))
        if not page:
            break
        met += [each.id for each in page]
        before = met[-1]
    assert met == made


def test_pages_are_stable_when_something_new_is_inserted(core: Deployed) -> None:
    account_id, made = many(core, 5)
    first = core.generations.newest(account_id, Listing(limit=2))
    core.clock.forward(seconds=1)
    core.order(account_id, core.photo(account_id), "one more")
    rest = core.generations.newest(account_id, Listing(limit=10, before=first[-1].id))
    assert [each.id for each in [*first, *rest]] == made


def test_lists_can_be_narrowed_by_status_and_time(core: Deployed) -> None:
    account_id, made = many(core, 7)
    done = core.generations.newest(account_id, Listing(limit=10, status=Status.SUCCEEDED))
    assert [each.id for each in done] == [made[0], made[3], made[6]]
    since = core.generations.get(account_id, made[2]).created_at
    assert [each.id for each in core.generations.newest(account_id, Listing(limit=10, since=since))] == made[:2]


def test_P10_a_list_holds_one_accounts_things_only(core: Deployed) -> None:
    account_id, _ = many(core, 2)
    stranger = core.account()
    assert core.generations.newest(stranger, Listing(limit=10)) == []
    assert core.uploads.newest(stranger, before=None, limit=10) == []
    assert core.services.keys.all(stranger) == []
    entries = core.services.credits.entries(stranger, before=None, limit=10)
    assert [entry.move.kind for entry in entries] == [MoveKind.GRANT]
    assert len(core.generations.newest(account_id, Listing(limit=10))) == 2


def test_F09_what_has_expired_is_left_out_though_its_rows_are_still_there(core: Deployed) -> None:
    account_id, made = many(core, 4)
    upload_id = core.photo(account_id)
    core.settle_everything(account_id)
    core.clock.forward(hours=48)
    assert core.generations.newest(account_id, Listing(limit=10)) == []
    assert core.uploads.newest(account_id, before=None, limit=10) == []
    with pytest.raises(Gone):
        core.generations.get(account_id, made[0])
    with pytest.raises(Gone):
        core.order(account_id, upload_id, "late")
    assert core.uploads.get(account_id, upload_id).status is UploadStatus.EXPIRED
    assert len(Audit(core, account_id).generations) == 4


def test_F09_an_expired_session_code_and_idempotency_key_are_dead_though_present(core: Deployed) -> None:
    email = "ttl-lag@example.com"
    core.accounts.ask_code(email, "source")
    issued = core.accounts.issue_code(core.services.peppers.hash("email", email))
    assert issued is not None
    core.clock.forward(minutes=10)
    with pytest.raises(InvalidCode):
        core.accounts.start_session(email, issued[1], "req_1")
    core.accounts.ask_code(email, "source")
    issued = core.accounts.issue_code(core.services.peppers.hash("email", email))
    assert issued is not None
    started = core.accounts.start_session(email, issued[1], "req_1")
    upload_id = core.photo(started.account_id)
    first = core.order(started.account_id, upload_id)
    core.clock.forward(hours=24)
    assert core.order(started.account_id, upload_id) != first
    core.clock.forward(days=30)
    with pytest.raises(Unauthorized):
        core.accounts.session(started.token)


def test_a_token_as_long_as_a_header_may_be_is_refused_like_any_other(core: Deployed) -> None:
    with pytest.raises(Unauthorized):
        core.accounts.session("fts_" + "A" * 7_000)


def test_rule_8_the_ledger_is_listed_in_the_order_it_was_written(core: Deployed) -> None:
    account_id, made = many(core, 3)
    entries = core.services.credits.entries(account_id, before=None, limit=10)
    assert [entry.id for entry in entries] == sorted((entry.id for entry in entries), reverse=True)
    assert entries[-1].move.kind is MoveKind.GRANT
    assert {entry.move.cause for entry in entries} == {"bonus_1", *made}
    older = core.services.credits.entries(account_id, before=entries[1].id, limit=10)
    assert older == entries[2:]
    assert all(entry.request_id for entry in entries)


def test_a_row_reads_back_as_it_was_written(core: Deployed) -> None:
    account_id, made = many(core, 1)
    row = core.generations.get(account_id, made[0])
    assert (row.model, row.parameters, row.price, row.spender) == ("fake/stylize-1", {"style": 3}, 2, "key_1")
    assert row.finished_at is not None
    assert row.expires_at is not None
    assert row.assets[0].content_type == "image/jpeg"
    assert replace(row, version=0) == replace(core.generations.get(account_id, made[0]), version=0)


class TestSealing:
    @pytest.fixture
    def sealer(self, core: Deployed) -> Sealer:
        return Sealer(core.settings.vault_table, core.settings.sealing_key, core.clock)

    @pytest.fixture
    def owner(self) -> str:
        return f"acct_{token_bytes(8).hex()}"

    def test_P8_what_is_sealed_opens_in_its_own_place_only(self, sealer: Sealer, owner: str) -> None:
        sealed = sealer.seal(owner, "accounts/1/email", "ada@example.com")
        assert b"ada" not in sealed
        assert sealer.open(owner, "accounts/1/email", sealed) == "ada@example.com"
        assert sealer.seal(owner, "accounts/1/email", "ada@example.com") != sealed
        for place, text in (("accounts/2/email", sealed), ("accounts/1/email", sealed[:-1] + bytes([sealed[-1] ^ 1]))):
            with pytest.raises(Unreadable):
                sealer.open(owner, place, text)
        other = f"{owner}-other"
        sealer.seal(other, "x", "y")
        with pytest.raises(Unreadable):
            sealer.open(other, "accounts/1/email", sealed)

    def test_P8_destroying_the_key_row_ends_what_it_sealed(self, core: Deployed, sealer: Sealer, owner: str) -> None:
        sealed = sealer.seal(owner, "p", "ada@example.com")
        session.client("dynamodb").delete_item(TableName=core.settings.vault_table, Key={"owner": {"S": owner}})
        core.clock.forward(minutes=6)  # longer than a key stays in memory
        with pytest.raises(KeyDestroyed):
            sealer.open(owner, "p", sealed)

    def test_P8_a_key_copied_to_another_owners_row_does_not_open_there(
        self, core: Deployed, sealer: Sealer, owner: str
    ) -> None:
        sealer.seal(owner, "p", "ada@example.com")
        dynamodb, table = session.client("dynamodb"), core.settings.vault_table
        row = dynamodb.get_item(TableName=table, Key={"owner": {"S": owner}})["Item"]
        dynamodb.put_item(TableName=table, Item={**row, "owner": {"S": f"{owner}-thief"}})
        with pytest.raises(ClientError, match="InvalidCiphertext"):
            sealer.open(f"{owner}-thief", "p", b"\0" * 40)

    def test_a_key_that_two_processes_make_at_once_is_one(self, core: Deployed, owner: str, sealer: Sealer) -> None:
        other = Sealer(core.settings.vault_table, core.settings.sealing_key, core.clock)
        load = sealer._load

        def made_meanwhile(owner: str) -> bytes | None:
            found = load(owner)
            sealer._load = load  # type: ignore[method-assign]
            other.seal(owner, "p", "first")
            return found

        sealer._load = made_meanwhile  # type: ignore[method-assign]
        sealed = sealer.seal(owner, "p", "second")
        assert other.open(owner, "p", sealed) == "second"


class TestObjects:
    @pytest.fixture
    def objects(self, core: Deployed) -> Objects:
        return Objects(core.settings.results_bucket)

    def test_an_object_is_written_read_and_gone(self, objects: Objects) -> None:
        objects.write("results/t/1", b"bytes", "image/jpeg")
        assert objects.read("results/t/1") == b"bytes"
        objects.delete("results/t/1")
        objects.delete("results/t/1")
        with pytest.raises(ObjectMissing):
            objects.read("results/t/1")

    def test_a_prefix_is_deleted_whole_and_its_neighbours_are_not(self, objects: Objects) -> None:
        for key in ("results/t/a/1", "results/t/a/2", "results/t/ab/1"):
            objects.write(key, b"bytes", "image/jpeg")
        assert objects.delete_prefix("results/t/a/") == 2
        assert objects.delete_prefix("results/t/a/") == 0
        assert objects.read("results/t/ab/1") == b"bytes"
        assert DELETE_BATCH == 1000

    def test_P5_keys_that_a_bulk_deletion_leaves_are_deleted_one_by_one(
        self, objects: Objects, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """S3 answers 200 and lists what it could not delete."""
        s3 = session.client("s3")
        refused = {"Errors": [{"Key": "results/t/c/1", "Code": "InternalError", "Message": "try again"}]}
        monkeypatch.setattr(s3, "delete_objects", lambda **_: refused)
        objects.write("results/t/c/1", b"bytes", "image/jpeg")
        objects.delete_prefix("results/t/c/")
        with pytest.raises(ObjectMissing):
            objects.read("results/t/c/1")


def test_items_that_dynamodb_left_unread_are_asked_for_again_and_not_for_ever(
    core: Deployed, injector: Injector, monkeypatch: pytest.MonkeyPatch
) -> None:
    account_id = core.account()
    table, client = core.settings.credits_table, session.client("dynamodb")
    keys = [{"account_id": account_id, "item": item} for item in ("balance", "move#grant#bonus_1")]
    real, asked = client.batch_get_item, []

    def halves(**members: object) -> object:
        asked.append(members)
        wanted = members["RequestItems"][table]["Keys"]  # type: ignore[index]
        answer = real(RequestItems={table: {"Keys": wanted[:1], "ConsistentRead": True}})
        return {**answer, "UnprocessedKeys": {table: {"Keys": wanted[1:]}} if wanted[1:] else {}}

    monkeypatch.setattr(client, "batch_get_item", halves)
    bound = CreditsStore(table)._balances
    found = tables.read_items(table, keys, lambda _: bound)
    assert (len(found), len(asked)) == (2, 2)
    nothing: dict[str, object] = {"Responses": {}, "UnprocessedKeys": {table: {"Keys": [{}]}}}
    monkeypatch.setattr(client, "batch_get_item", lambda **_: nothing)
    with pytest.raises(Contended):
        tables.read_items(table, keys, lambda _: bound)
