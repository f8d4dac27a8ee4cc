"""An auditor of one account: reads the deployed tables and buckets as they are and holds the rules against them."""

import json
from collections import Counter
from typing import Any

from chalicelib.aws import session
from chalicelib.credits.lanes import partitions
from chalicelib.kernel.clock import epoch_seconds
from infra.fotogenic.checks import jobs
from infra.fotogenic.checks.books import Account
from infra.fotogenic.checks.finding import Finding
from infra.fotogenic.checks.jobs import Job
from infra.fotogenic.checks.rows import Generation, Move, plain
from tests.support.deployed import Deployed

TERMINAL = ("succeeded", "failed", "canceled")


class Audit:
    """A picture of everything that belongs to an account, taken once."""

    def __init__(self, deployed: Deployed, account_id: str) -> None:
        self._deployed = deployed
        self.account_id = account_id
        rows: dict[str, Any] = {}
        self._rows: list[dict[str, Any]] = []
        own = self._query(deployed.settings.credits_table, account_id)
        self.spread = any(row["item"]["S"] == "balance" and row.get("spread", {}).get("N") == "1" for row in own)
        for at in partitions(account_id, spread=self.spread):
            for row in own if at == account_id else self._query(deployed.settings.credits_table, at):
                self._rows.append(row)
                name = row["item"]["S"]
                assert not name.startswith("move#") or name not in rows, f"rule 3: {name} stands in two places"
                rows[name if at == account_id else f"{name}@{at}" if not name.startswith("move#") else name] = row
        self.balance = rows.pop("balance", None)
        self.usages = {name.removeprefix("usage#"): rows.pop(name) for name in list(rows) if name.startswith("usage#")}
        self.moves = {name.removeprefix("move#"): row for name, row in rows.items() if name.startswith("move#")}
        self.lanes = [row for name, row in rows.items() if name.startswith("lane#")]
        found = self._query(deployed.settings.generations_table, account_id)
        self.generations = {row["id"]["S"]: row for row in found if row["id"]["S"].startswith("gen_")}
        bucket = deployed.settings.results_bucket
        self.results = [
            *deployed.objects(bucket, f"once/{account_id}/"),
            *deployed.objects(bucket, f"results/{account_id}/"),
        ]

    def check_safety(self) -> None:
        """What holds in every state, whatever has just failed: the very checks of `fotogenic audit`."""
        found = self.findings()
        assert not found, "; ".join(map(str, found))

    def findings(self) -> list[Finding]:
        """Every broken rule of the account's books, in this picture of them."""
        account = Account(self.account_id, epoch_seconds(self._deployed.clock.now()))
        found: list[Finding] = []
        for raw in self._rows:
            account.add(plain(raw))
        for name in sorted({*self.generations, *(key.partition("#")[2] for key in self.moves if _is_of_job(key))}):
            hold, settle = (self.moves.get(f"{kind}#{name}") for kind in ("hold", "settle"))
            generation = self.generations.get(name)
            job = Job(
                self.account_id,
                name,
                Move.of(plain(hold)) if hold else None,
                Move.of(plain(settle)) if settle else None,
                Generation.of(plain(generation)) if generation else None,
            )
            account.add_job(job)
            found += jobs.check(job, now_millis=0)  # no hold is late here: what waits for the rescue is no fault
        return found + account.close()

    def check_at_rest(self) -> None:
        """What holds once nothing fails any more and all work is done."""
        self.check_safety()
        if not self.spread:
            others = partitions(self.account_id, spread=True)[1:]
            assert not any(self._query(self._deployed.settings.credits_table, at) for at in others), "rows out of sight"
        assert self.held == 0
        kept = []
        for row in self.generations.values():
            assert row["status"]["S"] in TERMINAL, row
            assert "open" not in row, "a finished generation is still in the index of open ones"
            assert "due_at" not in row
            assets = [asset for asset in json.loads(row["assets"]["S"]) if asset["status"] == "succeeded"]
            kept += [asset["key"] for asset in assets if not asset.get("delivered")]
        assert self.results == sorted(kept), "results that are kept, and no others"
        slots = Counter[str]()
        for row in self.lanes:
            slots[row["item"]["S"].split("#")[1]] += _number(row, "slots")
        assert all(_number(row, "open") == slots[spender] for spender, row in self.usages.items()), "generations open"

    @property
    def buckets(self) -> list[Any]:
        return json.loads(self.balance["buckets"]["S"]) if self.balance else []

    @property
    def held(self) -> int:
        return _number(self.balance, "held") + sum(_number(row, "held") for row in self.lanes)

    @property
    def spendable(self) -> int:
        """What all buckets and lanes hold, those that have expired included."""
        return sum(bucket[2] for bucket in self.buckets) + sum(_number(row, "assets") for row in self.lanes)

    def status(self, generation_id: str) -> str:
        return str(self.generations[generation_id]["status"]["S"])

    def posted(self, generation_id: str) -> int:
        lines = dict(json.loads(self.moves[f"settle#{generation_id}"]["lines"]["S"]))
        return int(lines.get("usage", 0))

    def _query(self, table: str, at: str) -> list[dict[str, Any]]:
        pages = (
            session.client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=table,
                KeyConditionExpression="account_id = :a",
                ExpressionAttributeValues={":a": {"S": at}},
                ConsistentRead=True,
            )
        )
        return [item for page in pages for item in page["Items"]]


def _number(row: dict[str, Any] | None, name: str) -> int:
    return int(row[name]["N"]) if row and name in row else 0


def _is_of_job(key: str) -> bool:
    return key.startswith(("hold#", "settle#"))
