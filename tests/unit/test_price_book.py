"""A price book is checked whole, travels as a spreadsheet unchanged, and an error in it names its line."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycling.errors import MalformedError, RecyclingError, Refused
from recycling.inspection import DEDUCTIONS, Grade
from recycling.price_book import FULL_BP, MAX_BASE_FEN, MAX_MS, ModelPrice, PriceBook, checked
from recycling.price_book_csv import from_csv, to_csv
from tests.price_books import BOOK, CURVE, HERON

BP = st.integers(0, FULL_BP)
NAMES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=40).filter(
    lambda text: not text.startswith(tuple("=+-@'")) and text.isprintable()
)


@st.composite
def books(draw: st.DrawFn) -> PriceBook:
    keys = draw(
        st.lists(
            st.from_regex(r"[a-z0-9][a-z0-9._-]{0,12}", fullmatch=True), min_size=1, max_size=4, unique=True
        )
    )
    models = {
        key: ModelPrice(
            key,
            draw(NAMES),
            {"zh": draw(NAMES), "en": draw(NAMES)},
            draw(st.one_of(st.just(""), NAMES)),
            draw(st.integers(1, MAX_BASE_FEN)),
            draw(st.integers(1, 5_000)),
            draw(st.sampled_from(["2005-01", "2023-12"])),
        )
        for key in keys
    }
    return PriceBook(
        draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}", fullmatch=True)),
        draw(st.integers(0, MAX_MS)),
        models,
        tuple(sorted(draw(st.lists(BP, min_size=1, max_size=40)), reverse=True)),
        dict(zip(Grade, sorted(draw(st.lists(BP, min_size=5, max_size=5)), reverse=True), strict=True)),
        {key: draw(BP) for key in DEDUCTIONS},
        draw(st.integers(0, 1_000)) * 100,
        draw(st.sampled_from([("17", "4"), ("17", ""), ("", "")])),
    )


@given(books())
def test_a_book_comes_back_from_the_spreadsheet_as_it_went(book: PriceBook) -> None:
    data = to_csv(book)
    assert from_csv(data) == book
    assert to_csv(from_csv(data)) == data


@given(st.binary(max_size=400), st.integers(0, 4000), st.integers(0, 4000))
def test_any_bytes_are_a_book_or_refused_in_one_line(junk: bytes, begin: int, end: int) -> None:
    data = to_csv(BOOK)
    for candidate in (junk, data[:begin] + junk + data[end:]):
        detail = ""
        try:
            checked(from_csv(candidate), draft=True)
        except RecyclingError as exc:
            detail = exc.detail
        assert "\n" not in detail
        assert len(detail) < 300


def test_a_spreadsheets_own_habits_are_taken() -> None:
    text = to_csv(BOOK).decode("utf-8-sig")
    padded = "\n".join(line + "," * (8 - line.count(",")) for line in text.splitlines()) + "\n,,,,,,,,\n"
    assert from_csv(padded.encode()) == BOOK


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("curve,2,8000", "curve,3,8000", 9),
        ("curve,2,8000", "curve,2,8000.5", 9),
        ("curve,2,8000", "curve,2,٨٠٠٠", 9),
        ("scrap,5.00", "scrap,5.001", 6),
        ("scrap,5.00", "scrap,-5", 6),
        ("scrap,5.00", "scrap,5.00,x", 6),
        ("price_book,1", "price_book,2", 1),
        ("price_book,1", "version,1", 1),
        ("3000.00", "3e3", 25),
        ("grade,B,8500", "grade,F,8500", 15),
        ("valid_from,2026-09-21T", "valid_from,2026-13-21T", 3),
        (".123Z", ".123", 3),
        ("deduction,no_charger", "discount,no_charger", 21),
    ],
)
def test_an_error_names_its_line(old: str, new: str, line: int) -> None:
    text = to_csv(BOOK).decode()
    assert old in text
    with pytest.raises(MalformedError, match=rf"^line {line}: "):
        from_csv(text.replace(old, new, 1).encode())


def test_what_is_not_utf_8_is_told_with_its_line() -> None:
    gbk = to_csv(BOOK).decode("utf-8-sig").encode("gbk")
    with pytest.raises(MalformedError, match=r"^line 25: not UTF-8"):
        from_csv(gbk)


@pytest.mark.parametrize("kind", ["version", "valid_from", "scrap", "curve", "model"])
def test_a_book_without_one_of_its_parts_is_refused(kind: str) -> None:
    lines = [line for line in to_csv(BOOK).decode().splitlines() if not line.startswith(kind)]
    with pytest.raises(RecyclingError):
        from_csv("\n".join(lines).encode())


@pytest.mark.parametrize(("text", "fen"), [("3000", 300_000), ("3000.5", 300_050), ("3000.05", 300_005)])
def test_a_price_in_yuan_is_read_to_the_fen(text: str, fen: int) -> None:
    assert from_csv(to_csv(BOOK).replace(b"3000.00", text.encode())).models["heron"].base_fen == fen


def model(**changes: Any) -> dict[str, ModelPrice]:
    changed = dataclasses.replace(HERON, **changes)
    return {changed.model: changed}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"curve_bp": (*CURVE, 2_001)}, "price_book_curve_rises"),
        ({"curve_bp": ()}, "price_book_curve"),
        ({"curve_bp": (10_001,)}, "price_book_curve"),
        ({"curve_bp": (5, -1)}, "price_book_curve"),
        ({"approvers": ("17", "17")}, "price_book_approvers"),
        ({"approvers": ("17", "")}, "price_book_approvers"),
        ({"approvers": ("", "")}, "price_book_approvers"),
        ({"scrap_fen": 550}, "price_book_scrap"),
        ({"scrap_fen": -100}, "price_book_scrap"),
        ({"version": "a b"}, "price_book_version"),
        ({"valid_from_ms": -1}, "price_book_valid_from"),
        ({"valid_from_ms": 253_402_300_800_000}, "price_book_valid_from"),  # the year 10000 has no CSV
        ({"models": {}}, "price_book_models"),
        ({"models": {"wren": HERON}}, "price_book_models"),
        ({"models": model(base_fen=0)}, "price_book_models"),
        ({"models": model(base_fen=MAX_BASE_FEN + 1)}, "price_book_models"),
        ({"models": model(mass_g=0)}, "price_book_models"),
        ({"models": model(made_from="2023-13")}, "price_book_models"),
        ({"models": model(names={"zh": "x"})}, "price_book_models"),
        ({"models": model(brand="=cmd()")}, "price_book_models"),
        ({"models": model(brand="a\nb")}, "price_book_models"),
        ({"grades_bp": {**BOOK.grades_bp, Grade.C: 9_000}}, "price_book_grades"),
        ({"grades_bp": {Grade.A: 1}}, "price_book_grades"),
        ({"deductions_bp": {**BOOK.deductions_bp, "rust": 1}}, "price_book_deductions"),
        ({"deductions_bp": {**BOOK.deductions_bp, "no_charger": 10_001}}, "price_book_deductions"),
    ],
)
def test_a_book_that_breaks_a_rule_is_refused(change: dict[str, Any], reason: str) -> None:
    assert checked(BOOK) is BOOK
    with pytest.raises(Refused) as caught:
        checked(replace(BOOK, **change))
    assert caught.value.reason == reason


def test_a_draft_may_lack_approvers_but_not_have_one_twice() -> None:
    checked(replace(BOOK, approvers=("17", "")), draft=True)
    with pytest.raises(Refused):
        checked(replace(BOOK, approvers=("17", "17")), draft=True)


def test_the_curves_last_value_holds_for_ever() -> None:
    assert [BOOK.curve_at(age) for age in (-1, 0, 3, 6, 7, 999)] == [
        10_000,
        10_000,
        7_000,
        2_000,
        2_000,
        2_000,
    ]
