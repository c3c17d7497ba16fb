"""Opening the station's database: the newest schema is known by its file's name, and nothing is migrated twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from kiosk.errors import StoreError
from kiosk.store import migrations
from kiosk.store.database import Database, newest_revision


def test_the_newest_migration_is_named_for_its_revision() -> None:
    config = Config()
    config.set_main_option("script_location", os.fspath(Path(migrations.__path__[0])))
    assert ScriptDirectory.from_config(config).get_heads() == [newest_revision()]


def test_a_database_that_is_up_to_date_is_opened_without_the_migrations_library(tmp_path: Path) -> None:
    """It takes longer to load than the rest of a start."""
    said = (
        "import sys; from pathlib import Path; from kiosk.store.database import Database\n"
        "Database(Path(sys.argv[1]), 'shop-1').close(); print('alembic.command' in sys.modules)"
    )
    heard = [
        subprocess.run(
            [sys.executable, "-c", said, tmp_path], check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    ]
    assert heard == ["True\n", "False\n"]


def test_a_database_of_a_later_version_is_refused(tmp_path: Path) -> None:
    Database(tmp_path, "shop-1").close()
    database = Database(tmp_path, "shop-1")
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(StoreError, match="later version"):
        Database(tmp_path, "shop-1")
