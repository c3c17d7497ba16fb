"""Tables of what the counter refers to: staff, price books, processors. Every change is a new revision of the row.

They are as they are now; what the database itself refuses is in the migration.
"""

from __future__ import annotations

import sqlalchemy as sa

from kiosk.store.tables import revised, text, whole

STAFF = revised(
    "staff",
    "staff",
    *map(text, ("name", "role", "certificate_until", "pin_hash")),
    whole("level"),
    sa.Column("retired", sa.Boolean, nullable=False),
)
"""Members of staff; the PIN only as Argon2id. Who has retired gets no further revision."""

PRICE_BOOKS = revised(
    "price_books",
    "version",
    *map(text, ("state", "proposer", "approver")),
    whole("valid_from_ms"),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
"""``content`` is :mod:`recycling.price_book_csv`'s. An adopted one was approved by somebody else than its proposer and
gets no further revision.
"""

PROCESSORS = revised(
    "processors",
    "processor",
    *map(
        text,
        ("name", "name_zh", "name_en", "licence", "licence_until", "categories", "public_key", "address"),
    ),
)
"""Listed processors; ``categories`` separated by spaces."""
