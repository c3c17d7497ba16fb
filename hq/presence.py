"""Who is there: births, wills and health samples of the stations. It guesses nothing from silence."""

from __future__ import annotations

import sqlite3

from hq import alarms, journal
from hq.store import now_ms
from mqtt.messages import Presence


def record(connection: sqlite3.Connection, presence: Presence, live: bool) -> bool:
    """Keep ``presence`` inside the caller's transaction; True when it is news.

    ``live``: it was sent just now, so the difference of the clocks is the station's skew; a retained
    message says nothing of that. A will of an earlier connection than the last birth's is late and changes
    nothing.
    """
    row = connection.execute(
        "SELECT nonce, skew_ms, received_ms, epoch, head FROM presence WHERE station = ?",
        (presence.station,),
    ).fetchone()
    if row is not None and not presence.online and bytes(row[0]) != presence.nonce:
        return False
    same = row is not None and bytes(row[0]) == presence.nonce
    skew_ms = int(row[1]) if row is not None else 0
    # A retained birth that the broker repeats is no sign of life.
    received_ms = int(row[2]) if row is not None and same and not live else now_ms()
    if live and presence.online:
        skew_ms = presence.at_ms - received_ms
    # A will was written when its connection began, and a birth may come again: on one connection the ledger
    # only grows, so a smaller number is an older one.
    known = int(row[4]) if same and row[3] == presence.epoch else 0
    connection.execute(
        "INSERT OR REPLACE INTO presence VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            presence.station,
            presence.online,
            presence.nonce,
            presence.epoch,
            max(known, presence.head),
            presence.acked,
            presence.at_ms,
            received_ms,
            skew_ms,
        ),
    )
    if not same:
        _look_for_rollback(connection, presence)
    return True


def _look_for_rollback(connection: sqlite3.Connection, presence: Presence) -> None:
    held = journal.watermark(connection, presence.station, presence.epoch)
    if presence.online and presence.head < held.index:
        alarms.sound(
            connection,
            presence.station,
            "rolled_back",
            f"its ledger ends at {presence.head}, but {held.index} entries of it are held",
            epoch=presence.epoch,
        )
