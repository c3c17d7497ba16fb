"""Numbers on a phone's label: one with the software's version behind it means the same phone."""

from __future__ import annotations

import pytest

from kiosk.flow.counter import commands as c
from tests.counter_fakes import IMEIS, Counter


@pytest.mark.parametrize("version", ["00", "01", "07", "99"])
def test_a_label_with_a_software_version_is_the_same_phones(staffed: Counter, version: str) -> None:
    trade = staffed.begin_trade()
    label = f"{IMEIS[0][:14]}{version}"
    staffed.must(c.TradeIdentify(trade, IMEIS[0], imei_label=label, model="heron"))
    assert staffed.trade(trade).flags == ()


def test_a_label_of_another_phone_goes_to_review(staffed: Counter) -> None:
    trade = staffed.begin_trade()
    staffed.must(c.TradeIdentify(trade, IMEIS[0], imei_label=f"{IMEIS[1][:14]}07", model="heron"))
    assert staffed.trade(trade).flags == ("imei_differs",)


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        (IMEIS[0][:14] + "0", "imei_check"),
        (IMEIS[0][:14], "imei_length"),
        ("77" + IMEIS[0][2:14] + "07", "imei_tac"),
        ("0" * 16, "imei_zero"),
    ],
)
def test_a_label_that_was_misread_is_read_again(staffed: Counter, label: str, reason: str) -> None:
    trade = staffed.begin_trade()
    assert staffed.do(c.TradeIdentify(trade, IMEIS[0], imei_label=label, model="heron")) == reason
    assert staffed.trade(trade).state == "draft"
