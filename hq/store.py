"""Headquarters' database: one SQLite file. It opens, migrates nothing yet, and hands out transactions.

What stations sent lies in ``batches`` exactly as it came; every other table can be derived from it again.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hq.counter import tables
from hq.errors import StoreError

BUSY_MS = 10_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS stations (
    station TEXT PRIMARY KEY, key BLOB NOT NULL, pinned_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS presence (
    station TEXT PRIMARY KEY, online INTEGER NOT NULL, nonce BLOB NOT NULL, epoch TEXT NOT NULL,
    head INTEGER NOT NULL, acked INTEGER NOT NULL, at_ms INTEGER NOT NULL, received_ms INTEGER NOT NULL,
    skew_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS batches (
    id INTEGER PRIMARY KEY, station TEXT NOT NULL, epoch TEXT NOT NULL, first_index INTEGER NOT NULL,
    last_index INTEGER NOT NULL, topic TEXT NOT NULL, data BLOB NOT NULL, received_ms INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS batches_order ON batches (station, epoch, first_index);
CREATE TABLE IF NOT EXISTS entries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, station TEXT NOT NULL, epoch TEXT NOT NULL, idx INTEGER NOT NULL,
    hash BLOB NOT NULL, batch INTEGER NOT NULL REFERENCES batches (id), visit TEXT NOT NULL,
    kind TEXT NOT NULL, actor TEXT NOT NULL, wall_ms INTEGER NOT NULL, body BLOB, received_ms INTEGER NOT
    NULL, UNIQUE (station, epoch, idx));
CREATE INDEX IF NOT EXISTS entries_visit ON entries (visit, id) WHERE visit <> '';
CREATE INDEX IF NOT EXISTS entries_batch ON entries (batch);
CREATE TABLE IF NOT EXISTS watermarks (
    station TEXT NOT NULL, epoch TEXT NOT NULL, idx INTEGER NOT NULL, hash BLOB NOT NULL,
    since_ms INTEGER NOT NULL, PRIMARY KEY (station, epoch));
CREATE TABLE IF NOT EXISTS visits (
    station TEXT NOT NULL, visit TEXT NOT NULL, begun_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,
    closed_ms INTEGER, entries INTEGER NOT NULL, last_kind TEXT NOT NULL, model TEXT NOT NULL DEFAULT '',
    version_from TEXT NOT NULL DEFAULT '', version_to TEXT NOT NULL DEFAULT '',
    verdict TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '', counts TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (station, visit));
CREATE INDEX IF NOT EXISTS visits_begun ON visits (begun_ms);
CREATE INDEX IF NOT EXISTS visits_station ON visits (station, begun_ms);
CREATE INDEX IF NOT EXISTS visits_id ON visits (visit);
CREATE TABLE IF NOT EXISTS calls (
    id INTEGER PRIMARY KEY, station TEXT NOT NULL, epoch TEXT NOT NULL, idx INTEGER NOT NULL,
    visit TEXT NOT NULL, requested_ms INTEGER NOT NULL, by TEXT NOT NULL DEFAULT '',
    acknowledged_ms INTEGER, confirmed_ms INTEGER, UNIQUE (station, epoch, idx));
CREATE INDEX IF NOT EXISTS calls_open ON calls (requested_ms) WHERE acknowledged_ms IS NULL;
CREATE TABLE IF NOT EXISTS commands (
    id BLOB PRIMARY KEY, station TEXT NOT NULL, epoch TEXT NOT NULL, counter INTEGER NOT NULL,
    created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, requester TEXT NOT NULL, action TEXT NOT NULL,
    arguments TEXT NOT NULL, outcome TEXT NOT NULL DEFAULT '', why TEXT NOT NULL DEFAULT '',
    sent_nonce BLOB, UNIQUE (station, counter));
CREATE TABLE IF NOT EXISTS alarms (
    id INTEGER PRIMARY KEY, station TEXT NOT NULL, kind TEXT NOT NULL, epoch TEXT NOT NULL,
    idx INTEGER NOT NULL, detail TEXT NOT NULL, first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,
    times INTEGER NOT NULL, evidence BLOB, UNIQUE (station, kind, epoch, idx));
"""

# What was received is never changed and never removed; whoever edits the file instead is found by the audit.
_FIXED = tuple(
    f"CREATE TRIGGER IF NOT EXISTS {table}_{verb.lower()} BEFORE {verb} ON {table}"
    f" BEGIN SELECT RAISE(ABORT, 'what was received stays as it came'); END"
    for table in ("batches", "entries")
    for verb in ("UPDATE", "DELETE")
)


def now_ms() -> int:
    """UTC in milliseconds."""
    return time.time_ns() // 1_000_000


class Store:
    """One writer connection behind a lock; readers open their own. ``on_change`` runs after each commit."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._listeners: list[Callable[[], None]] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000
            )
            path.chmod(0o600)  # it holds people's names; the files beside it take this mode too
            self._writer.execute("PRAGMA journal_mode=WAL")
            # NORMAL does not fsync each commit, and a receipt is given right after the commit.
            self._writer.execute("PRAGMA synchronous=FULL")
            self._writer.execute("PRAGMA foreign_keys=ON")
            self._writer.executescript(_SCHEMA + tables.SCHEMA)
            for trigger in _FIXED:
                self._writer.execute(trigger)
        except (sqlite3.Error, OSError) as exc:
            raise StoreError(f"{path}: {exc}") from exc

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after every commit, on the committing thread."""
        self._listeners.append(listener)

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction; committed when the block ends, undone when it raises. :exc:`StoreError` on
        SQLite's.
        """
        with self._lock:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                try:
                    yield self._writer
                    self._writer.execute("COMMIT")
                finally:
                    # A COMMIT that fails (disk full) may leave the transaction open, and SQLite may have
                    # undone it by itself: whichever it was, the next one must be able to begin.
                    if self._writer.in_transaction:
                        self._writer.execute("ROLLBACK")
            except sqlite3.Error as exc:
                raise StoreError(f"headquarters' database: {exc}") from exc
        for listener in self._listeners:
            listener()

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A read-only connection with rows by name, one snapshot for the whole block."""
        try:
            connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=ro",
                uri=True,
                isolation_level=None,
                timeout=BUSY_MS / 1000,
            )
        except sqlite3.Error as exc:
            raise StoreError(f"{self.path}: {exc}") from exc
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("BEGIN")
            yield connection
        except sqlite3.Error as exc:
            raise StoreError(f"headquarters' database: {exc}") from exc
        finally:
            connection.close()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._writer.close()
