"""A dock's board that is a process: its plant is at the other end of two pipes, one JSON line for each turn and answer.

For tests and for the virtual dock. The plant tells the time; a turn it does not answer is a firmware that hangs.
"""

import json
import select
import sys

from firmware_agent.device.board.unix import FileFlash
from firmware_agent.dock.hardware import Calibration, Hardware
from firmware_agent.dock.main import Line

BLOCK_BYTES = 4096
PAGE_BYTES = 256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class ProcessDock(Hardware):
    """``folder`` has board.json and flash.bin; ``plant_in`` and ``plant_out`` are inherited descriptors."""

    def __init__(self, folder: str, plant_in: int, plant_out: int) -> None:
        with open(folder + "/board.json") as file:
            facts = json.load(file)
        size_bytes = int(facts["flash_bytes"])
        flash = FileFlash(folder + "/flash.bin", size_bytes, BLOCK_BYTES, PAGE_BYTES, folder + "/ops")
        scale = Calibration(facts["scale_zero_ticks"], facts["scale_ticks_per_kg"], facts["scale_max_g"])
        super().__init__(flash, facts["bins"], facts["bays"], scale)
        self.serial = facts["serial"]
        self._in = open(f"/proc/self/fd/{plant_in}", "rb")  # noqa: SIM115 - as long as the process lives
        self._out = _raw(plant_out, "wb")
        self._seen: dict[str, Any] = {}
        self._orders: dict[str, Any] = {"power": {}, "light": {}, "bolts": {}}
        self.take_turn()
        self.line = PipeLine(self)

    def take_turn(self) -> bool:
        """Read what the plant's sensors say now. False: the plant has gone."""
        raw = self._in.readline()
        if not raw:
            return False
        self._seen = json.loads(raw)
        if self._seen.get("hang"):
            self._in.readline()  # never comes: the watchdog has to end this
        return True

    def answer(self) -> None:
        """What was driven since the last answer."""
        self._orders["t"] = self._seen["t"]
        self._out.write(json.dumps(self._orders).encode() + b"\n")
        self._orders = {"power": {}, "light": {}, "bolts": {}}

    @property
    def plant_in(self) -> "Any":
        """What a turn comes by."""
        return self._in

    def now_ms(self) -> int:
        """The plant's clock."""
        return int(self._seen["t"])

    def _bin(self, number: int) -> "dict[str, Any]":
        found: dict[str, Any] = self._seen["bins"][number - 1]
        return found

    def _drive(self, name: str, position: int) -> None:
        self._orders["bolts"][name] = position

    def drive_flap(self, number: int, position: int) -> None:
        self._drive(f"flap{number}", position)

    def flap_bolt(self, number: int) -> int:
        return int(self._bin(number)["bolt"])

    def flap_leaf(self, number: int) -> "tuple[bool, bool]":
        return tuple(self._bin(number)["leaf"])

    def drive_door(self, number: int, position: int) -> None:
        self._drive(f"door{number}", position)

    def door_bolt(self, number: int) -> int:
        return int(self._bin(number)["door_bolt"])

    def door_leaf(self, number: int) -> "tuple[bool, bool]":
        return tuple(self._bin(number)["door"])

    def drive_drawer(self, position: int) -> None:
        self._drive("drawer", position)

    def drawer_bolt(self) -> int:
        return int(self._seen["drawer"]["bolt"])

    def drawer_leaf(self) -> "tuple[bool, bool]":
        return tuple(self._seen["drawer"]["leaf"])

    def drawer_full(self) -> bool:
        return bool(self._seen["drawer"]["full"])

    def fill_percent(self, number: int) -> int:
        return int(self._bin(number)["fill"])

    def falls(self, number: int) -> int:
        return int(self._bin(number)["falls"])

    def scale_ticks(self) -> "int | None":
        ticks: int | None = self._seen["ticks"]
        return ticks

    def scale_is_covered(self) -> bool:
        return bool(self._seen["covered"])

    def bay_temperature(self, number: int) -> "int | None":
        degrees: int | None = self._seen["bays"][number - 1]
        return degrees

    def set_bay_power(self, number: int, is_on: bool) -> None:
        self._orders["power"][str(number)] = is_on

    def set_bay_light(self, number: int, colour: int) -> None:
        self._orders["light"][str(number)] = colour

    def housing_is_open(self) -> bool:
        return bool(self._seen["open"])

    def stop_is_pressed(self) -> bool:
        return bool(self._seen["stop"])

    def log(self, text: str) -> None:
        sys.stderr.write(text + "\n")


class PipeLine(Line):
    """stdin and stdout. A turn of the plant is answered before the next wait, so that a hang shows."""

    def __init__(self, board: ProcessDock) -> None:
        self._board = board
        self._in = _raw(0, "rb")
        self._out = sys.stdout.buffer
        self._listens = True
        self._owes = True  # the first turn came when the board was made
        self._poll = select.poll()
        self._poll.register(self._in, select.POLLIN)
        self._poll.register(board.plant_in, select.POLLIN)
        self._has_bytes = False

    def wait(self) -> bool:
        """Until the station said something, or the plant another turn."""
        if self._owes:
            self._board.answer()
            self._owes = False
        self._has_bytes = False
        for ready in self._poll.poll():
            if _is(ready[0], self._in):
                if not ready[1] & select.POLLIN:
                    return False
                self._has_bytes = True
            else:
                if not self._board.take_turn():
                    return False
                self._owes = True
        return True

    def readinto(self, buffer: memoryview) -> int:
        """Byte by byte: what the pipe has, as MicroPython's own read would wait until it has all."""
        if not self._has_bytes:
            return 0
        count = 0
        while count < len(buffer):
            got = self._in.readinto(buffer[count : count + 1])
            if not got:
                break
            count += got
            if not any(_is(ready[0], self._in) for ready in self._poll.poll(0)):
                break
        return count

    def send(self, data: bytes) -> None:
        """Lost where the other end is gone."""
        if self._listens:
            try:
                self._out.write(data)
                if hasattr(self._out, "flush"):
                    self._out.flush()
            except OSError:
                self._listens = False


def _raw(descriptor: int, mode: str) -> "Any":
    path = f"/proc/self/fd/{descriptor}"
    if sys.implementation.name == "micropython":
        return open(path, mode)  # it has no buffer
    return open(path, mode, buffering=0)


def _is(found: "Any", stream: "Any") -> bool:
    """MicroPython's poll gives the stream back, CPython's its number."""
    return found is stream or found == stream.fileno()
