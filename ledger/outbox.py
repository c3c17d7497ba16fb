"""The ledger seen as the outbox: what lies between headquarters' last receipt and the head.

Nothing else remembers what was sent. It signs batches and keeps the receipt; it never publishes anything.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger import batch as batches
from ledger import store
from ledger.errors import LedgerError

Settled = Literal["moved", "same", "other_epoch", "not_ours"]
"""What a receipt did: moved the watermark, changed nothing, spoke of a database that this one replaced (so
everything here is still to be sent), or holds an entry that this ledger lacks (it was rolled back or
cloned)."""


class Receipt(Protocol):
    """What headquarters says it has committed: every entry of ``epoch`` up to ``index``, which hashes to
    ``hash``.
    """

    @property
    def epoch(self) -> str: ...
    @property
    def index(self) -> int: ...
    @property
    def hash(self) -> bytes: ...
    @property
    def at_ms(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Signed bytes ready for the topic they were signed for; indices are inclusive."""

    epoch: str
    first_index: int
    last_index: int
    data: bytes


class Outbox:
    """Reads the ledger for the reporter. Every call opens its own connection, so any thread may call."""

    def __init__(
        self, open_connection: Callable[[], sqlite3.Connection], station: str, key: Ed25519PrivateKey
    ) -> None:
        self._open = open_connection
        self._station = station
        self._key = key

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._open()
        except sqlite3.Error as exc:
            raise LedgerError(f"the station's database does not open: {exc}") from exc
        try:
            yield connection
        except sqlite3.Error as exc:
            raise LedgerError(f"the station's database: {exc}") from exc
        finally:
            connection.close()

    def next_batch(self, topic: str, after_index: int | None = None) -> Batch | None:
        """The entries after ``after_index`` (default: after the last receipt) for ``topic``; None at the
        head.
        """
        with self._connection() as connection:
            head = store.head(connection)
            after = self._watermark(connection) if after_index is None else after_index
            items: list[tuple[bytes, bytes | None]] = []
            size_bytes = 0
            for stored in store.entries(connection, after, batches.MAX_ENTRIES):
                size_bytes += len(stored.leaf) + len(stored.body_bytes or b"")
                if items and not batches.fits(size_bytes, len(items) + 1):
                    break
                items.append((stored.leaf, stored.body_bytes))
        if not items:
            return None
        data = batches.seal((self._station, head.epoch, after + 1), items, self._key, topic)
        return Batch(head.epoch, after + 1, after + len(items), data)

    def settle(self, receipt: Receipt) -> Settled:
        """Keep headquarters' receipt; its word counts, also when it is lower than the last one."""
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                outcome = self._settle(connection, receipt)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        return outcome

    def _settle(self, connection: sqlite3.Connection, receipt: Receipt) -> Settled:
        if receipt.epoch != store.head(connection).epoch:
            return "other_epoch"
        if receipt.index > 0:
            row = connection.execute(
                "SELECT hash FROM ledger_leaves WHERE idx = ?", (receipt.index,)
            ).fetchone()
            if row is None or bytes(row[0]) != receipt.hash:
                return "not_ours"
        if receipt.index == self._watermark(connection):
            return "same"
        connection.execute(
            "UPDATE ledger_receipt SET idx = ?, hash = ?, at_ms = ?",
            (receipt.index, receipt.hash, receipt.at_ms),
        )
        return "moved"

    def _watermark(self, connection: sqlite3.Connection) -> int:
        row = connection.execute("SELECT idx FROM ledger_receipt").fetchone()
        return 0 if row is None else int(row[0])

    def watermark(self) -> int:
        """The last index that headquarters holds; 0 when none."""
        with self._connection() as connection:
            return self._watermark(connection)

    def head(self) -> tuple[str, int]:
        """``(epoch, last index)`` of the ledger."""
        with self._connection() as connection:
            head = store.head(connection)
        return head.epoch, head.index
