"""Depreciation: the days of the rules, and never below zero."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.depreciation import left, refund
from service.errors import ServiceError


@pytest.mark.parametrize(
    ("day", "repair_days", "left_fen"),
    [
        (0, 0, 300_000),
        (1, 0, 298_500),
        (199, 0, 1_500),
        (200, 0, 0),
        (201, 0, 0),
        (200, 14, 21_000),
        (214, 14, 0),
        (213, 14, 1_500),
    ],
)
def test_half_a_per_cent_a_day_without_the_days_in_repair(day: int, repair_days: int, left_fen: int) -> None:
    assert left(300_000, day, repair_days) == left_fen


def test_without_the_same_model_in_stock_the_refund_is_whole() -> None:
    assert refund(300_000, 199, same_model_in_stock=True) == 1_500
    assert refund(300_000, 199, same_model_in_stock=False) == 300_000


@given(st.integers(0, 10**7), st.integers(0, 1000), st.integers(0, 1000))
def test_what_is_left_is_never_negative_never_rises_and_never_exceeds_the_price(
    price_fen: int, days: int, repair_days: int
) -> None:
    repair_days = min(repair_days, days)
    here = left(price_fen, days, repair_days)
    assert 0 <= left(price_fen, days + 1, repair_days) <= here <= price_fen


@pytest.mark.parametrize(
    ("price_fen", "days", "repair_days"), [(-1, 0, 0), (1, -1, 0), (1, 5, 6), (1, 5, -1)]
)
def test_days_that_cannot_be_are_refused(price_fen: int, days: int, repair_days: int) -> None:
    with pytest.raises(ServiceError):
        left(price_fen, days, repair_days)
