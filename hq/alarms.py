"""What must not happen and did: kept, counted, never mended. The same alarm again raises its count."""

from __future__ import annotations

import sqlite3
from typing import Literal

from hq.store import now_ms

AlarmKind = Literal[
    "tamper",  # an index that is already held came with another hash
    "fork",  # entries that do not follow what is held
    "signature",  # signed by another key, for another topic, or not at all
    "malformed",  # bytes that are not the format
    "unknown_station",  # nobody pinned a key for it
    "new_epoch",  # a known station begins another ledger
    "rolled_back",  # a station says its ledger is shorter than what is held
]

MAX_ALARMS = 10_000
MAX_EVIDENCE_BYTES = 512 * 1024


def sound(
    connection: sqlite3.Connection,
    station: str,
    kind: AlarmKind,
    detail: str,
    *,
    epoch: str = "",
    index: int = 0,
    evidence: bytes | None = None,
) -> None:
    """Record an alarm in the caller's transaction; beyond 10,000 different ones only counts still rise."""
    at_ms = now_ms()
    updated = connection.execute(
        "UPDATE alarms SET times = times + 1, last_ms = ?, detail = ?"
        " WHERE station = ? AND kind = ? AND epoch = ? AND idx = ?",
        (at_ms, detail, station, kind, epoch, index),
    )
    if updated.rowcount:
        return
    if connection.execute("SELECT count(*) FROM alarms").fetchone()[0] >= MAX_ALARMS:
        return
    kept = evidence if evidence is None or len(evidence) <= MAX_EVIDENCE_BYTES else None
    connection.execute(
        "INSERT INTO alarms (station, kind, epoch, idx, detail, first_ms, last_ms, times, evidence)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?)",
        (station, kind, epoch, index, detail, at_ms, at_ms, kept),
    )
