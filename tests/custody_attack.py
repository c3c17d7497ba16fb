"""Raw SQL against every table of the counter: what is written stays written, whoever holds the file."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

TABLES = (
    "drops",
    "items",
    "trades",
    "erasures",
    "settlements",
    "bins",
    "manifests",
    "intents",
    "slips",
    "shifts",
    "cash",
    "vouchers",
    "seals",
    "photos",
    "personal",
    "staff",
    "price_books",
    "processors",
    "ledger_leaves",
)


def every_table(path: Path) -> int:
    """UPDATE, DELETE and every spelling of REPLACE, on a row of each table that has one; how many tables had."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as raw:
        before = _all(raw)
        attacked = sum(_one(raw, table) for table in TABLES)
        assert _all(raw) == before
    return attacked


def _all(raw: sqlite3.Connection) -> dict[str, list[str]]:
    return {table: sorted(map(repr, raw.execute(f"SELECT * FROM {table}"))) for table in TABLES}


def _one(raw: sqlite3.Connection, table: str) -> int:
    row = raw.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()
    if row is None:
        return 0
    columns = [found[1] for found in raw.execute(f"PRAGMA table_info({table})")]
    key = columns[0]
    marks = ", ".join("?" * len(columns))
    for statement in (
        f"UPDATE {table} SET {columns[-1]} = {columns[-1]}",
        f"UPDATE OR REPLACE {table} SET {key} = {key}",
        f"UPDATE OR IGNORE {table} SET {key} = {key}",
        f"DELETE FROM {table}",
        f"DELETE FROM {table} WHERE {key} = (SELECT {key} FROM {table} LIMIT 1)",
    ):
        with pytest.raises(sqlite3.Error):
            raw.execute(statement)
    for verb in ("INSERT", "REPLACE", "INSERT OR REPLACE"):
        with pytest.raises(sqlite3.Error):
            raw.execute(f"{verb} INTO {table} VALUES ({marks})", row)
    return 1


def hidden_numbers(path: Path) -> list[str]:
    """Tables where a new id under another row's hidden number removes that row, and no trigger hears of it."""
    broken = []
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as raw:
        for table in TABLES:
            columns = [found[1] for found in raw.execute(f"PRAGMA table_info({table})")]
            before = raw.execute(f"SELECT count(*) FROM {table}").fetchone()
            with contextlib.suppress(sqlite3.Error):
                raw.execute(
                    f"INSERT OR REPLACE INTO {table} (rowid, {', '.join(columns)})"
                    f" SELECT rowid, {_fresh(columns)} FROM {table} LIMIT 1"
                )
                there = before != (0,) and raw.execute(f"SELECT count(*) FROM {table}").fetchone() == before
                broken += [table] if there else []
    return broken


def _fresh(columns: list[str]) -> str:
    return ", ".join(
        f"'X' || {name}" if at == 0 else "1" if name == "revision" else name
        for at, name in enumerate(columns)
    )
