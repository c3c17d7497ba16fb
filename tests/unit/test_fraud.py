"""Every case of the fraud table, with the last value that passes beside the first that does not."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from recycling.errors import Refused
from recycling.fraud import (
    DAY_MS,
    Action,
    Flag,
    identity,
    invoice,
    mass,
    odd_hours,
    opening,
    overrides,
    photo,
    velocity,
)

GOOD, OTHER = "356868000041418", "356868000041426"
NOW = 1_800_000_000_000
TODAY = date(2026, 11, 22)


def ruled(flag: Flag | None) -> tuple[str, str] | None:
    return None if flag is None else (flag.rule, flag.action.value)


@pytest.mark.parametrize(
    ("usb", "label", "dialled", "expected"),
    [
        (GOOD, GOOD, GOOD, None),
        ("", "", GOOD, None),
        ("", GOOD[:14], GOOD, ("imei_bad", "stop")),
        (GOOD, "", "356868000041419", ("imei_bad", "stop")),
        ("000000000000000", "", GOOD, ("imei_bad", "stop")),
        (OTHER, "", GOOD, ("imei_differs", "review")),
        ("", OTHER, GOOD, ("imei_differs", "review")),
        (GOOD, OTHER, GOOD, ("imei_differs", "review")),
        ("", f"{GOOD[:14]}07", GOOD, None),  # a label with the software's version
        (GOOD, f"{OTHER[:14]}07", GOOD, ("imei_differs", "review")),
        ("", "", "", None),
    ],
)
def test_the_three_imeis_are_whole_and_the_same(
    usb: str, label: str, dialled: str, expected: tuple[str, str] | None
) -> None:
    assert ruled(identity(usb, label, dialled)) == expected


@pytest.mark.parametrize(
    ("sold", "made", "used", "rule"),
    [
        (TODAY, None, None, None),
        (TODAY + timedelta(1), None, None, "invoice_future"),
        (date(2026, 1, 10), date(2026, 1, 10), None, None),
        (date(2026, 1, 9), date(2026, 1, 10), None, "invoice_before_made"),
        (date(2026, 1, 13), None, date(2026, 1, 10), None),
        (date(2026, 1, 14), None, date(2026, 1, 10), "invoice_after_first_use"),
        (None, TODAY, TODAY, None),
    ],
)
def test_an_invoice_fits_the_phones_life(
    sold: date | None, made: date | None, used: date | None, rule: str | None
) -> None:
    assert ruled(invoice(sold, made, used, TODAY)) == (None if rule is None else (rule, "review"))


@pytest.mark.parametrize(
    ("ages_days", "flagged"),
    [((0,), False), ((0, 5), False), ((0, 5, 29.9), True), ((0, 5, 30), False), ((0, 1, 2, 3), True)],
)
def test_three_devices_of_one_id_in_thirty_days_go_to_headquarters(
    ages_days: tuple[float, ...], flagged: bool
) -> None:
    times = [NOW - int(days * DAY_MS) for days in ages_days]
    assert ruled(velocity(times, NOW)) == (("id_velocity", "hq") if flagged else None)


def test_the_third_override_within_a_week_goes_to_headquarters() -> None:
    assert overrides([NOW, NOW - DAY_MS], NOW) is None
    assert ruled(overrides([NOW, NOW - DAY_MS, NOW - 6 * DAY_MS], NOW)) == ("staff_overrides", "hq")
    assert overrides([NOW, NOW - DAY_MS, NOW - 7 * DAY_MS], NOW) is None


@pytest.mark.parametrize(
    ("clock", "hours", "odd"),
    [
        ("08:29", "8:30-20:30", True),
        ("08:30", "8:30-20:30", False),
        ("20:29", "8:30-20:30", False),
        ("20:30", "8:30-20:30", True),
        ("02:00", "20:00-04:00", False),
        ("04:00", "20:00-04:00", True),
    ],
)
def test_a_trade_outside_opening_hours_goes_to_headquarters(clock: str, hours: str, odd: bool) -> None:
    at_ms = int(datetime.fromisoformat(f"2026-11-22T{clock}:00+08:00").timestamp() * 1000)
    assert (odd_hours(at_ms, ZoneInfo("Asia/Shanghai"), hours) is not None) is odd


@pytest.mark.parametrize("hours", ["", "8-20", "24:00-25:00", "8:30", "8:60-9:00"])
def test_opening_hours_are_hours(hours: str) -> None:
    with pytest.raises(Refused):
        opening(hours)


def test_a_photo_that_was_used_before_means_inspect_again() -> None:
    assert photo("ab", {"cd"}) is None
    assert ruled(photo("ab", {"ab"})) == ("photo_reused", "again")


@pytest.mark.parametrize(
    ("measured_g", "model_g", "off"),
    [
        (182, 182, False),
        (200, 182, False),
        (201, 182, True),
        (164, 182, False),
        (163, 182, True),
        (60, 50, False),
        (61, 50, True),
    ],
)
def test_a_mass_far_from_the_models_means_inspect_again(measured_g: int, model_g: int, off: bool) -> None:
    flag = mass(measured_g, model_g)
    assert (flag is not None) is off
    if flag:
        assert flag.action is Action.AGAIN
