"""One account's books: rules 1, 2, 5, 6 and 8. Its rows are added one by one and forgotten; only sums are kept."""

from collections import Counter as Sums
from collections.abc import Iterator

from infra.fotogenic.checks.finding import Finding, Rule, readable
from infra.fotogenic.checks.jobs import Job
from infra.fotogenic.checks.payments import Grants
from infra.fotogenic.checks.rows import Books, Counter, Lane, Move, Payment, Row

#: Kinds of rows that only report, and take no part in the rules.
REPORTS = ("notice#",)
#: How much of a day's name, `2026-11-24`, says which window it is in.
_LENGTHS = {"day": 10, "month": 7, "lifetime": 0}


class Account:
    """Add every row of the account and every job, then ask for the findings."""

    def __init__(self, account_id: str, now_seconds: int) -> None:
        self.account_id = account_id
        self._now = now_seconds
        self.findings: list[Finding] = []
        self.grants = Grants()
        self._books: Books | None = None
        self._counters: dict[str, Counter] = {}
        self._lanes: dict[str, list[Lane]] = {}
        self._lines: Sums[str] = Sums()
        self._held = self._used = 0
        self._undated = False
        self._open: Sums[str] = Sums()
        self._taken: Sums[tuple[str, str]] = Sums()
        self._newest: dict[tuple[str, str], int] = {}

    def add(self, row: Row) -> None:
        """A row of the credits table. One that cannot be read, or is of no known kind, becomes a finding."""
        item = str(row["item"])
        where = f"{self.account_id}/{item}"
        with readable(self.findings, where):
            if item == "balance":
                self._books = Books.of(row)
            elif item.startswith("move#"):
                self._add_move(Move.of(row), where)
            elif item.startswith("usage#"):
                self._counters[item.removeprefix("usage#")] = Counter.of(row)
            elif item.startswith("lane#"):
                lane = Lane.of(row)
                self._lanes.setdefault(lane.spender, []).append(lane)
            elif item.startswith("payment#"):
                self.grants.add_payment(Payment.of(row))
            elif item.startswith("used#"):
                self._used += int(row["assets"])
            elif not item.startswith(REPORTS):
                self.findings.append(Finding(Rule.UNKNOWN_ROW, where, "is of no known kind"))

    def add_job(self, job: Job) -> None:
        """A generation with its hold and resolution, whose rows were added too."""
        self._held += job.held
        if job.hold is not None:
            self._open[job.hold.spender] += job.settle is None
            place = (job.hold.spender, job.hold.day)
            self._taken[place] += job.taken
            self._newest[place] = max(self._newest.get(place, 0), job.hold.at)

    def close(self) -> list[Finding]:
        """All findings, once everything was added."""
        checks = (*self._sums(), *self._caps(), *self.grants.check())
        return self.findings + [Finding(rule, self._where(at), what) for rule, at, what in checks]

    def stamp(self) -> tuple[object, ...]:
        """Changes whenever the books do: two equal stamps mean that nothing moved in between."""
        return self._books, repr(sorted(self._counters.items())), repr(sorted(self._lanes.items()))

    def _where(self, at: str) -> str:
        return f"{self.account_id}/{at}" if at else self.account_id

    def _add_move(self, move: Move, where: str) -> None:
        if sum(move.lines.values()):
            self.findings.append(Finding(Rule.SUM, where, f"its lines sum to {sum(move.lines.values())}"))
        if not move.cause:
            self.findings.append(Finding(Rule.CAUSE, where, "names no cause"))
        # What ends by itself was asked for by nobody; what a payment's provider says has its event as the reason.
        if not move.request_id and not move.reason and move.kind != "expire":
            self.findings.append(Finding(Rule.CAUSE, where, "names neither a request nor a reason"))
        if move.kind == "adjust" and not move.reason:
            self.findings.append(Finding(Rule.CAUSE, where, "was made by an operator without a reason"))
        self._lines.update(move.lines)
        # Entries of before counters knew days have no usage by day beside them.
        self._undated |= bool(move.posted) and not move.day
        self.grants.add_move(move)

    def _sums(self) -> Iterator[tuple[Rule, str, str]]:
        if self._books is None:
            if self._lines or self._lanes:
                yield Rule.AVAILABLE, "balance", "there are entries and no balance"
            return
        books, lanes = self._books, [lane for each in self._lanes.values() for lane in each]
        inside = sum(lane.assets for lane in lanes)
        spendable = inside + sum(assets for _, assets, _ in books.buckets)
        alive = inside + sum(assets for _, assets, ends in books.buckets if ends is None or ends > self._now)
        held = books.held + sum(lane.held for lane in lanes)
        pairs = (
            (Rule.AVAILABLE, "available", spendable, "in buckets", self._lines["available"], "by the entries"),
            (Rule.AVAILABLE, "held", held, "in the balance", self._held, "by open holds"),
            (Rule.SUM, "held", held, "in the balance", self._lines["held"], "by the entries"),
            (Rule.PAYMENT, "debt", books.debt, "in the balance", -self._lines["debt"], "by the entries"),
        )
        if not self._undated and self._used != self._lines["usage"]:
            yield Rule.SUM, "usage", f"{self._used} by day, {self._lines['usage']} by the entries"
        for rule, at, stored, place, summed, source in pairs:
            if stored != summed:
                yield rule, at, f"{stored} {place}, {summed} {source}"
        amounts = [("held", books.held), ("debt", books.debt), *((id_, assets) for id_, assets, _ in books.buckets)]
        amounts += [(f"lane#{lane.spender}", min(lane.assets, lane.held, lane.slots)) for lane in lanes]
        for at, amount in amounts:
            if amount < 0:
                yield Rule.AVAILABLE, at, f"is {amount}"
        if books.debt and alive:
            yield Rule.PAYMENT, "debt", f"{books.debt} are owed while {alive} can be spent"
        yield from self._lanes_fit(books)

    def _lanes_fit(self, books: Books) -> Iterator[tuple[Rule, str, str]]:
        """Every lane belongs to the epoch that both the balance and its spender know."""
        listed = {name: (epoch, count) for name, epoch, count in books.laned}
        for name in {*listed, *self._lanes, *(n for n, counter in self._counters.items() if counter.lanes)}:
            counter = self._counters.get(name)
            known = counter.lanes[:2] if counter is not None and counter.lanes is not None else None
            lanes = self._lanes.get(name, [])
            there = (lanes[0].epoch, len(lanes)) if lanes and len({lane.epoch for lane in lanes}) == 1 else None
            if not (listed.get(name) == known == there):
                yield Rule.AVAILABLE, f"lane#{name}", f"the balance lists {listed.get(name)}, its spender {known}"

    def _caps(self) -> Iterator[tuple[Rule, str, str]]:
        for name, counter in self._counters.items():
            lanes = self._lanes.get(name, [])
            opened = self._open[name] + sum(lane.slots for lane in lanes)
            if counter.open != opened:
                yield Rule.CAP, f"usage#{name}", f"counts {counter.open} open generations, {opened} are"
            for window, counted in counter.spent.items():
                spent = self._spent(name, counter, window)
                if counted != spent:
                    yield Rule.CAP, f"usage#{name}", f"counts {counted} spent in its {window}, {spent} were"
            if counter.cap is not None:
                yield from self._over(name, *counter.cap, since=counter.cap_at)

    def _spent(self, name: str, counter: Counter, window: str) -> int:
        """What was taken in the counter's present window, with what lanes have set aside in it."""
        size = _LENGTHS[window]
        present = counter.day[:size]
        taken = sum(n for (spender, day), n in self._taken.items() if spender == name and day and day[:size] == present)
        if counter.lanes is not None and counter.lanes[2][:size] == present:
            taken += sum(lane.assets for lane in self._lanes.get(name, []))
        return taken

    def _over(self, name: str, cap: int, window: str, *, since: int) -> Iterator[tuple[Rule, str, str]]:
        """An owner may set a cap below what is spent already; then nothing is taken from that moment on."""
        sums: Sums[str] = Sums()
        newest: dict[str, int] = {}
        for (spender, day), taken in self._taken.items():
            if spender == name and day:
                present = day[: _LENGTHS[window]]
                sums[present] += taken
                newest[present] = max(newest.get(present, 0), self._newest[spender, day])
        for present, taken in sums.items():
            if taken > cap and newest[present] > since:
                yield Rule.CAP, f"usage#{name}", f"{taken} taken in {present or 'its lifetime'} with a cap of {cap}"
