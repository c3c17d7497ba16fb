"""Opens the station's one SQLite file: durable, shared by processes, migrated. It knows no table.

WAL with synchronous=FULL syncs every commit; writers begin with BEGIN IMMEDIATE and wait their turn.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

import ledger.store
from kiosk.errors import StoreError
from kiosk.store import migrations

FILE = "station.db"
BUSY_TIMEOUT_MS = 20_000
_MIGRATIONS = Path(migrations.__path__[0])


class Database:
    """One per process. :meth:`writing` and :meth:`reading` may be used from any thread."""

    def __init__(self, folder: Path, station: str) -> None:
        self.path = folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._engine = _engine(self.path)
            self._prepare(folder, station)
        except (OSError, sa.exc.SQLAlchemyError, sqlite3.Error) as exc:
            raise StoreError(f"{self.path}: {_line(exc)}") from exc

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, begun IMMEDIATE; committed at the end or not at all."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except (sa.exc.SQLAlchemyError, sqlite3.Error) as exc:
            raise StoreError(f"{self.path}: {_line(exc)}") from exc

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with; nothing is locked."""
        try:
            with self._engine.connect().execution_options(read_only=True) as connection:
                yield connection
        except (sa.exc.SQLAlchemyError, sqlite3.Error) as exc:
            raise StoreError(f"{self.path}: {_line(exc)}") from exc

    def shrink_log(self) -> None:
        """Empty the write-ahead log, so that deleted personal data is nowhere in it. Best effort.

        What was committed before stands, so a failure is not raised; the next one to empty it succeeds.
        """
        with contextlib.suppress(sqlite3.Error), contextlib.closing(self.raw_connection()) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def raw_connection(self) -> sqlite3.Connection:
        """A connection of the standard library's in autocommit mode, for the ledger's outbox; close it."""
        connection = sqlite3.connect(self.path, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000)
        _set_up(connection)
        return connection

    def _prepare(self, folder: Path, station: str) -> None:
        # Two processes that start at once migrate one after the other.
        with (folder / "migrate.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            raw = self.raw_connection()
            raw.execute("PRAGMA journal_mode=WAL")
            raw.close()
            os.chmod(self.path, 0o600)
            with self._engine.begin() as connection:
                if _revision(raw_of(connection)) != newest_revision():
                    _migrate(connection)
                ledger.store.create(raw_of(connection), station)


def newest_revision() -> str:
    """Of the migrations, by the names of their files: v0004_guards.py is revision 0004."""
    return max(path.name[1:5] for path in (_MIGRATIONS / "versions").glob("v*.py"))


def _revision(raw: sqlite3.Connection) -> str:
    """The database's own; "" before its first migration."""
    if raw.execute("SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'").fetchone() is None:
        return ""
    row = raw.execute("SELECT version_num FROM alembic_version").fetchone()
    return "" if row is None else str(row[0])


def _migrate(connection: Connection) -> None:
    import alembic.command  # a third of what starting takes, and most starts migrate nothing
    import alembic.config
    import alembic.util

    config = alembic.config.Config()
    config.set_main_option("script_location", os.fspath(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        alembic.command.upgrade(config, "head")
    except alembic.util.CommandError as exc:
        raise StoreError(
            f"written by a later version of this program, which goes on with it ({exc})"
        ) from exc


def raw_of(connection: Connection) -> sqlite3.Connection:
    """The sqlite3 connection under SQLAlchemy's, in the same transaction."""
    raw = connection.connection.driver_connection
    if not isinstance(raw, sqlite3.Connection):
        raise StoreError("the database driver is not sqlite3")
    return raw


def _engine(path: Path) -> Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=os.fspath(path)), connect_args={"timeout": BUSY_TIMEOUT_MS / 1000}
    )

    @sa.event.listens_for(engine, "connect")
    def on_connect(raw: sqlite3.Connection, _record: object) -> None:
        # The driver's own idea of when to begin is switched off; on_begin says it.
        raw.isolation_level = None
        _set_up(raw)

    @sa.event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _set_up(connection: sqlite3.Connection) -> None:
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _line(exc: Exception) -> str:
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    origin: Any = getattr(exc, "orig", None)
    return str(origin or exc).splitlines()[0]
