"""Does each entry follow the one before it? Pure: leaves in, verdict out. It checks no signatures."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from ledger import entry as entries_of
from ledger import store
from ledger.entry import NO_ENTRY, Entry
from ledger.errors import ChainError, MalformedError

PAGE = 2000


@dataclass(frozen=True, slots=True)
class Link:
    """One leaf that was found to follow its predecessor. ``body_bytes`` None: deleted by retention."""

    entry: Entry
    hash: bytes
    body_bytes: bytes | None


@dataclass(slots=True)
class Chain:
    """Walks one station's epoch in order, from ``(index, hash)``; by default from its beginning."""

    station: str
    epoch: str
    index: int = 0
    hash: bytes | None = NO_ENTRY  # None: the predecessor is not known here, so it is not compared

    def follow(self, leaf: bytes, body: bytes | None) -> Link:
        """Check and step onto ``leaf``; :exc:`ChainError` names the first thing that does not fit."""
        entry = entries_of.decode(leaf)
        if entry.station != self.station:
            raise ChainError(f"entry {entry.index} is of station {entry.station}, not {self.station}")
        if entry.epoch != self.epoch:
            raise ChainError(f"entry {entry.index} is of another epoch")
        if entry.index != self.index + 1:
            raise ChainError(f"entry {entry.index} stands where {self.index + 1} belongs")
        if self.hash is not None and entry.prev != self.hash:
            raise ChainError(f"entry {entry.index} does not follow entry {self.index}: its prev differs")
        if body is not None and entries_of.body_hash(body) != entry.body_hash:
            raise ChainError(f"entry {entry.index} has another body than it was written with")
        self.index = entry.index
        self.hash = entries_of.leaf_hash(leaf)
        return Link(entry, self.hash, body)


@dataclass(frozen=True, slots=True)
class Report:
    """What a check of one ledger found. ``fault`` is empty when the whole chain holds."""

    station: str
    epoch: str
    entries: int
    verified: int
    bodies_deleted: int
    head_hash: bytes
    fault: str = ""


def _rows(connection: sqlite3.Connection) -> Iterable[tuple[int, bytes, bytes, bytes | None]]:
    after = 0
    while True:
        rows = connection.execute(
            "SELECT l.idx, l.leaf, l.hash, b.body FROM ledger_leaves l LEFT JOIN ledger_bodies b"
            " ON b.idx = l.idx WHERE l.idx > ? ORDER BY l.idx LIMIT ?",
            (after, PAGE),
        ).fetchall()
        if not rows:
            return
        yield from ((i, bytes(leaf), bytes(h), None if b is None else bytes(b)) for i, leaf, h, b in rows)
        after = rows[-1][0]


def check(connection: sqlite3.Connection) -> Report:
    """Walk the whole ledger of this database and stop at the first entry that does not hold."""
    station, epoch = store.station_of(connection), store.head(connection).epoch
    chain = Chain(station, epoch)
    entries = int(connection.execute("SELECT count(*) FROM ledger_leaves").fetchone()[0])
    deleted, fault = 0, ""
    for index, leaf, digest, body in _rows(connection):
        try:
            link = chain.follow(leaf, body)
        except (MalformedError, ChainError) as exc:
            fault = f"entry {index}: {exc.detail}"
            break
        if link.hash != digest:
            fault = f"entry {index}: its stored hash is not the hash of its bytes"
            break
        deleted += body is None
    verified = chain.index if not fault else min(chain.index, index - 1)
    return Report(station, epoch, entries, verified, deleted, chain.hash or NO_ENTRY, fault)
