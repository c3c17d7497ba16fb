"""The station's book: visits, inventories, leases and the ledger, each call one transaction.

It matches :class:`kiosk.flow.book.Book`. Rows and their ledger entries stand or fall together.
"""

from __future__ import annotations

import contextlib
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from kiosk.errors import BayTaken, StoreError
from kiosk.flow.book import Mark
from kiosk.flow.effects import CommitEffect, Forget, Keep, Record
from kiosk.flow.visit import Visit
from kiosk.ports import Clock
from kiosk.store import codec
from kiosk.store.database import Database
from kiosk.store.entries import Entries, head
from kiosk.store.process import Process, myself
from kiosk.store.tables import INVENTORY, LEASES, VISITS


@dataclass(frozen=True, slots=True)
class KeptObject:
    """One row of the inventory; matches :class:`kiosk.ports.UserObject`."""

    path: str
    size_bytes: int
    modified: str
    sha256: str | None


class Book:
    """Every method may be called from any thread; ``on_commit`` is told the new head, on the same thread."""

    def __init__(
        self, database: Database, clock: Clock, on_commit: Callable[[Mark], None] | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._entries = Entries(database, clock, on_commit)
        self._token = secrets.token_hex(8)

    # -- leases

    def lease(self, bay: str) -> None:
        """Take the bay; :class:`BayTaken` while another living process, or another Book, has it."""
        me = myself()
        with self._database.writing() as connection:
            row = connection.execute(sa.select(LEASES).where(LEASES.c.bay == bay)).first()
            if row is not None and self._is_others(row):
                raise BayTaken(f"bay {bay} is served by process {row.pid} already")
            connection.execute(sa.delete(LEASES).where(LEASES.c.bay == bay))
            values = {"pid": me.pid, "started": me.started, "boot_id": me.boot_id, "token": self._token}
            connection.execute(sa.insert(LEASES).values(bay=bay, **values))

    def release(self, bay: str) -> None:
        """Give the bay back."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(LEASES).where(LEASES.c.bay == bay, LEASES.c.token == self._token))

    def held_elsewhere(self) -> frozenset[str]:
        """Bays that another living process, or another Book, serves now."""
        with self._database.reading() as connection:
            rows = connection.execute(sa.select(LEASES)).all()
        return frozenset(row.bay for row in rows if self._is_others(row))

    # -- visits

    def commit(self, visit: Visit, effects: Sequence[CommitEffect]) -> Mark:
        """The visit's row, its inventory and its entries in one transaction; the new head of the ledger."""
        forgets = any(isinstance(effect, Forget) for effect in effects)
        with self._database.writing() as connection:
            self._put(connection, visit)
            for effect in effects:
                if isinstance(effect, Record):
                    self._entries.append(connection, effect, visit.visit)
                elif isinstance(effect, Keep):
                    self._keep(connection, visit.visit, effect)
                else:
                    connection.execute(sa.delete(INVENTORY).where(INVENTORY.c.visit == visit.visit))
            mark = head(connection)
        if forgets:
            self._database.shrink_log()
        return self._entries.told(mark)

    def record(self, record: Record, visit: str = "") -> Mark:
        """One entry by itself."""
        with self._database.writing() as connection:
            self._entries.append(connection, record, visit)
            mark = head(connection)
        return self._entries.told(mark)

    def head(self) -> Mark:
        """The last entry."""
        with self._database.reading() as connection:
            return head(connection)

    def inventory(self, visit: str) -> Sequence[KeptObject]:
        """What was kept of the owner's objects, in the order of the listing."""
        query = sa.select(INVENTORY).where(INVENTORY.c.visit == visit).order_by(INVENTORY.c.number)
        with self._database.reading() as connection:
            return [
                KeptObject(row.path, row.size_bytes, row.modified, row.sha256.hex() if row.sha256 else None)
                for row in connection.execute(query)
            ]

    def open_visits(self) -> Sequence[Visit]:
        """Visits that have not ended, oldest first. :class:`StoreError` if one cannot be read."""
        query = sa.select(VISITS.c.content).where(VISITS.c.open).order_by(VISITS.c.began_ms)
        with self._database.reading() as connection:
            return [codec.decode(row.content) for row in connection.execute(query)]

    def recent_models(self, since_ms: int) -> tuple[str, ...]:
        """Which phones came here since then (fastboot products), most frequent first: what to fetch ahead."""
        query = sa.select(VISITS.c.content).where(VISITS.c.began_ms >= since_ms)
        seen: Counter[str] = Counter()
        with self._database.reading() as connection:
            for row in connection.execute(query):
                # A visit that another version of this program wrote says nothing about tonight's downloads.
                with contextlib.suppress(StoreError):
                    seen[codec.decode(row.content).product] += 1
        return tuple(sorted(seen.keys() - {""}, key=lambda model: (-seen[model], model)))

    def digest(self, text: str) -> str:
        """A keyed digest: the same text gives the same digest at this station, and nobody else has it."""
        return self._entries.digest(text)

    # -- inside a transaction

    def _is_others(self, row: sa.Row[tuple[Any, ...]]) -> bool:
        return row.token != self._token and Process(row.pid, row.started, row.boot_id).alive

    def _put(self, connection: Connection, visit: Visit) -> None:
        values = {
            "bay": visit.bay,
            "state": visit.state.value,
            "open": not visit.finished,
            "changed_ms": self._clock.wall_ms(),
            "content": codec.encode(visit),
        }
        done = connection.execute(sa.update(VISITS).where(VISITS.c.visit == visit.visit).values(**values))
        if done.rowcount == 0:
            row = {"visit": visit.visit, "began_ms": visit.began_ms, **values}
            connection.execute(sa.insert(VISITS).values(**row))

    def _keep(self, connection: Connection, visit: str, keep: Keep) -> None:
        connection.execute(sa.delete(INVENTORY).where(INVENTORY.c.visit == visit))
        rows = [
            {
                "visit": visit,
                "number": number,
                "path": item.path,
                "size_bytes": item.size_bytes,
                "modified": item.modified[:32],
                "sha256": bytes.fromhex(item.sha256) if item.sha256 else None,
            }
            for number, item in enumerate(keep.objects)
        ]
        if rows:
            connection.execute(sa.insert(INVENTORY), rows)
