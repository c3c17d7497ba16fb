"""Tables of what the counter refers to: staff, price books, processors. Every change is a new revision of the row."""

from __future__ import annotations

import sqlalchemy as sa

from kiosk.store.tables import METADATA

STAFF = sa.Table(
    "staff",
    METADATA,
    sa.Column("staff", sa.String(16), primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(60), nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("certificate_until", sa.String(10), nullable=False),
    sa.Column("retired", sa.Boolean, nullable=False),
    sa.Column("pin_hash", sa.String(200), nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)
"""Members of staff; the PIN only as Argon2id. Who has retired gets no further revision."""

PRICE_BOOKS = sa.Table(
    "price_books",
    METADATA,
    sa.Column("version", sa.String(32), primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("valid_from_ms", sa.BigInteger, nullable=False),
    sa.Column("proposer", sa.String(16), nullable=False),
    sa.Column("approver", sa.String(16), nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)
"""``content`` is :mod:`recycling.price_book_csv`'s. An adopted one was approved by somebody else than its proposer and
gets no further revision.
"""

PROCESSORS = sa.Table(
    "processors",
    METADATA,
    sa.Column("processor", sa.String(32), primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("name_zh", sa.String(120), nullable=False),
    sa.Column("name_en", sa.String(120), nullable=False),
    sa.Column("licence", sa.String(120), nullable=False),
    sa.Column("licence_until", sa.String(10), nullable=False),
    sa.Column("categories", sa.String(80), nullable=False),
    sa.Column("public_key", sa.String(64), nullable=False),
    sa.Column("address", sa.String(120), nullable=False),
    sa.Column("at_ms", sa.BigInteger, nullable=False),
)
"""Listed processors; ``categories`` separated by spaces."""
