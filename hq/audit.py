"""Proves again, from the stored bytes alone, what headquarters says it holds. It changes nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

from hq import registry
from hq.store import Store
from ledger import batch as batches
from ledger import cose
from ledger.entry import NO_ENTRY
from ledger.errors import LedgerError
from ledger.verify import Link

MAX_FAULTS = 20


@dataclass(frozen=True, slots=True)
class Count:
    """``verified`` entries of ``entries`` held hold again; ``missing`` is what stations wrote and is not
    held.
    """

    stations: int
    entries: int
    verified: int
    missing: int
    faults: tuple[str, ...] = ()  # the first twenty, one line each


@dataclass(slots=True)
class _Walk:
    """Where the walk over one station's epoch stands."""

    verified: int = 0
    faults: list[str] = field(default_factory=list)

    def fault(self, line: str) -> None:
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(line)


def count(store: Store) -> Count:
    """Verify every stored batch: signature, chain, link to the batch before, and each row against it."""
    walk = _Walk()
    with store.read() as connection:
        stations = int(connection.execute("SELECT count(*) FROM stations").fetchone()[0])
        entries = int(connection.execute("SELECT count(*) FROM entries").fetchone()[0])
        chains = connection.execute("SELECT DISTINCT station, epoch FROM entries").fetchall()
        for station, epoch in chains:
            _chain(connection, station, epoch, walk)
        missing = _missing(connection)
    return Count(stations, entries, walk.verified, missing, tuple(walk.faults))


def _chain(connection: sqlite3.Connection, station: str, epoch: str, walk: _Walk) -> None:
    key = registry.key_of(connection, station)
    if key is None:
        walk.fault(f"{station}: its key is not pinned any more")
        return
    previous = NO_ENTRY
    for batch in _batches(connection, station, epoch):
        rows = connection.execute(
            "SELECT idx, hash, visit, kind, actor, wall_ms, body FROM entries WHERE batch = ? ORDER BY idx",
            (batch["id"],),
        ).fetchall()
        try:
            opened = batches.unseal(bytes(batch["data"]), batch["topic"], cose.only(key))
        except LedgerError as exc:
            walk.fault(f"{station}: entries {batch['first_index']} to {batch['last_index']}: {exc.detail}")
            links: dict[int, Link] = {}
        else:
            mine = (opened.station, opened.epoch) == (station, epoch)
            links = {link.entry.index: link for link in opened.links} if mine else {}
        for row in rows:
            link = links.get(int(row["idx"]))
            if link is not None and _same(row, link) and link.entry.prev == previous:
                walk.verified += 1
            elif link is not None:
                walk.fault(f"{station}: entry {row['idx']} is not as it was received")
            previous = bytes(row["hash"])


def _batches(connection: sqlite3.Connection, station: str, epoch: str) -> Iterator[sqlite3.Row]:
    yield from connection.execute(
        "SELECT id, first_index, last_index, topic, data FROM batches WHERE station = ? AND epoch = ?"
        " ORDER BY last_index",
        (station, epoch),
    )


def _same(row: sqlite3.Row, link: Link) -> bool:
    """Whether the row that the pages read says what the signed bytes say."""
    entry = link.entry
    return (
        bytes(row["hash"]) == link.hash
        and (row["visit"], row["kind"], row["actor"], row["wall_ms"])
        == (entry.visit, entry.kind, entry.actor, entry.wall_ms)
        and row["body"] == link.body_bytes
    )


def _missing(connection: sqlite3.Connection) -> int:
    """Entries that exist at a station, by its own word or by a gap here, and are not held."""
    rows = connection.execute(
        "SELECT max(coalesce(e.last, 0), coalesce(p.head, 0)) - coalesce(e.held, 0) FROM"
        " (SELECT station, epoch FROM entries UNION SELECT station, epoch FROM presence) s"
        " LEFT JOIN (SELECT station, epoch, max(idx) AS last, count(*) AS held FROM entries"
        " GROUP BY station, epoch) e ON e.station = s.station AND e.epoch = s.epoch"
        " LEFT JOIN presence p ON p.station = s.station AND p.epoch = s.epoch"
    )
    return sum(int(row[0]) for row in rows)
