"""Staff, price books, processors: kept with their entries, never changed in place, two people for a price book."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from kiosk.errors import StoreError
from kiosk.flow.clock import SystemClock
from kiosk.pins import hash_pin
from kiosk.store.database import FILE, Database
from kiosk.store.entries import Entries
from kiosk.store.reference_book import ReferenceBook
from ledger import store as ledger
from recycling.errors import Refused
from recycling.goods import Category
from recycling.price_book_csv import digest
from recycling.processor import Processor, licensed
from service.errors import ServiceError
from service.technician import Role, Technician
from tests.counter_fakes import FakeClock
from tests.price_books import BOOK

HASH = hash_pin("729461")
DIGEST = digest(BOOK)
LI = Technician("17", "李明", Role.TECHNICIAN, 2, date(2027, 6, 30))
GREEN = Processor(
    "green-loop",
    "Green Loop",
    {"zh": "绿环再生", "en": "Green Loop"},
    "沪环危废 031",
    date(2027, 3, 31),
    (Category.PHONE, Category.BATTERY),
    "ab" * 32,
    "Pudong 7",
)


def open_book(folder: Path) -> ReferenceBook:
    database, clock = Database(folder, "station-1"), SystemClock()
    return ReferenceBook(database, Entries(database, clock), clock)


@pytest.fixture
def book(tmp_path: Path) -> ReferenceBook:
    return open_book(tmp_path)


def entries(folder: Path) -> list[tuple[str, str, dict[str, object] | None]]:
    with closing(sqlite3.connect(folder / FILE)) as connection:
        return [(one.entry.kind, one.entry.actor, one.body) for one in ledger.entries(connection)]


# -- price books


def test_a_price_book_is_in_force_only_after_somebody_else_approved_it(
    book: ReferenceBook, tmp_path: Path
) -> None:
    now = BOOK.valid_from_ms
    book.propose(BOOK, "17")
    assert book.price_book(now) is None
    with pytest.raises(Refused) as caught:
        book.adopt(BOOK.version, DIGEST, "17")
    assert caught.value.reason == "price_book_approvers"
    assert book.price_book(now) is None
    book.adopt(BOOK.version, DIGEST, "4")
    assert open_book(tmp_path).price_book(now) == replace(BOOK, approvers=("17", "4"))
    assert entries(tmp_path) == [
        ("price_book.proposed", "staff:17", {"book": "2026-11", "book_digest": DIGEST}),
        (
            "price_book.adopted",
            "staff:4",
            {"book": "2026-11", "book_digest": DIGEST, "approvers": ["17", "4"]},
        ),
    ]


def test_it_begins_on_its_day_and_the_last_to_begin_counts(book: ReferenceBook) -> None:
    later = replace(BOOK, version="2026-12", valid_from_ms=BOOK.valid_from_ms + 1000)
    for one in (later, BOOK):
        book.propose(one, "17")
        book.adopt(one.version, digest(one), "4")
    begins = BOOK.valid_from_ms
    versions = [
        None if found is None else found.version
        for found in (book.price_book(begins + ms) for ms in (-1, 0, 999, 1000, 10**9))
    ]
    assert versions == [None, "2026-11", "2026-11", "2026-12", "2026-12"]
    assert [row.version for row in book.price_books()] == ["2026-11", "2026-12"]


def test_of_two_that_begin_together_the_last_adopted_counts_whatever_the_clock_said(tmp_path: Path) -> None:
    clock = FakeClock()
    database = Database(tmp_path, "station-1")
    book = ReferenceBook(database, Entries(database, clock), clock)
    for version in ("2026-12", "2026-11"):
        one = replace(BOOK, version=version)
        book.propose(one, "17")
        book.adopt(version, digest(one), "4")
        clock.wall -= 3_600_000  # it was set back
    found = book.price_book(BOOK.valid_from_ms)
    assert found is not None
    assert found.version == "2026-11"


def test_a_proposal_may_be_corrected_and_what_is_in_force_may_not(book: ReferenceBook) -> None:
    book.propose(BOOK, "17")
    book.propose(replace(BOOK, scrap_fen=600), "18")
    found = book.adopt(BOOK.version, digest(replace(BOOK, scrap_fen=600)), "17")
    assert (found.scrap_fen, found.approvers) == (600, ("18", "17"))
    for change in (lambda: book.propose(BOOK, "4"), lambda: book.adopt(BOOK.version, DIGEST, "4")):
        with pytest.raises(Refused) as caught:
            change()
        assert caught.value.reason == "price_book_adopted"
    with pytest.raises(Refused) as caught:
        book.adopt("nothing", DIGEST, "4")
    assert caught.value.reason == "price_book_unknown"


def test_what_is_approved_is_what_was_reviewed_and_not_what_replaced_it(book: ReferenceBook) -> None:
    book.propose(BOOK, "17")
    reviewed = book.price_books()[0].digest
    book.propose(replace(BOOK, scrap_fen=600), "17")
    with pytest.raises(Refused) as caught:
        book.adopt(BOOK.version, reviewed, "4")
    assert caught.value.reason == "price_book_replaced"
    assert book.price_book(BOOK.valid_from_ms) is None
    book.propose(BOOK, "18")  # the same prices again, whoever proposes them
    assert book.adopt(BOOK.version, reviewed, "4").approvers == ("18", "4")
    assert book.price_books()[0].digest == reviewed


def test_a_bad_price_book_is_not_even_proposed(book: ReferenceBook) -> None:
    with pytest.raises(Refused):
        book.propose(replace(BOOK, curve_bp=(1, 2)), "17")
    assert book.price_books() == ()


# -- staff


def test_staff_are_enrolled_renewed_and_retired_each_with_its_entry(
    book: ReferenceBook, tmp_path: Path
) -> None:
    book.enrol(LI, HASH, "station")
    assert open_book(tmp_path).staff("17") == (LI, HASH)
    book.renew("17", date(2028, 6, 30), "staff:4")
    assert book.staff("17") == (replace(LI, certificate_until=date(2028, 6, 30)), HASH)
    book.retire("17", "staff:4")
    retired = book.staff("17")
    assert retired is not None
    assert retired[0].retired
    assert retired[1] == ""
    assert [(kind, actor) for kind, actor, _ in entries(tmp_path)] == [
        ("staff.enrolled", "station"),
        ("staff.renewed", "staff:4"),
        ("staff.retired", "staff:4"),
    ]


def test_the_ledger_learns_no_name_and_no_pin(book: ReferenceBook, tmp_path: Path) -> None:
    book.enrol(LI, HASH, "station")
    book.renew("17", date(2028, 6, 30), "staff:4", HASH)
    told = str(entries(tmp_path))
    assert "李明" not in told
    assert "argon2" not in told


def test_a_number_is_given_once_and_who_has_retired_stays_so(book: ReferenceBook) -> None:
    book.enrol(LI, HASH, "station")
    with pytest.raises(ServiceError) as caught:
        book.enrol(replace(LI, name="Other"), HASH, "station")
    assert caught.value.reason == "staff_exists"
    book.retire("17", "station")
    with pytest.raises(ServiceError) as caught:
        book.renew("17", date(2028, 6, 30), "station")
    assert caught.value.reason == "staff_retired"
    with pytest.raises(ServiceError) as caught:
        book.retire("18", "station")
    assert caught.value.reason == "staff_unknown"


def test_a_pin_in_clear_is_never_stored(book: ReferenceBook) -> None:
    with pytest.raises(StoreError):
        book.enrol(LI, "729461", "station")
    assert book.staff("17") is None


# -- processors


def test_a_processor_is_listed_with_its_licence_and_only_a_change_makes_an_entry(
    book: ReferenceBook, tmp_path: Path
) -> None:
    assert book.list_processor(GREEN, "staff:4")
    assert not book.list_processor(GREEN, "staff:4")
    renewed = replace(GREEN, licence_until=date(2028, 3, 31))
    assert book.list_processor(renewed, "staff:4")
    assert open_book(tmp_path).processors() == (renewed,)
    assert book.processor("green-loop") == renewed
    assert book.processor("unlisted") is None
    assert [body for _, _, body in entries(tmp_path)] == [
        {"processor": "green-loop", "until": "2027-03-31"},
        {"processor": "green-loop", "until": "2028-03-31"},
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"public_key": "xyz"},
        {"categories": ()},
        {"processor": "Green Loop"},
        {"names": {"zh": "绿"}},
        {"licence": " "},
    ],
)
def test_a_processor_that_cannot_be_is_not_listed(book: ReferenceBook, change: dict[str, object]) -> None:
    with pytest.raises(Refused):
        book.list_processor(replace(GREEN, **change), "staff:4")  # type: ignore[arg-type]
    assert book.processors() == ()


def test_a_licence_holds_on_its_last_day_and_for_its_goods() -> None:
    assert licensed(GREEN, Category.PHONE, date(2027, 3, 31))
    assert not licensed(GREEN, Category.PHONE, date(2027, 4, 1))
    assert not licensed(GREEN, Category.CHARGER, date(2026, 4, 1))


# -- the database itself


@pytest.mark.parametrize("table", ["staff", "price_books", "processors"])
def test_no_row_is_ever_changed_replaced_or_deleted(book: ReferenceBook, tmp_path: Path, table: str) -> None:
    book.enrol(LI, HASH, "station")
    book.list_processor(GREEN, "station")
    book.propose(BOOK, "17")
    statements = (
        f"UPDATE {table} SET at_ms = 0",
        f"DELETE FROM {table}",
        f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
    )
    for statement in statements:
        with closing(sqlite3.connect(tmp_path / FILE)) as raw, pytest.raises(sqlite3.IntegrityError):
            raw.execute(statement)


def test_the_database_itself_wants_two_people_for_a_price_book(book: ReferenceBook, tmp_path: Path) -> None:
    book.propose(BOOK, "17")
    insert = (
        "INSERT INTO price_books SELECT version, 2, 'adopted', valid_from_ms, proposer, ?, content, at_ms"
        " FROM price_books WHERE revision = 1"
    )
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as raw:
        for approver in ("17", ""):
            with pytest.raises(sqlite3.IntegrityError):
                raw.execute(insert, (approver,))
        raw.execute(insert, ("4",))
        with pytest.raises(sqlite3.IntegrityError, match="adopted price book does not change"):
            raw.execute(insert.replace(" 2,", " 3,"), ("4",))


def test_the_database_itself_lets_nobody_back_who_has_retired(book: ReferenceBook, tmp_path: Path) -> None:
    book.enrol(LI, HASH, "station")
    book.retire("17", "station")
    insert = (
        "INSERT INTO staff SELECT staff, 3, name, role, level, certificate_until, retired, pin_hash, at_ms"
        " FROM staff WHERE revision = 1"
    )
    with (
        closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as raw,
        pytest.raises(sqlite3.IntegrityError, match="who has retired stays so"),
    ):
        raw.execute(insert)


def test_a_change_and_its_entry_stand_or_fall_together(
    book: ReferenceBook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StoreError("no ledger")

    monkeypatch.setattr(Entries, "append", refuse)
    for change in (
        lambda: book.enrol(LI, HASH, "station"),
        lambda: book.propose(BOOK, "17"),
        lambda: book.list_processor(GREEN, "station"),
    ):
        with pytest.raises(StoreError):
            change()
    assert (book.everyone(), book.price_books(), book.processors()) == ((), (), ())
