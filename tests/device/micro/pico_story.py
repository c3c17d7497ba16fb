"""A Pico's board code from an erased chip to a green self-test, under the unix interpreter; the chip is stood in for.

Only what the chip and its USB library would do is stood in for: rp2.Flash, machine, usb.device. Prints what it saw.
"""

import os
import struct
import sys
from hashlib import sha256

import vfs

from firmware_agent import wire
from firmware_agent.device import session as session_module
from firmware_agent.order import PLAIN, Order

BLOCK = 4096
DATA = bytearray(b"\xff" * (1408 * 1024))


class Flash(bytearray):
    """As ports/rp2/rp2_flash.c: without an offset a write erases first, and the memory map can be read."""

    def __init__(self, start: int = 0, len: int = 0) -> None:
        super().__init__(DATA[start : start + len])
        self.start = start
        self.size = len or 1408 * 1024

    def readblocks(self, block, buffer, offset=0):  # type: ignore[no-untyped-def]
        at = self.start + block * BLOCK + offset
        memoryview(buffer)[:] = memoryview(DATA)[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=None):  # type: ignore[no-untyped-def]
        at = self.start + block * BLOCK + (offset or 0)
        if offset is None:
            DATA[at : at + len(buffer)] = b"\xff" * len(buffer)
        assert at % 256 == 0
        assert len(buffer) % 256 == 0
        assert bytes(DATA[at : at + len(buffer)]) == b"\xff" * len(buffer)
        DATA[at : at + len(buffer)] = bytes(buffer)

    def ioctl(self, operation, number):  # type: ignore[no-untyped-def]
        if operation == 4:
            return self.size // BLOCK
        if operation == 5:
            return BLOCK
        if operation == 6:
            at = self.start + number * BLOCK
            DATA[at : at + BLOCK] = b"\xff" * BLOCK
        return 0


class Reset(BaseException):
    pass


class Cdc:
    """The station is on the other end: frames it sends, answers it gets."""

    script: "list[bytes]"
    answers: "list[bytes]"

    def __init__(self, **options: int) -> None:
        assert options["timeout"] == 0

    def is_open(self) -> bool:
        return True

    def readinto(self, buffer):  # type: ignore[no-untyped-def]
        if not Cdc.script:
            raise Reset
        data = Cdc.script.pop(0)
        now, later = data[: min(64, len(buffer))], data[min(64, len(buffer)) :]
        if later:
            Cdc.script.insert(0, later)
        buffer[: len(now)] = now
        return len(now)

    def write(self, data):  # type: ignore[no-untyped-def]
        Cdc.answers.append(bytes(data[:64]))
        return min(64, len(data))


class Stand:
    """A module, or an object of one, that has what it is given."""

    def __init__(self, **have: object) -> None:
        for name, value in have.items():
            setattr(self, name, value)


def reset() -> None:
    raise Reset


class Pin:
    IN = 0

    def __init__(self, number: int, mode: int) -> None:
        pass

    def value(self) -> int:
        return 0


class Usb:
    def init(self, *interfaces: object, **facts: object) -> None:
        Usb.facts = facts


machine = Stand(
    WDT=lambda timeout: Stand(feed=lambda: None),
    ADC=lambda pin: Stand(read_u16=lambda: 25000),
    Pin=Pin,
    unique_id=lambda: b"\1\2\3\4\5\6\7\10",
    idle=lambda: None,
    reset=reset,
)
sys.modules["machine"] = machine  # type: ignore[assignment]
sys.modules["rp2"] = Stand(Flash=Flash)  # type: ignore[assignment]
sys.modules["usb"] = sys.modules["usb.device"] = Stand(get=Usb)  # type: ignore[assignment]
sys.modules["usb.device.cdc"] = Stand(CDCInterface=Cdc)  # type: ignore[assignment]
session_module.verify = lambda key, order, signature: bytes(signature) == b"signature"  # type: ignore[attr-defined]

from firmware_agent.device.board import rp2 as board  # noqa: E402 - the modules it imports are made above

FACTS: "dict[str, object]" = {
    "model": "kinglet",
    "variant": "cn",
    "public_key": "00" * 60,
    "usb_vendor": 0x1209,
    "usb_product": 5,
    "image_bytes": 384 * 1024,
    "staging_bytes": 256 * 1024,
    "min_battery_percent": 30,
    "has_battery": True,
}
APP = b"ran = []\ndef start():\n    ran.append(1)\ndef self_test():\n    return ran == [1]\n"


def number(value: int) -> bytes:
    out = [value & 127]
    while value > 127:
        value >>= 7
        out.insert(0, 128 | value & 127)
    return bytes(out)


def record(kind: int, body: bytes) -> bytes:
    return number(kind) + number(len(body)) + body


def romfs() -> bytes:
    """One file in MicroPython's ROMFS: what `mpremote romfs build` makes."""
    body = record(5, number(6) + b"app.py" + record(2, APP))
    return b"\xd2\xcd\x31" + number(len(body)) + body


def talk(*questions: "tuple[int, bytes]") -> "list[wire.Frame]":
    """Power up, ask, and see the answers until the reset."""
    Cdc.script = [wire.frame(kind, place, payload) for place, (kind, payload) in enumerate(questions)]
    Cdc.answers = []
    board.mount_owner(FACTS)
    try:
        board.run(FACTS)
    except Reset:
        pass
    out, deframer = [], wire.Deframer()
    for piece in Cdc.answers:
        deframer.feed(piece)
        found = deframer.next()
        while found is not None:
            out.append(found)
            found = deframer.next()
    return out


hello = (wire.HELLO, wire.pack_hello(1, 1, 4352))
image = romfs()
order = Order()
order.method, order.packing, order.model, order.version, order.rollback_index = (
    wire.WHOLE,
    PLAIN,
    "kinglet",
    "1.0.0",
    1,
)
order.image_size = order.patch_size = len(image)
order.image_sha256 = order.patch_sha256 = sha256(image).digest()
answers = talk(
    hello,
    (wire.ORDER, order.pack() + b"signature"),
    (wire.DATA, wire.pack_data(0, image)),
    (wire.COMMIT, b""),
    (wire.REBOOT, b""),
)
welcome = wire.unpack_welcome(answers[0].payload)
print("erased:", welcome.state == wire.UNFIT, welcome.health == wire.HEALTH_IMAGE, welcome.serial)
print("answers:", [answer.kind for answer in answers[1:]])
with open("/mine.txt", "w") as file:
    file.write("the owner's")
vfs.umount("/")  # as the reset does
answers = talk(hello, (wire.USER_FILES, wire.pack_user_question(0, False)))
welcome = wire.unpack_welcome(answers[0].payload)
print("green:", welcome.state == wire.IDLE, welcome.health == 0, welcome.image_version, welcome.battery)
print("files:", wire.unpack_user_page(answers[1].payload)[1])
print("usb:", Usb.facts["id_vendor"], Usb.facts["id_product"], Usb.facts["serial_str"])
print("app:", "app" in sys.modules, "app.py" in os.listdir("/app"), struct.calcsize("P"))
