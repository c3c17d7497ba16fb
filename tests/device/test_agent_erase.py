"""A phone with an update agent on the counter: it can be looked at, and is not erased by its cable."""

from __future__ import annotations

from pathlib import Path

import pytest

from hw.eraser import UsbEraser
from hw.errors import LinkLost
from hw.virtual.agent_process import interpreter
from hw.virtual.agent_serve import AgentOptions, ServedAgent
from hw.virtual.errors import BadState
from tests.device.erasing import Order

try:
    interpreter()
except BadState:
    pytest.skip("no MicroPython for this machine: the update agent was not tried", allow_module_level=True)


def test_its_files_are_counted_and_an_erase_order_does_not_reach_it(tmp_path: Path) -> None:
    with ServedAgent(AgentOptions(model="kinglet", state=tmp_path / "phone", user_bytes=16 << 10)) as served:
        seen = UsbEraser().look(served.ready["usbip"], 30.0)
        assert (seen.mode, seen.product, seen.wizard, seen.unlocked) == ("agent", "kinglet", None, None)
        assert seen.files is not None
        assert seen.files > 0
        with pytest.raises(LinkLost, match="not a phone in bootloader mode"):
            UsbEraser().erase(served.ready["usbip"], Order("kinglet", seen.serial), lambda *_: None)
        assert UsbEraser().look(served.ready["usbip"], 30.0).files == seen.files
