"""Everything the stand-in knows, in one SQLite file: survives kill -9, changes whole or not at all."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from infra.local.stripe.errors import Object

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, created INTEGER NOT NULL,
    due INTEGER, clock TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS of_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS due_next ON objects (clock, due) WHERE due IS NOT NULL;
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, at INTEGER NOT NULL, request TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
    request_id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, due INTEGER NOT NULL, attempts INTEGER NOT NULL,
    state TEXT NOT NULL, answer INTEGER);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
PENDING, HELD, DONE, DROPPED, GIVEN_UP = "pending", "held", "done", "dropped", "given_up"


class Rewrite(Protocol):
    """A change of stored bodies."""

    def apply(self, body: Object) -> bool:
        """Alters a body in place; says whether it did."""
        ...


class Store:
    """One database. Every use of it happens inside `transaction`, which is also the lock."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, and ValueError when the file is no use."""
        self._lock = threading.RLock()
        self._depth = 0
        self._erased = False
        path.touch(mode=0o600)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            # What is deleted is overwritten: an erased customer must not linger in free pages.
            self._db.execute("PRAGMA secure_delete=ON")
            self._db.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise ValueError(f"{path} cannot be used ({error}): restore it, or move {path.parent} away") from None

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block or nothing of it; nested blocks are part of the outer one."""
        with self._lock:
            outermost = self._depth == 0
            if outermost:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                if outermost:
                    self._db.execute("ROLLBACK")
                raise
            else:
                if outermost:
                    self._db.execute("COMMIT")
                    self._forget_log()
            finally:
                self._depth -= 1

    def _forget_log(self) -> None:
        """After an erasure the write-ahead log still holds what was there: it is written into the file and emptied."""
        if self._erased:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._erased = False

    def save(self, body: Object, due: int | None, clock: str) -> None:
        """Adds or replaces an object. `due`: when time will change it, in seconds; `clock`: whose time, "" for ours."""
        self._db.execute(
            "INSERT INTO objects (id, kind, created, due, clock, body) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET due = excluded.due, clock = excluded.clock, body = excluded.body",
            (body["id"], body["object"], body.get("created", 0), due, clock, json.dumps(body)),
        )

    def find(self, object_id: str) -> Object | None:
        row = self._db.execute("SELECT body FROM objects WHERE id = ?", (object_id,)).fetchone()
        return None if row is None else json.loads(row[0])

    def sequence(self, object_id: str) -> int | None:
        """The place of an object among all that were ever made."""
        row = self._db.execute("SELECT seq FROM objects WHERE id = ?", (object_id,)).fetchone()
        return None if row is None else int(row[0])

    def scan(
        self, kind: str, *, before: int | None = None, after: int | None = None, oldest_first: bool = False
    ) -> Iterator[Object]:
        """Objects of a kind, newest first unless asked; `before` and `after` are places."""
        order = "ASC" if oldest_first else "DESC"
        rows = self._db.execute(
            f"SELECT body FROM objects WHERE kind = ? AND seq < ? AND seq > ? ORDER BY seq {order}",  # noqa: S608
            (kind, 2**62 if before is None else before, -1 if after is None else after),
        )
        for (body,) in rows:
            yield json.loads(body)

    def first_due(self, clock: str, until: int) -> tuple[Object, int] | None:
        """What time changes next on a clock, and when."""
        row = self._db.execute(
            "SELECT body, due FROM objects WHERE clock = ? AND due <= ? ORDER BY due, seq LIMIT 1", (clock, until)
        ).fetchone()
        return None if row is None else (json.loads(row[0]), int(row[1]))

    def rewrite(self, change: Rewrite) -> None:
        """Puts every object, stored answer and event through `change`; used for erasure only."""
        self._erased = True
        for table, column in (("objects", "id"), ("answers", "key")):
            for key, text in self._db.execute(f"SELECT {column}, body FROM {table}").fetchall():  # noqa: S608
                body = json.loads(text)
                if change.apply(body):
                    self._db.execute(
                        f"UPDATE {table} SET body = ? WHERE {column} = ?",  # noqa: S608
                        (json.dumps(body), key),
                    )

    def setting(self, name: str, default: Any) -> Any:
        row = self._db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return default if row is None else json.loads(row[0])

    def set(self, name: str, value: Any) -> None:
        self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value)))

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """One statement on the tables of answers and deliveries; their modules own these."""
        return self._db.execute(statement, values).fetchall()
