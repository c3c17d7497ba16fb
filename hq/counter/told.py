"""One entry as the counter's projection reads it: every field may be missing, foreign or of another type."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

MAX_TEXT = 80
MAX_LIST = 64
MAX_COUNT = 10**9
"""More than any mass in g and any amount in fen; the pages' sums over every row still are SQLite integers."""
MAX_MS = 2**53


@dataclass(frozen=True, slots=True)
class Told:
    """``subject``: ULID of the drop, trade, manifest or item; ``at_ms`` by the station's clock."""

    station: str
    subject: str
    kind: str
    actor: str
    at_ms: int
    body: Mapping[str, object]

    def text(self, name: str) -> str:
        """A short text, or an int as text; "" when there is none."""
        value = self.body.get(name)
        if type(value) is int:
            return str(value)[:MAX_TEXT]
        return value[:MAX_TEXT] if isinstance(value, str) else ""

    def count(self, name: str) -> int | None:
        """A whole number from 0, or the length of a list; None when there is none, or one that nothing can have."""
        value = self.body.get(name)
        if isinstance(value, list):
            return len(value)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
            return int(value)
        most = MAX_MS if name.endswith("_ms") else MAX_COUNT
        return value if type(value) is int and 0 <= value <= most else None

    def yes(self, name: str) -> bool:
        """Whether a flag is set."""
        return bool(self.body.get(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """The short texts of a list; one text counts as a list of one."""
        value = self.body.get(name)
        if isinstance(value, str) and value:
            return (value[:MAX_TEXT],)
        if not isinstance(value, list):
            return ()
        return tuple(item[:MAX_TEXT] for item in value[:MAX_LIST] if isinstance(item, str))


def put(
    connection: sqlite3.Connection, table: str, key: Mapping[str, object], values: Mapping[str, object]
) -> None:
    """Insert or change one row; table and columns are our own names."""
    columns = [*key, *values]
    marks = ", ".join("?" * len(columns))
    change = ", ".join(f"{name} = excluded.{name}" for name in values)
    connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - our own names
        f" ON CONFLICT ({', '.join(key)}) DO {f'UPDATE SET {change}' if change else 'NOTHING'}",
        (*key.values(), *values.values()),
    )


def change(
    connection: sqlite3.Connection, table: str, key: Mapping[str, object], values: Mapping[str, object]
) -> None:
    """Change one row, if it is there."""
    changes = ", ".join(f"{name} = ?" for name in values)
    where = " AND ".join(f"{name} = ?" for name in key)
    connection.execute(
        f"UPDATE {table} SET {changes} WHERE {where}",  # noqa: S608 - our own names
        (*values.values(), *key.values()),
    )


def note(connection: sqlite3.Connection, told: Told, table: str, column: str) -> bool:
    """Count the entry with its subject's row, if ``table`` has one; whether it has."""
    changed = connection.execute(
        f"UPDATE {table} SET entries = entries + 1, last_ms = ?, last_kind = ?"  # noqa: S608 - our own names
        f" WHERE station = ? AND {column} = ?",
        (told.at_ms, told.kind, told.station, told.subject),
    )
    return bool(changed.rowcount)
