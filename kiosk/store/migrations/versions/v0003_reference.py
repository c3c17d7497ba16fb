"""Staff, price books, processors: only new revisions, never another word in an old one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TABLES = {"staff": "staff", "price_books": "version", "processors": "processor"}
_ONLY_GROWS = (
    "CREATE TRIGGER TABLE_update BEFORE UPDATE ON TABLE BEGIN"
    " SELECT RAISE(ABORT, 'TABLE only get new revisions'); END",
    "CREATE TRIGGER TABLE_delete BEFORE DELETE ON TABLE BEGIN"
    " SELECT RAISE(ABORT, 'TABLE only get new revisions'); END",
    # REPLACE removes rows without firing a DELETE trigger, so the insert itself refuses a revision that exists.
    "CREATE TRIGGER TABLE_next BEFORE INSERT ON TABLE WHEN NEW.revision IS NOT"
    " (SELECT coalesce(max(revision), 0) + 1 FROM TABLE WHERE KEY = NEW.KEY)"
    " BEGIN SELECT RAISE(ABORT, 'TABLE only get the next revision'); END",
)


def upgrade() -> None:
    """Create the tables and what keeps them append-only. There is no way down."""
    _staff()
    _price_books()
    _processors()
    for table, key in _TABLES.items():
        for trigger in _ONLY_GROWS:
            op.execute(trigger.replace("TABLE", table).replace("KEY", key))
    op.execute(
        "CREATE TRIGGER staff_retired BEFORE INSERT ON staff"
        " WHEN EXISTS (SELECT 1 FROM staff WHERE staff = NEW.staff AND retired)"
        " BEGIN SELECT RAISE(ABORT, 'who has retired stays so'); END"
    )
    op.execute(
        "CREATE TRIGGER price_books_adopted BEFORE INSERT ON price_books"
        " WHEN EXISTS (SELECT 1 FROM price_books WHERE version = NEW.version AND state = 'adopted')"
        " BEGIN SELECT RAISE(ABORT, 'an adopted price book does not change'); END"
    )


def _staff() -> None:
    op.create_table(
        "staff",
        sa.Column("staff", sa.String(16), primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("certificate_until", sa.String(10), nullable=False),
        sa.Column("retired", sa.Boolean, nullable=False),
        sa.Column("pin_hash", sa.String(200), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.CheckConstraint("role IN ('technician', 'manager')"),
        sa.CheckConstraint("level BETWEEN 1 AND 3"),
        # Argon2id or nothing: a PIN in clear can never be stored. Who has retired has none.
        sa.CheckConstraint("CASE WHEN retired THEN pin_hash = '' ELSE pin_hash LIKE '$argon2id$%' END"),
        sqlite_with_rowid=False,
    )


def _price_books() -> None:
    op.create_table(
        "price_books",
        sa.Column("version", sa.String(32), primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("valid_from_ms", sa.BigInteger, nullable=False),
        sa.Column("proposer", sa.String(16), nullable=False),
        sa.Column("approver", sa.String(16), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.CheckConstraint("valid_from_ms >= 0"),
        sa.CheckConstraint("proposer <> ''"),
        sa.CheckConstraint(
            "(state = 'proposed' AND approver = '')"
            " OR (state = 'adopted' AND approver <> '' AND approver <> proposer)"
        ),
        sqlite_with_rowid=False,
    )


def _processors() -> None:
    op.create_table(
        "processors",
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
        sa.CheckConstraint("length(public_key) = 64"),
        sa.CheckConstraint("categories <> ''"),
        sqlite_with_rowid=False,
    )
