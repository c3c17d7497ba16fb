"""The station's tables as they are now (SQLAlchemy Core). The ledger's own tables belong to the ledger."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

METADATA = sa.MetaData()


def text(name: str) -> sa.Column[str]:
    """A column of text that is always there. The database knows no lengths; who writes keeps to its own."""
    return sa.Column(name, sa.Text, nullable=False)


def whole(name: str) -> sa.Column[int]:
    """A column of whole numbers that is always there."""
    return sa.Column(name, sa.BigInteger, nullable=False)


def revised(name: str, key: str, *columns: sa.Column[Any]) -> sa.Table:
    """An append-only table: the newest revision of an id is its state."""
    return sa.Table(
        name,
        METADATA,
        sa.Column(key, sa.Text, primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True),
        whole("at_ms"),
        *columns,
    )


VISITS = sa.Table(
    "visits",
    METADATA,
    sa.Column("visit", sa.String(26), primary_key=True),
    sa.Column("bay", sa.String(200), nullable=False),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("open", sa.Boolean, nullable=False),
    sa.Column("began_ms", sa.BigInteger, nullable=False),
    sa.Column("changed_ms", sa.BigInteger, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Index("one_open_visit_per_bay", "bay", unique=True, sqlite_where=sa.text("open")),
)
"""One row per visit; ``content`` is :mod:`kiosk.store.codec`'s CBOR of the whole state."""

INVENTORY = sa.Table(
    "inventory",
    METADATA,
    sa.Column("visit", sa.String(26), sa.ForeignKey("visits.visit"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("modified", sa.String(32), nullable=False),
    sa.Column("sha256", sa.LargeBinary(32), nullable=True),
)
"""Personal data: the paths of the owner's objects. Deleted, and overwritten, when the visit closes."""

LEASES = sa.Table(
    "leases",
    METADATA,
    sa.Column("bay", sa.String(200), primary_key=True),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("started", sa.BigInteger, nullable=False),
    sa.Column("boot_id", sa.String(64), nullable=False),
    sa.Column("token", sa.String(32), nullable=False),
)
"""Which process serves a bay. A lease dies with its process: pid, start time and boot must all match."""

SECRETS = sa.Table(
    "secrets",
    METADATA,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)

PIN_TRIES = sa.Table(
    "pin_tries",
    METADATA,
    sa.Column("number", sa.String(16), primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
"""Wrong PINs since the last right one, by staff number as typed; "" = at the keypad. A few dozen rows at most."""
