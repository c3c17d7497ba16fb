"""A dock on the bench: sensors that a suite sets, bolts that follow at once unless they are stuck, flash in memory."""

from firmware_agent import dock_wire as dw
from firmware_agent.device.flash import Flash
from firmware_agent.dock.controller import Controller
from firmware_agent.dock.hardware import BETWEEN, Calibration, Hardware
from firmware_agent.wire import Deframer, frame

ZERO, PER_KG, MAX_G = 1000, 10000, 5000  # ten ticks to a gram
SMALL_BLOCK = 512
BLOCK = 2048
PAGE = 256


class RamFlash(Flash):
    """Rules of NOR flash. From operation ``fails_from`` on everything fails, the first one ``half`` done."""

    def __init__(self, block_bytes: int = BLOCK) -> None:
        super().__init__(8 * block_bytes, block_bytes, PAGE)
        self.blocks = [
            bytearray(b"\xff" * block_bytes) for _ in range(8)
        ]  # one piece would not fit into a used heap
        self.erased = b"\xff" * block_bytes
        self.operations = 0
        self.fails_from = -1
        self.half = False

    def read(self, offset: int, buffer: "bytearray | memoryview") -> None:
        at = offset % self.block_bytes
        buffer[:] = self.blocks[offset // self.block_bytes][at : at + len(buffer)]

    def erase(self, offset: int) -> None:
        assert offset % self.block_bytes == 0
        self._do(offset, self.erased)

    def program(self, offset: int, data: "bytes | bytearray | memoryview") -> None:
        block, at = self.blocks[offset // self.block_bytes], offset % self.block_bytes
        assert block[at : at + len(data)] == self.erased[: len(data)], "not erased"
        self._do(offset, bytes(data))

    def _do(self, offset: int, data: bytes) -> None:
        block, at = self.blocks[offset // self.block_bytes], offset % self.block_bytes
        if self.operations == self.fails_from and self.half:
            block[at : at + len(data) // 8] = data[: len(data) // 8]
        if 0 <= self.fails_from <= self.operations:
            self.operations += 1
            raise OSError(5)
        self.operations += 1
        block[at : at + len(data)] = data


class Stand(Hardware):
    """Two bins, two bays. Keys of ``bolts``, ``leaves``: flap1, door1, drawer..."""

    serial = "STAND"

    def __init__(self, flash: "Flash | None" = None) -> None:
        super().__init__(flash or RamFlash(), 2, 2, Calibration(ZERO, PER_KG, MAX_G))
        names = ("flap1", "flap2", "door1", "door2", "drawer")
        self.bolts = dict.fromkeys(names, dw.LOCKED)
        self.leaves = dict.fromkeys(names, (True, False))
        self.stuck: set[str] = set()
        self.drives: list[tuple[str, int]] = []
        self.ms = 0
        self.ticks: int | None = ZERO
        self.covered = self.housing = self.stop = False
        self.warmth: list[int | None] = [22, 22]
        self.powers = [True, True]
        self.lights = [dw.RED, dw.RED]
        self.fallen = 0

    def now_ms(self) -> int:
        return self.ms

    def _drive(self, name: str, position: int) -> None:
        self.drives.append((name, position))
        self.bolts[name] = BETWEEN if name in self.stuck else position

    def drive_flap(self, number: int, position: int) -> None:
        self._drive(f"flap{number}", position)

    def flap_bolt(self, number: int) -> int:
        return self.bolts[f"flap{number}"]

    def flap_leaf(self, number: int) -> "tuple[bool, bool]":
        return self.leaves[f"flap{number}"]

    def drive_door(self, number: int, position: int) -> None:
        self._drive(f"door{number}", position)

    def door_bolt(self, number: int) -> int:
        return self.bolts[f"door{number}"]

    def door_leaf(self, number: int) -> "tuple[bool, bool]":
        return self.leaves[f"door{number}"]

    def drive_drawer(self, position: int) -> None:
        self._drive("drawer", position)

    def drawer_bolt(self) -> int:
        return self.bolts["drawer"]

    def drawer_leaf(self) -> "tuple[bool, bool]":
        return self.leaves["drawer"]

    def drawer_full(self) -> bool:
        return False

    def fill_percent(self, number: int) -> int:
        return 40 * number

    def falls(self, number: int) -> int:
        return self.fallen

    def scale_ticks(self) -> "int | None":
        return self.ticks

    def scale_is_covered(self) -> bool:
        return self.covered

    def bay_temperature(self, number: int) -> "int | None":
        return self.warmth[number - 1]

    def set_bay_power(self, number: int, is_on: bool) -> None:
        self.powers[number - 1] = is_on

    def set_bay_light(self, number: int, colour: int) -> None:
        self.lights[number - 1] = colour

    def housing_is_open(self) -> bool:
        return self.housing

    def stop_is_pressed(self) -> bool:
        return self.stop


class Bench:
    """A controller on a stand and the station's end of its line. ``beats``: the station's pulse goes on by itself."""

    def __init__(self, stand: "Stand | None" = None) -> None:
        self.stand = stand or Stand()
        self.deframer = Deframer(dw.MAX_PAYLOAD_BYTES)
        self.frames: list[tuple[int, bytes]] = []
        self.last: dw.Report = dw.Report()
        self.reports = 0
        self.sequence = 0
        self.beats = True
        self.read_tampers = 0
        self.controller = Controller(self.stand, self.take)
        self.controller.tick()

    def take(self, data: bytes) -> None:
        self.deframer.feed(data)
        got = self.deframer.next()
        assert got is not None
        if got.kind == dw.REPORT:
            self.last = dw.unpack_report(got.payload)
            self.reports += 1
        else:
            self.frames.append((got.kind, got.payload))

    def send(self, kind: int, payload: bytes) -> None:
        self.sequence += 1
        station = Deframer()
        station.feed(frame(kind, self.sequence, payload))
        got = station.next()
        assert got is not None
        self.controller.handle(got)

    def order(self, name: str, act: int, number: int = 0, value: int = 0) -> "int | None":
        """The outcome; None: it is not decided yet. A repeat is 100 more."""
        self.frames.clear()
        self.send(dw.ORDER, dw.pack_order(intent(name), act, number, value))
        self.run(0)
        return self.outcome(name)

    def outcome(self, name: str) -> "int | None":
        for kind, payload in self.frames:
            if kind == dw.DONE:
                found, outcome, is_repeat = dw.unpack_done(payload)
                if found == intent(name):
                    return outcome + (100 if is_repeat else 0)
        return None

    def run(self, milliseconds: int, step_ms: int = 100) -> None:
        """Let time pass; at least one turn."""
        end = self.stand.ms + milliseconds
        while True:
            if self.beats and self.stand.ms % 1000 < step_ms:
                self.send(dw.PULSE, dw.pack_pulse(self.read_tampers))
            self.controller.tick()
            if self.stand.ms >= end:
                return
            self.stand.ms = min(end, self.stand.ms + step_ms)

    def restart(self, at_ms: int = 0) -> "Bench":
        """The controller after a reset, on the same plant with the same flash; its clock may not begin at 0."""
        stand = self.stand
        stand.ms = at_ms
        return Bench(stand)


def intent(name: str) -> bytes:
    raw = name.encode()
    return raw + bytes(16 - len(raw))
