"""IMEIs: whole ones pass, everything else is refused by name, and one phone is known by its different spellings."""

from __future__ import annotations

import pytest
import stdnum.luhn
from hypothesis import given
from hypothesis import strategies as st

from recycling.errors import Refused
from recycling.imei import REPORTING_BODIES, imei, same, well_formed

GOOD = "356868000041418"


def with_check(fourteen: str) -> str:
    return fourteen + str(stdnum.luhn.calc_check_digit(fourteen))


@pytest.mark.parametrize("text", [GOOD, "35-686800-004141-8", " 35 686800 004141 8 ", "35.686800/004141-8"])
def test_a_whole_imei_passes_however_it_is_separated(text: str) -> None:
    assert imei(text) == GOOD


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD[:14], "imei_length"),  # python-stdnum passes it
        (GOOD[:14] + "20", "imei_length"),  # and a software version
        ("", "imei_digits"),
        ("3" * 41, "imei_length"),
        ("0" * 15, "imei_zero"),
        ("356868000041419", "imei_check"),
        ("35686800004141O", "imei_digits"),
        ("٣٥٦٨٦٨٠٠٠٠٤١٤١٨", "imei_digits"),
        ("³56868000041418", "imei_digits"),
        (with_check("00123456000001"), "imei_tac"),
        (with_check("10123456000001"), "imei_tac"),
        (with_check("35000000000001"), "imei_tac"),
        (with_check("77123456000001"), "imei_tac"),
    ],
)
def test_what_is_no_phones_imei_is_refused_by_name(text: str, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        imei(text)
    assert caught.value.reason == reason


@given(st.sampled_from(sorted(REPORTING_BODIES)), st.integers(1, 999_999), st.integers(0, 999_999))
def test_one_wrong_digit_is_always_noticed(body: str, model: int, serial: int) -> None:
    whole = with_check(f"{body}{model:06}{serial:06}")
    assert imei(whole) == whole
    for place in range(2, 15):
        other = whole[:place] + str((int(whole[place]) + 1) % 10) + whole[place + 1 :]
        with pytest.raises(Refused):
            imei(other)


@pytest.mark.parametrize("version", ["00", "07", "20", "99"])
def test_a_software_version_has_no_check_digit(version: str) -> None:
    assert well_formed(f"35-686800-004141-{version}") == GOOD[:14] + version
    assert well_formed(GOOD) == GOOD
    assert same(GOOD, GOOD[:14] + version)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (GOOD[:14], "imei_length"),
        (GOOD + "00", "imei_length"),
        ("356868000041419", "imei_check"),
        ("0" * 14 + "07", "imei_zero"),
        ("7735680000414107", "imei_tac"),
        ("3500000000414107", "imei_tac"),
        ("35686800004141O7", "imei_digits"),
    ],
)
def test_what_stands_on_no_label_is_refused_by_name(text: str, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        well_formed(text)
    assert caught.value.reason == reason


@given(st.text(max_size=60))
def test_any_text_is_an_imei_or_refused_in_one_line(text: str) -> None:
    reason, detail = "", ""
    try:
        assert len(imei(text)) == 15
    except Refused as exc:
        reason, detail = exc.reason, exc.detail
    assert reason == "" or reason.startswith("imei_")
    assert "\n" not in detail


def test_a_label_without_check_digit_or_with_software_version_means_the_same_phone() -> None:
    assert same(GOOD, "35-686800-004141")
    assert same("3568680000414120", GOOD)
    assert not same(GOOD, "356868000041426")
    assert not same(GOOD, "356868000041419")  # both have 15 digits: the check digit counts
    assert not same(GOOD, "")
    assert not same("x", "x")
    assert not same("35", "35")
