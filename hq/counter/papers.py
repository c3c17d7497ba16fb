"""What the pages read of manifests, the fraud queue and log-ins. Every list is bounded; nothing here writes."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from hq.commands import MANIFEST_ANSWER
from hq.counter.queries import MAX_ROWS, rows_of, shared
from hq.store import Store

MAX_ITEMS = 500
LEAST_G, LEAST_PERCENT = 50, 2
"""Sent and received may differ by the greater of these before it is a discrepancy."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One manifest. ``sent_g``: as sealed, or what is packed so far."""

    station: str
    manifest: str
    state: str
    begun_ms: int
    last_ms: int
    entries: int
    last_kind: str
    processor: str
    items: int
    sent_g: int
    lithium_g: int | None
    seals: str
    second: str
    carrier: str
    vehicle: str
    way: str
    received_g: int | None
    verdict: str
    accepted: int | None
    refused: int | None
    discrepancy: int
    revision: str
    revision_by: str

    @property
    def difference_g(self) -> int | None:
        """Received minus sent."""
        return None if self.received_g is None else self.received_g - self.sent_g

    @property
    def tolerance_g(self) -> int:
        """How far received may be from sent."""
        return max(LEAST_G, self.sent_g * LEAST_PERCENT // 100)

    @property
    def off(self) -> bool:
        """Whether the station says so, or the figures do."""
        difference_g = self.difference_g
        return bool(self.discrepancy) or (difference_g is not None and abs(difference_g) > self.tolerance_g)


@dataclass(frozen=True, slots=True)
class Item:
    """One item that was packed under a manifest."""

    item: str
    category: str
    hazard: str
    mass_g: int | None
    place: str
    trade: str
    drop_id: str


@dataclass(frozen=True, slots=True)
class Handed:
    """A processor's answer that headquarters handed to the station. ``state``: waiting, expired, done, refused."""

    by: str
    at_ms: int
    state: str
    why: str


@dataclass(frozen=True, slots=True)
class Flag:
    """Something to look at. ``subject_kind``: trade, drop, manifest or "" for a page of its own."""

    id: int
    station: str
    subject: str
    rule: str
    action: str
    detail: str
    at_ms: int
    looked_by: str
    looked_ms: int | None
    subject_kind: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Log-ins of one number that a station refused; ``locked`` of them ended in a wait."""

    station: str
    staff: str
    times: int
    locked: int
    last_ms: int


_MANIFEST = (
    "SELECT m.*, coalesce(m.mass_g, p.mass_g, 0) AS sent_g, p.items AS packed FROM manifests m LEFT JOIN"
    " (SELECT station, manifest, count(*) AS items, sum(mass_g) AS mass_g FROM items WHERE manifest <> ''"
    " GROUP BY station, manifest) p ON p.station = m.station AND p.manifest = m.manifest"
)


def _manifest(row: sqlite3.Row) -> Manifest:
    values = {name: row[name] for name in Manifest.__slots__ if name != "items"}
    return Manifest(**values, items=row["packed"] or 0 if row["items"] is None else row["items"])


def manifests(store: Store, limit: int = 100) -> list[Manifest]:
    """Those on their way first, newest first."""
    with store.read() as connection:
        rows = connection.execute(
            shared(_MANIFEST, "state = 'processed', begun_ms DESC"),
            (max(1, min(limit, MAX_ROWS)),),
        ).fetchall()
    return [_manifest(row) for row in rows]


def manifest(store: Store, number: str, station: str = "") -> Manifest | None:
    """One manifest by its number."""
    with store.read() as connection:
        row = connection.execute(
            f"{_MANIFEST} WHERE m.manifest = ? AND (? = '' OR m.station = ?) ORDER BY m.station LIMIT 1",
            (number, station, station),
        ).fetchone()
    return None if row is None else _manifest(row)


def items(store: Store, station: str, manifest: str) -> list[Item]:
    """What was packed under it, heaviest first."""
    with store.read() as connection:
        rows = connection.execute(
            "SELECT * FROM items WHERE station = ? AND manifest = ? AND manifest <> ''"
            " ORDER BY mass_g DESC, item LIMIT ?",
            (station, manifest, MAX_ITEMS),
        ).fetchall()
    return rows_of(Item, rows)


def handed(store: Store, station: str, manifest: str, now_ms: int) -> list[Handed]:
    """The answers that were handed over from here, newest first."""
    with store.read() as connection:
        rows = connection.execute(
            "SELECT requester AS by, created_ms AS at_ms, why, CASE WHEN outcome <> '' THEN outcome"
            " WHEN expires_ms > ? THEN 'waiting' ELSE 'expired' END AS state FROM commands"
            " WHERE station = ? AND action = ? AND json_extract(arguments, '$.manifest') = ?"
            " ORDER BY counter DESC LIMIT 20",
            (now_ms, station, MANIFEST_ANSWER, manifest),
        ).fetchall()
    return rows_of(Handed, rows)


def flags(store: Store, limit: int = 100) -> list[Flag]:
    """Those nobody has looked at first, the last to arrive first."""
    order = "looked_ms IS NOT NULL, id DESC"
    with store.read() as connection:
        rows = connection.execute(
            "SELECT f.*, CASE"  # noqa: S608 - our own words
            " WHEN EXISTS (SELECT 1 FROM trades t WHERE t.station = f.station AND t.trade = f.subject)"
            " THEN 'trade' WHEN EXISTS (SELECT 1 FROM drops d WHERE d.station = f.station"
            " AND d.drop_id = f.subject) THEN 'drop' WHEN EXISTS (SELECT 1 FROM manifests m"
            " WHERE m.station = f.station AND m.manifest = f.subject) THEN 'manifest' ELSE '' END"
            f" AS subject_kind FROM ({shared('SELECT * FROM flags', order)}) f ORDER BY {order}",
            (max(1, min(limit, MAX_ROWS)),),
        ).fetchall()
    return rows_of(Flag, rows)


def flags_of(store: Store, station: str, subject: str) -> list[Flag]:
    """Those of one trade-in, drop-off or manifest."""
    with store.read() as connection:
        rows = connection.execute(
            "SELECT *, '' AS subject_kind FROM flags WHERE station = ? AND subject = ? ORDER BY id LIMIT ?",
            (station, subject, MAX_ROWS),
        ).fetchall()
    return rows_of(Flag, rows)


def refusals(store: Store, since_ms: int) -> list[Refusal]:
    """Refused log-ins since then, most first."""
    with store.read() as connection:
        rows = connection.execute(
            shared(
                "SELECT station, staff, count(*) AS times, sum(kind = 'staff.locked') AS locked,"
                " max(at_ms) AS last_ms FROM refusals WHERE at_ms >= ? GROUP BY station, staff",
                "times DESC, last_ms DESC",
            ),
            (since_ms, MAX_ROWS),
        ).fetchall()
    return rows_of(Refusal, rows)
