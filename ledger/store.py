"""The ledger's tables in its caller's SQLite database: append, read, retention. It opens nothing and
commits nothing but its own creation, so that domain rows and their entry stand or fall in one transaction
of the caller's.

Call :func:`append` between the caller's ``BEGIN IMMEDIATE`` and ``COMMIT`` on a connection in autocommit mode
(``isolation_level=None``) with ``journal_mode=WAL`` and ``synchronous=FULL``.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass

from ledger import entry as entries_of
from ledger.entry import NO_ENTRY, Draft, Entry, Stamp
from ledger.errors import LedgerError, MalformedError

__all__ = [
    "Draft",
    "Entry",
    "Head",
    "Stamp",
    "Stored",
    "append",
    "count_bodies",
    "create",
    "entries",
    "forget_bodies",
    "head",
    "station_of",
]

MAX_READ = 10_000
"""Most entries that one :func:`entries` returns."""

# REPLACE removes rows without firing a DELETE trigger, so the insert itself must refuse an index that exists.
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS ledger_meta (id INTEGER PRIMARY KEY CHECK (id = 1),"
    " station TEXT NOT NULL, epoch TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS ledger_leaves (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL,"
    " hash BLOB NOT NULL, visit TEXT NOT NULL, kind TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS ledger_leaves_visit ON ledger_leaves (visit, idx)",
    "CREATE TABLE IF NOT EXISTS ledger_bodies (idx INTEGER PRIMARY KEY REFERENCES ledger_leaves (idx),"
    " body BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS ledger_receipt (id INTEGER PRIMARY KEY CHECK (id = 1),"
    " idx INTEGER NOT NULL, hash BLOB NOT NULL, at_ms INTEGER NOT NULL)",
    "CREATE TRIGGER IF NOT EXISTS ledger_leaves_append BEFORE INSERT ON ledger_leaves"
    " WHEN NEW.idx IS NOT (SELECT coalesce(max(idx), 0) + 1 FROM ledger_leaves)"
    " BEGIN SELECT RAISE(ABORT, 'the ledger only grows at its head'); END",
    "CREATE TRIGGER IF NOT EXISTS ledger_bodies_once BEFORE INSERT ON ledger_bodies"
    " WHEN NEW.idx IS NOT (SELECT max(idx) FROM ledger_leaves)"
    " OR EXISTS (SELECT 1 FROM ledger_bodies WHERE idx = NEW.idx)"
    " BEGIN SELECT RAISE(ABORT, 'a body comes with its entry and never again'); END",
    "CREATE TRIGGER IF NOT EXISTS ledger_meta_once BEFORE INSERT ON ledger_meta"
    " WHEN EXISTS (SELECT 1 FROM ledger_meta)"
    " BEGIN SELECT RAISE(ABORT, 'a ledger has one epoch'); END",
    *(
        f"CREATE TRIGGER IF NOT EXISTS {table}_{verb.lower()} BEFORE {verb} ON {table}"
        f" BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        for table, verb in (
            ("ledger_leaves", "UPDATE"),
            ("ledger_leaves", "DELETE"),
            ("ledger_bodies", "UPDATE"),
            ("ledger_meta", "UPDATE"),
            ("ledger_meta", "DELETE"),
        )
    ),
)


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log ends. ``index`` 0 and 32 zero bytes: nothing written yet. ``epoch`` is 32 hex digits."""

    epoch: str
    index: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """One entry as it lies in the database; ``body`` is None once retention has deleted it."""

    entry: Entry
    hash: bytes
    leaf: bytes
    body: dict[str, object] | None
    body_bytes: bytes | None


def create(connection: sqlite3.Connection, station: str) -> None:
    """Make the tables, triggers and epoch where they are missing; :exc:`LedgerError` if it is another
    station's.

    Idempotent, and safe when two processes start at once. Runs inside the caller's transaction if one is
    open.
    """
    entries_of.check_station(station)
    if connection.in_transaction:
        _create(connection, station)
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _create(connection, station)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _create(connection: sqlite3.Connection, station: str) -> None:
    for statement in _SCHEMA:
        connection.execute(statement)
    row = connection.execute("SELECT station FROM ledger_meta").fetchone()
    if row is None:
        epoch = os.urandom(entries_of.EPOCH_BYTES).hex()
        connection.execute("INSERT INTO ledger_meta VALUES (1, ?, ?)", (station, epoch))
        connection.execute("INSERT INTO ledger_receipt VALUES (1, 0, ?, 0)", (NO_ENTRY,))
    elif row[0] != station:
        raise LedgerError(f"this ledger is of station {row[0]}, not {station}")


def _meta(connection: sqlite3.Connection) -> tuple[str, str]:
    try:
        row = connection.execute("SELECT station, epoch FROM ledger_meta").fetchone()
    except sqlite3.Error as exc:
        raise LedgerError(f"no ledger in this database: {exc}") from exc
    if row is None:
        raise LedgerError("no ledger in this database: it was never created")
    return str(row[0]), str(row[1])


def station_of(connection: sqlite3.Connection) -> str:
    """The station this ledger belongs to."""
    return _meta(connection)[0]


def head(connection: sqlite3.Connection) -> Head:
    """The end of the log."""
    _, epoch = _meta(connection)
    row = connection.execute("SELECT idx, hash FROM ledger_leaves ORDER BY idx DESC LIMIT 1").fetchone()
    return Head(epoch, 0, NO_ENTRY) if row is None else Head(epoch, int(row[0]), bytes(row[1]))


def append(connection: sqlite3.Connection, draft: Draft, stamp: Stamp) -> Entry:
    """Write one entry at the head, inside the caller's open transaction; it exists once the caller commits.

    Raises :exc:`LedgerError` without a transaction, :exc:`MalformedError` for a draft outside the format.
    """
    if not connection.in_transaction:
        raise LedgerError("append needs the caller's open transaction (BEGIN IMMEDIATE)")
    station, epoch = _meta(connection)
    last = head(connection)
    body = entries_of.encode_body(draft.body)
    entry = Entry(
        station=station,
        epoch=epoch,
        index=last.index + 1,
        prev=last.hash,
        wall_ms=stamp.wall_ms,
        mono_ms=stamp.mono_ms,
        boot_id=stamp.boot_id,
        clock_state=stamp.clock_state,
        visit=draft.visit,
        actor=draft.actor,
        kind=draft.kind,
        body_hash=entries_of.body_hash(body),
    )
    leaf = entries_of.encode(entry)
    connection.execute(
        "INSERT INTO ledger_leaves (idx, leaf, hash, visit, kind) VALUES (?, ?, ?, ?, ?)",
        (entry.index, leaf, entries_of.leaf_hash(leaf), entry.visit, entry.kind),
    )
    connection.execute("INSERT INTO ledger_bodies (idx, body) VALUES (?, ?)", (entry.index, body))
    return entry


def entries(
    connection: sqlite3.Connection, after_index: int = 0, limit: int = 500, visit: str | None = None
) -> list[Stored]:
    """Entries with an index above ``after_index`` in order, at most ``limit`` (never over 10,000)."""
    _meta(connection)
    rows = connection.execute(
        "SELECT l.leaf, l.hash, b.body FROM ledger_leaves l LEFT JOIN ledger_bodies b ON b.idx = l.idx"
        " WHERE l.idx > ? AND (? IS NULL OR l.visit = ?) ORDER BY l.idx LIMIT ?",
        (after_index, visit, visit, max(0, min(limit, MAX_READ))),
    )
    return [_stored(bytes(leaf), bytes(digest), body) for leaf, digest, body in rows]


def last_index(connection: sqlite3.Connection, visit: str) -> int:
    """Index of the last entry about ``visit``, 0 where there is none: what came first, whatever the clocks said."""
    query = "SELECT coalesce(max(idx), 0) FROM ledger_leaves WHERE visit = ?"
    return int(connection.execute(query, (visit,)).fetchone()[0])


def _stored(leaf: bytes, digest: bytes, body: bytes | None) -> Stored:
    read = None if body is None else entries_of.decode_body(bytes(body))
    return Stored(entries_of.decode(leaf), digest, leaf, read, None if body is None else bytes(body))


def forget_bodies(connection: sqlite3.Connection, visit: str) -> int:
    """Delete the bodies of one visit's entries, inside the caller's transaction; how many went.

    The leaves stay, so the chain still verifies. The bytes leave the file only with ``secure_delete=ON``
    and, after the commit, ``wal_checkpoint(TRUNCATE)``: both are the caller's. Refused while headquarters
    lacks the entries.
    """
    if not connection.in_transaction:
        raise LedgerError("forgetting needs the caller's open transaction")
    if not visit:
        raise MalformedError("forgetting needs a visit")
    waiting = connection.execute(
        "SELECT count(*) FROM ledger_leaves WHERE visit = ? AND idx > (SELECT idx FROM ledger_receipt)",
        (visit,),
    ).fetchone()[0]
    if waiting:
        raise LedgerError(f"{waiting} entries of this visit have not reached headquarters yet")
    cursor = connection.execute(
        "DELETE FROM ledger_bodies WHERE idx IN (SELECT idx FROM ledger_leaves WHERE visit = ?)", (visit,)
    )
    return cursor.rowcount


def count_bodies(connection: sqlite3.Connection, visit: str) -> int:
    """How many entries of ``visit`` still have their body."""
    row = connection.execute(
        "SELECT count(*) FROM ledger_bodies b JOIN ledger_leaves l ON l.idx = b.idx WHERE l.visit = ?",
        (visit,),
    ).fetchone()
    return int(row[0])
