"""Wrong PINs as they are kept over a restart: one row a number, gone with the next right PIN. It decides nothing."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from kiosk.flow.counter.things import Tries
from kiosk.store import codec
from kiosk.store.tables import PIN_TRIES


def keep(connection: Connection, tries: Tries) -> None:
    """In place of what was kept of that number."""
    connection.execute(sa.delete(PIN_TRIES).where(PIN_TRIES.c.number == tries.number))
    if tries.at_ms:
        connection.execute(sa.insert(PIN_TRIES).values(number=tries.number, content=codec.encode(tries)))


def kept(connection: Connection) -> Sequence[Tries]:
    """Of every number. :class:`kiosk.errors.StoreError` for what another version of this program wrote."""
    rows = connection.execute(sa.select(PIN_TRIES.c.content).order_by(PIN_TRIES.c.number))
    return [codec.decode_as(Tries, row.content) for row in rows]
