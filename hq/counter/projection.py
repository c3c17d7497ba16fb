"""Sorts the counter's entries to their rows. What it cannot read it leaves out; the entry itself is kept anyway."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping

from hq.counter import claims, custody, trades, watch
from hq.counter.told import Told, note

_ROOMS: Mapping[str, Callable[[sqlite3.Connection, Told], None]] = {
    **dict.fromkeys(("trade", "erase", "settlement", "voucher"), trades.apply),
    **dict.fromkeys(("drop", "item", "bin", "dock", "manifest", "revision"), custody.apply),
    **dict.fromkeys(("fraud", "staff", "price_book"), watch.apply),
}
KINDS = frozenset({*_ROOMS, "print", "shift", "cash", "claim", "processor"})
"""First words of the kinds that belong to the counter and never to an update's visit."""

_SUBJECTS = (("trades", "trade"), ("drops", "drop_id"), ("manifests", "manifest"))


def ours(connection: sqlite3.Connection, kind: str, station: str, subject: str) -> bool:
    """Whether an entry belongs to the counter: by its kind, or because its subject does (a call from a drop-off)."""
    if kind.partition(".")[0] in KINDS:
        return True
    return kind.startswith("call.") and any(
        connection.execute(
            f"SELECT 1 FROM {table} WHERE station = ? AND {column} = ?",  # noqa: S608 - our own names
            (station, subject),
        ).fetchone()
        for table, column in _SUBJECTS
    )


def apply(connection: sqlite3.Connection, told: Told) -> None:
    """Bring the counter's rows up to this entry, inside the caller's transaction."""
    room = _ROOMS.get(told.kind.partition(".")[0])
    if room is not None:
        room(connection, told)
    if told.subject:
        for table, column in _SUBJECTS:
            if note(connection, told, table, column):
                break
    imei = told.text("imei")
    if claims.is_imei(imei) and told.subject:
        connection.execute(
            "INSERT OR IGNORE INTO imeis (imei, station, subject) VALUES (?, ?, ?)",
            (imei, told.station, told.subject),
        )
