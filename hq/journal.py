"""Takes one station's verified batch into the database, or says why not. Signatures were checked before.

Entries are held without gaps from 1 to a watermark per (station, epoch). What comes again is compared, not
stored; what comes too early is left to be sent again from the watermark.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Literal

from hq import alarms, projection
from ledger.batch import Opened
from ledger.entry import NO_ENTRY
from ledger.verify import Link

Outcome = Literal["stored", "known", "gap", "tamper", "fork"]


@dataclass(frozen=True, slots=True)
class Watermark:
    """Everything of ``epoch`` up to ``index``, which hashes to ``hash``, is held."""

    station: str
    epoch: str
    index: int
    hash: bytes


def watermark(connection: sqlite3.Connection, station: str, epoch: str) -> Watermark:
    """What is held of one station's epoch; index 0 when nothing is."""
    row = connection.execute(
        "SELECT idx, hash FROM watermarks WHERE station = ? AND epoch = ?", (station, epoch)
    ).fetchone()
    if row is None:
        return Watermark(station, epoch, 0, NO_ENTRY)
    return Watermark(station, epoch, int(row[0]), bytes(row[1]))


@dataclass(frozen=True, slots=True)
class Delivery:
    """The signed bytes a batch came in."""

    topic: str
    data: bytes
    received_ms: int


def take(connection: sqlite3.Connection, batch: Opened, delivery: Delivery) -> Outcome:
    """Store what is new of ``batch`` inside the caller's transaction."""
    held = watermark(connection, batch.station, batch.epoch)
    if batch.first_index > held.index + 1:
        return "gap"
    if _contradicts(connection, batch, held, delivery):
        return "tamper"
    new = [link for link in batch.links if link.entry.index > held.index]
    if not new:
        return "known"
    if new[0].entry.prev != held.hash:
        alarms.sound(
            connection,
            batch.station,
            "fork",
            f"entry {new[0].entry.index} does not follow the entry {held.index} that is held",
            epoch=batch.epoch,
            index=new[0].entry.index,
            evidence=delivery.data,
        )
        return "fork"
    if held.index == 0:
        _notice_epoch(connection, batch)
    _insert(connection, batch, new, delivery)
    return "stored"


def _contradicts(connection: sqlite3.Connection, batch: Opened, held: Watermark, delivery: Delivery) -> bool:
    """Whether ``batch`` says otherwise about an index that is held; sounds the alarm."""
    again = [link for link in batch.links if link.entry.index <= held.index]
    if not again:
        return False
    rows = connection.execute(
        "SELECT idx, hash FROM entries WHERE station = ? AND epoch = ? AND idx BETWEEN ? AND ?",
        (batch.station, batch.epoch, batch.first_index, again[-1].entry.index),
    )
    known = {int(index): bytes(digest) for index, digest in rows}
    for link in again:
        if known.get(link.entry.index) != link.hash:
            alarms.sound(
                connection,
                batch.station,
                "tamper",
                f"entry {link.entry.index} came again with other content",
                epoch=batch.epoch,
                index=link.entry.index,
                evidence=delivery.data,
            )
            return True
    return False


def _notice_epoch(connection: sqlite3.Connection, batch: Opened) -> None:
    before = connection.execute(
        "SELECT count(*) FROM watermarks WHERE station = ? AND epoch <> ?", (batch.station, batch.epoch)
    ).fetchone()[0]
    if before:
        alarms.sound(
            connection,
            batch.station,
            "new_epoch",
            "the station began a new ledger: its disk was replaced or its database removed",
            epoch=batch.epoch,
        )


def _insert(connection: sqlite3.Connection, batch: Opened, new: list[Link], delivery: Delivery) -> None:
    last = new[-1]
    cursor = connection.execute(
        "INSERT INTO batches (station, epoch, first_index, last_index, topic, data, received_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            batch.station,
            batch.epoch,
            batch.first_index,
            last.entry.index,
            delivery.topic,
            delivery.data,
            delivery.received_ms,
        ),
    )
    number = cursor.lastrowid
    connection.executemany(
        "INSERT INTO entries (station, epoch, idx, hash, batch, visit, kind, actor, wall_ms, body,"
        " received_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (_row(link, number, delivery.received_ms) for link in new),
    )
    connection.execute(
        "INSERT INTO watermarks VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (station, epoch) DO UPDATE SET idx = excluded.idx, hash = excluded.hash",
        (batch.station, batch.epoch, last.entry.index, last.hash, delivery.received_ms),
    )
    for link in new:
        projection.apply(connection, link)


def _row(link: Link, batch: int | None, received_ms: int) -> tuple[object, ...]:
    entry = link.entry
    return (
        entry.station,
        entry.epoch,
        entry.index,
        link.hash,
        batch,
        entry.visit,
        entry.kind,
        entry.actor,
        entry.wall_ms,
        link.body_bytes,
        received_ms,
    )
