"""Visits, their inventories, leases of bays, the station's secret."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the first tables. There is no way down: a station's database is never taken apart."""
    op.create_table(
        "visits",
        sa.Column("visit", sa.String(26), primary_key=True),
        sa.Column("bay", sa.String(200), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("open", sa.Boolean, nullable=False),
        sa.Column("began_ms", sa.BigInteger, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    # At most one open visit per bay, whichever process asks.
    op.create_index("one_open_visit_per_bay", "visits", ["bay"], unique=True, sqlite_where=sa.text("open"))
    op.create_table(
        "inventory",
        sa.Column("visit", sa.String(26), sa.ForeignKey("visits.visit"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("modified", sa.String(32), nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=True),
    )
    op.create_table(
        "leases",
        sa.Column("bay", sa.String(200), primary_key=True),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("boot_id", sa.String(64), nullable=False),
        sa.Column("token", sa.String(32), nullable=False),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
