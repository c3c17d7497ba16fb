"""A keyboard-wedge scanner is told from fingers, and an interrupted scan is never taken for a shorter code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.flow.counter.scan import LONGEST, UNREADABLE, Scan, Wedge, read

IMEI = "490154203237518"
VOUCHER = "V" + "AEBQ2345" * 20


def typed(wedge: Wedge, text: str, gap_s: float, start_s: float = 10.0) -> tuple[Scan | None, float]:
    """The last answer, and the time of the last key."""
    found, at_s = None, start_s
    for char in text:
        found = wedge.key(char, at_s)
        at_s += gap_s
    return found, at_s - gap_s


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (IMEI, "imei", IMEI),
        (f"IMEI:{IMEI}", "imei", IMEI),
        (f"{IMEI[:14]}01", "imei", f"{IMEI[:14]}01"),  # with the software version, as on some labels
        ("SEAL-000123", "seal", "SEAL-000123"),
        ("00412345", "seal", "00412345"),
        (VOUCHER, "voucher", VOUCHER),
        ("SHELF:A3", "shelf", "A3"),
        ("A-03", "shelf", "A-03"),
        ("B2-000045", "parcel", "B2-000045"),
        ("https://hq.example/v/01KASQ7T3WZ8X2Y4N6P8R0S2T4", "qr", None),
        ("01KASQ7T3WZ8X2Y4N6P8R0S2T4", "qr", None),
        ("PSS1 D SZ-001 01KASQ7T3WZ8X2Y4N6P8R0S2T4 3 305 274", "qr", None),
    ],
)
@pytest.mark.parametrize("end", ["\r", "\n", "\t"])
def test_every_code_of_the_counter_is_known_by_its_form(
    text: str, kind: str, value: str | None, end: str
) -> None:
    assert typed(Wedge(), text + end, 0.004)[0] == Scan(kind, value or text)


@pytest.mark.parametrize(
    "text", ["490154203237519", "6901234567892", "你好你好", "; DROP TABLE", "x" * (LONGEST + 1)]
)
def test_what_is_no_code_of_ours_has_one_reason(text: str) -> None:
    assert typed(Wedge(), text + "\r", 0.004)[0] == Scan("unreadable", reason=UNREADABLE)


def test_what_fingers_type_is_no_scan() -> None:
    wedge = Wedge()
    assert typed(wedge, IMEI + "\r", 0.12)[0] is None
    assert not wedge.bursting


def test_a_scanner_is_noticed_before_it_has_ended() -> None:
    wedge = Wedge()
    typed(wedge, IMEI[:8], 0.004)
    assert wedge.bursting


@pytest.mark.parametrize("pause_s", [0.1, 0.4, 0.8, 1.5])
def test_an_interrupted_scan_is_unreadable_and_never_a_shorter_code(pause_s: float) -> None:
    wedge = Wedge()
    _, at_s = typed(wedge, "SEAL-", 0.004)
    found, _ = typed(wedge, "000123\r", 0.004, at_s + pause_s)  # alone, these digits are a seal's
    assert found == Scan("unreadable", reason=UNREADABLE)


def test_an_interrupted_scan_does_not_spoil_the_next_one() -> None:
    wedge = Wedge()
    _, at_s = typed(wedge, "SEAL-", 0.004)
    assert typed(wedge, f"{IMEI}\r", 0.004, at_s + 5)[0] == Scan("imei", IMEI)


def test_an_enter_long_after_the_burst_does_not_make_it_a_scan() -> None:
    wedge = Wedge()
    _, at_s = typed(wedge, IMEI, 0.004)
    assert wedge.key("\r", at_s + 3) == Scan("unreadable", reason=UNREADABLE)


def test_a_window_that_hands_over_several_characters_at_once_is_understood() -> None:
    assert Wedge().key(IMEI + "\r", 1.0) == Scan("imei", IMEI)


@given(st.lists(st.tuples(st.text(max_size=5), st.floats(-1, 3, allow_nan=False)), max_size=60))
def test_no_keys_and_no_clock_break_it(keys: list[tuple[str, float]]) -> None:
    wedge, at_s = Wedge(), 0.0
    for char, gap_s in keys:
        at_s += gap_s
        found = wedge.key(char, at_s)
        assert found is None or bool(found.text) != bool(found.reason)


@given(st.text(max_size=LONGEST + 50))
def test_any_text_is_a_known_kind_or_unreadable(text: str) -> None:
    found = read(text)
    assert (found.kind == "unreadable") == (found.reason == UNREADABLE) == (not found.text)


def test_an_id_card_with_its_check_digit_is_read_and_a_misread_one_is_not() -> None:
    """The example of GB 11643-1999."""
    assert read("11010519491231002X") == Scan("id", "11010519491231002X")
    assert read("110105194912310021").reason == "scan_unreadable"
    assert read("110105194912310O2X").reason == "scan_unreadable"


def test_a_badge_gives_the_number_of_a_member_of_staff() -> None:
    assert read("STAFF:17") == Scan("badge", "17")
    assert read("STAFF:").reason == "scan_unreadable"
