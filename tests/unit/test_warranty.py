"""Warranty: the boundary days of the rules."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.warranty import Invoice, Right, Warranty, days_left, rights, warranty

SOLD = date(2026, 3, 1)
WHOLE = Invoice(SOLD, "356868000041418", "Lumen shop 3", 399_900)
ALL = (Right.RETURN, Right.EXCHANGE, Right.REPAIR)


def of_whole() -> Warranty:
    found = warranty(date(2025, 12, 1), WHOLE)
    assert found is not None
    return found


def test_without_an_invoice_it_begins_ninety_days_after_manufacture() -> None:
    found = warranty(date(2005, 1, 10), None)
    assert found == Warranty(date(2005, 4, 10), date(2006, 4, 10), repair_only=True)
    assert rights(found, date(2006, 4, 10)) == (Right.REPAIR,)
    assert rights(found, date(2006, 4, 11)) == ()
    assert rights(found, date(2005, 4, 11)) == (Right.REPAIR,)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (0, ALL),  # the day of sale is not counted
        (1, ALL),
        (7, ALL),
        (8, (Right.EXCHANGE, Right.REPAIR)),
        (15, (Right.EXCHANGE, Right.REPAIR)),
        (16, (Right.REPAIR,)),
        (365, (Right.REPAIR,)),
        (366, ()),
    ],
)
def test_what_the_owner_may_ask_for(day: int, expected: tuple[Right, ...]) -> None:
    assert rights(of_whole(), SOLD + timedelta(days=day)) == expected


def test_the_last_day_is_included() -> None:
    found = of_whole()
    assert found.last_day == date(2027, 3, 1)
    assert days_left(found, date(2027, 3, 1)) == 0
    assert rights(found, date(2027, 3, 1))
    assert not rights(found, date(2027, 3, 2))


def test_a_sale_on_the_29th_of_february_ends_on_the_28th() -> None:
    found = warranty(None, Invoice(date(2028, 2, 29), "1", "x", 1))
    assert found is not None
    assert found.last_day == date(2029, 2, 28)


@pytest.mark.parametrize(
    ("invoice", "missing"),
    [
        (Invoice(), ("date", "imei", "seller", "amount")),
        (Invoice(SOLD, "", "shop", 1), ("imei",)),
        (Invoice(None, "1", "shop", 1), ("date",)),
        (Invoice(SOLD, "1", " ", 1), ("seller",)),
        (Invoice(SOLD, "1", "shop", 0), ("amount",)),
    ],
)
def test_an_incomplete_invoice_means_repair_only(invoice: Invoice, missing: tuple[str, ...]) -> None:
    assert invoice.missing() == missing
    found = warranty(date(2026, 1, 10), invoice)
    assert found is not None
    assert found.repair_only
    assert found.begins == date(2026, 4, 10)


def test_with_neither_there_is_none() -> None:
    assert warranty(None, None) is None
    assert rights(None, SOLD) == ()


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)))
def test_twelve_months_are_a_year_to_the_day(sold: date) -> None:
    found = warranty(None, Invoice(sold, "1", "x", 1))
    assert found is not None
    assert (found.last_day - sold).days in (365, 366)
    assert found.last_day.month == sold.month
