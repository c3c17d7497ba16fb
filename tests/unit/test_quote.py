"""Prices to the fen: the figures of the rules, never below zero, whole yuan, and the lines add up."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycling.errors import Refused
from recycling.estimate import AGE, ASKED, estimate
from recycling.fraud import Action, Flag
from recycling.inspection import DEDUCTIONS, QUESTIONS, Grade, Grading
from recycling.price_book import FULL_BP, PriceBook
from recycling.quote import Line, Split, age_months, good_until, needs_second, override, price, settle
from tests.price_books import BOOK, HERON
from tests.unit.test_price_book import books

SHANGHAI = ZoneInfo("Asia/Shanghai")
GRADINGS = st.builds(
    lambda grade, deductions: Grading(grade, tuple(key for key in DEDUCTIONS if key in deductions)),
    st.sampled_from(Grade),
    st.sets(st.sampled_from(DEDUCTIONS)),
)


def test_the_example_of_the_rules() -> None:
    """3000.00 x 70 % x B - screen crack - battery below 80 % = 1092.00."""
    found = price(BOOK, "heron", 3, Grading(Grade.B, ("screen_crack", "battery_weak")))
    assert found.price_fen == 109_200
    assert found.lines == (
        Line("base", 300_000),
        Line("curve", -90_000, 7_000),
        Line("grade", -31_500, 8_500),
        Line("screen_crack", -52_500, 2_500),
        Line("battery_weak", -16_800, 800),
    )


def test_each_product_is_floored_in_fen_and_the_sum_in_yuan() -> None:
    odd = replace(BOOK, models={"heron": replace(HERON, base_fen=100_001)}, curve_bp=(3_333,))
    found = price(odd, "heron", 0, Grading(Grade.B, ("no_charger",)))
    # 100001 x 0.3333 = 33330.3.. -> 33330; x 0.85 = 28330.5 -> 28330; x 0.01 = 333.3 -> 333; 27997 -> 27900
    assert [line.amount_fen for line in found.lines] == [100_001, -66_671, -5_000, -333, -97]
    assert found.price_fen == 27_900


def test_nothing_is_worth_less_than_its_scrap() -> None:
    found = price(BOOK, "heron", 3, Grading(Grade.E, ("screen_crack",)))
    assert found.price_fen == 500
    assert found.lines[-1] == Line("floor", 500 + 52_500)


def test_an_unknown_model_has_no_price() -> None:
    with pytest.raises(Refused) as caught:
        price(BOOK, "dodo", 0, Grading(Grade.A))
    assert caught.value.reason == "model_unknown"


@given(books(), GRADINGS, st.integers(0, 300))
def test_a_price_is_whole_yuan_not_below_scrap_and_the_sum_of_its_lines(
    book: PriceBook, grading: Grading, age: int
) -> None:
    for model in book.models:
        found = price(book, model, age, grading)
        assert found.price_fen % 100 == 0
        assert found.price_fen >= book.scrap_fen >= 0
        assert sum(line.amount_fen for line in found.lines) == found.price_fen
        assert found.price_fen <= max(book.scrap_fen, book.models[model].base_fen)


@given(books(), GRADINGS, st.integers(0, 300))
def test_a_worse_grade_or_one_more_deduction_never_brings_more(
    book: PriceBook, grading: Grading, age: int
) -> None:
    for model in book.models:
        here = price(book, model, age, grading).price_fen
        for worse in [one for one in Grade if one > grading.grade]:
            assert price(book, model, age, replace(grading, grade=worse)).price_fen <= here
        for more in [key for key in DEDUCTIONS if key not in grading.deductions]:
            more_of = replace(grading, deductions=(*grading.deductions, more))
            assert price(book, model, age, more_of).price_fen <= here


@given(books(), GRADINGS, st.integers(0, 60), st.integers(1, 60))
def test_an_older_phone_never_brings_more_than_rounding_makes_of_it(
    book: PriceBook, grading: Grading, age: int, months: int
) -> None:
    """Every product is floored by itself, so a small step may round the other way."""
    for model in book.models:
        younger = price(book, model, age, grading)
        older = price(book, model, age + months, grading)
        exact = [
            sum(line.amount_fen for line in one.lines if line.key != "rounding") for one in (younger, older)
        ]
        assert exact[1] <= exact[0] + len(grading.deductions)


@given(st.integers(30_000, 1_000_000), GRADINGS, st.lists(st.integers(0, 50), min_size=1, max_size=40))
def test_with_steps_of_two_per_cent_an_older_phone_never_brings_more(
    base_fen: int, grading: Grading, falls: list[int]
) -> None:
    curve = [FULL_BP]
    for fall in falls:
        curve.append(curve[-1] if fall == 0 else curve[-1] * (98 - fall) // 100)
    book = replace(BOOK, models={"heron": replace(HERON, base_fen=base_fen)}, curve_bp=tuple(curve))
    prices = [price(book, "heron", age, grading).price_fen for age in range(len(curve) + 2)]
    assert prices == sorted(prices, reverse=True)


# -- settling


@pytest.mark.parametrize(
    ("new_fen", "credit_fen", "split"),
    [
        (399_900, 105_000, Split(294_900, 0, 0)),
        (50_000, 105_000, Split(0, 0, 55_000)),
        (105_000, 105_000, Split(0, 0, 0)),
        (104_900, 105_000, Split(0, 0, 100)),
        (0, 105_000, Split(0, 105_000, 0)),
        (0, 0, Split(0, 0, 0)),
    ],
)
def test_a_credit_is_topped_up_paid_out_or_becomes_a_voucher(
    new_fen: int, credit_fen: int, split: Split
) -> None:
    assert settle(new_fen, credit_fen) == split


@given(st.integers(0, 10_000_000), st.integers(0, 10_000_000))
def test_no_fen_is_lost_in_a_settlement_and_none_is_below_zero(new_fen: int, credit_fen: int) -> None:
    split = settle(new_fen, credit_fen)
    assert min(split.to_pay_fen, split.payout_fen, split.voucher_fen) >= 0
    assert new_fen - split.to_pay_fen == credit_fen - split.payout_fen - split.voucher_fen


@pytest.mark.parametrize(("new_fen", "credit_fen"), [(-1, 0), (0, -1), (100_000_001, 0)])
def test_an_amount_below_zero_or_beyond_reason_is_refused(new_fen: int, credit_fen: int) -> None:
    with pytest.raises(Refused):
        settle(new_fen, credit_fen)


# -- approval, override, time


@pytest.mark.parametrize(
    ("price_fen", "by_hand", "flags", "needed"),
    [
        (200_000, False, (), False),
        (200_100, False, (), True),
        (100, True, (), True),
        (100, False, (Flag("imei_differs", Action.REVIEW),), True),
        (100, False, (Flag("odd_hours", Action.HQ),), False),
    ],
)
def test_when_a_second_member_of_staff_is_needed(
    price_fen: int, by_hand: bool, flags: tuple[Flag, ...], needed: bool
) -> None:
    assert needs_second(price_fen, by_hand, flags) is needed


def test_a_price_set_by_hand_is_one_line() -> None:
    assert override(BOOK, "heron", 123_400, "rare colour").lines == (Line("override", 123_400),)


@pytest.mark.parametrize(
    ("model", "price_fen", "reason", "refusal"),
    [
        ("heron", 100, " ", "override_reason"),
        ("heron", 150, "x", "override_yuan"),
        ("heron", -100, "x", "override_range"),
        ("heron", 300_100, "x", "override_range"),
        ("dodo", 100, "x", "model_unknown"),
    ],
)
def test_a_price_set_by_hand_has_a_reason_and_limits(
    model: str, price_fen: int, reason: str, refusal: str
) -> None:
    with pytest.raises(Refused) as caught:
        override(BOOK, model, price_fen, reason)
    assert caught.value.reason == refusal


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("made", "ends"),
    [
        ("2026-11-20T09:00:00+08:00", "2026-11-20T20:30:00+08:00"),
        ("2026-11-20T20:29:59.999+08:00", "2026-11-20T20:30:00+08:00"),
        ("2026-11-20T20:30:00+08:00", "2026-11-21T20:30:00+08:00"),
        ("2026-11-20T23:50:00+08:00", "2026-11-21T20:30:00+08:00"),
        ("2026-11-19T17:00:00+00:00", "2026-11-20T20:30:00+08:00"),
    ],
)
def test_a_quote_is_good_until_close_of_business(made: str, ends: str) -> None:
    assert good_until(moment(made), SHANGHAI, "20:30") == moment(ends)


@given(st.integers(0, 4_000_000_000_000), st.sampled_from(["Asia/Shanghai", "Europe/Berlin", "UTC"]))
def test_a_quote_is_good_for_more_than_nothing_and_at_most_a_long_day(at_ms: int, zone: str) -> None:
    left_ms = good_until(at_ms, ZoneInfo(zone), "20:30") - at_ms
    assert 0 < left_ms <= 25 * 3_600_000


@pytest.mark.parametrize(
    ("since", "today", "months"),
    [
        ("2026-01-31", "2026-02-28", 0),
        ("2026-01-31", "2026-03-31", 2),
        ("2025-11-22", "2026-11-21", 11),
        ("2025-11-22", "2026-11-22", 12),
        ("2027-01-01", "2026-11-22", 0),
    ],
)
def test_age_is_counted_in_whole_months(since: str, today: str, months: int) -> None:
    assert age_months(date.fromisoformat(since), date.fromisoformat(today)) == months


# -- estimate

ANSWERED = {one.key: one.answers[0] for one in ASKED}
TODAY = datetime(2026, 11, 22, tzinfo=UTC).date()


@given(st.fixed_dictionaries({one.key: st.sampled_from(one.answers) for one in ASKED}))
def test_an_estimate_is_a_range_in_whole_yuan(answers: dict[str, str]) -> None:
    found = estimate(BOOK, "heron", answers, TODAY)
    assert 0 <= found.low_fen <= found.high_fen <= HERON.base_fen
    assert found.low_fen % 100 == found.high_fen % 100 == 0
    assert found.book == BOOK.version


def test_what_staff_find_in_an_honestly_described_phone_lies_in_the_range() -> None:
    found = estimate(BOOK, "heron", {**ANSWERED, "age": "under_1", "screen": "worn"}, TODAY)
    flawless = {one.key: one.answers[0] for one in QUESTIONS}
    from recycling.inspection import grade

    for age in range(12):
        real = price(BOOK, "heron", age, grade({**flawless, "screen": "worn", "frame": "dented"})).price_fen
        assert found.low_fen <= real <= found.high_fen


def test_an_owner_is_asked_the_age_first_and_six_things_in_all() -> None:
    assert ASKED[0] is AGE
    assert len(ASKED) == 6


@pytest.mark.parametrize(
    ("change", "reason"), [({"age": "old"}, "inspection_answer"), ({"screen": "x"}, "inspection_answer")]
)
def test_an_estimate_takes_no_other_answers(change: dict[str, str], reason: str) -> None:
    with pytest.raises(Refused) as caught:
        estimate(BOOK, "heron", {**ANSWERED, **change}, TODAY)
    assert caught.value.reason == reason
