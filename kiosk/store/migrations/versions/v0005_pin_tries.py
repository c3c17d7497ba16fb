"""Wrong PINs: a restart gives nobody another set of guesses. The only counter's table whose rows are overwritten."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table. There is no way down."""
    op.create_table(
        "pin_tries",
        sa.Column("number", sa.String(16), primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
