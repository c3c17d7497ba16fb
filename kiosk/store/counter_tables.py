"""The counter's tables as they are now (SQLAlchemy Core). Append-only: the newest revision of an id is its state.

The columns beside ``content`` are what the database itself checks and searches by; the triggers are in the migration.
"""

from __future__ import annotations

import sqlalchemy as sa

from kiosk.store.tables import METADATA


def _table(name: str, key: str, *columns: sa.Column[object], key_length: int = 40) -> sa.Table:
    return sa.Table(
        name,
        METADATA,
        sa.Column(key, sa.String(key_length), primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        *columns,
        sa.Column("content", sa.LargeBinary, nullable=False),
    )


def _text(name: str, length: int = 40) -> sa.Column[object]:
    return sa.Column(name, sa.String(length), nullable=False)


def _whole(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.BigInteger, nullable=False)


DROPS = _table("drops", "drop_off", _text("state"))
ITEMS = _table(
    "items",
    "item",
    _text("category"),
    _text("hazard"),
    _text("lodging"),
    _text("place", 80),
    _whole("mass_g"),
    _text("trade"),
    _text("manifest"),
)
TRADES = _table(
    "trades",
    "trade",
    _text("state"),
    _text("imei_digest"),
    _whole("live"),
    _text("id_digest"),
    _whole("accepted_ms"),
    _whole("signed"),
    _whole("passing"),
    _whole("checked_ms"),
    _whole("provisional"),
    _whole("price_fen"),
    _whole("least_fen"),
    _text("quoter"),
    _whole("needs_second"),
    _text("approver"),
    _text("override_by"),
    _text("certificate", 80),
    _text("destroy", 80),
    _text("seal"),
    _whole("hold_until_ms"),
)
ERASURES = _table("erasures", "trade", _text("state"), _whole("attempt"))
SETTLEMENTS = _table(
    "settlements",
    "settlement",
    _text("trade"),
    _text("state"),
    _text("method"),
    _whole("amount_fen"),
    _whole("receive_fen"),
)
BINS = _table("bins", "bin", _text("state"), _whole("mass_g"), _whole("items"), _text("second"))
MANIFESTS = _table("manifests", "manifest", _text("state"), _text("processor"), _whole("mass_g"))
INTENTS = _table("intents", "intent", _text("kind"), _text("subject", 64), _text("state"))
SLIPS = _table("slips", "slip", _text("state"), _text("subject"))
SHIFTS = _table("shifts", "shift", _whole("open"), _whole("counted_fen"))
CASH = _table("cash", "move", _text("shift"), _text("trade"), _whole("amount_fen"))
VOUCHERS = _table("vouchers", "voucher", _text("state"), _text("trade"), _whole("amount_fen"))
SEALS = _table("seals", "seal", _text("subject"), key_length=64)
PHOTOS = _table("photos", "photo", _text("digest", 64), _text("trade"), key_length=120)

PERSONAL = sa.Table(
    "personal",
    METADATA,
    sa.Column("subject", sa.String(40), primary_key=True),
    sa.Column("kind", sa.String(40), primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("nonce", sa.LargeBinary(12), nullable=False),
    sa.Column("ciphertext", sa.LargeBinary, nullable=False),
)
"""Personal data, AES-256-GCM under the subject's key; the ciphertext stays when the key has gone."""

PERSONAL_KEYS = sa.Table(
    "personal_keys",
    METADATA,
    sa.Column("subject", sa.String(40), primary_key=True),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
    sa.Column("key", sa.LargeBinary(32), nullable=False),
)
"""The only table of the counter that rows leave: destroying a key is forgetting a person."""


def newest(table: sa.Table) -> sa.ColumnElement[bool]:
    """Only the newest revision of each id."""
    key = next(iter(table.primary_key.columns)).name
    other = table.alias("newer")
    latest = sa.select(sa.func.max(other.c.revision)).where(other.c[key] == table.c[key]).scalar_subquery()
    return table.c.revision == latest
