"""What the counter's pages and their API read: trade-ins, bins, drop-offs. Every list is bounded; nothing writes."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from hq.store import Store
from ledger.entry import MAX_INDEX

MAX_ROWS = 200
MAX_MOVES = 200
DAYS = 14
LIVE_BINS = 500
MOST_OF_ONE = 50

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade-in. Money in fen; ``imei`` from the acceptance on, ``imei_end`` before."""

    station: str
    trade: str
    state: str
    begun_ms: int
    last_ms: int
    entries: int
    last_kind: str
    model: str
    imei: str
    imei_end: str
    repeat: int
    provisional: int
    stopped: str
    grade: str
    mass_g: int | None
    price_fen: int | None
    override: int
    book: str
    erasure: str
    method: str
    certificate: str
    verification: str
    seal: str
    payout: str
    settlement: str
    paid_fen: int | None
    voucher_fen: int | None
    place: str
    hold_ms: int | None


@dataclass(frozen=True, slots=True)
class Drop:
    """One drop-off of a person nobody knows. ``kept_g``: kept out of landfill."""

    station: str
    drop_id: str
    begun_ms: int
    last_ms: int
    entries: int
    last_kind: str
    items: int
    mass_g: int
    kept_g: int
    hazard: str
    abandoned: str


@dataclass(frozen=True, slots=True)
class Move:
    """One step of the chain of custody."""

    item: str
    trade: str
    drop_id: str
    origin: str
    place: str
    mass_g: int | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin at a station. ``items`` and ``mass_g`` are those whose last place is this bin."""

    station: str
    bin: int
    category: str
    state: str
    why: str
    fill_percent: int | None
    mass_g: int
    items: int
    since_ms: int
    emptied_ms: int | None


@dataclass(frozen=True, slots=True)
class Lot:
    """What lies at one other kind of place of a station: shelf, quarantine, drawer, parcel, with the carrier."""

    station: str
    kind: str
    items: int
    mass_g: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """A device of a dock that waits for a hand."""

    station: str
    what: str
    place: str
    since_ms: int


@dataclass(frozen=True, slots=True)
class Day:
    """The drop-offs of one day of the pages' zone."""

    begins_ms: int
    drops: int
    items: int
    mass_g: int
    kept_g: int
    hazards: int


@dataclass(frozen=True, slots=True)
class Prices:
    """The price book a station adopted last; it may begin later."""

    station: str
    book: str
    approvers: str
    adopted_ms: int


@dataclass(frozen=True, slots=True)
class Trades:
    """One page of trade-ins; ``older`` is where the next one starts, empty at the end."""

    trades: list[Trade]
    older: str = ""


def rows_of(made: type[Row], rows: list[sqlite3.Row]) -> list[Row]:
    """Each row as ``made``, whose fields are named as the columns."""
    names = [field.name for field in fields(made)]  # type: ignore[arg-type]
    return [made(**{name: row[name] for name in names}) for row in rows]


def shared(query: str, order: str) -> str:
    """``query`` in ``order``, with at most 50 rows of one station: none can crowd the others out of a list."""
    turn = f"row_number() OVER (PARTITION BY station ORDER BY {order}) AS turn"
    return f"SELECT * FROM (SELECT *, {turn} FROM ({query})) WHERE turn <= {MOST_OF_ONE} ORDER BY {order} LIMIT ?"  # noqa: S608


def _place(before: str) -> tuple[int, int]:
    begun, _, row = before.partition(".")
    if not (begun.isascii() and begun.isdigit() and row.isascii() and row.isdigit() and len(before) < 40):
        return (MAX_INDEX, MAX_INDEX)
    return min(int(begun), MAX_INDEX), min(int(row), MAX_INDEX)


def trades(store: Store, station: str = "", imei: str = "", before: str = "", limit: int = 50) -> Trades:
    """The newest trade-ins, or those after a page; ``imei`` in full or its last digits (four at least)."""
    limit = max(1, min(limit, MAX_ROWS))
    end = "%" + imei if imei.isascii() and imei.isdigit() and 4 <= len(imei) <= 15 else ""
    with store.read() as connection:
        rows = connection.execute(
            "SELECT *, rowid AS number FROM trades WHERE (? = '' OR station = ?)"
            " AND (? = '' OR imei LIKE ? OR (imei = '' AND length(?) = 4 AND imei_end = ?))"
            " AND (begun_ms, rowid) < (?, ?) ORDER BY begun_ms DESC, rowid DESC LIMIT ?",
            (station, station, imei, end, imei, imei, *_place(before), limit + 1),
        ).fetchall()
    last = rows[limit - 1] if len(rows) > limit else None
    older = "" if last is None else f"{last['begun_ms']}.{last['number']}"
    return Trades(rows_of(Trade, rows[:limit]), older)


def trade(store: Store, number: str, station: str = "") -> Trade | None:
    """One trade-in by its number."""
    with store.read() as connection:
        rows = connection.execute(
            "SELECT * FROM trades WHERE trade = ? AND (? = '' OR station = ?) ORDER BY station LIMIT 1",
            (number, station, station),
        ).fetchall()
    return next(iter(rows_of(Trade, rows)), None)


def drop(store: Store, number: str, station: str = "") -> Drop | None:
    """One drop-off by its number."""
    with store.read() as connection:
        rows = connection.execute(
            "SELECT * FROM drops WHERE drop_id = ? AND (? = '' OR station = ?) ORDER BY station LIMIT 1",
            (number, station, station),
        ).fetchall()
    return next(iter(rows_of(Drop, rows)), None)


def chain(store: Store, station: str, trade: str = "", drop: str = "") -> list[Move]:
    """Where the items of a trade-in or a drop-off have been, in order."""
    column, number = ("trade", trade) if trade else ("drop_id", drop)
    with store.read() as connection:
        rows = connection.execute(
            f"SELECT * FROM moves WHERE station = ? AND {column} = ? ORDER BY id LIMIT ?",  # noqa: S608 - our names
            (station, number, MAX_MOVES),
        ).fetchall()
    return rows_of(Move, rows)


def prices(store: Store) -> list[Prices]:
    """Which price book was adopted last where."""
    with store.read() as connection:
        rows = connection.execute("SELECT * FROM prices ORDER BY station LIMIT ?", (MAX_ROWS,)).fetchall()
    return rows_of(Prices, rows)


def bins(store: Store) -> list[Bin]:
    """Every bin known, by station; one that an item fell into counts even if it never told its state."""
    with store.read() as connection:
        rows = connection.execute(
            shared(
                "SELECT b.station, b.bin, b.category, b.state, b.why, b.fill_percent, b.since_ms, b.emptied_ms,"
                " coalesce(i.mass_g, b.mass_g, 0) AS mass_g, coalesce(i.items, 0) AS items FROM bins b"
                " LEFT JOIN (SELECT station, place, count(*) AS items, sum(mass_g) AS mass_g FROM items"
                " WHERE place LIKE 'bin:%' GROUP BY station, place) i"
                " ON i.station = b.station AND i.place = 'bin:' || b.bin",
                "station, bin",
            ),
            (LIVE_BINS,),
        ).fetchall()
    return rows_of(Bin, rows)


def lots(store: Store) -> list[Lot]:
    """What lies outside the bins and is not gone, by station and kind of place."""
    with store.read() as connection:
        rows = connection.execute(
            shared(
                "SELECT station, CASE WHEN instr(place, ':') THEN substr(place, 1, instr(place, ':') - 1)"
                " ELSE place END AS kind, count(*) AS items, coalesce(sum(mass_g), 0) AS mass_g FROM items"
                " WHERE place NOT LIKE 'bin:%' AND place NOT IN ('', 'gone', 'owner') GROUP BY 1, 2",
                "station, kind",
            ),
            (LIVE_BINS,),
        ).fetchall()
    return rows_of(Lot, rows)


def troubles(store: Store) -> list[Trouble]:
    """What waits for a hand at the docks."""
    with store.read() as connection:
        rows = connection.execute(shared("SELECT * FROM troubles", "since_ms DESC"), (MAX_ROWS,)).fetchall()
    return rows_of(Trouble, rows)


def days(store: Store, zone_name: str, now_ms: int, count: int = DAYS) -> list[Day]:
    """Drop-offs of the last ``count`` days, today first, by the stations' clocks; days without any are left out."""
    zone = ZoneInfo(zone_name)
    today = datetime.fromtimestamp(now_ms / 1000, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    found: list[Day] = []
    with store.read() as connection:
        for back in range(count):
            begins = today - timedelta(days=back)
            # Wall-clock arithmetic in the zone: a day may have 23 or 25 hours.
            begins_ms, ends_ms = (int(day.timestamp() * 1000) for day in (begins, begins + timedelta(days=1)))
            row = connection.execute(
                "SELECT count(*), coalesce(sum(items), 0), coalesce(sum(mass_g), 0), coalesce(sum(kept_g), 0),"
                " coalesce(sum(hazard <> ''), 0) FROM drops WHERE begun_ms >= ? AND begun_ms < ?",
                (begins_ms, ends_ms),
            ).fetchone()
            if row[0]:
                found.append(Day(begins_ms, *map(int, row)))
    return found


def drops(store: Store, limit: int = 20) -> list[Drop]:
    """The newest drop-offs."""
    with store.read() as connection:
        rows = connection.execute(
            "SELECT * FROM drops ORDER BY begun_ms DESC, rowid DESC LIMIT ?", (max(1, min(limit, MAX_ROWS)),)
        ).fetchall()
    return rows_of(Drop, rows)
