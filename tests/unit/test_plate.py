"""Number plates: what a carrier may have painted on, and what nobody has."""

from __future__ import annotations

import pytest

from recycling.errors import Refused
from recycling.plate import PROVINCES, plate


def test_thirty_one_provinces_each_once() -> None:
    assert len(PROVINCES) == len(set(PROVINCES)) == 31


@pytest.mark.parametrize(
    ("painted", "kept"),
    [
        *(("沪A12345", "沪A12345"), ("粤B·D1234", "粤BD1234"), ("京a 12b34", "京A12B34")),
        *(
            ("粤BD12345", "粤BD12345"),
            ("沪AF1234D", ""),
            ("苏E12345D", "苏E12345D"),
            ("鲁B1234挂", "鲁B1234挂"),
        ),
        *(("SH-A10086", "SH-A10086"), ("B-12345", "B-12345"), ("XX 123 YY", "XX123YY")),
    ],
)
def test_a_plate_is_kept_as_it_is_painted(painted: str, kept: str) -> None:
    if kept:
        assert plate(painted) == kept
    else:
        with pytest.raises(Refused):
            plate(painted)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "沪",
        "沪A",
        "沪A1",
        "沪A123456",
        "沪112345",
        "沪A1234O",
        "A",
        "台A12345",
        "A" * 13,
        "-A1",
        "沪A12345" * 9,
    ],
)
def test_what_no_vehicle_carries_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        plate(text)
    assert refused.value.reason == "plate_unreadable"
