"""``station staff``, ``prices``, ``processors``: who may change what, and no PIN on the command line."""

from __future__ import annotations

import contextlib
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from kiosk import assembly
from kiosk.flow.clock import SystemClock
from kiosk.register import FileRegister
from kiosk.store.entries import Entries
from kiosk.store.reference_book import ReferenceBook
from recycling.goods import Category
from recycling.imei import imei
from recycling.price_book import checked
from recycling.price_book_csv import from_csv, to_csv
from recycling.processor import licensed
from service.technician import check_pin
from station import sample_shop
from station.__main__ import main
from station.errors import OK, REFUSED, USAGE
from station.processors import from_csv as processors_of
from station.processors import to_csv as processors_csv
from tests.price_books import BOOK

TODAY = datetime.now(UTC).astimezone().date()
NEXT_YEAR = (TODAY + timedelta(days=365)).isoformat()
PINS = {"4": "583920", "17": "729461", "18": "406285"}


class Shop:
    """The commands over one folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def pin(self, number: str, pin: str = "") -> str:
        file = self.folder / f"pin-{number}"
        file.write_text((pin or PINS[number]) + "\n")
        file.chmod(0o600)
        return str(file)

    def by(self, number: str) -> tuple[str, ...]:
        return ("--by", number, "--by-pin-file", self.pin(number))

    def run(self, *words: str) -> tuple[int, dict[str, Any], str]:
        """Exit code, the JSON object, standard error."""
        code = main([*words, "--state", str(self.folder / "state"), "--json"])
        shown = self._capsys.readouterr()
        return code, json.loads(shown.out.splitlines()[-1]), shown.err

    def add(self, number: str, role: str, level: int, *more: str) -> int:
        who = ("--number", number, "--name", f"No. {number}", "--role", role, "--level", str(level))
        return self.run("staff", "add", *who, "--until", NEXT_YEAR, "--pin-file", self.pin(number), *more)[0]


@pytest.fixture
def shop(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr("kiosk.pins._HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    monkeypatch.setattr("sys.stdin", io.StringIO())  # nobody is there to type
    return Shop(tmp_path, capsys)


@pytest.fixture
def staffed(shop: Shop) -> Shop:
    assert shop.add("4", "manager", 3) == OK
    assert shop.add("17", "technician", 1, *shop.by("4")) == OK
    assert shop.add("18", "technician", 3, *shop.by("4")) == OK
    return shop


# -- staff


def test_the_first_to_be_enrolled_is_a_manager_and_only_a_manager_enrols_the_others(shop: Shop) -> None:
    assert shop.add("17", "technician", 1) == USAGE
    assert shop.add("4", "manager", 3) == OK
    assert shop.add("17", "technician", 1) == USAGE  # nobody asks
    assert shop.add("17", "technician", 1, *shop.by("4")) == OK
    assert shop.add("18", "technician", 1, *shop.by("17")) == REFUSED  # level 1 does not enrol
    assert [one["staff"] for one in shop.run("staff", "list")[1]["staff"]] == ["17", "4"]


def test_a_wrong_pin_and_an_unknown_number_are_refused_alike(staffed: Shop) -> None:
    said = []
    for number, pin in (("4", "583921"), ("99", "583920")):
        file = staffed.pin(number, pin)
        words = ("staff", "retire", "--number", "17", "--by", number, "--by-pin-file", file)
        code, answer, _ = staffed.run(*words)
        assert code == REFUSED
        said.append(answer["error"])
    assert said == ["staff number or PIN is wrong"] * 2


def test_a_pin_never_comes_from_where_others_can_read_it(staffed: Shop) -> None:
    file = Path(staffed.pin("4"))
    file.chmod(0o644)
    code, answer, _ = staffed.run(
        "staff", "retire", "--number", "17", "--by", "4", "--by-pin-file", str(file)
    )
    assert (code, "chmod 600" in answer["error"]) == (REFUSED, True)
    code, answer, _ = staffed.run("staff", "retire", "--number", "17", "--by", "4")
    assert (code, "nobody is there to type" in answer["error"]) == (USAGE, True)


def test_a_weak_pin_is_not_taken(staffed: Shop) -> None:
    file = staffed.pin("20", "123456")
    words = ("--number", "20", "--name", "x", "--until", NEXT_YEAR, "--pin-file", file, *staffed.by("4"))
    code, answer, _ = staffed.run("staff", "add", *words)
    assert (code, "does not count" in answer["error"]) == (REFUSED, True)


def test_a_certificate_is_renewed_and_a_number_retired_by_somebody_else(staffed: Shop) -> None:
    later = (TODAY + timedelta(days=500)).isoformat()
    renew = ("staff", "renew", "--number", "17", "--until", later, *staffed.by("4"))
    assert staffed.run(*renew)[1]["staff"]["days_left"] == 500
    assert staffed.run("staff", "retire", "--number", "4", *staffed.by("4"))[0] == USAGE
    assert staffed.run("staff", "retire", "--number", "17", *staffed.by("4"))[1]["staff"]["retired"]
    assert staffed.run(*renew)[0] == REFUSED


def test_with_an_expired_certificate_one_cannot_sign(shop: Shop) -> None:
    yesterday = (TODAY - timedelta(days=1)).isoformat()
    who = ("--number", "4", "--name", "x", "--role", "manager", "--until", yesterday)
    assert shop.run("staff", "add", *who, "--pin-file", shop.pin("4"))[0] == OK
    assert shop.add("17", "technician", 1, *shop.by("4")) == REFUSED


def test_a_shop_whose_last_managers_certificate_ran_out_is_not_locked_for_ever(shop: Shop) -> None:
    yesterday = (TODAY - timedelta(days=1)).isoformat()
    who = ("--number", "4", "--name", "x", "--role", "manager", "--until", yesterday)
    assert shop.run("staff", "add", *who, "--pin-file", shop.pin("4"))[0] == OK
    renew = ("staff", "renew", "--number", "4", "--until", NEXT_YEAR)
    assert shop.run(*renew)[0] == OK  # as the first was enrolled: whoever has the station's folder
    assert shop.run(*renew)[0] == USAGE  # now there is somebody to ask
    assert shop.add("17", "technician", 1, *shop.by("4")) == OK


# -- prices


def test_prices_are_in_force_after_two_people_and_come_out_as_they_went_in(staffed: Shop) -> None:
    file, review = staffed.folder / "prices.csv", staffed.folder / "review.csv"
    file.write_bytes(to_csv(replace(BOOK, valid_from_ms=0, approvers=("", ""))))
    assert staffed.run("prices", "import", str(file), *staffed.by("17"))[0] == REFUSED  # level 1
    assert staffed.run("prices", "import", str(file), *staffed.by("4"))[1]["state"] == "proposed"
    assert staffed.run("prices", "show")[1]["in_force"] == ""
    approve = ("prices", "approve", BOOK.version)
    assert staffed.run(*approve, *staffed.by("18"))[0] == USAGE  # nothing was reviewed
    seen = ("--digest", staffed.run("prices", "export", BOOK.version, "--out", str(review))[1]["digest"])
    assert staffed.run("prices", "show")[1]["books"][0]["digest"] == seen[1]
    assert staffed.run(*approve, *seen, *staffed.by("4"))[0] == REFUSED
    file.write_bytes(to_csv(replace(BOOK, valid_from_ms=0, scrap_fen=99_900, approvers=("", ""))))
    assert staffed.run("prices", "import", str(file), *staffed.by("4"))[0] == OK
    code, answer, _ = staffed.run(*approve, *seen, *staffed.by("18"))
    assert (code, "proposed anew" in answer["error"]) == (REFUSED, True)
    file.write_bytes(review.read_bytes().replace(b"approver,4\r\n", b""))
    assert staffed.run("prices", "import", str(file), *staffed.by("4"))[0] == OK
    assert staffed.run(*approve, *seen, *staffed.by("18"))[1]["state"] == "adopted"
    shown = staffed.run("prices", "show")[1]
    assert shown["in_force"] == BOOK.version
    assert shown["books"][0]["approvers"] == ["4", "18"]
    out = staffed.folder / "out.csv"
    assert staffed.run("prices", "export", BOOK.version, "--out", str(out))[0] == OK
    assert from_csv(out.read_bytes()) == replace(BOOK, valid_from_ms=0, approvers=("4", "18"))
    assert staffed.run("prices", "export", BOOK.version, "--out", str(out))[0] == REFUSED  # never over a file


def test_a_bad_price_list_is_told_with_its_line_before_anybody_types_a_pin(staffed: Shop) -> None:
    file = staffed.folder / "prices.csv"
    file.write_bytes(to_csv(BOOK).replace(b"3000.00", b"3 000"))
    code, answer, _ = staffed.run("prices", "import", str(file))
    assert (code, answer["error"].startswith("line 25: an amount in yuan")) == (REFUSED, True)


# -- processors


def test_processors_come_from_a_file_by_a_manager(staffed: Shop) -> None:
    file = staffed.folder / "processors.csv"
    file.write_bytes(processors_csv(sample_shop.processors(TODAY)))
    assert processors_of(file.read_bytes()) == sample_shop.processors(TODAY)
    assert staffed.run("processors", "import", str(file))[0] == USAGE
    assert staffed.run("processors", "import", str(file), *staffed.by("4"))[1]["changed"] == [
        "green-loop",
        "old-tide",
    ]
    assert staffed.run("processors", "import", str(file), *staffed.by("4"))[1]["changed"] == []
    listed = staffed.run("processors", "list")[1]["processors"]
    assert [(one["processor"], one["good"]) for one in listed] == [("green-loop", True), ("old-tide", False)]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("phone battery", "phone glue", 2),
        ("processor,name", "name,processor", 1),
        ("green-loop", "Green Loop", 2),
        ("old-tide", "green-loop", 3),
        (",示例路 1 号", ",示例路 1 号,x,y", 2),
    ],
)
def test_a_bad_list_of_processors_names_its_line(staffed: Shop, old: str, new: str, line: int) -> None:
    file = staffed.folder / "processors.csv"
    text = processors_csv(sample_shop.processors(TODAY)).decode()
    assert old in text
    file.write_bytes(text.replace(old, new).encode())
    code, answer, _ = staffed.run("processors", "import", str(file), *staffed.by("4"))
    assert code == REFUSED
    assert answer["error"].startswith(f"line {line}: ")
    assert staffed.run("processors", "list")[1]["processors"] == []


# -- the sample shop


def test_the_sample_shop_keeps_every_rule_of_the_house(tmp_path: Path) -> None:
    book = checked(sample_shop.price_book())
    assert {"heron", "wren", "kinglet", "firecrest"} <= set(book.models)
    assert len(book.models) == 12
    for one in sample_shop.STAFF:
        check_pin(one.pin, one.staff)
    good, expired = sample_shop.processors(TODAY)
    assert all(licensed(good, one, TODAY) for one in Category)
    assert not any(licensed(expired, one, TODAY) for one in Category)
    file = tmp_path / "register.csv"
    file.write_bytes(sample_shop.register_csv())
    assert FileRegister(file).look(imei(sample_shop.BLACKLISTED_IMEI))[0] == "blacklisted"
    assert FileRegister(file).look("356868000041418")[0] == "clean"


def test_the_sample_shop_is_furnished_once(tmp_path: Path) -> None:
    database, _ = assembly.open_book(tmp_path, "station-1")
    clock = SystemClock()
    with contextlib.closing(database):
        book = ReferenceBook(database, Entries(database, clock), clock)
        for _ in range(2):
            sample_shop.furnish(book, tmp_path, clock.wall_ms())
        assert len(book.everyone()) == 3
        assert book.price_book(clock.wall_ms()) == sample_shop.price_book()
        assert [row.state for row in book.price_books()] == ["adopted"]
