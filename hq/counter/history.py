"""Everything that happened to a phone anywhere, by its IMEI. It reads entries and changes nothing."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

_SUBJECTS = (
    "FROM imeis i CROSS JOIN entries e ON e.visit = i.subject AND e.station = i.station"
    " WHERE i.imei = ? AND e.visit <> ''"
)
COUNT = f"SELECT count(*) {_SUBJECTS}"
NEWEST = f"SELECT e.id, e.station, e.visit, e.kind, e.actor, e.wall_ms {_SUBJECTS} ORDER BY e.id DESC LIMIT ?"


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the phone's history."""

    id: int  # order of arrival
    station: str
    subject: str
    kind: str
    actor: str
    at_ms: int


def of(connection: sqlite3.Connection, imei: str, limit: int) -> tuple[list[Line], int]:
    """The newest ``limit`` entries of every subject that names this IMEI, and how many there are."""
    count = connection.execute(COUNT, (imei,)).fetchone()[0]
    return [Line(*row) for row in connection.execute(NEWEST, (imei, limit))], int(count)
