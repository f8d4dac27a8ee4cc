"""Rows that must end by themselves: that they say when, and that they do. And open work that nobody would find."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from infra.fotogenic.checks.finding import Finding, Rule
from infra.fotogenic.checks.rows import TERMINAL, Row

HASH_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Life:
    """The members that a kind of row must have, and those that it must not have."""

    needs: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()


PERMANENT = Life()
BY_TTL = Life(needs=("ttl",))
BY_TTL_AND_READ = Life(needs=("ttl", "expires_at"))

#: Table → pattern of the row's name → what it must have. The first that fits counts; a row that none fits is unknown.
LIVES: Mapping[str, tuple[tuple[str, Life], ...]] = {
    "accounts": (
        ("profile", PERMANENT),
        ("address", PERMANENT),
        ("code", BY_TTL_AND_READ),
        ("session#*", BY_TTL_AND_READ),
        ("counter", BY_TTL),
    ),
    "uploads": (("upl_*", BY_TTL_AND_READ),),
    "generations": (
        ("request#*", BY_TTL_AND_READ),
        ("compat#*", BY_TTL_AND_READ),
        ("gen_*", PERMANENT),
        ("admission", PERMANENT),
    ),
    "billing": (
        ("event", BY_TTL),
        ("request#*", BY_TTL_AND_READ),
        *((name, PERMANENT) for name in ("customer", "account", "payment", "plan", "cursor", "top_*", "sub_*")),
        *((name, PERMANENT) for name in ("notice#*", "auto-top-up", "balance-alert")),
    ),
}


def life_of(table: str, name: str, lives: Mapping[str, tuple[tuple[str, Life], ...]] = LIVES) -> Life | None:
    """What a row of that table and name must have; None for a kind that was never declared."""
    return next((life for pattern, life in lives[table] if fnmatchcase(name, pattern)), None)


def check(table: str, owner: str, name: str, row: Row, *, now_seconds: int, grace_seconds: int) -> list[Finding]:
    """`owner` and `name` are the row's keys. A row may be there for the grace after its time, and no longer."""
    where = f"{table}:{shown(owner)}/{shown(name)}"
    life = life_of(table, name)
    if life is None:
        return [Finding(Rule.UNKNOWN_ROW, where, "is of no kind that says how long it lives")]
    found = [Finding(rule, where, what) for rule, what in _life(life, row)]
    if name.startswith("gen_"):
        found += [Finding(rule, where, what) for rule, what in _generation(row, now_seconds * 1000)]
    elif row.get("due_at") is not None and (late := now_seconds * 1000 - int(row["due_at"])) > FORGOTTEN_MILLIS:
        found.append(Finding(Rule.FORGOTTEN, where, f"is due and nobody has looked after it for {late // 60_000} min"))
    overdue = now_seconds - int(row["ttl"]) - grace_seconds if row.get("ttl") is not None else 0
    if overdue > 0:
        found.append(Finding(Rule.OVERDUE_ROW, where, f"is {overdue // 3600} h past its end and the grace"))
    return found


def _life(life: Life, row: Row) -> Iterator[tuple[Rule, str]]:
    missing = [member for member in life.needs if row.get(member) is None]
    if missing:
        yield Rule.NO_EXPIRY, f"has no {' and no '.join(missing)}"


#: Open work is looked at when its time has come; so long after it somebody should have.
FORGOTTEN_MILLIS = 3_600_000


def _generation(row: Row, now_millis: int) -> Iterator[tuple[Rule, str]]:
    status, indexed = row.get("status"), row.get("open") is not None and row.get("due_at") is not None
    if status in TERMINAL:
        if row.get("ttl") is None:
            yield Rule.NO_EXPIRY, f"{status} and has no ttl"
        if status == "succeeded" and row.get("expires_at") is None:
            yield Rule.NO_EXPIRY, "succeeded and its results have no expires_at"
        if row.get("open") is not None:
            yield Rule.FORGOTTEN, f"{status} and still listed as open"
    elif not indexed:
        yield Rule.FORGOTTEN, f"{status} and not in the index that the rescue reads"
    elif (late := now_millis - int(row["due_at"])) > FORGOTTEN_MILLIS:
        yield Rule.FORGOTTEN, f"{status} and nobody has looked after it for {late // 60_000} min"


def shown(key: str) -> str:
    """A key for a report: ids as they are, of a keyed hash only so much that the row can be found."""
    kind, separator, rest = key.partition("#")
    return f"{kind}{separator}{rest[:HASH_SHOWN]}…" if len(rest) > 40 else key
