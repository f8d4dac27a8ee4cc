"""Rows of the credits and generations tables as the checks read them. `of` takes a plain row, and raises when it is
not of that shape (KeyError, TypeError, ValueError)."""

import json
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
TERMINAL = frozenset({"succeeded", "failed", "canceled"})


def plain(raw: dict[str, Any]) -> Row:
    """A DynamoDB item in Python's own types. Numbers are whole."""
    return {name: _value(typed) for name, typed in raw.items()}


def _value(typed: dict[str, Any]) -> Any:
    ((kind, value),) = typed.items()
    if kind == "N":
        return int(value)
    if kind == "NULL":
        return None
    if kind == "L":
        return [_value(item) for item in value]
    if kind == "M":
        return plain(value)
    return value


def parsed(row: Row, name: str, default: Any = None) -> Any:
    """A member that is stored as JSON text."""
    return json.loads(row[name]) if row.get(name) is not None else default


@dataclass(frozen=True, slots=True)
class Books:
    """The balance item. `buckets` are (id, assets, end in seconds since 1970 or None), also those that have ended;
    `laned` are (spender, epoch of its lanes, how many)."""

    version: int
    buckets: tuple[tuple[str, int, int | None], ...]
    held: int
    debt: int
    laned: tuple[tuple[str, int, int], ...]

    @staticmethod
    def of(row: Row) -> "Books":
        return Books(
            int(row["version"]),
            tuple((str(id_), int(assets), ends) for id_, _, assets, ends in parsed(row, "buckets", [])),
            int(row["held"]),
            int(row["debt"]),
            tuple((str(laned[0]), int(laned[1]), int(laned[2])) for laned in parsed(row, "laned", [])),
        )


@dataclass(frozen=True, slots=True)
class Counter:
    """A spender's counter: assets held or posted on `day`, in its month, and ever. `cap` is (assets, window), since
    `cap_at` milliseconds; `lanes` are (epoch, how many, their day)."""

    version: int
    open: int
    day: str
    spent: dict[str, int]
    cap: tuple[int, str] | None
    lanes: tuple[int, int, str] | None
    cap_at: int = 0

    @staticmethod
    def of(row: Row) -> "Counter":
        cap, lanes = parsed(row, "cap"), parsed(row, "lanes")
        return Counter(
            int(row.get("version", 0)),
            int(row.get("open", 0)),
            str(row.get("day", "")),
            {window: int(row.get(f"in_{window}", 0)) for window in ("day", "month", "lifetime")},
            (int(cap[0]), str(cap[1])) if cap else None,
            (int(lanes[0]), int(lanes[1]), str(lanes[3])) if lanes else None,
            int(row.get("cap_at") or 0),
        )


@dataclass(frozen=True, slots=True)
class Lane:
    spender: str
    epoch: int
    assets: int
    held: int
    slots: int

    @staticmethod
    def of(row: Row) -> "Lane":
        spender = row["item"].removeprefix("lane#")
        return Lane(spender, int(row["epoch"]), int(row["assets"]), int(row["held"]), int(row["slots"]))


@dataclass(frozen=True, slots=True)
class Move:
    """One entry. `lines` are amounts by account, `amount` what its parts add up to, `at` milliseconds since 1970."""

    key: str
    kind: str
    cause: str
    lines: dict[str, int]
    amount: int
    spender: str
    day: str
    request_id: str
    reason: str
    at: int

    @staticmethod
    def of(row: Row) -> "Move":
        lines: dict[str, int] = {}
        for account, amount in parsed(row, "lines"):
            lines[account] = lines.get(account, 0) + int(amount)
        return Move(
            row["item"].removeprefix("move#"),
            row["kind"],
            row["cause"],
            lines,
            sum(int(amount) for _, amount in parsed(row, "parts", [])),
            row.get("spender") or "",
            row.get("day") or "",
            row.get("request_id") or "",
            row.get("reason") or "",
            int(row["at"]),
        )

    @property
    def posted(self) -> int:
        """What a resolution charged."""
        return self.lines.get("usage", 0)


@dataclass(frozen=True, slots=True)
class Payment:
    id: str
    granted: int
    taken: int
    expired: int

    @staticmethod
    def of(row: Row) -> "Payment":
        return Payment(
            row["item"].removeprefix("payment#"),
            int(row.get("granted", 0)),
            int(row.get("taken", 0)),
            int(row.get("expired", 0)),
        )


@dataclass(frozen=True, slots=True)
class Generation:
    """What the ledger and the clock have to do with a generation. Times are milliseconds since 1970, 0 for none."""

    id: str
    status: str
    price: int
    held: int
    outputs: int
    charged: int
    charges: int
    created_at: int

    @property
    def ended(self) -> bool:
        return self.status in TERMINAL

    @staticmethod
    def of(row: Row) -> "Generation":
        return Generation(
            row["id"],
            row["status"],
            int(row["price"]),
            int(row["held"]),
            len(parsed(row, "assets")),
            int(row.get("charged", 0)),
            sum(int(asset.get("charged", 0)) for asset in parsed(row, "assets")),
            int(row["created_at"]),
        )
