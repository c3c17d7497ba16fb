"""Staff, price books and processors in the station's database, each change one transaction with its ledger entry.

It checks what it is given against the domain's rules; who may ask for a change is its caller's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from kiosk.errors import StoreError
from kiosk.flow.effects import Record
from kiosk.ports import Clock
from kiosk.store.database import Database
from kiosk.store.entries import Entries, head
from kiosk.store.reference_tables import PRICE_BOOKS, PROCESSORS, STAFF
from recycling import price_book_csv
from recycling import processor as processors_rules
from recycling.errors import RecyclingError, Refused
from recycling.goods import Category
from recycling.price_book import PriceBook
from recycling.price_book import checked as checked_book
from recycling.processor import Processor
from service import technician as staff_rules
from service.errors import ServiceError
from service.technician import Role, Technician

PROPOSED, ADOPTED = "proposed", "adopted"


@dataclass(frozen=True, slots=True)
class PriceBookRow:
    """One version without its prices, which ``digest`` names. ``approver`` is "" while it is only proposed."""

    version: str
    state: Literal["proposed", "adopted"]
    valid_from_ms: int
    proposer: str
    approver: str
    digest: str


class ReferenceBook:
    """Every method may be called from any thread. :class:`StoreError` where the database cannot be used."""

    def __init__(self, database: Database, entries: Entries, clock: Clock) -> None:
        self._database = database
        self._entries = entries
        self._clock = clock

    # -- price books

    def price_book(self, at_ms: int) -> PriceBook | None:
        """The one in force: adopted, and of those that have begun the last to begin; of two that begin together the
        last to be adopted.
        """
        query = (
            sa.select(PRICE_BOOKS.c.content)
            .where(PRICE_BOOKS.c.state == ADOPTED, PRICE_BOOKS.c.valid_from_ms <= at_ms)
            .order_by(PRICE_BOOKS.c.valid_from_ms.desc(), PRICE_BOOKS.c.at_ms.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else _book(row.content)

    def price_books(self) -> tuple[PriceBookRow, ...]:
        """Every version, by when it begins."""
        with self._database.reading() as connection:
            rows = _current(connection, PRICE_BOOKS, "version")
        return tuple(map(_price_book_row, sorted(rows, key=lambda row: (row.valid_from_ms, row.version))))

    def version(self, version: str) -> PriceBook | None:
        """One version, adopted or not."""
        with self._database.reading() as connection:
            row = _newest(connection, PRICE_BOOKS, "version", version)
        return None if row is None else _book(row.content)

    def propose(self, book: PriceBook, by: str) -> None:
        """Approved by ``by`` alone, so not in force. :class:`Refused` "price_book_adopted" for a version that is."""
        draft = checked_book(replace(book, approvers=(by, "")), draft=True)
        with self._database.writing() as connection:
            self._not_adopted(_newest(connection, PRICE_BOOKS, "version", book.version), book.version)
            self._put_book(connection, draft, PROPOSED)
            facts = {"book": book.version, "book_digest": price_book_csv.digest(draft)}
            self._append(connection, Record("price_book.proposed", facts, f"staff:{by}"))
            mark = head(connection)
        self._entries.told(mark)

    def adopt(self, version: str, digest: str, by: str) -> PriceBook:
        """The second approval, of what ``digest`` names: in force from its day. :class:`Refused` "price_book_unknown",
        "price_book_adopted", "price_book_replaced", "price_book_approvers".
        """
        with self._database.writing() as connection:
            row = _newest(connection, PRICE_BOOKS, "version", version)
            if row is None:
                raise Refused("price_book_unknown", f"no price book {version[:32]!r} was proposed")
            self._not_adopted(row, version)
            proposed = _book(row.content)
            if digest != price_book_csv.digest(proposed):
                detail = f"price book {version} was proposed anew: look at it again"
                raise Refused("price_book_replaced", detail, {"book": version})
            book = checked_book(replace(proposed, approvers=(row.proposer, by)))
            self._put_book(connection, book, ADOPTED)
            facts = {"book": version, "book_digest": digest, "approvers": list(book.approvers)}
            self._append(connection, Record("price_book.adopted", facts, f"staff:{by}"))
            mark = head(connection)
        self._entries.told(mark)
        return book

    def _not_adopted(self, row: sa.Row[Any] | None, version: str) -> None:
        if row is not None and row.state == ADOPTED:
            detail = f"price book {version} is adopted already: give the new one another version"
            raise Refused("price_book_adopted", detail, {"book": version})

    def _put_book(self, connection: Connection, book: PriceBook, state: str) -> None:
        values = {
            "state": state,
            "valid_from_ms": book.valid_from_ms,
            "proposer": book.approvers[0],
            "approver": book.approvers[1],
            "content": price_book_csv.to_csv(book),
        }
        self._put(connection, PRICE_BOOKS, "version", book.version, values)

    # -- staff

    def staff(self, number: str) -> tuple[Technician, str] | None:
        """Who has that number, and the PIN's hash."""
        with self._database.reading() as connection:
            row = _newest(connection, STAFF, "staff", number)
        return None if row is None else (_technician(row), row.pin_hash)

    def everyone(self) -> tuple[Technician, ...]:
        """By number, those who have retired as well."""
        with self._database.reading() as connection:
            return tuple(_technician(row) for row in _current(connection, STAFF, "staff"))

    def enrol(self, technician: Technician, pin_hash: str, actor: str) -> None:
        """A new number. :class:`ServiceError` "staff_exists", "staff_malformed"."""
        staff_rules.checked(technician)
        with self._database.writing() as connection:
            if _newest(connection, STAFF, "staff", technician.staff) is not None:
                raise ServiceError("staff_exists", f"staff number {technician.staff} was given already")
            self._put_staff(connection, technician, pin_hash)
            facts = _staff_facts(technician)
            self._append(connection, Record("staff.enrolled", facts, actor))
            mark = head(connection)
        self._entries.told(mark)

    def renew(self, staff: str, until: date, actor: str, pin_hash: str = "") -> Technician:
        """A certificate's new last day; with ``pin_hash`` a new PIN. :class:`ServiceError` "staff_unknown",
        "staff_retired".
        """
        with self._database.writing() as connection:
            old, old_hash = self._working(connection, staff)
            renewed = replace(old, certificate_until=until)
            self._put_staff(connection, renewed, pin_hash or old_hash)
            facts = {**_staff_facts(renewed), "pin": bool(pin_hash)}
            self._append(connection, Record("staff.renewed", facts, actor))
            mark = head(connection)
        self._entries.told(mark)
        return renewed

    def retire(self, staff: str, actor: str) -> None:
        """For good; the number is not given again. :class:`ServiceError` "staff_unknown", "staff_retired"."""
        with self._database.writing() as connection:
            old, _ = self._working(connection, staff)
            self._put_staff(connection, replace(old, retired=True), "")
            self._append(connection, Record("staff.retired", {"staff": staff}, actor))
            mark = head(connection)
        self._entries.told(mark)

    def _working(self, connection: Connection, staff: str) -> tuple[Technician, str]:
        row = _newest(connection, STAFF, "staff", staff)
        if row is None:
            raise ServiceError("staff_unknown", f"nobody has staff number {staff[:16]!r}")
        if row.retired:
            raise ServiceError("staff_retired", f"staff number {staff} has retired")
        return _technician(row), row.pin_hash

    def _put_staff(self, connection: Connection, technician: Technician, pin_hash: str) -> None:
        values = {
            "name": technician.name,
            "role": technician.role.value,
            "level": technician.level,
            "certificate_until": technician.certificate_until.isoformat(),
            "retired": technician.retired,
            "pin_hash": pin_hash,
        }
        self._put(connection, STAFF, "staff", technician.staff, values)

    # -- processors

    def processors(self) -> tuple[Processor, ...]:
        """Every listed one, by key; see :func:`recycling.processor.licensed` for whether it may take something."""
        with self._database.reading() as connection:
            return tuple(_processor(row) for row in _current(connection, PROCESSORS, "processor"))

    def processor(self, processor: str) -> Processor | None:
        """One of them."""
        with self._database.reading() as connection:
            row = _newest(connection, PROCESSORS, "processor", processor)
        return None if row is None else _processor(row)

    def list_processor(self, processor: Processor, actor: str) -> bool:
        """List it, or its new licence; False when nothing differs from what is listed."""
        processors_rules.checked(processor)
        with self._database.writing() as connection:
            row = _newest(connection, PROCESSORS, "processor", processor.processor)
            if row is not None and _processor(row) == processor:
                return False
            values = {
                "name": processor.name,
                "name_zh": processor.names["zh"],
                "name_en": processor.names["en"],
                "licence": processor.licence,
                "licence_until": processor.licence_until.isoformat(),
                "categories": " ".join(one.value for one in processor.categories),
                "public_key": processor.public_key,
                "address": processor.address,
            }
            self._put(connection, PROCESSORS, "processor", processor.processor, values)
            facts = {"processor": processor.processor, "until": processor.licence_until.isoformat()}
            self._append(connection, Record("processor.listed", facts, actor))
            mark = head(connection)
        self._entries.told(mark)
        return True

    # -- inside a transaction

    def _put(
        self, connection: Connection, table: sa.Table, key: str, value: str, values: Mapping[str, object]
    ) -> None:
        newest = _newest(connection, table, key, value)
        revision = 1 if newest is None else newest.revision + 1
        last_ms = connection.execute(sa.select(sa.func.max(table.c.at_ms))).scalar() or 0
        # A clock can be set back; what is written later stays later. Its entry says what the clock said.
        at_ms = max(self._clock.wall_ms(), last_ms + 1)
        row = {key: value, "revision": revision, "at_ms": at_ms, **values}
        connection.execute(sa.insert(table).values(**row))

    def _append(self, connection: Connection, record: Record) -> None:
        self._entries.append(connection, record)


def _newest(connection: Connection, table: sa.Table, key: str, value: str) -> sa.Row[Any] | None:
    query = sa.select(table).where(table.c[key] == value).order_by(table.c.revision.desc()).limit(1)
    return connection.execute(query).first()


def _current(connection: Connection, table: sa.Table, key: str) -> list[sa.Row[Any]]:
    newest = sa.select(table.c[key], sa.func.max(table.c.revision).label("revision")).group_by(table.c[key])
    newest_of = newest.subquery()
    query = sa.select(table).join(
        newest_of, (table.c[key] == newest_of.c[key]) & (table.c.revision == newest_of.c.revision)
    )
    return list(connection.execute(query.order_by(table.c[key])))


def _staff_facts(technician: Technician) -> dict[str, object]:
    """Never the name: the ledger is for ever."""
    until = technician.certificate_until.isoformat()
    return {"staff": technician.staff, "role": technician.role.value, "until": until}


def _book(content: bytes) -> PriceBook:
    try:
        return price_book_csv.from_csv(content)
    except RecyclingError as exc:
        raise StoreError(f"a stored price book cannot be read: {exc.detail}") from exc


def _price_book_row(row: sa.Row[Any]) -> PriceBookRow:
    digest = price_book_csv.digest(_book(row.content))
    return PriceBookRow(row.version, row.state, row.valid_from_ms, row.proposer, row.approver, digest)


def _technician(row: sa.Row[Any]) -> Technician:
    try:
        until = date.fromisoformat(row.certificate_until)
        return Technician(row.staff, row.name, Role(row.role), row.level, until, row.retired)
    except ValueError as exc:
        raise StoreError(f"staff {row.staff}: {exc}") from exc


def _processor(row: sa.Row[Any]) -> Processor:
    try:
        categories = tuple(Category(one) for one in row.categories.split())
        until = date.fromisoformat(row.licence_until)
    except ValueError as exc:
        raise StoreError(f"processor {row.processor}: {exc}") from exc
    names = {"zh": row.name_zh, "en": row.name_en}
    return Processor(
        row.processor, row.name, names, row.licence, until, categories, row.public_key, row.address
    )
