"""What one hold, one post and one look at the balance cost on the emulator: calls counted, and time beside one bare
TransactWriteItems of as many items."""

import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.bench.calls import Counted, named
from tests.bench.table import Row, emit
from tests.support.stack import Stack

TIMES = 60


def measure() -> Iterator[Row]:
    """Medians over TIMES, outside lanes and in one."""
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder) / "data", only_emulator=True)
        try:
            os.environ.update(stack.start().environment())
            from chalicelib.aws.session import botocore_session

            counted = Counted()
            botocore_session().register("before-call", counted)
            yield from _rows(counted)
        finally:
            stack.stop()


class Bench:
    """One account, one key, and holds of 1 asset."""

    def __init__(self) -> None:
        from chalicelib.aws.tables import transact
        from chalicelib.credits.ledger import Bucket, BucketKind
        from chalicelib.wiring import services

        self.all, self.transact = services(), transact
        self.account_id = f"acct_bench_{secrets.token_hex(4)}"
        bucket = Bucket("bonus", BucketKind.BONUS, 1_000_000)
        self.all.credits.grant(self.account_id, bucket, cause="bonus", request_id="bench")
        self.who: dict[str, Any] = {"spender": "key_bench", "request_id": "bench"}
        self.open: list[tuple[str, str]] = []
        self.number = 0

    def hold(self) -> None:
        self.number += 1
        name = f"gen_{self.number}"
        lane = self.transact(lambda tx: self.all.credits.hold(tx, self.account_id, name, 1, **self.who))
        self.open.append((name, lane))

    def post(self) -> None:
        name, lane = self.open.pop()
        settle = self.all.credits.settle
        self.transact(lambda tx: settle(tx, self.account_id, name, 1, lane=lane, model="a/b", **self.who))

    def bare(self, items: int) -> Callable[[], None]:
        """One TransactWriteItems that puts so many small new items."""
        from chalicelib.aws.session import client

        table = self.all.settings.credits_table

        def put() -> None:
            self.number += 1
            keys = [{"account_id": {"S": "bare"}, "item": {"S": f"{self.number}-{i}"}} for i in range(items)]
            client("dynamodb").transact_write_items(
                TransactItems=[{"Put": {"TableName": table, "Item": key}} for key in keys]
            )

        return put


def _rows(counted: Counted) -> Iterator[Row]:
    bench = Bench()
    for where in ("", ", in a lane"):
        if where:
            assert bench.all._laning.open(bench.account_id, "key_bench", 1)
        bench.hold()
        _, held = counted.during(bench.hold)
        _, posted = counted.during(bench.post)
        bench.post()
        yield Row(f"AWS calls of the ledger: hold{where}", len(held), 2, "", "read, commit", named(held))
        yield Row(f"AWS calls of the ledger: post{where}", len(posted), 2, "", "read, commit", named(posted))
        times = _times(bench)
        yield Row(f"hold{where}", times["hold"], times["bare 3"], "ms", "one bare TransactWriteItems of 3 puts")
        yield Row(f"post{where}", times["post"], times["bare 4"], "ms", "one bare TransactWriteItems of 4 puts")
    bench.all._laning.close(bench.account_id, "key_bench")
    _, calls = counted.during(lambda: bench.all.credits.balance(bench.account_id))
    yield Row("AWS calls of the ledger: balance", len(calls), 1, "", "read", named(calls))


def _times(bench: Bench) -> dict[str, float]:
    acts = {"hold": bench.hold, "post": bench.post, "bare 3": bench.bare(3), "bare 4": bench.bare(4)}
    taken: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(TIMES):  # in turn, so that whatever else the machine does disturbs all of them alike
        for name, act in acts.items():
            began = time.perf_counter()
            act()
            taken[name].append((time.perf_counter() - began) * 1000)
    return {name: statistics.median(times) for name, times in taken.items()}


if __name__ == "__main__":
    emit(measure())
