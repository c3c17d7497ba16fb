"""The counter's book: things, entries and personal data of one command in one transaction. It decides nothing.

It matches :class:`kiosk.flow.counter.book.CounterBook`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from kiosk.flow.book import Mark
from kiosk.flow.counter.things import (
    CashMove,
    Change,
    Intent,
    PhotoSeen,
    Seal,
    Shift,
    Slip,
    Thing,
    Tries,
    Voucher,
)
from kiosk.ports import Clock
from kiosk.store import codec, personal, pin_tries
from kiosk.store.counter_rows import BY_KIND, row_of
from kiosk.store.counter_tables import (
    BINS,
    CASH,
    DROPS,
    ERASURES,
    INTENTS,
    ITEMS,
    MANIFESTS,
    PERSONAL_KEYS,
    PHOTOS,
    SETTLEMENTS,
    SHIFTS,
    SLIPS,
    TRADES,
    newest,
)
from kiosk.store.database import Database, raw_of
from kiosk.store.entries import Entries, head
from ledger.store import last_index
from recycling.bins import Bin
from recycling.custody import ENDS, Item
from recycling.drop_off import Drop
from recycling.erasure import Erasure
from recycling.manifest import ENDED as MANIFEST_ENDED
from recycling.manifest import Manifest
from recycling.settlement import Settlement
from recycling.trade import ENDED as TRADE_ENDED
from recycling.trade import Trade

_Kind = TypeVar("_Kind")

_NEVER_LIVE = (CashMove, Seal, PhotoSeen, Voucher)
assert all(kind in BY_KIND for kind in _NEVER_LIVE)


class CounterStore:
    """Every method may be called from any thread; ``on_commit`` is told the new head, on the same thread."""

    def __init__(
        self, database: Database, clock: Clock, on_commit: Callable[[Mark], None] | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._entries = Entries(database, clock, on_commit)

    # -- writing

    def commit(self, change: Change) -> Mark:
        """All of it or nothing. :class:`kiosk.errors.StoreError` where the database refuses."""
        with self._database.writing() as connection:
            for thing in change.things:
                _put(connection, thing)
            for secret in change.secrets:
                personal.keep(connection, secret, self._clock.wall_ms())
            for subject in change.forget:
                personal.forget(connection, subject)
            for tries in change.tries:
                pin_tries.keep(connection, tries)
            for note in change.notes:
                self._entries.append(connection, note.record, note.subject)
            mark = head(connection)
        if change.forget:
            self._database.shrink_log()
        return self._entries.told(mark)

    def digest(self, text: str) -> str:
        """A keyed digest: the same text gives the same digest at this station, and nobody else has it."""
        return self._entries.digest(text)

    # -- reading

    def live(self) -> Sequence[Thing]:
        """The newest state of everything that has not ended."""
        ended = [state.value for state in TRADE_ENDED]
        gone = [lodging.value for lodging in ENDS]
        over = [state.value for state in MANIFEST_ENDED]
        with self._database.reading() as connection:
            things: list[Thing] = []
            things += _read(connection, Bin, newest(BINS))
            things += _read(connection, Trade, newest(TRADES), TRADES.c.state.not_in(ended))
            trades = {thing.trade for thing in things if isinstance(thing, Trade)}
            things += [one for one in _read(connection, Erasure, newest(ERASURES)) if one.trade in trades]
            things += [
                one for one in _read(connection, Settlement, newest(SETTLEMENTS)) if one.trade in trades
            ]
            things += _read(connection, Item, newest(ITEMS), ITEMS.c.lodging.not_in(gone))
            things += _read(connection, Drop, newest(DROPS), DROPS.c.state != "ended")
            things += _read(connection, Manifest, newest(MANIFESTS), MANIFESTS.c.state.not_in(over))
            things += _read(connection, Intent, newest(INTENTS), INTENTS.c.state.in_(("open", "unclear")))
            things += _read(connection, Slip, newest(SLIPS), SLIPS.c.state != "printed")
            things += _read(connection, Shift, newest(SHIFTS), SHIFTS.c.open == 1)
        return things

    def tries(self) -> Sequence[Tries]:
        """Wrong PINs that no right one has followed."""
        with self._database.reading() as connection:
            return pin_tries.kept(connection)

    def reveal(self, subject: str, kind: str) -> bytes | None:
        """Personal data that was kept; None when there is none, or its key is gone."""
        with self._database.reading() as connection:
            return personal.reveal(connection, subject, kind)

    def trades_of(self, imei_digest: str) -> Sequence[Trade]:
        """Every trade-in of that phone, newest first."""
        return self._all(Trade, newest(TRADES), TRADES.c.imei_digest == imei_digest)[::-1]

    def trade(self, trade: str) -> Trade | None:
        """One trade-in, also one that has ended."""
        return self._one(Trade, newest(TRADES), TRADES.c.trade == trade)

    def manifest(self, manifest: str) -> Manifest | None:
        """One manifest, also one that has ended."""
        return self._one(Manifest, newest(MANIFESTS), MANIFESTS.c.manifest == manifest)

    def items_of(self, manifest: str) -> Sequence[Item]:
        """Every item that stands on a manifest now."""
        return self._all(Item, newest(ITEMS), ITEMS.c.manifest == manifest)

    def settlements(self, trade: str) -> Sequence[Settlement]:
        """Every payment asked for, oldest first."""
        return self._all(Settlement, newest(SETTLEMENTS), SETTLEMENTS.c.trade == trade)

    def voucher(self, voucher: str) -> Voucher | None:
        """One that was issued or redeemed here."""
        row = BY_KIND[Voucher]
        return self._one(Voucher, newest(row.table), row.id_column == voucher)

    def seal_used(self, seal: str) -> bool:
        """Whether a seal of that number was used."""
        row = BY_KIND[Seal]
        return self._one(Seal, row.id_column == seal) is not None

    def id_times(self, id_digest: str, since_ms: int) -> Sequence[int]:
        """When the same id was accepted."""
        found = self._all(
            Trade, newest(TRADES), TRADES.c.id_digest == id_digest, TRADES.c.accepted_ms >= since_ms
        )
        return [one.acceptance.at_ms for one in found if one.acceptance]

    def override_times(self, staff: str, since_ms: int) -> Sequence[int]:
        """When that member of staff set a price by hand, one for each trade-in."""
        with self._database.reading() as connection:
            query = (
                sa.select(sa.func.min(TRADES.c.at_ms))
                .where(TRADES.c.override_by == staff, TRADES.c.at_ms >= since_ms)
                .group_by(TRADES.c.trade)
            )
            return sorted(int(row[0]) for row in connection.execute(query))

    def photo_seen(self, digest: str, trade: str) -> bool:
        """Whether another trade has a photo of the same digest."""
        query = sa.select(PHOTOS.c.trade).where(PHOTOS.c.digest == digest, PHOTOS.c.trade != trade).limit(1)
        with self._database.reading() as connection:
            return connection.execute(query).first() is not None

    def packable(self, now_ms: int) -> Sequence[Item]:
        """Items that may go into a parcel. Held stock is not among them, whoever asks."""
        found = self._all(Item, newest(ITEMS), ITEMS.c.lodging.in_(("bin", "quarantine", "shelf")))
        free = self._all(
            Trade, newest(TRADES), TRADES.c.state == "released", TRADES.c.hold_until_ms <= now_ms
        )
        released = {one.trade for one in free}
        return [one for one in found if one.place.lodging != "shelf" or one.trade in released]

    def cash_fen(self, shift: str) -> int:
        """What moved through the drawer in that shift."""
        query = sa.select(sa.func.coalesce(sa.func.sum(CASH.c.amount_fen), 0)).where(CASH.c.shift == shift)
        with self._database.reading() as connection:
            return int(connection.execute(query).scalar_one())

    def cash_moves(self, shift: str) -> Sequence[CashMove]:
        """Each of them, oldest first."""
        return self._all(CashMove, CASH.c.shift == shift)

    def last_float_fen(self) -> int | None:
        """What was counted when the last shift was closed: the next one begins with it. None: there was none yet."""
        columns = (SHIFTS.c.shift, SHIFTS.c.counted_fen, SHIFTS.c.at_ms)
        query = sa.select(*columns).where(newest(SHIFTS), SHIFTS.c.open == 0)
        with self._database.reading() as connection:
            raw, closed = raw_of(connection), connection.execute(query).all()
            # A clock can be set back; the ledger's order is the order of writing.
            last = max(closed, key=lambda row: (last_index(raw, row.shift), row.at_ms), default=None)
        return None if last is None else int(last.counted_fen)

    def kept_subjects(self) -> Sequence[str]:
        """Every subject whose personal data can still be read."""
        with self._database.reading() as connection:
            return [row.subject for row in connection.execute(sa.select(PERSONAL_KEYS.c.subject))]

    def _all(self, kind: type[_Kind], *where: Any) -> list[_Kind]:
        with self._database.reading() as connection:
            return _read(connection, kind, *where)

    def _one(self, kind: type[_Kind], *where: Any) -> _Kind | None:
        found = self._all(kind, *where)
        return found[0] if found else None


def _read(connection: Connection, kind: type[_Kind], *where: Any) -> list[_Kind]:
    row = BY_KIND[kind]
    query = sa.select(row.table.c.content).where(*where).order_by(row.table.c.at_ms, row.id_column)
    return [codec.decode_as(kind, one.content) for one in connection.execute(query)]


def _put(connection: Connection, thing: Thing) -> None:
    row = row_of(thing)
    key = row.key(thing)
    last = connection.execute(
        sa.select(sa.func.max(row.table.c.revision)).where(row.id_column == key)
    ).scalar()
    values = {
        row.id_column.name: key,
        "revision": (last or 0) + 1,
        "at_ms": row.at_ms(thing),
        "content": codec.encode(thing),
        **row.columns(thing),
    }
    connection.execute(sa.insert(row.table).values(**values))
