"""Who may do what, until when; and how often a PIN may be tried."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import ServiceError
from service.technician import (
    LONGEST_WAIT_S,
    Action,
    Role,
    Technician,
    check_pin,
    checked,
    days_left,
    may,
    next_try,
    refusal,
)

UNTIL = date(2027, 6, 30)
TODAY = date(2026, 11, 22)
FIRST = Technician("17", "Li", Role.TECHNICIAN, 1, UNTIL)
SECOND = replace(FIRST, staff="18", level=2)
MANAGER = replace(FIRST, staff="4", role=Role.MANAGER)
NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("who", "allowed"),
    [
        (FIRST, {"look", "sign", "empty", "seal_manifest", "close_shift"}),
        (SECOND, {"look", "sign", "empty", "seal_manifest", "close_shift", "release", "approve"}),
        (MANAGER, {one.value for one in Action}),
        (replace(FIRST, retired=True), set()),
        (replace(MANAGER, certificate_until=TODAY - timedelta(1)), {"look"}),
    ],
)
def test_role_level_and_certificate_say_what_one_may(who: Technician, allowed: set[str]) -> None:
    assert {one.value for one in Action if may(who, one, TODAY)} == allowed


def test_the_certificates_last_day_is_included() -> None:
    assert may(FIRST, Action.SIGN, UNTIL)
    assert refusal(FIRST, Action.SIGN, UNTIL + timedelta(1)) == "certificate_expired"
    assert days_left(FIRST, UNTIL) == 0


def test_nothing_is_allowed_by_accident() -> None:
    with pytest.raises(ServiceError):
        may(MANAGER, "launch", TODAY)
    assert refusal(FIRST, "approve", TODAY) == "staff_level"
    assert refusal(replace(FIRST, retired=True), "look", TODAY) == "staff_retired"


@pytest.mark.parametrize(
    "change", [{"staff": ""}, {"staff": "a b"}, {"name": " "}, {"name": "a\nb"}, {"level": 0}]
)
def test_what_cannot_be_a_member_of_staff_is_refused(change: dict[str, str]) -> None:
    assert checked(FIRST) is FIRST
    with pytest.raises(ServiceError):
        checked(replace(FIRST, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("pin", "reason"),
    [
        ("72946", "pin_digits"),
        ("7294618305721", "pin_digits"),
        ("72946a", "pin_digits"),
        ("٧٢٩٤٦١", "pin_digits"),
        ("777777", "pin_weak"),
        ("123456", "pin_weak"),
        ("987654", "pin_weak"),
        ("890123", "pin_weak"),
        ("121212", "pin_weak"),
        ("000917", "pin_weak"),
    ],
)
def test_a_pin_is_neither_short_nor_easy(pin: str, reason: str) -> None:
    check_pin("729461", "917")
    with pytest.raises(ServiceError) as caught:
        check_pin(pin, "917")
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("failures", "passed_s", "wait_s"),
    [
        (0, 0, 0),
        (2, 0, 0),
        (3, 0, 30),
        (3, 29, 1),
        (3, 30, 0),
        (4, 0, 60),
        (5, 0, 120),
        (7, 0, 480),
        (8, 0, LONGEST_WAIT_S),
        (500, 0, LONGEST_WAIT_S),
        (500, LONGEST_WAIT_S, 0),
        (500, 3599, 0),
    ],
)
def test_three_tries_are_free_then_the_wait_doubles(failures: int, passed_s: int, wait_s: int) -> None:
    assert next_try([NOW] * failures, NOW + passed_s * 1000) == wait_s


def test_part_of_a_second_is_still_waited() -> None:
    assert next_try([NOW] * 3, NOW + 29_001) == 1


@given(st.lists(st.integers(NOW - 10**8, NOW + 10**8)), st.integers(NOW - 10**8, NOW + 10**8))
def test_the_wait_has_an_end_whatever_the_clock_does(failures_ms: list[int], now_ms: int) -> None:
    assert 0 <= next_try(failures_ms, now_ms) <= LONGEST_WAIT_S


def test_a_clock_that_was_far_ahead_locks_nobody_out() -> None:
    assert next_try([NOW + 10**10] * 9, NOW) == 0
    assert next_try([NOW + 1000] * 3, NOW) == 30


def test_tries_under_a_clock_that_was_far_ahead_do_not_hide_those_of_today() -> None:
    assert next_try([*[NOW + 10**10] * 3, NOW, NOW], NOW) == 0
    assert next_try([*[NOW + 10**10] * 3, NOW, NOW, NOW], NOW) == 30
    assert next_try([NOW] * 6 + [NOW + 10**10], NOW) == 240
