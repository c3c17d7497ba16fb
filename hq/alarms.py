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
    "our_error",  # headquarters itself failed over a message; it was left with the station
]

MAX_ALARMS = 1000
"""Different alarms of one station, and of all strangers together: nobody's noise hides another's alarm."""
MAX_EVIDENCE = 20
MAX_EVIDENCE_BYTES = 512 * 1024
"""Messages kept as evidence for each station, and the largest that is kept."""


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
    """Record an alarm in the caller's transaction; beyond :data:`MAX_ALARMS` only counts still rise."""
    at_ms = now_ms()
    updated = connection.execute(
        "UPDATE alarms SET times = times + 1, last_ms = ?, detail = ?"
        " WHERE station = ? AND kind = ? AND epoch = ? AND idx = ?",
        (at_ms, detail, station, kind, epoch, index),
    )
    if updated.rowcount:
        return
    stranger = kind == "unknown_station"
    held, kept_before = connection.execute(
        "SELECT count(*), count(evidence) FROM alarms"
        " WHERE (kind = 'unknown_station') = ? AND (? OR station = ?)",
        (stranger, stranger, station),
    ).fetchone()
    if held >= MAX_ALARMS:
        return
    keep = evidence is not None and len(evidence) <= MAX_EVIDENCE_BYTES and kept_before < MAX_EVIDENCE
    connection.execute(
        "INSERT INTO alarms (station, kind, epoch, idx, detail, first_ms, last_ms, times, evidence)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?)",
        (station, kind, epoch, index, detail, at_ms, at_ms, evidence if keep else None),
    )
