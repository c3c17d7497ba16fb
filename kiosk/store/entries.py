"""Writes ledger entries inside a transaction of the station's database, and keeps the key of its digests."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

import ledger.store
from kiosk.errors import StoreError
from kiosk.flow.book import Mark
from kiosk.flow.effects import Keyed, Record
from kiosk.ports import Clock
from kiosk.store.database import Database, raw_of
from kiosk.store.process import boot_id, clock_state
from kiosk.store.tables import SECRETS
from ledger.errors import LedgerError
from ledger.store import Draft, Stamp

_DIGEST_KEY = "digest"
_DIGEST_HEX = 16


class Entries:
    """One per book. ``on_commit`` is told the new head by :meth:`told`, on the same thread."""

    def __init__(
        self, database: Database, clock: Clock, on_commit: Callable[[Mark], None] | None = None
    ) -> None:
        self._clock = clock
        self._on_commit = on_commit
        self._key = _digest_key(database)

    def append(self, connection: Connection, record: Record, subject: str = "") -> None:
        """One entry, in the caller's transaction. :class:`StoreError` for one outside the ledger's format."""
        body = {key: self._clear(value) for key, value in record.body.items()}
        stamp = Stamp(self._clock.wall_ms(), self._clock.mono_ms(), boot_id(), clock_state())
        try:
            ledger.store.append(raw_of(connection), Draft(record.kind, subject, record.actor, body), stamp)
        except LedgerError as exc:
            raise StoreError(f"the ledger refuses {record.kind}: {exc.detail}") from exc

    def digest(self, text: str) -> str:
        """A keyed digest: the same text gives the same digest at this station, and nobody else has it."""
        return hmac.new(self._key, text.encode("utf-8"), hashlib.sha256).hexdigest()[: 2 * _DIGEST_HEX]

    def told(self, mark: Mark) -> Mark:
        """After the commit."""
        if self._on_commit is not None:
            self._on_commit(mark)
        return mark

    def _clear(self, value: object) -> object:
        return self.digest(value.text) if isinstance(value, Keyed) else value


def head(connection: Connection) -> Mark:
    """The last entry."""
    found = ledger.store.head(raw_of(connection))
    return Mark(found.epoch, found.index)


def _digest_key(database: Database) -> bytes:
    with database.writing() as connection:
        row = connection.execute(sa.select(SECRETS.c.value).where(SECRETS.c.name == _DIGEST_KEY)).first()
        if row is not None:
            return bytes(row.value)
        key = secrets.token_bytes(32)
        connection.execute(sa.insert(SECRETS).values(name=_DIGEST_KEY, value=key))
        return key
