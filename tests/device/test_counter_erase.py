"""A trade-in's erasing over the real wire: the virtual phone, the real eraser, the counter's own judgement."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hw.eraser import UsbEraser
from hw.facts import Timeouts
from kiosk.flow.counter import commands as c
from tests.conformance.conftest import NewPhone, new_phone, releases
from tests.conformance.rig import Rig
from tests.counter_fakes import Counter, World

__all__ = ["new_phone", "releases"]

QUICK = Timeouts(command_s=3.0, transfer_s=3.0, flash_s=10.0, open_s=1.0, connect_s=1.0)


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    made = Counter(World(tmp_path / "shop"), eraser=UsbEraser(QUICK))
    made.log_in()
    return made


def plug(counter: Counter, rig: Rig) -> str:
    """The phone's place, which is one of the shop's bays from now on."""
    where = str(rig.ready["usbip"])
    tools = counter.work.tools
    counter.work.tools = replace(tools, shop=replace(tools.shop, bays={**tools.shop.bays, 3: where}))
    return where


def test_an_unlocked_phone_is_erased_restarted_looked_at_and_certified(
    counter: Counter, new_phone: NewPhone
) -> None:
    rig = new_phone(mode="bootloader")
    trade = counter.to_accepted(rig.customer.status()["imei"])
    counter.must(c.EraseStart(trade, plug(counter, rig)))
    shown = counter.trade(trade)
    assert (shown.state, shown.erasure.method, shown.erasure.state) == (
        "erased",
        "fastboot_erase",
        "certified",
    )
    assert (shown.erasure.files_after, shown.erasure.wizard) == (0, True)
    assert rig.customer.status()["user_objects"] == 0


def test_a_phone_in_use_is_reset_by_hand_and_certified_only_then(
    counter: Counter, new_phone: NewPhone
) -> None:
    rig = new_phone()
    rig.customer.unlock()
    trade = counter.to_accepted(rig.customer.status()["imei"])
    counter.must(c.EraseStart(trade, plug(counter, rig)))
    assert counter.trade(trade).erasure.method == "factory_reset"
    counter.do(c.EraseResetDone(trade))
    assert counter.trade(trade).erasure.state == "failed"
    rig.customer.factory_reset("settings")
    rig.customer.wait(20, mode="normal")
    counter.must(c.EraseResetDone(trade))
    assert counter.trade(trade).state == "erased"


def test_another_phone_in_the_bay_keeps_every_file(counter: Counter, new_phone: NewPhone) -> None:
    rig = new_phone(mode="bootloader")
    before = rig.customer.status()["user_objects"]
    trade = counter.to_accepted()
    assert counter.do(c.EraseStart(trade, plug(counter, rig))) == "wrong_phone"
    assert rig.customer.status()["user_objects"] == before
