"""The Pico's board code under MicroPython, with a stand-in for the chip: what can be seen of it without a board."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.device.agent_process import INTERPRETER, ROOT, needs_micropython

pytestmark = needs_micropython


def test_an_erased_pico_takes_its_first_image_mounts_it_and_confirms_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [INTERPRETER, "-X", "heapsize=16m", ROOT / "tests/device/micro/pico_story.py"],
        env=os.environ | {"MICROPYPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines() if ": " in line)
    assert said.get("erased") == "True True 0102030405060708", done.stdout + done.stderr
    assert said["answers"] == "[144, 145, 146, 148]"
    assert said["green"] == "True True 1.0.0 56"
    assert said["files"] == "[('mine.txt', 11, b'')]"
    assert said["usb"] == "4617 5 0102030405060708"
    assert said["app"].startswith("True True")
