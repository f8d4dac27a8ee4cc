"""The core against the deployed template: real services and stores in this process, on the emulator's tables."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from chalicelib import wiring
from chalicelib.accounts.service import Accounts
from chalicelib.aws import session, tables
from chalicelib.aws.entropy import token_bytes
from chalicelib.aws.settings import Settings, read, settings
from chalicelib.credits.caps import Cap
from chalicelib.credits.lanes import partition, place_of
from chalicelib.credits.ledger import Bucket, BucketKind
from chalicelib.generation.ordering.order import Order
from chalicelib.kernel.ids import new_id
from chalicelib.kernel.principal import ALL_SCOPES, Principal
from chalicelib.keys.key import Key
from chalicelib.uploads.upload import Basis, PeopleShown, Status, incoming_key
from chalicelib.wiring import Services
from tests.support.fake_generations import MODEL, FakeEngine
from tests.support.fake_rooms import FakeCleaner
from tests.support.fakes import ManualClock
from tests.support.stack import Stack

#: What a new account gets.
BONUS = 10


@contextmanager
def deployed(stack: Stack) -> Iterator["Deployed"]:
    """This process with the environment of the deployed functions; afterwards everything is as it was."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment().items():
            patch.setenv(name, value)
        patch.setenv("SIGNUP_BONUS_ASSETS", str(BONUS))
        _forget()
        try:
            yield Deployed()
        finally:
            _forget()


def _forget() -> None:
    for cached in (
        session.client,
        session.botocore_session,
        tables.connection,
        settings,
        wiring.services,
    ):
        cached.cache_clear()


class ServicesWithFakes(Services):
    """Wired as the functions are, but for an engine that obeys and a cleaner that believes everything."""

    def __init__(self, configured: Settings, clock: ManualClock, engine: FakeEngine) -> None:
        super().__init__(configured, clock)
        self.models = engine
        self.cleaner = FakeCleaner()


class Deployed:
    """The services of one process, which `restart` replaces by a fresh one. Time is this object's own."""

    def __init__(self) -> None:
        self.settings: Settings = read(os.environ)
        self.clock = ManualClock()
        self.engine = FakeEngine()
        self.codes: list[str] = []
        self.restart()

    def restart(self) -> None:
        """What a new process has: nothing cached, everything in the tables."""
        self.services = ServicesWithFakes(self.settings, self.clock, self.engine)
        self.store = self.services._generation_store
        self.uploads = self.services.uploads
        self.generations = self.services.generations
        self.ordering = self.services.ordering
        self.running = self.services.running

    @property
    def accounts(self) -> Accounts:
        return self.services.accounts

    def account(self, assets: int = 100) -> str:
        """The id of a new account with so many assets."""
        account_id = new_id("acct", self.clock.now(), token_bytes)
        if assets:
            bucket = Bucket("bonus_1", BucketKind.BONUS, assets)
            assert self.services.credits.grant(account_id, bucket, cause="bonus_1", request_id="req_0")
        return account_id

    def key(self, account_id: str, cap: Cap | None = None) -> tuple[Key, str]:
        return self.services.keys.create(account_id, "a key", ALL_SCOPES, expires_at=None, cap=cap)

    def declare(self, account_id: str, data: bytes = b"bytes") -> str:
        """The id of an upload whose bytes have arrived."""
        upload, _ = self.uploads.declare(account_id, "image/jpeg", 4, "0" * 64, Basis.OWN_WORK, PeopleShown.NONE)
        session.client("s3").put_object(
            Bucket=self.settings.uploads_bucket, Key=incoming_key(account_id, upload.id), Body=data
        )
        return upload.id

    def photo(self, account_id: str) -> str:
        """The id of a ready upload."""
        upload_id = self.declare(account_id)
        assert self.uploads.process(account_id, upload_id) is Status.READY
        return upload_id

    def order(self, account_id: str, upload_id: str, key: str = "k1", *, spender: str = "key_1", **changes: Any) -> str:
        """The id of the generation that the order made."""
        caller = Principal(account_id, ALL_SCOPES, key_id=spender)
        wanted = Order(model=MODEL.id, operation="stylize", parameters={"style": 3}, upload_id=upload_id)
        return self.ordering.order(caller, replace(wanted, **changes), key, "req_1").generation_id

    def rescue(self) -> None:
        """One tick of the schedule, and what a worker does with what it queued."""
        for place in self.running.overdue():
            self.running.look_after(*place)

    def settle_everything(self, account_id: str) -> None:
        """Time passes and nothing fails any more: ticks of the rescue, and its messages delivered twice."""
        for _ in range(6):
            self.clock.forward(seconds=130)
            overdue = self.running.overdue()
            for place in overdue:
                self.running.look_after(*place)
                self.running.run(*place)
                self.running.run(*place)
            if not overdue:
                return
        raise AssertionError(f"{account_id} is not at rest")

    def sign_in(self, email: str) -> str:
        """Asks for a code, reads the mail, signs in; the account's id."""
        self.accounts.ask_code(email, f"source-{email}")
        issued = self.accounts.issue_code(self.services.peppers.hash("email", email))
        assert issued is not None
        return self.accounts.start_session(email, issued[1], "req_1").account_id

    def lane_of(self, account_id: str, generation_id: str) -> str:
        """What the ledger answered when the generation was held, from its entry; empty if there is none."""
        places = (account_id, partition(account_id, place_of(generation_id)))
        keys = [{"account_id": {"S": at}, "item": {"S": f"move#hold#{generation_id}"}} for at in places]
        wanted = {self.settings.credits_table: {"Keys": keys, "ConsistentRead": True}}
        found = session.client("dynamodb").batch_get_item(RequestItems=wanted)["Responses"].values()
        return next((str(row["lane"]["S"]) for rows in found for row in rows), "")

    def objects(self, bucket: str, prefix: str) -> list[str]:
        """The keys of the bucket's objects that begin so."""
        pages = session.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", ()))

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Every item of a table, as stored."""
        pages = session.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def rows_of_words(self) -> list[str]:
        """The ids of generations that still keep what a person wrote."""
        return [row["id"]["S"] for row in self.rows(self.settings.generations_table) if "words" in row]
