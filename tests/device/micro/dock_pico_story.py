"""The dock's Pico code with a stand-in for the chip: shift registers, converter, pins, USB. Prints what it saw.

Only what the chip and its USB library would do is stood in for.
"""

import sys

from firmware_agent import dock_wire as dw
from firmware_agent import wire

BLOCK = 4096
BLOCKS = [bytearray(b"\xff" * BLOCK) for _ in range(8)]
BINS, BAYS = 2, 1
INPUTS = bytearray([0b01010101, 0b01010101, 0b0101])  # everything locked and closed
OUTPUTS = bytearray(BINS + 1 + BAYS)
LEVELS: "dict[int, int]" = {11: 0, 12: 0, 10: 1, 13: 1, 14: 0}
ANALOGUE = {26: 29000, 27: 32768}
FED = [0]
ENABLED: "list[int]" = []
HANDLERS: "dict[int, object]" = {}


class Flash:
    def readblocks(self, block, buffer, offset=0):  # type: ignore[no-untyped-def]
        buffer[:] = BLOCKS[block][offset : offset + len(buffer)]

    def writeblocks(self, block, buffer, offset):  # type: ignore[no-untyped-def]
        assert offset % 256 == 0
        assert bytes(BLOCKS[block][offset : offset + len(buffer)]).strip(b"\xff") == b""
        BLOCKS[block][offset : offset + len(buffer)] = buffer

    def ioctl(self, operation, number):  # type: ignore[no-untyped-def]
        if operation == 6:
            BLOCKS[number][:] = b"\xff" * BLOCK
        return len(BLOCKS) if operation == 4 else 0


class Pin:
    IN, OUT, PULL_UP, IRQ_FALLING = 0, 1, 2, 4

    def __init__(self, number, mode=-1, pull=-1, value=None):  # type: ignore[no-untyped-def]
        self.number = number
        if value is not None:
            self.value(value)

    def value(self, to=None):  # type: ignore[no-untyped-def]
        if to is None:
            return LEVELS.get(self.number, 1)
        LEVELS[self.number] = to
        if self.number == 22:
            ENABLED.append(to)
        return None

    def irq(self, handler, trigger):  # type: ignore[no-untyped-def]
        assert trigger == Pin.IRQ_FALLING
        HANDLERS[self.number] = handler


class Spi:
    def __init__(self, number, **options):  # type: ignore[no-untyped-def]
        assert number == 0

    def readinto(self, buffer):  # type: ignore[no-untyped-def]
        buffer[:] = INPUTS

    def write(self, data):  # type: ignore[no-untyped-def]
        OUTPUTS[:] = bytes(reversed(data))
        for number in range(BINS + 1):
            for shift in (0, 4):
                driven = OUTPUTS[number] >> shift & 3
                if driven in {1, 2}:
                    INPUTS[number] = INPUTS[number] & ~(3 << shift) & 0xFF | driven << shift


class Adc:
    def __init__(self, number: int) -> None:
        self.number = number

    def read_u16(self) -> int:
        return ANALOGUE[self.number]


class Watchdog:
    def __init__(self, timeout: int) -> None:
        assert timeout <= 8388

    def feed(self) -> None:
        FED[0] += 1


class Ended(BaseException):
    pass


class Machine:
    Pin, SPI, ADC, WDT = Pin, Spi, Adc, Watchdog

    @staticmethod
    def unique_id() -> bytes:
        return b"\x01\x02\x03\x04"

    @staticmethod
    def idle() -> None:
        pass

    @staticmethod
    def disable_irq() -> int:
        return 0

    @staticmethod
    def enable_irq(state: int) -> None:
        pass

    @staticmethod
    def reset() -> None:
        print("reset")


class Station:
    """What the station says, each piece once what came before has been answered."""

    def __init__(self, script: "list[bytes]") -> None:
        self.script = script
        self.deframer = wire.Deframer()
        self.answers: list[tuple[int, bytes]] = []
        self.report = dw.Report()
        self.turns = 0


class Cdc:
    station: Station

    def __init__(self, **options: int) -> None:
        assert options["timeout"] == 0

    def is_open(self) -> bool:
        return True

    def readinto(self, buffer):  # type: ignore[no-untyped-def]
        station = Cdc.station
        station.turns += 1
        if station.turns % 15:
            return 0
        if not station.script:
            raise Ended
        data = station.script.pop(0)
        buffer[: len(data)] = data
        return len(data)

    def write(self, data):  # type: ignore[no-untyped-def]
        station = Cdc.station
        station.deframer.feed(data)
        got = station.deframer.next()
        assert got is not None
        if got.kind == dw.REPORT:
            station.report = dw.unpack_report(got.payload)
        else:
            station.answers.append((got.kind, got.payload))
        return len(data)


class Module:
    def __init__(self, **names: object) -> None:
        for name, value in names.items():
            setattr(self, name, value)


class Usb:
    def init(self, interface, **options):  # type: ignore[no-untyped-def]
        print("usb:", options["id_vendor"], options["id_product"], options["serial_str"])


def order(name: str, act: int, number: int, value: int = 0) -> bytes:
    return wire.frame(
        dw.ORDER, len(name), dw.pack_order(name.encode() + bytes(16 - len(name)), act, number, value)
    )


def main() -> None:
    sys.modules["machine"] = Machine  # type: ignore[assignment]
    sys.modules["rp2"] = Module(Flash=Flash)  # type: ignore[assignment]
    sys.modules["usb"] = sys.modules["usb.device"] = Module(get=Usb)  # type: ignore[assignment]
    sys.modules["usb.device.cdc"] = Module(CDCInterface=Cdc)  # type: ignore[assignment]
    from firmware_agent.dock.board import rp2

    Cdc.station = Station(
        [
            wire.frame(dw.GREET, 1, dw.pack_greet(1, 1)),
            order("a", dw.RELEASE_FLAP, 2),
            order("b", dw.RELEASE_DOOR, 1),
            order("c", dw.RELEASE_DRAWER, 0),
            order("d", dw.POWER, 1, 1),
            order("e", dw.LIGHT, 1, dw.AMBER),
            b"",
        ]
    )
    facts: dict[str, object] = {
        "bins": BINS, "bays": BAYS, "usb_vendor": 0x1209, "usb_product": 7,
        "scale_zero_ticks": 0, "scale_ticks_per_kg": 1000, "scale_max_g": 5000,
    }  # fmt: skip
    try:
        rp2.run(facts)
    except Ended:
        pass
    station = Cdc.station
    print("answers:", [(kind, payload[16] if kind == dw.DONE else None) for kind, payload in station.answers])
    print("about:", dw.unpack_about(station.answers[0][1]))
    bins = station.report.bins
    print("bolts:", [(one.lock, one.door_lock) for one in bins], station.report.drawer_lock)
    print("bays:", [(bay.bits, bay.temperature_c, bay.light) for bay in station.report.bays])
    print("inputs:", [bin(one) for one in INPUTS])
    print("outputs:", [bin(one) for one in OUTPUTS])  # every motor's pulse is over
    print(
        "fill:", bins[0].fill_percent, "boots:", station.report.boots, "fed:", FED[0] > 20, "enable:", ENABLED
    )
    print("barriers:", sorted(HANDLERS))


main()
