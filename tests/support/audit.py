"""An auditor of one account: reads the deployed tables and buckets as they are and holds the rules against them."""

import json
from collections import Counter
from typing import Any

from chalicelib.aws import session
from chalicelib.credits.ledger import Account, MoveKind
from tests.support.deployed import Deployed

TERMINAL = ("succeeded", "failed")


class Audit:
    """A picture of everything that belongs to an account, taken once."""

    def __init__(self, deployed: Deployed, account_id: str) -> None:
        self._deployed = deployed
        self.account_id = account_id
        rows = {row["item"]["S"]: row for row in self._query(deployed.settings.credits_table)}
        self.balance = rows.pop("balance", None)
        self.usages = {name.removeprefix("usage#"): rows.pop(name) for name in list(rows) if name.startswith("usage#")}
        self.moves = {name.removeprefix("move#"): row for name, row in rows.items()}
        found = self._query(deployed.settings.generations_table)
        self.generations = {row["id"]["S"]: row for row in found if row["id"]["S"].startswith("gen_")}
        self.results = deployed.objects(deployed.settings.results_bucket, f"results/{account_id}/")

    def check_safety(self) -> None:
        """What holds in every state, whatever has just failed."""
        totals: Counter[str] = Counter()
        for row in self.moves.values():
            lines = json.loads(row["lines"]["S"])
            assert sum(amount for _, amount in lines) == 0, f"rule 1: {row}"
            totals.update(dict(lines))
        assert totals[Account.AVAILABLE] == sum(bucket[2] for bucket in self.buckets), "rule 1: available"
        assert totals[Account.HELD] == self.held == sum(self._holds().values()), "rules 1 and 2: held"
        assert all(bucket[2] >= 0 for bucket in self.buckets), "rule 2"
        assert self.held >= 0, "rule 2"
        for generation_id in self._resolved():
            assert f"hold#{generation_id}" in self.moves, "rule 3: resolved without a hold"
            assert 0 <= self.posted(generation_id) <= self._amount(generation_id), "rule 3: posted more than held"
        for generation_id, row in self.generations.items():
            ended = row["status"]["S"] in TERMINAL
            assert ended == (f"settle#{generation_id}" in self.moves), f"rule 4: {row['status']} and its resolution"
            assert int(row["charged"]["N"]) == (self.posted(generation_id) if ended else 0), "rule 4: charged"
        self._check_caps()

    def check_at_rest(self) -> None:
        """What holds once nothing fails any more and all work is done."""
        self.check_safety()
        assert self.held == 0
        assert not self._holds()
        kept = []
        for row in self.generations.values():
            assert row["status"]["S"] in TERMINAL, row
            assert "open" not in row, "a finished generation is still in the index of open ones"
            assert "due_at" not in row
            kept += [asset["key"] for asset in json.loads(row["assets"]["S"]) if asset["status"] == "succeeded"]
        assert self.results == sorted(kept), "results that are kept, and no others"
        assert {int(row.get("open", {"N": "0"})["N"]) for row in self.usages.values()} <= {0}

    @property
    def buckets(self) -> list[Any]:
        return json.loads(self.balance["buckets"]["S"]) if self.balance else []

    @property
    def held(self) -> int:
        return int(self.balance["held"]["N"]) if self.balance else 0

    @property
    def spendable(self) -> int:
        """What all buckets hold, those that have expired included."""
        return sum(bucket[2] for bucket in self.buckets)

    def status(self, generation_id: str) -> str:
        return str(self.generations[generation_id]["status"]["S"])

    def posted(self, generation_id: str) -> int:
        lines = dict(json.loads(self.moves[f"settle#{generation_id}"]["lines"]["S"]))
        return int(lines.get(Account.USAGE, 0))

    def _amount(self, generation_id: str) -> int:
        return int(sum(amount for _, amount in json.loads(self.moves[f"hold#{generation_id}"]["parts"]["S"])))

    def _resolved(self) -> list[str]:
        return [name.removeprefix("settle#") for name in self.moves if name.startswith("settle#")]

    def _holds(self) -> dict[str, int]:
        """Open holds by generation."""
        held = [name.removeprefix("hold#") for name in self.moves if name.startswith("hold#")]
        return {name: self._amount(name) for name in held if f"settle#{name}" not in self.moves}

    def _check_caps(self) -> None:
        """Rule 6, from the entries: what a key holds or has posted in a window is what its counter says, and fits."""
        spent: Counter[tuple[str, str]] = Counter()
        for name, row in self.moves.items():
            if row["kind"]["S"] == MoveKind.HOLD:
                generation_id = name.removeprefix("hold#")
                done = f"settle#{generation_id}" in self.moves
                taken = self.posted(generation_id) if done else self._amount(generation_id)
                spent[row["spender"]["S"], row["window"]["S"]] += taken
        for spender, row in self.usages.items():
            if "cap" in row:
                limit, _ = json.loads(row["cap"]["S"])
                window = row.get("window", {"S": ""})["S"]
                assert spent[spender, window] == int(row.get("spent", {"N": "0"})["N"]), "rule 6: the counter"
                assert max((taken for (who, _), taken in spent.items() if who == spender), default=0) <= limit, "rule 6"

    def _query(self, table: str) -> list[dict[str, Any]]:
        pages = (
            session.client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=table,
                KeyConditionExpression="account_id = :a",
                ExpressionAttributeValues={":a": {"S": self.account_id}},
                ConsistentRead=True,
            )
        )
        return [item for page in pages for item in page["Items"]]
