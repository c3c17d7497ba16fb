"""A station that only keeps its ledger and reports: for tests of the wire and of headquarters."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ledger import cose, keys, store
from ledger.outbox import Outbox
from ledger.store import Draft, Entry, Stamp
from mqtt.messages import Command
from mqtt.reporter import Broker, Callbacks, Reporter

WAIT_S = 30.0


def open_ledger(path: Path) -> sqlite3.Connection:
    """As the kiosk opens it."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def write(
    connection: sqlite3.Connection, kind: str, visit: str = "", actor: str = "station", **body: object
) -> Entry:
    """One entry in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        entry = store.append(
            connection,
            Draft(kind, visit, actor, dict(body)),
            Stamp(time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000, "test-boot"),
        )
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return entry


class ReportingStation:
    """Its database, key and reporter. Ends in :meth:`close`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.database = folder / f"{name}.sqlite3"
        self.key = keys.load_or_create(folder / f"{name}.pem")
        self.public = folder / f"{name}.pub"
        keys.save_public(self.key.public_key(), self.public)
        self.connection = open_ledger(self.database)
        store.create(self.connection, name)
        self.outbox = Outbox(lambda: open_ledger(self.database), name, self.key)
        self.reporter: Reporter | None = None
        self.troubles: list[str] = []
        self.commands: list[Command] = []
        self._moved = threading.Condition()

    def report(
        self, port: int, hq_public: Path, on_command: Callable[[Command], str] | None = None
    ) -> Reporter:
        """Start to report to the broker on ``port``."""

        def commanded(command: Command) -> str:
            self.commands.append(command)
            return "" if on_command is None else on_command(command)

        self.reporter = Reporter(
            Broker("127.0.0.1", port, resend_s=1.0, health_s=5.0),
            self.name,
            self.outbox,
            sign=cose.signer(self.key),
            verify=cose.verifier(keys.load_public(hq_public)),
            callbacks=Callbacks(
                on_command=commanded, on_receipt=self._receipt, on_trouble=self.troubles.append
            ),
        )
        self.reporter.start()
        return self.reporter

    def _receipt(self, _index: int) -> None:
        with self._moved:
            self._moved.notify_all()

    def write(self, kind: str, visit: str = "", actor: str = "station", **body: object) -> Entry:
        """One entry, and a poke."""
        entry = write(self.connection, kind, visit, actor, **body)
        if self.reporter is not None:
            self.reporter.poke()
        return entry

    def wait_settled(self, timeout_s: float = WAIT_S) -> bool:
        """True once headquarters' receipt covers the head."""
        with self._moved:
            return self._moved.wait_for(lambda: self.outbox.watermark() == self.outbox.head()[1], timeout_s)

    def close(self) -> None:
        """Stop reporting."""
        if self.reporter is not None:
            self.reporter.stop()
        self.connection.close()
