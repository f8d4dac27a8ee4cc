"""Faults that an audit must find, each planted into the deployed tables and buckets behind everybody's back."""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.aws import session
from chalicelib.credits.caps import Cap, Window
from chalicelib.credits.ledger import Bucket, BucketKind
from infra.fotogenic.checks.finding import Rule
from tests.support.deployed import Deployed

DAY = 86_400

#: Plants a fault on a fresh account, and returns (the rule, where it is broken).
Fault = Callable[["Planter"], tuple[Rule, str]]
FAULTS: dict[str, Fault] = {}


def fault(plant: Fault) -> Fault:
    FAULTS[plant.__name__] = plant
    return plant


@dataclass
class Planter:
    """A fresh account at work, and raw access to everything."""

    core: Deployed

    def __post_init__(self) -> None:
        self.account = self.core.account()
        self.settings = self.core.settings
        self.now = int(self.core.clock.now().timestamp())
        self._dynamodb = session.client("dynamodb")

    def done(self, **order: Any) -> str:
        """The id of a generation that has succeeded."""
        generation_id = self.queued(**order)
        self.core.running.run(self.account, generation_id)
        return generation_id

    def queued(self, **order: Any) -> str:
        return self.core.order(self.account, self.core.photo(self.account), **order)

    def credit(self, item: str, **members: Any) -> None:
        self.change(self.settings.credits_table, {"account_id": self.account, "item": item}, **members)

    def generation(self, generation_id: str, **members: Any) -> None:
        self.change(self.settings.generations_table, {"account_id": self.account, "id": generation_id}, **members)

    def change(self, table: str, key: dict[str, str], **members: Any) -> None:
        """Sets members of a row, or removes those that are None."""
        for name, value in members.items():
            given: dict[str, Any] = {"TableName": table, "Key": {k: {"S": v} for k, v in key.items()}}
            given["ExpressionAttributeNames"] = {"#n": name}
            if value is None:
                self._dynamodb.update_item(**given, UpdateExpression="REMOVE #n")
            else:
                typed = {"N": str(value)} if isinstance(value, int) else {"S": value}
                expression = {"UpdateExpression": "SET #n = :v", "ExpressionAttributeValues": {":v": typed}}
                self._dynamodb.update_item(**given, **expression)

    def move(self, table: str, key: dict[str, str], to: dict[str, str] | None = None) -> None:
        """Takes a row away; `to`: copies it there instead."""
        raw = {name: {"S": value} for name, value in key.items()}
        if to is None:
            self._dynamodb.delete_item(TableName=table, Key=raw)
            return
        row = self._dynamodb.get_item(TableName=table, Key=raw)["Item"]
        self._dynamodb.put_item(TableName=table, Item=row | {name: {"S": value} for name, value in to.items()})

    def drop(self, item: str) -> None:
        self.move(self.settings.credits_table, {"account_id": self.account, "item": item})

    def write(self, bucket: str, key: str) -> None:
        session.client("s3").put_object(Bucket=bucket, Key=key, Body=b"bytes")


def _lines(*given: tuple[str, int]) -> str:
    return json.dumps([list(line) for line in given])


@fault
def an_entry_that_does_not_balance(p: Planter) -> tuple[Rule, str]:
    p.credit("move#grant#bonus_1", lines=_lines(("grants", -100), ("available", 99)))
    return Rule.SUM, f"{p.account}/move#grant#bonus_1"


@fault
def assets_from_nowhere(p: Planter) -> tuple[Rule, str]:
    p.credit("balance", buckets=json.dumps([["bonus_1", "bonus", 105, None]]))
    return Rule.AVAILABLE, f"{p.account}/available"


@fault
def a_hold_that_the_balance_forgot(p: Planter) -> tuple[Rule, str]:
    p.queued()
    p.credit("balance", held=0)
    return Rule.AVAILABLE, f"{p.account}/held"


@fault
def a_bucket_below_zero(p: Planter) -> tuple[Rule, str]:
    p.credit("balance", buckets=json.dumps([["bonus_1", "bonus", 101, None], ["x", "bonus", -1, None]]))
    return Rule.AVAILABLE, f"{p.account}/x"


@fault
def rows_where_nobody_looks(p: Planter) -> tuple[Rule, str]:
    at = f"{p.account}#5"
    p.change(p.settings.credits_table, {"account_id": at, "item": "used#2026-11-24#session#m"}, assets=1)
    return Rule.AVAILABLE, at


@fault
def a_resolution_without_a_hold(p: Planter) -> tuple[Rule, str]:
    made = p.done()
    p.drop(f"move#hold#{made}")
    return Rule.ONE_RESOLUTION, f"{p.account}/{made}"


@fault
def more_posted_than_held(p: Planter) -> tuple[Rule, str]:
    made = p.done()
    p.credit(f"move#settle#{made}", lines=_lines(("held", -2), ("usage", 3), ("available", -1)))
    return Rule.ONE_RESOLUTION, f"{p.account}/{made}"


@fault
def a_hold_in_two_places(p: Planter) -> tuple[Rule, str]:
    made = p.queued()
    p.credit("balance", spread=1)
    item, place = f"move#hold#{made}", zlib.crc32(made.encode()) % 32
    p.move(
        p.settings.credits_table,
        {"account_id": p.account, "item": item},
        {"account_id": f"{p.account}#{place}", "item": item},
    )
    return Rule.ONE_RESOLUTION, f"{p.account}/{made}"


@fault
def an_end_without_a_resolution(p: Planter) -> tuple[Rule, str]:
    made = p.done()
    p.drop(f"move#settle#{made}")
    return Rule.ORPHAN_HOLD, f"{p.account}/{made}"


@fault
def a_hold_whose_generation_is_gone(p: Planter) -> tuple[Rule, str]:
    made = p.queued()
    p.move(p.settings.generations_table, {"account_id": p.account, "id": made})
    return Rule.ORPHAN_HOLD, f"{p.account}/{made}"


@fault
def a_charge_that_was_not_posted(p: Planter) -> tuple[Rule, str]:
    made = p.done()
    p.generation(made, charged=1)
    return Rule.CHARGED, f"{p.account}/{made}"


@fault
def a_generation_without_a_hold(p: Planter) -> tuple[Rule, str]:
    made = p.queued()
    p.drop(f"move#hold#{made}")
    return Rule.CHARGED, f"{p.account}/{made}"


@fault
def a_generation_for_nothing(p: Planter) -> tuple[Rule, str]:
    made = p.done()
    p.generation(made, price=0)
    return Rule.PRICE, f"{p.account}/{made}"


@fault
def an_unpaid_grant(p: Planter) -> tuple[Rule, str]:
    payment = p.core.services.paid.payment(p.account, "pi_forged")
    bucket = Bucket("pi_forged", BucketKind.TOP_UP, 500)
    p.core.services.paid.reconcile(p.account, payment, bucket=bucket, taken=0, cause="evt_1", request_id="req_1")
    return Rule.UNPAID_GRANT, f"{p.account}/pi_forged"


@fault
def a_grant_without_its_payment(p: Planter) -> tuple[Rule, str]:
    an_unpaid_grant(p)
    p.drop("payment#pi_forged")
    return Rule.PAYMENT, f"{p.account}/payment#pi_forged"


@fault
def more_taken_back_than_granted(p: Planter) -> tuple[Rule, str]:
    an_unpaid_grant(p)
    p.credit("payment#pi_forged", expired=501)
    return Rule.PAYMENT, f"{p.account}/payment#pi_forged"


@fault
def a_debt_beside_assets(p: Planter) -> tuple[Rule, str]:
    p.credit("balance", debt=3)
    return Rule.PAYMENT, f"{p.account}/debt"


@fault
def a_paid_order_that_brought_nothing(p: Planter) -> tuple[Rule, str]:
    order = f"top_{'0' * 26}"
    key = {"pk": p.account, "sk": order}
    p.change(p.settings.billing_table, key, status="paid", payment_id="pi_lost", assets=100)
    return Rule.UNGRANTED, f"{p.account}/{order}"


@fault
def a_counter_that_is_wrong(p: Planter) -> tuple[Rule, str]:
    key, _ = p.core.key(p.account)
    p.done(spender=key.id)
    p.credit(f"usage#{key.id}", in_month=1)
    return Rule.CAP, f"{p.account}/usage#{key.id}"


@fault
def a_cap_that_was_passed(p: Planter) -> tuple[Rule, str]:
    key, _ = p.core.key(p.account, Cap(2, Window.DAY))
    p.done(spender=key.id)
    p.credit(f"usage#{key.id}", cap=json.dumps([1, "day"]), cap_at=0)
    return Rule.CAP, f"{p.account}/usage#{key.id}"


@fault
def an_entry_without_a_cause(p: Planter) -> tuple[Rule, str]:
    p.credit("move#grant#bonus_1", cause="")
    return Rule.CAUSE, f"{p.account}/move#grant#bonus_1"


@fault
def an_entry_without_a_request(p: Planter) -> tuple[Rule, str]:
    p.credit("move#grant#bonus_1", request_id=None)
    return Rule.CAUSE, f"{p.account}/move#grant#bonus_1"


@fault
def a_row_that_cannot_be_read(p: Planter) -> tuple[Rule, str]:
    p.credit("usage#key_1", cap="no JSON")
    return Rule.UNREADABLE, f"{p.account}/usage#key_1"


@fault
def a_row_of_no_known_kind(p: Planter) -> tuple[Rule, str]:
    p.credit("mystery", x=1)
    return Rule.UNKNOWN_ROW, f"{p.account}/mystery"


@fault
def usage_by_day_that_differs(p: Planter) -> tuple[Rule, str]:
    p.credit("used#2026-11-24#session#m", assets=1)
    return Rule.SUM, f"{p.account}/usage"
