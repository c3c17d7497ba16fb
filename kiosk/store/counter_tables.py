"""The counter's tables as they are now (SQLAlchemy Core). Append-only: the newest revision of an id is its state.

The columns beside ``content`` are what the database itself checks and searches by; the triggers are in the migration.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from kiosk.store.tables import METADATA, revised, text, whole


def _table(name: str, key: str, *columns: sa.Column[Any]) -> sa.Table:
    content: sa.Column[Any] = sa.Column("content", sa.LargeBinary, nullable=False)
    return revised(name, key, *columns, content)


DROPS = _table("drops", "drop_off", text("state"))
ITEMS = _table(
    "items",
    "item",
    text("category"),
    text("hazard"),
    text("lodging"),
    text("place"),
    whole("mass_g"),
    text("trade"),
    text("manifest"),
)
TRADES = _table(
    "trades",
    "trade",
    text("state"),
    text("imei_digest"),
    whole("live"),
    text("id_digest"),
    whole("accepted_ms"),
    whole("signed"),
    whole("passing"),
    whole("checked_ms"),
    whole("provisional"),
    whole("price_fen"),
    whole("least_fen"),
    text("quoter"),
    whole("needs_second"),
    text("approver"),
    text("override_by"),
    text("certificate"),
    text("destroy"),
    text("seal"),
    whole("hold_until_ms"),
)
ERASURES = _table("erasures", "trade", text("state"), whole("attempt"))
SETTLEMENTS = _table(
    "settlements",
    "settlement",
    text("trade"),
    text("state"),
    text("method"),
    whole("amount_fen"),
    whole("receive_fen"),
)
BINS = _table("bins", "bin", text("state"), whole("mass_g"), whole("items"), text("second"))
MANIFESTS = _table("manifests", "manifest", text("state"), text("processor"), whole("mass_g"))
INTENTS = _table("intents", "intent", text("kind"), text("subject"), text("state"))
SLIPS = _table("slips", "slip", text("state"), text("subject"))
SHIFTS = _table("shifts", "shift", whole("open"), whole("counted_fen"))
CASH = _table("cash", "move", text("shift"), text("trade"), whole("amount_fen"))
VOUCHERS = _table("vouchers", "voucher", text("state"), text("trade"), whole("amount_fen"))
SEALS = _table("seals", "seal", text("subject"))
PHOTOS = _table("photos", "photo", text("digest"), text("trade"))

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
