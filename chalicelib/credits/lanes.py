"""Lanes: how one account takes more holds a second than one balance item can. Pure.

A transaction that touches an item fails when another holds it, so one balance item takes about a hundred holds a second
without retries. Under contention a spender (an API key, or the session) gets lanes: items of its own, each with a part
of the bucket that is spent next, of its cap and of its open generations. A hold then touches one lane, drawn by chance,
and nothing that others touch. What a lane has is already counted against balance and cap, so neither can be overspent.

Nothing is refused from a lane: when one cannot pay, all lanes of the spender are closed, their content goes back, and
the balance itself decides. Lanes open only where there is plenty, so near zero there are none, nothing is stranded, and
no refusal is false.
"""

import zlib
from dataclasses import dataclass, field, replace
from datetime import datetime

from chalicelib.credits import caps, ledger
from chalicelib.credits.caps import Cap, Usage
from chalicelib.credits.ledger import Balance, Bucket, Laned, Move, Part

MAX_LANES = 32
#: DynamoDB gives one partition key 1,000 units of write a second, and an index of its own keeps a key from being split.
#: So each lane is in a place of its own, and what is written with a hold in a lane goes to one of as many places.
PLACES = MAX_LANES
#: Fewer would not be worth it.
MIN_LANES = 2
#: A lane gets this many holds like the one that met contention, at least, else lanes are not opened; at most.
MIN_HOLDS = 8
MAX_HOLDS = 512
#: How many open generations a lane may have, at least.
MIN_SLOTS = 2
#: Stale reads of one hold that count as contention.
CONTENDED = 2


@dataclass(frozen=True, slots=True)
class Lanes:
    """A spender's lanes: all of one epoch, one bucket and one day of the counter. They open and close together."""

    epoch: int
    count: int
    bucket: Bucket
    day: str

    def usable(self, now: datetime) -> bool:
        """Whether their bucket and their day are still the right ones."""
        return self.bucket.alive(now) and f"{now:%Y-%m-%d}" <= self.day


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane's item: assets to spend, assets held, generations that may still be opened; `closing` refuses all."""

    assets: int
    slots: int
    held: int = 0
    closing: bool = False

    def pays(self, needed: int) -> bool:
        return not self.closing and self.assets >= needed and self.slots > 0


@dataclass(frozen=True, slots=True)
class Spender:
    """What the books know of an API key, or of the session: its counter, cap, lanes, and whether it was revoked."""

    usage: Usage = field(default_factory=Usage)
    cap: Cap | None = None
    ended: bool = False
    lanes: Lanes | None = None
    version: int = 0


def open_lanes(
    balance: Balance, spender: Spender, name: str, needed: int, *, max_open: int, now: datetime
) -> tuple[Balance, Spender, Lane] | None:
    """The balance and the spender with lanes, each like the third of the answer; None where there is not enough.

    Half of the bucket that is spent next stays outside, for other spenders.
    """
    bucket = next(iter(ledger.in_order(balance, now)), None)
    usage = caps.entered(spender.usage, now)
    if bucket is None or needed < 1 or balance.debt or spender.ended or spender.lanes is not None:
        return None
    left = caps.room(usage, spender.cap)
    plenty = (bucket.assets if left is None else min(bucket.assets, left)) // 2
    free = max_open - usage.open
    count = min(MAX_LANES, free // MIN_SLOTS, plenty // (MIN_HOLDS * needed))
    if count < MIN_LANES:
        return None
    each = Lane(min(plenty // count, MAX_HOLDS * needed), free // count)
    taken = each.assets * count
    buckets = tuple(replace(b, assets=b.assets - taken) if b.id == bucket.id else b for b in balance.buckets)
    epoch = spender.version + 1
    lanes = Lanes(epoch, count, replace(bucket, assets=0), usage.day)
    counted = replace(usage.plus(taken), open=usage.open + each.slots * count)
    laned = (*balance.laned, Laned(name, epoch, count, bucket.id))
    opened = replace(spender, usage=counted, lanes=lanes)
    return replace(balance, buckets=buckets, laned=laned, spread=True), opened, each


def close(balance: Balance, spender: Spender, name: str, content: list[Lane]) -> tuple[Balance, Spender]:
    """Both with all that the lanes hold; `content` is of every lane of the spender."""
    lanes = spender.lanes
    if lanes is None:
        return balance, spender
    back = sum(lane.assets for lane in content)
    buckets = tuple(replace(b, assets=b.assets + back) if b.id == lanes.bucket.id else b for b in balance.buckets)
    held = balance.held + sum(lane.held for lane in content)
    laned = tuple(other for other in balance.laned if other.spender != name)
    free = sum(lane.slots for lane in content)
    usage = replace(caps.returned(spender.usage, lanes.day, back), open=max(0, spender.usage.open - free))
    return replace(balance, buckets=buckets, held=held, laned=laned), replace(spender, usage=usage, lanes=None)


#: What a hold returns that was taken outside lanes, by an account that has had some: its entries are in their place
#: too, so that they are found there and cannot be written twice.
NO_LANE = "-"


def place_of(generation_id: str) -> int:
    """Where the entries of a generation go, once its account has had lanes: its hold, and its resolution."""
    return zlib.crc32(generation_id.encode()) % PLACES


def partition(account_id: str, place: int | None) -> str:
    """The partition key of an account's place; None is the account's own."""
    return account_id if place is None else f"{account_id}#{place}"


def partitions(account_id: str, *, spread: bool) -> list[str]:
    """All that an account may have entries in: its own, and those of its lanes if it ever had some."""
    return [account_id, *(partition(account_id, place) for place in range(PLACES) if spread)]


def hold(lanes: Lanes, generation_id: str, needed: int) -> Move:
    """The entry of a hold that one lane pays."""
    return ledger.hold_of(generation_id, (Part(lanes.bucket.id, needed),))


def settle(held: Move, posted: int, *, lapsed: bool = False) -> tuple[Move, int]:
    """The entry of a hold's resolution in its lane, and how much of it goes back to the lane."""
    amount = sum(part.assets for part in held.parts)
    if not 0 <= posted <= amount:
        raise ledger.HoldMismatch(f"{posted} of {amount}")
    back = amount - posted
    told = ledger.lines(
        (ledger.Account.HELD, -amount), (ledger.Account.USAGE, posted), (ledger.Account.AVAILABLE, back)
    )
    return ledger.settlement(held, told, posted, lapsed=lapsed), back


def whole(balance: Balance, content: dict[str, list[Lane]]) -> Balance:
    """The balance as its owner sees it: with what the lanes of each laned spender hold."""
    inside = {laned.bucket_id: 0 for laned in balance.laned}
    for laned in balance.laned:
        inside[laned.bucket_id] += sum(lane.assets for lane in content[laned.spender])
    buckets = tuple(replace(b, assets=b.assets + inside.get(b.id, 0)) for b in balance.buckets)
    held = balance.held + sum(lane.held for lanes in content.values() for lane in lanes)
    return replace(balance, buckets=buckets, held=held, laned=())
