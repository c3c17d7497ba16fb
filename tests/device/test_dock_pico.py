"""The dock's Pico code under MicroPython, with a stand-in for the chip: what can be seen of it without a board."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.device.agent_process import INTERPRETER, ROOT, needs_micropython

pytestmark = needs_micropython


def test_a_pico_moves_the_bolt_that_was_ordered_through_its_registers_and_ends_each_pulse(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [INTERPRETER, "-X", "heapsize=1m", ROOT / "tests/device/micro/dock_pico_story.py"],
        env=os.environ | {"MICROPYPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    assert said.get("usb") == "4617 7 01020304", done.stdout + done.stderr
    assert said["answers"] == "[(192, None), (193, 0), (193, 0), (193, 0), (193, 0), (193, 0)]"
    assert said["bolts"] == "[(0, 1), (1, 0)] 1"  # the door of bin 1, the flap of bin 2, the drawer
    assert said["inputs"] == "['0b1100101', '0b1010110', '0b110']"
    assert said["outputs"] == "['0b0', '0b0', '0b0', '0b111']"  # bay: on, red and green
    assert said["bays"] == "[(1, 25, 3)]"
    assert said["fill"] == "50 boots: 1 fed: True enable: [1, 0]"
    assert said["barriers"] == "[2, 3]"
    assert "\nreset\n" in done.stdout  # whatever ends the firmware, the chip starts anew
