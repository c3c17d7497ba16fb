"""A Raspberry Pi Pico as the dock's controller: shift registers for bolts and switches, an HX711, USB serial.

It decides nothing. docs/dock.md has the wiring, and says what nobody has tried.
"""

import sys
import time

import machine

from firmware_agent.device.board.pico import WATCHDOG_MS, PicoFlash, serial_line
from firmware_agent.dock.hardware import BETWEEN, Calibration, Hardware
from firmware_agent.dock.main import Line, serve
from firmware_agent.dock.registers import (
    BOLT_PULSE_MS,
    FALL_DEAD_MS,
    bay_outputs,
    bolt_outputs,
    celsius,
    fill_of,
    position_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

TURN_MS = 20

LOAD_PIN, LATCH_PIN, ENABLE_PIN = 20, 21, 22
SCK_PIN, MOSI_PIN, MISO_PIN = 18, 19, 16
SCALE_DATA_PIN, SCALE_CLOCK_PIN, PLATE_PIN = 14, 15, 13
STOP_PIN, HOUSING_PIN, DRAWER_PIN = 12, 11, 10
FALL_PINS = (2, 3, 4, 5, 6, 7)
SELECT_PINS = (8, 9, 17)
FILL_ADC_PIN, WARMTH_ADC_PIN = 26, 27


class Barrier:
    """A light barrier that counts what falls through it, by interrupt."""

    def __init__(self, pin: int) -> None:
        self.count = 0
        self._last_ms: Any = 0
        self._pin = machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP)
        self._pin.irq(self._fell, machine.Pin.IRQ_FALLING)

    def _fell(self, pin: "machine.Pin") -> None:  # noqa: ARG002 - the port passes it
        now_ms = time.ticks_ms()  # type: ignore[attr-defined,unused-ignore]
        if time.ticks_diff(now_ms, self._last_ms) >= FALL_DEAD_MS:  # type: ignore[attr-defined,unused-ignore]
            self._last_ms = now_ms
            self.count += 1


class Hx711:
    """The scale's converter: 24 bits, two's complement, gain 128 (Avia's data sheet)."""

    def __init__(self) -> None:
        self._data = machine.Pin(SCALE_DATA_PIN, machine.Pin.IN)
        self._clock = machine.Pin(SCALE_CLOCK_PIN, machine.Pin.OUT, value=0)

    def read(self) -> "int | None":
        """A reading; None: none is ready. The clock must not stay high for 60 us, so interrupts are off."""
        if self._data.value():
            return None
        raw = 0
        state = machine.disable_irq()
        for _ in range(24):
            self._clock.value(1)
            self._clock.value(0)
            raw = raw << 1 | self._data.value()
        self._clock.value(1)
        self._clock.value(0)
        machine.enable_irq(state)
        return raw - (1 << 24) if raw & 1 << 23 else raw


class PicoDock(Hardware):
    """The dock that ``facts`` (frozen beside the firmware) describes."""

    def __init__(self, facts: "dict[str, object]") -> None:
        sizes = [int(str(facts[name])) for name in ("bins", "bays")]
        scale = [int(str(facts[name])) for name in ("scale_zero_ticks", "scale_ticks_per_kg", "scale_max_g")]
        super().__init__(PicoFlash(), sizes[0], sizes[1], Calibration(*scale))
        if not 1 <= self.bins <= len(FALL_PINS):
            raise ValueError("a Pico has pins for six bins")
        self.serial = machine.unique_id().hex()
        self._enable = machine.Pin(ENABLE_PIN, machine.Pin.OUT, value=1)  # outputs off until they are known
        self._load = machine.Pin(LOAD_PIN, machine.Pin.OUT, value=1)
        self._latch = machine.Pin(LATCH_PIN, machine.Pin.OUT, value=0)
        pins = [machine.Pin(number) for number in (SCK_PIN, MOSI_PIN, MISO_PIN)]
        self._spi = machine.SPI(0, baudrate=1000000, sck=pins[0], mosi=pins[1], miso=pins[2])
        self._inputs = bytearray(self.bins + 1)
        self._outputs = bytearray(self.bins + 1 + self.bays)
        self._pulses: list[tuple[int, int, int]] = []  # (until ms, byte, bits)
        self._barriers = [Barrier(pin) for pin in FALL_PINS[: self.bins]]
        self._scale = Hx711()
        self._plate = machine.Pin(PLATE_PIN, machine.Pin.IN, machine.Pin.PULL_UP)
        self._stop = machine.Pin(STOP_PIN, machine.Pin.IN, machine.Pin.PULL_UP)
        self._housing = machine.Pin(HOUSING_PIN, machine.Pin.IN, machine.Pin.PULL_UP)
        self._drawer = machine.Pin(DRAWER_PIN, machine.Pin.IN, machine.Pin.PULL_UP)
        self._select = [machine.Pin(pin, machine.Pin.OUT, value=0) for pin in SELECT_PINS]
        self._fill = machine.ADC(FILL_ADC_PIN)
        self._warmth = machine.ADC(WARMTH_ADC_PIN)
        self._ticks: Any = time.ticks_ms()  # type: ignore[attr-defined,unused-ignore]
        self._now_ms = 0
        self.refresh()
        self._enable.value(0)
        self._watchdog = machine.WDT(timeout=WATCHDOG_MS)

    def refresh(self) -> None:
        """Read every switch, end the pulses that are over, write every output."""
        now_ms = self.now_ms()
        for until_ms, at, bits in self._pulses:
            if now_ms >= until_ms:
                self._outputs[at] &= ~bits & 0xFF
        self._pulses = [one for one in self._pulses if now_ms < one[0]]
        self._load.value(0)
        self._load.value(1)
        self._spi.readinto(self._inputs)
        self._spi.write(bytes(reversed(self._outputs)))  # the first byte out ends in the last register
        self._latch.value(1)
        self._latch.value(0)

    def now_ms(self) -> int:
        """The port's own counter wraps after twelve days; this one does not."""
        ticks = time.ticks_ms()  # type: ignore[attr-defined,unused-ignore]
        self._now_ms += int(time.ticks_diff(ticks, self._ticks))  # type: ignore[attr-defined,unused-ignore]
        self._ticks = ticks
        return self._now_ms

    def _pulse(self, at: int, is_door: bool, position: int) -> None:
        both = bolt_outputs(is_door, 0) | bolt_outputs(is_door, 1)
        bits = bolt_outputs(is_door, position)
        self._pulses = [one for one in self._pulses if one[1] != at or one[2] & both == 0]
        self._outputs[at] = self._outputs[at] & ~both & 0xFF | bits
        self._pulses.append((self.now_ms() + BOLT_PULSE_MS, at, bits))
        self.refresh()

    def drive_flap(self, number: int, position: int) -> None:
        self._pulse(number - 1, False, position)

    def flap_bolt(self, number: int) -> int:
        return position_of(self._inputs[number - 1], BETWEEN)

    def flap_leaf(self, number: int) -> "tuple[bool, bool]":
        bits = self._inputs[number - 1]
        return bits & 4 != 0, bits & 8 != 0

    def drive_door(self, number: int, position: int) -> None:
        self._pulse(number - 1, True, position)

    def door_bolt(self, number: int) -> int:
        return position_of(self._inputs[number - 1] >> 4, BETWEEN)

    def door_leaf(self, number: int) -> "tuple[bool, bool]":
        bits = self._inputs[number - 1] >> 4
        return bits & 4 != 0, bits & 8 != 0

    def drive_drawer(self, position: int) -> None:
        self._pulse(self.bins, False, position)

    def drawer_bolt(self) -> int:
        return position_of(self._inputs[self.bins], BETWEEN)

    def drawer_leaf(self) -> "tuple[bool, bool]":
        bits = self._inputs[self.bins]
        return bits & 4 != 0, bits & 8 != 0

    def drawer_full(self) -> bool:
        return not self._drawer.value()

    def _choose(self, number: int) -> None:
        for place, pin in enumerate(self._select):
            pin.value(number - 1 >> place & 1)

    def fill_percent(self, number: int) -> int:
        self._choose(number)
        return fill_of(self._fill.read_u16())

    def falls(self, number: int) -> int:
        return self._barriers[number - 1].count & 0xFFFF

    def scale_ticks(self) -> "int | None":
        return self._scale.read()

    def scale_is_covered(self) -> bool:
        return not self._plate.value()

    def bay_temperature(self, number: int) -> "int | None":
        self._choose(number)
        return celsius(self._warmth.read_u16())

    def set_bay_power(self, number: int, is_on: bool) -> None:
        at = self.bins + number
        self._outputs[at] = self._outputs[at] & 0xFE | (1 if is_on else 0)
        self.refresh()

    def set_bay_light(self, number: int, colour: int) -> None:
        at = self.bins + number
        self._outputs[at] = self._outputs[at] & 1 | bay_outputs(colour)
        self.refresh()

    def housing_is_open(self) -> bool:
        return bool(self._housing.value())

    def stop_is_pressed(self) -> bool:
        return bool(self._stop.value())  # a normally closed contact: a cut wire stops as well

    def feed(self) -> None:
        self.refresh()
        self._watchdog.feed()

    def log(self, text: str) -> None:
        print(text)


class CdcLine(Line):
    """The controller's own USB serial interface; the interpreter's console is not on it."""

    def __init__(self, board: PicoDock, facts: "dict[str, object]") -> None:
        self._board = board
        self._cdc = serial_line(facts, "dock", board.serial, 1024)

    def wait(self) -> bool:
        """A turn's time; what came meanwhile is in the interface's buffer."""
        until_ms = self._board.now_ms() + TURN_MS
        while self._board.now_ms() < until_ms:
            machine.idle()
        return True

    def readinto(self, buffer: memoryview) -> int:
        """What is there."""
        return int(self._cdc.readinto(buffer) or 0)

    def send(self, data: bytes) -> None:
        """What fits into the buffer; a station that takes nothing does not hold up a dock."""
        if self._cdc.is_open():
            self._cdc.write(data)


def run(facts: "dict[str, object]") -> None:
    """Everything, for ever: what main.py calls. Ends in a reset, also where the firmware itself has failed."""
    try:
        board = PicoDock(facts)
        serve(board, CdcLine(board, facts))
    except Exception as exc:  # noqa: BLE001 - said on the console before the reset
        sys.print_exception(exc)  # type: ignore[attr-defined,unused-ignore]
    finally:
        machine.reset()
