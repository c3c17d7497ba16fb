"""What the pages show of entries: one row per visit, one per call, and the counter's. Derived; no evidence.

A body that does not have what a kind usually has is shown as far as it goes: the entry itself was verified
and is kept either way.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping

from hq.counter import custody
from hq.counter import projection as counter
from hq.counter.told import Told
from ledger import entry as entries_of
from ledger.errors import MalformedError
from ledger.verify import Link

MAX_TEXT = 80
COUNTS = ("before", "after", "identical", "hashed", "changed", "missing", "added", "unreadable")
"""Counts of the owner's objects, as the contract names them."""


def body_of(link: Link) -> dict[str, object]:
    """The body's map; empty when it was deleted or does not decode."""
    if link.body_bytes is None:
        return {}
    try:
        return entries_of.decode_body(link.body_bytes)
    except MalformedError:
        return {}


def apply(connection: sqlite3.Connection, link: Link) -> None:
    """Bring the derived rows up to this entry, inside the caller's transaction."""
    entry, body = link.entry, body_of(link)
    if counter.ours(connection, entry.kind, entry.station, entry.visit):
        told = Told(entry.station, entry.visit, entry.kind, entry.actor, entry.wall_ms, body)
        counter.apply(connection, told)
    elif entry.visit:
        _visit(connection, link, body)
    elif entry.kind == "station.started":
        custody.restarted(connection, entry.station)
    if entry.kind == "call.requested":
        connection.execute(
            "INSERT OR IGNORE INTO calls (station, epoch, idx, visit, requested_ms) VALUES (?, ?, ?, ?, ?)",
            (entry.station, entry.epoch, entry.index, entry.visit, entry.wall_ms),
        )
    elif entry.kind == "call.acknowledged":
        _confirm(connection, link, body)


def _text(body: Mapping[str, object], *names: str) -> str:
    for name in names:
        value = body.get(name)
        if isinstance(value, str) and value:
            return value[:MAX_TEXT]
    return ""


def counts_of(body: Mapping[str, object]) -> dict[str, int]:
    """The counts of the owner's objects in a body, wherever it keeps them."""
    for name in ("counts", "user_data"):
        inner = body.get(name)
        if isinstance(inner, dict):
            body = inner
            break
    found: dict[str, int] = {}
    for name in COUNTS:
        value = body.get(name)
        if type(value) is int and value >= 0:
            found[name] = value
    return found


def _visit(connection: sqlite3.Connection, link: Link, body: dict[str, object]) -> None:
    entry = link.entry
    connection.execute(
        "INSERT INTO visits (station, visit, begun_ms, last_ms, entries, last_kind) VALUES (?, ?, ?, ?, 1, ?)"
        " ON CONFLICT (station, visit) DO UPDATE SET entries = entries + 1, last_ms = excluded.last_ms,"
        " last_kind = excluded.last_kind",
        (entry.station, entry.visit, entry.wall_ms, entry.wall_ms, entry.kind),
    )
    facts = {"model": _text(body, "model", "product")}
    if entry.kind in {"plan.made", "visit.closed"}:
        facts |= {"version_from": _text(body, "from"), "version_to": _text(body, "to")}
    counts = counts_of(body)
    if entry.kind == "visit.closed":
        facts |= {"verdict": _text(body, "verdict"), "reason": _text(body, "reason")}
        connection.execute(
            "UPDATE visits SET closed_ms = ? WHERE station = ? AND visit = ?",
            (entry.wall_ms, entry.station, entry.visit),
        )
    if counts and entry.kind in {"inventory.compared", "visit.closed"}:
        facts["counts"] = json.dumps(counts)
    for column, value in facts.items():
        if value:
            connection.execute(
                f"UPDATE visits SET {column} = ? WHERE station = ? AND visit = ?",  # noqa: S608 - our own names
                (value, entry.station, entry.visit),
            )


def _confirm(connection: sqlite3.Connection, link: Link, body: dict[str, object]) -> None:
    """The station has shown the acknowledgement: settle that call, or every earlier one of the visit."""
    entry = link.entry
    call = body.get("call_index")
    # An index that no entry can have settles nothing; SQLite could not even be asked about it.
    exact = None if type(call) is not int else call if 0 < call <= entries_of.MAX_INDEX else 0
    connection.execute(
        "UPDATE calls SET confirmed_ms = ?, acknowledged_ms = coalesce(acknowledged_ms, ?),"
        " by = CASE WHEN by = '' THEN ? ELSE by END"
        " WHERE station = ? AND epoch = ? AND idx < ? AND confirmed_ms IS NULL"
        " AND (idx = ? OR (? IS NULL AND visit = ?))",
        (
            entry.wall_ms,
            entry.wall_ms,
            _text(body, "by"),
            entry.station,
            entry.epoch,
            entry.index,
            exact,
            exact,
            entry.visit,
        ),
    )
