"""`fotogenic audit`: walks a deployment that may be at work, and reports every broken rule. It writes nothing.

A row may change between two reads. So nothing is reported that is not still so on a second look, and sums of an account
are believed only if nothing of it moved while they were read.
"""

import time
from collections import Counter as Counts
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.kernel.clock import Clock, epoch_millis, epoch_seconds
from infra.fotogenic.checks import expiry, jobs, objects, payments, prices
from infra.fotogenic.checks.books import Account
from infra.fotogenic.checks.finding import Finding, Rule, readable, recurring
from infra.fotogenic.checks.jobs import Job
from infra.fotogenic.checks.objects import Stored
from infra.fotogenic.checks.payments import Paid
from infra.fotogenic.checks.rows import Generation, Move, Row
from infra.fotogenic.reading import Found, Reading

LOOKS = 5
PAUSE_SECONDS = 0.1
GRACE_HOURS = 72
#: Orders in these states have brought what they promise.
PAID_ORDER = frozenset({"paid", "refunded", "partially_refunded", "disputed"})

#: What stands behind an account's grants: for each payment's id what was paid, None if nothing was.
AskPaid = Callable[[str, Iterable[str]], Mapping[str, Paid | None]]


@dataclass(slots=True)
class Report:
    """What was looked at, and what was found."""

    findings: list[Finding] = field(default_factory=list)
    counts: Counts[str] = field(default_factory=Counts)

    @property
    def clean(self) -> bool:
        return not self.findings


class Audit:
    """`paid` says what was paid for grants; `models` are the enabled models by id with their prices."""

    def __init__(
        self,
        reading: Reading,
        clock: Clock,
        *,
        paid: AskPaid,
        models: Iterable[tuple[str, object]],
        grace_hours: int = GRACE_HOURS,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._reading = reading
        self._clock = clock
        self._paid = paid
        self._models = models
        self._grace_seconds = grace_hours * 3600
        self._pause = pause
        self._counts: Counts[str] = Counts()

    def run(self) -> Report:
        """Everything, room by room."""
        report = Report(counts=self._counts)
        for findings in (self._prices(), self._ledger(), self._expiry(), self._objects()):
            report.findings += findings
        self._counts["findings"] = len(report.findings)
        return report

    def account(self, account_id: str) -> list[Finding]:
        """Everything of one account's books."""
        first, _ = self._pass(account_id)
        found: list[Finding] = []
        if not first:
            return found
        for _ in range(LOOKS):
            self._pause(PAUSE_SECONDS)
            before = self._stamp(account_id)
            found, stamp = self._pass(account_id)
            if before == stamp == self._stamp(account_id):
                return recurring(first, found)
        confirmed = [finding for finding in recurring(first, found) if self._single(account_id, finding)]
        return [*confirmed, Finding(Rule.BUSY, account_id, f"moved during each of {LOOKS} looks at its sums")]

    def _prices(self) -> Iterator[Finding]:
        yield from prices.check(self._models)

    def _ledger(self) -> Iterator[Finding]:
        for key in self._reading.partitions():
            account_id, _, place = key.partition("#")
            if not place:
                self._counts["accounts"] += 1
                yield from self.account(account_id)
            elif key not in self._reading.places(account_id):
                yield Finding(Rule.AVAILABLE, key, "there are rows where the account's books do not look")

    def _pass(self, account_id: str) -> tuple[list[Finding], tuple[object, ...]]:
        """What one reading of the account finds, and the state of the books that it saw."""
        found: list[Finding] = []
        now = self._now_millis()
        account = Account(account_id, now // 1000)
        for row in self._reading.others(account_id):
            account.add(row)
            self._counts["rows"] += 1
        for generation_id, rows in self._reading.jobs(account_id):
            where = f"{account_id}/{generation_id}"
            self._counts["generations"] += "generation" in rows
            for kind, each in rows.items():
                self._counts["rows"] += len(each)
                found += [Finding(Rule.ONE_RESOLUTION, where, f"has {len(each)} {kind}s")] if len(each) > 1 else []
                for row in each if kind != "generation" else ():
                    account.add(row)
            with readable(found, where):
                job = job_of(account_id, generation_id, rows)
                account.add_job(job)
                found += jobs.check(job, now)
        bought = account.grants.bought
        if bought:
            found += payments.unpaid(account_id, bought, self._paid(account_id, bought))
        return found + account.close(), account.stamp()

    def _stamp(self, account_id: str) -> tuple[object, ...]:
        account = Account(account_id, self._now_millis() // 1000)
        for row in self._reading.state(account_id):
            account.add(row)
        return account.stamp()

    def _single(self, account_id: str, finding: Finding) -> bool:
        """Whether it is of one generation, and so in a picture of that generation alone."""
        generation_id = finding.where.rpartition("/")[2]
        if not generation_id.startswith("gen_"):
            return False
        job = job_of(account_id, generation_id, self._reading.job(account_id, generation_id))
        return any(again.rule is finding.rule for again in jobs.check(job, self._now_millis()))

    def _expiry(self) -> Iterator[Finding]:
        settings, last = self._reading.settings, ""
        tables = (
            ("accounts", settings.accounts_table, "pk", "sk"),
            ("uploads", settings.uploads_table, "account_id", "id"),
            ("generations", settings.generations_table, "account_id", "id"),
            ("billing", settings.billing_table, "pk", "sk"),
        )
        for name, table, owner, item in tables:
            for row in self._reading.rows(table):
                self._counts["rows"] += 1
                keys = {owner: str(row[owner]), item: str(row[item])}
                if keys[item].startswith("gen_") and last != (last := keys[owner]):
                    yield from self._has_books(last)
                if keys[item].startswith("top_") and row.get("status") in PAID_ORDER:
                    yield from self._granted(keys[owner], keys[item], row)
                if self._aged(name, keys, row):
                    again = self._reading.get(table, **keys)
                    yield from self._aged(name, keys, again) if again is not None else ()

    def _has_books(self, account_id: str) -> Iterator[Finding]:
        if self._reading.get(self._reading.settings.credits_table, account_id=account_id, item="balance") is None:
            yield Finding(Rule.CHARGED, account_id, "has generations and no balance")

    def _granted(self, account_id: str, order_id: str, row: Row) -> Iterator[Finding]:
        """An order is marked as paid after its grant, so the grant must be there."""
        payment = {"account_id": account_id, "item": f"payment#{row.get('payment_id')}"}
        booked = self._reading.get(self._reading.settings.credits_table, **payment)
        if not (booked and booked.get("granted")):
            yield Finding(Rule.UNGRANTED, f"{account_id}/{order_id}", f"{row['status']}, and nothing was granted")

    def _aged(self, table: str, keys: dict[str, str], row: Row) -> list[Finding]:
        owner, item = keys.values()
        found: list[Finding] = []
        with readable(found, f"{table}:{expiry.shown(owner)}/{expiry.shown(item)}"):
            now = epoch_seconds(self._now())
            found += expiry.check(table, owner, item, row, now_seconds=now, grace_seconds=self._grace_seconds)
        return found

    def _objects(self) -> Iterator[Finding]:
        settings = self._reading.settings
        for bucket in (settings.uploads_bucket, settings.results_bucket):
            place, row = None, None
            for stored in self._reading.objects(bucket):
                self._counts["objects"] += 1
                if stored.place != place:
                    place, row = stored.place, self._row_of(stored)
                if self._object(stored, row):
                    there = any(again.key == stored.key for again in self._reading.objects(bucket, stored.key))
                    yield from self._object(stored, self._row_of(stored)) if there else ()

    def _row_of(self, stored: Stored) -> Row | None:
        if stored.place is None:
            return None
        folder, account_id, id_ = stored.place
        settings = self._reading.settings
        table = settings.generations_table if folder == "results" else settings.uploads_table
        return self._reading.get(table, account_id=account_id, id=id_)

    def _object(self, stored: Stored, row: Row | None) -> list[Finding]:
        found: list[Finding] = []
        with readable(found, stored.key):
            now = epoch_seconds(self._now())
            found += objects.check(stored, row, now_seconds=now, grace_seconds=self._grace_seconds)
        return found

    def _now(self) -> datetime:
        return self._clock.now()

    def _now_millis(self) -> int:
        return epoch_millis(self._now())


def job_of(account_id: str, generation_id: str, rows: Found) -> Job:
    """The generation as its rows say. Raises what `checks.rows` does."""
    hold, settle, generation = (rows[kind][0] if rows.get(kind) else None for kind in ("hold", "settle", "generation"))
    return Job(
        account_id,
        generation_id,
        Move.of(hold) if hold else None,
        Move.of(settle) if settle else None,
        Generation.of(generation) if generation else None,
    )
