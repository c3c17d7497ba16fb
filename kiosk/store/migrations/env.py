"""Run by Alembic with the station's open connection, in the transaction of :mod:`kiosk.store.database`."""

from __future__ import annotations

from alembic import context

from kiosk.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
