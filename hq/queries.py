"""What the pages and the API read. Every list is bounded; nothing here writes."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field

from hq.store import Store, now_ms
from ledger import entry as entries_of
from ledger.entry import MAX_INDEX
from ledger.errors import MalformedError

MAX_ROWS = 500
SILENT_AFTER_MS = 90_000
"""A station reports at least every 30 s; after three times that it counts as silent."""


@dataclass(frozen=True, slots=True)
class Station:
    """``state``: online, silent (connected but no sign of life), offline, never (pinned, never heard)."""

    station: str
    state: str
    seen_ms: int | None
    skew_ms: int
    epoch: str
    head: int  # entries it says it wrote
    held: int  # entries of that epoch held here
    visits: int
    open_calls: int


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit's row. ``verdict`` is empty while it runs."""

    station: str
    visit: str
    begun_ms: int
    last_ms: int
    closed_ms: int | None
    entries: int
    last_kind: str
    model: str
    version_from: str
    version_to: str
    verdict: str
    reason: str
    counts: dict[str, int]

    @property
    def seconds(self) -> float:
        """From the first entry to the last, by the station's clock."""
        return max(0.0, (self.last_ms - self.begun_ms) / 1000)


@dataclass(frozen=True, slots=True)
class Event:
    """One entry as a page shows it. ``body`` is None once retention has deleted it."""

    id: int  # order of arrival
    station: str
    index: int
    hash: str
    visit: str
    kind: str
    actor: str
    at_ms: int
    received_ms: int
    body: dict[str, object] | None


@dataclass(frozen=True, slots=True)
class Call:
    """A customer's call for the duty manager. ``state``: open, taken, shown (on its screen), refused."""

    id: int
    station: str
    visit: str
    requested_ms: int
    by: str
    acknowledged_ms: int | None
    confirmed_ms: int | None
    refused: str
    reachable: bool

    @property
    def state(self) -> str:
        """Where the call stands."""
        if self.acknowledged_ms is None:
            return "open"
        if self.confirmed_ms is not None:
            return "shown"
        return "refused" if self.refused else "taken"


@dataclass(frozen=True, slots=True)
class Alarm:
    """See :data:`hq.alarms.AlarmKind`."""

    id: int
    station: str
    kind: str
    detail: str
    index: int
    first_ms: int
    last_ms: int
    times: int


@dataclass(frozen=True, slots=True)
class Tally:
    """The numbers in the page's header."""

    open_calls: int = 0
    alarms: int = 0
    flags: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """One page of visits; ``older`` is where the next one starts, empty at the end."""

    visits: list[Visit] = field(default_factory=list)
    older: str = ""


def tally(store: Store) -> Tally:
    """Open calls, alarms, and flags nobody has looked at."""
    with store.read() as connection:
        calls = connection.execute("SELECT count(*) FROM calls WHERE acknowledged_ms IS NULL").fetchone()[0]
        alarms = connection.execute("SELECT count(*) FROM alarms").fetchone()[0]
        flags = connection.execute("SELECT count(*) FROM flags WHERE looked_ms IS NULL").fetchone()[0]
    return Tally(int(calls), int(alarms), int(flags))


def stations(store: Store) -> list[Station]:
    """Every pinned station, those that need a look first."""
    at_ms = now_ms()
    with store.read() as connection:
        rows = connection.execute(
            "SELECT s.station, p.online, p.received_ms, p.skew_ms, p.epoch, p.head, w.idx AS held,"
            " (SELECT count(*) FROM visits v WHERE v.station = s.station) AS visits,"
            " (SELECT count(*) FROM calls c WHERE c.station = s.station AND c.acknowledged_ms IS NULL)"
            " AS calls"
            " FROM stations s LEFT JOIN presence p ON p.station = s.station"
            " LEFT JOIN watermarks w ON w.station = p.station AND w.epoch = p.epoch"
            " ORDER BY s.station LIMIT ?",
            (MAX_ROWS,),
        ).fetchall()
    return [_station(row, at_ms) for row in rows]


def _station(row: sqlite3.Row, at_ms: int) -> Station:
    if row["online"] is None:
        state = "never"
    elif not row["online"]:
        state = "offline"
    else:
        state = "silent" if at_ms - row["received_ms"] > SILENT_AFTER_MS else "online"
    held = row["held"] or 0
    return Station(
        station=row["station"],
        state=state,
        seen_ms=row["received_ms"],
        skew_ms=row["skew_ms"] or 0,
        epoch=row["epoch"] or "",
        head=max(row["head"] or 0, held),
        held=held,
        visits=row["visits"],
        open_calls=row["calls"],
    )


def _visit(row: sqlite3.Row) -> Visit:
    return Visit(
        **{key: row[key] for key in row.keys() if key not in ("counts", "number")},  # noqa: SIM118 - a Row's keys
        counts=json.loads(row["counts"]),
    )


def _place(before: str) -> tuple[int, int]:
    """What an ``older`` says: a time and a row, because two visits may begin in the same millisecond."""
    begun, _, row = before.partition(".")
    if not (begun.isascii() and begun.isdigit() and row.isascii() and row.isdigit() and len(before) < 40):
        return (MAX_INDEX, MAX_INDEX)
    return min(int(begun), MAX_INDEX), min(int(row), MAX_INDEX)


def visits(store: Store, station: str = "", before: str = "", limit: int = 50) -> Page:
    """The newest visits, or those after a :class:`Page` that ended with ``older`` = ``before``."""
    limit = max(1, min(limit, MAX_ROWS))
    with store.read() as connection:
        rows = connection.execute(
            "SELECT *, rowid AS number FROM visits WHERE (? = '' OR station = ?) AND (begun_ms, rowid) < (?, ?)"
            " ORDER BY begun_ms DESC, rowid DESC LIMIT ?",
            (station, station, *_place(before), limit + 1),
        ).fetchall()
    last = rows[limit - 1] if len(rows) > limit else None
    older = "" if last is None else f"{last['begun_ms']}.{last['number']}"
    return Page([_visit(row) for row in rows[:limit]], older)


def visit(store: Store, number: str, station: str = "") -> Visit | None:
    """One visit by its id; the station only matters where two claim the same id."""
    with store.read() as connection:
        row = connection.execute(
            "SELECT * FROM visits WHERE visit = ? AND (? = '' OR station = ?) ORDER BY station LIMIT 1",
            (number, station, station),
        ).fetchone()
    return None if row is None else _visit(row)


def _event(row: sqlite3.Row) -> Event:
    try:
        body = None if row["body"] is None else entries_of.decode_body(bytes(row["body"]))
    except MalformedError:
        body = {}
    return Event(
        id=row["id"],
        station=row["station"],
        index=row["idx"],
        hash=bytes(row["hash"]).hex(),
        visit=row["visit"],
        kind=row["kind"],
        actor=row["actor"],
        at_ms=row["wall_ms"],
        received_ms=row["received_ms"],
        body=body,
    )


def events(store: Store, station: str, number: str, after_id: int = 0, limit: int = MAX_ROWS) -> list[Event]:
    """One visit's entries in the order they arrived, after ``after_id``."""
    with store.read() as connection:
        rows = connection.execute(
            "SELECT * FROM entries WHERE visit = ? AND station = ? AND id > ? ORDER BY id LIMIT ?",
            (number, station, after_id, max(1, min(limit, MAX_ROWS))),
        ).fetchall()
    return [_event(row) for row in rows]


def calls(store: Store, limit: int = 100) -> list[Call]:
    """Open calls first (oldest first), then the latest taken ones."""
    with store.read() as connection:
        rows = connection.execute(
            "SELECT c.*, coalesce(p.online, 0) AS online, (SELECT m.why FROM commands m"
            " WHERE m.station = c.station AND m.outcome = 'refused'"
            " AND json_extract(m.arguments, '$.call_index') = c.idx AND m.epoch = c.epoch) AS refused"
            " FROM calls c LEFT JOIN presence p ON p.station = c.station"
            " ORDER BY c.acknowledged_ms IS NOT NULL,"
            " CASE WHEN c.acknowledged_ms IS NULL THEN c.requested_ms ELSE -c.acknowledged_ms END LIMIT ?",
            (max(1, min(limit, MAX_ROWS)),),
        ).fetchall()
    return [
        Call(
            id=row["id"],
            station=row["station"],
            visit=row["visit"],
            requested_ms=row["requested_ms"],
            by=row["by"],
            acknowledged_ms=row["acknowledged_ms"],
            confirmed_ms=row["confirmed_ms"],
            refused=row["refused"] or "",
            reachable=bool(row["online"]),
        )
        for row in rows
    ]


def alarms(store: Store, limit: int = 100) -> list[Alarm]:
    """The latest alarms first."""
    with store.read() as connection:
        rows = connection.execute(
            "SELECT * FROM alarms ORDER BY last_ms DESC, id DESC LIMIT ?", (max(1, min(limit, MAX_ROWS)),)
        ).fetchall()
    return [
        Alarm(
            row["id"],
            row["station"],
            row["kind"],
            row["detail"],
            row["idx"],
            row["first_ms"],
            row["last_ms"],
            row["times"],
        )
        for row in rows
    ]
