"""The ledger's stores in memory, and the real services over them. See `tests.support.fakes` for what they stand on."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from chalicelib.credits.books import Kept
from chalicelib.credits.caps import Cap
from chalicelib.credits.lanes import Lane, Spender, partition, partitions, place_of
from chalicelib.credits.ledger import Balance, Entry, Move
from chalicelib.credits.payments import Payment
from chalicelib.credits.used.usage import Used
from chalicelib.kernel.transaction import Transaction
from tests.support.fakes import Memory, write


class Item(NamedTuple):
    """One item of the table, by its keys."""

    partition: str
    name: str


def _at(account_id: str, generation_id: str, *, lane: bool) -> str:
    return partition(account_id, place_of(generation_id) if lane else None)


@dataclass
class FakeSnapshot:
    account_id: str
    balance: Balance
    version: int
    spenders: dict[str, Spender]
    moves: dict[str, Kept]

    def spender(self, spender: str) -> Spender:
        return self.spenders.get(spender, Spender())

    def move(self, key: str) -> Kept | None:
        return self.moves.get(key)


class FakeCreditsStore:
    """All of the credits table's stores."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.balances: dict[str, tuple[int, Balance]] = {}
        self.spenders: dict[tuple[str, str], Spender] = {}
        self.written: dict[tuple[str, str], tuple[Entry, Kept]] = {}
        self.lanes: dict[tuple[str, str, int], tuple[int, Lane]] = {}
        self.payments: dict[tuple[str, str], Payment] = {}
        self.notices: dict[str, datetime] = {}
        self.uses: dict[tuple[str, str, str, str, int | None], tuple[int, int]] = {}

    # credits.store

    def snapshot(
        self,
        account_id: str,
        *,
        spender: str = "",
        moves: tuple[str, ...] = (),
        placed: bool = False,
        balance: bool = True,
    ) -> FakeSnapshot:
        at = {key: _at(account_id, key.partition("#")[2], lane=placed) for key in moves}
        wanted = [*(["balance"] if balance else []), *([spender] if spender else [])]
        self.memory.reads(*(Item(account_id, name) for name in wanted), *(Item(at[key], key) for key in moves))
        with self.memory.lock:
            version, found = self.balances.get(account_id, (0, Balance()))
            spenders = {spender: self.spenders.get((account_id, spender), Spender())}
            written = {key: self.written[at[key], key][1] for key in moves if (at[key], key) in self.written}
        return FakeSnapshot(account_id, found if balance else Balance(), version, spenders, written)

    def open(self, tx: Transaction, account_id: str) -> None:
        free = lambda: (account_id not in self.balances, None)  # noqa: E731
        tx.add(write(lambda: self._set(account_id, 0, Balance()), free, item=Item(account_id, "balance")))

    def set_balance(self, tx: Transaction, before: FakeSnapshot, after: Balance) -> None:
        account_id, version = before.account_id, before.version
        kept = after.held or after.laned
        stored = replace(after, buckets=tuple(bucket for bucket in after.buckets if bucket.assets or kept))
        same = lambda: (self.balances.get(account_id, (0, None))[0] == version, None)  # noqa: E731
        tx.add(write(lambda: self._set(account_id, version + 1, stored), same, item=Item(account_id, "balance")))

    def add_move(
        self,
        tx: Transaction,
        account_id: str,
        move: Move,
        *,
        entry_id: str,
        at: datetime,
        refusal: Callable[[Any], Exception],
        **details: str,
    ) -> None:
        place = Item(_at(account_id, move.cause, lane=True) if details.get("lane") else account_id, move.key)
        entry = Entry(entry_id, at, move, details.get("spender", ""), details.get("request_id", ""))
        record = (entry, Kept(move, details.get("day", "")))
        new = lambda: (place not in self.written, None)  # noqa: E731
        tx.add(write(lambda: self.written.__setitem__(place, record), new, refusal, item=place))

    def set_spender(self, tx: Transaction, account_id: str, spender: str, before: Spender, after: Spender) -> None:
        place = (account_id, spender)

        def apply() -> None:
            kept = self.spenders.get(place, Spender())
            counted = replace(after, cap=kept.cap, ended=kept.ended, version=before.version + 1)
            self.spenders[place] = counted

        same = lambda: (self.spenders.get(place, Spender()).version == before.version, None)  # noqa: E731
        tx.add(write(apply, same, item=Item(*place)))

    def set_key(
        self, tx: Transaction, account_id: str, spender: str, *, cap: Cap | None, ended: bool, at: datetime
    ) -> None:
        place = (account_id, spender)

        def apply() -> None:
            old = self.spenders.get(place, Spender())
            self.spenders[place] = replace(old, cap=cap, ended=ended, version=old.version + 1)

        tx.add(write(apply, lambda: (True, None), item=Item(*place)))

    def moves(self, account_id: str, *, before: str | None, limit: int, spread: bool) -> list[Entry]:
        places = partitions(account_id, spread=spread)
        found = [entry for (at, _), (entry, _) in self.written.items() if at in places]
        older = [entry for entry in found if before is None or entry.id < before]
        return sorted(older, key=lambda entry: entry.id, reverse=True)[:limit]

    def _set(self, account_id: str, version: int, balance: Balance) -> None:
        self.balances[account_id] = (version, balance)

    # credits.paid.store

    def payment(self, account_id: str, payment_id: str) -> Payment:
        self.memory.reads(Item(account_id, payment_id))
        return self.payments.get((account_id, payment_id), Payment(payment_id))

    def set_payment(
        self, tx: Transaction, account_id: str, before: Payment, after: Payment, refusal: Callable[[Any], Exception]
    ) -> None:
        place = (account_id, after.id)
        same = lambda: (self.payments.get(place, Payment(after.id)).version == before.version, None)  # noqa: E731
        tx.add(write(lambda: self.payments.__setitem__(place, after), same, refusal, item=Item(*place)))

    # credits.upkeep.store

    def add_expired(self, tx: Transaction, account_id: str, payment_id: str, assets: int) -> None:
        place = (account_id, payment_id)

        def apply() -> None:
            old = self.payments.get(place, Payment(payment_id))
            self.payments[place] = replace(old, expired=old.expired + assets, version=old.version + 1)

        tx.add(write(apply, lambda: (True, None), item=Item(*place)))

    def add_notice(self, tx: Transaction, account_id: str, due_at: datetime) -> None:
        apply = lambda: self.notices.__setitem__(account_id, due_at)  # noqa: E731
        tx.add(write(apply, lambda: (True, None), item=Item(account_id, "notice")))

    def claim_notice(self, account_id: str, now: datetime, until: datetime) -> bool:
        if account_id not in self.notices or self.notices[account_id] > now:
            return False
        self.notices[account_id] = until
        return True

    def drop_notice(self, account_id: str) -> None:
        self.notices.pop(account_id, None)

    def due(self, kind: str, now: datetime, limit: int) -> list[str]:
        if kind == "notice":
            return [account for account, at in self.notices.items() if at <= now][:limit]
        ended = [
            account
            for account, (_, balance) in self.balances.items()
            if any(bucket.assets and not bucket.alive(now) for bucket in balance.buckets)
        ]
        return ended[:limit]

    # credits.used.store

    def count(
        self, tx: Transaction, account_id: str, *, day: str, spender: str, model: str, place: int | None, assets: int
    ) -> None:
        row = (account_id, day, spender, model, place)

        def apply() -> None:
            charged, generations = self.uses.get(row, (0, 0))
            self.uses[row] = (charged + assets, generations + 1)

        name = f"used#{day}#{spender}#{model}"
        tx.add(write(apply, lambda: (True, None), item=Item(partition(account_id, place), name)))

    def used(
        self, account_id: str, first: str, last: str, after: str | None, limit: int, *, spread: bool
    ) -> list[Used]:
        found: dict[str, Used] = {}
        for (owner, day, spender, model, _), (assets, generations) in sorted(
            self.uses.items(), key=lambda kept: kept[0][:4]
        ):
            one = Used(day, spender, model, assets, generations)
            if owner == account_id and first <= day <= last and (after is None or one.place > after):
                found[one.place] = found[one.place].plus(one) if one.place in found else one
        return sorted(found.values(), key=lambda one: one.place)[:limit]
