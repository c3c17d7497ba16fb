"""A device in memory for the suites: flash with rules that loses power on demand, small images, a station's frames.

Checks nothing itself. In MicroPython's subset, as the agent is.
"""

import struct
from hashlib import sha256

from firmware_agent import wire
from firmware_agent.device import session as session_module
from firmware_agent.device.boot import RESET, boot
from firmware_agent.device.device import Board, Device, Layout, install_factory
from firmware_agent.device.errors import AgentError
from firmware_agent.device.flash import Flash
from firmware_agent.device.session import Session
from firmware_agent.order import PLAIN, ZLIB, Order

BLOCK = 1024
PAGE = 256
GROUP = 2
MODEL = "kinglet"
SIGNATURE = b"signed by the maker" * 20
OWNER = bytes([(7 * n + 3) & 255 for n in range(2 * BLOCK)])


class PowerCut(BaseException):
    """The power is gone: nothing in the agent may catch this."""


class MemoryFlash(Flash):
    """Flash that holds the rules, counts what is written, and can lose its power within any of it."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__(size_bytes, BLOCK, PAGE)
        self.data = bytearray(b"\xff" * size_bytes)
        self.count = 0
        self.cut = -1
        self.part = 0
        self.failing = False
        self.trail: list[tuple[int, int]] = []

    def read(self, offset: int, buffer: "bytearray | memoryview") -> None:
        assert 0 <= offset <= offset + len(buffer) <= self.size_bytes
        memoryview(buffer)[:] = memoryview(self.data)[offset : offset + len(buffer)]

    def erase(self, offset: int) -> None:
        assert offset % BLOCK == 0
        self._do(offset, b"\xff" * BLOCK)

    def program(self, offset: int, data: "bytes | bytearray | memoryview") -> None:
        assert offset % PAGE == 0
        assert len(data) % PAGE == 0
        assert offset // BLOCK == (offset + len(data) - 1) // BLOCK
        assert bytes(self.data[offset : offset + len(data)]) == b"\xff" * len(data), "program of a used page"
        self._do(offset, data)

    def _do(self, offset: int, data: "bytes | bytearray | memoryview") -> None:
        if self.failing:
            raise OSError(5)
        cut = self.count == self.cut
        done = len(data) * self.part // 100 if cut else len(data)
        self.data[offset : offset + done] = bytes(memoryview(data)[:done])
        if cut:
            raise PowerCut
        self.count += 1


class BenchBoard(Board):
    """A board whose image works unless its version is in ``bad``."""

    model = MODEL
    variant = "cn"
    serial = "A1"
    public_key = b"key"
    min_battery_percent = 30
    flash: MemoryFlash

    def __init__(self, flash: MemoryFlash, layout: Layout) -> None:
        super().__init__(flash, layout)
        self.battery = 80
        self.bad: list[str] = []
        self.launched = ""
        self.said: list[str] = []

    def battery_percent(self) -> int:
        return self.battery

    def launch(self, image, size_bytes: int, version: str) -> None:  # type: ignore[no-untyped-def]
        self.launched = version

    def self_test(self) -> bool:
        return self.launched not in self.bad

    def user_root(self) -> str:
        raise AgentError(wire.USER_DATA)

    def log(self, text: str) -> None:
        self.said.append(text)


def layout(mode: str) -> Layout:
    """A small one."""
    return Layout(mode, BLOCK, PAGE, 8 * BLOCK, 14 * BLOCK, GROUP, len(OWNER))


def pattern(seed: int, count: int) -> bytes:
    """Bytes without a pattern, the same in both interpreters."""
    out, block = bytearray(), bytes([seed])
    while len(out) < count:
        block = sha256(block).digest()
        out += block
    return bytes(out[:count])


OLD = pattern(1, 5 * BLOCK + 300)
NEW = OLD[BLOCK : 3 * BLOCK] + pattern(2, 700) + OLD[: 2 * BLOCK] + pattern(3, 900)
"""The first blocks of the new one read later blocks of the old one, the later ones blocks that are gone by then."""


def board(mode: str, flash: "MemoryFlash | None" = None) -> BenchBoard:
    """One as it leaves the factory, or one around a flash that has lived."""
    plan = layout(mode)
    if flash is None:
        flash = MemoryFlash(plan.total_bytes)
        used = pattern(9, plan.user_at)  # no part of it is erased, as after years of use
        flash.data[: len(used)] = used
        flash.data[: 2 * BLOCK] = b"\xff" * BLOCK + used[:BLOCK]
        install_factory(flash, plan, OLD, "1.0.0", 1)
        flash.data[plan.user_at : plan.total_bytes] = OWNER
        flash.count = 0
    return BenchBoard(flash, plan)


def _number(value: int) -> bytes:
    out = [value & 127]
    while value > 127:
        value >>= 7
        out.insert(0, 128 | value & 127)
    return bytes(out)


def _patch(covers: "list[tuple[int, int, int]]", new: bytes) -> bytes:
    """(old, new, length) of what is the same; the rest is literal (HPatchLite, docs/agent-patch.md)."""
    out = b"hI\0" + bytes([1 << 6 | 4]) + struct.pack("<I", len(new)) + _number(len(covers) + 1)
    last_old = at = 0
    for old, place, length in covers + [(0, len(new), 0)]:  # noqa: RUF005 - MicroPython cannot unpack there
        away = old - last_old
        if length == 0:
            away = 0
        out += _number(length) + bytes([0x80 | 0x20 | (0x40 if away < 0 else 0)])
        out += _number(abs(away)) + _number(place - at) + new[at:place]
        at = place + length
        last_old = old + length
    return out


def _order(method: int, new: bytes, patch: bytes) -> Order:
    order = Order()
    order.method, order.packing, order.model, order.version = method, PLAIN, MODEL, "2.0.0"
    order.rollback_index = 2
    order.image_size, order.image_sha256 = len(new), sha256(new).digest()
    order.patch_size, order.patch_sha256 = len(patch), sha256(patch).digest()
    if method != wire.WHOLE:
        order.base_size, order.base_sha256 = len(OLD), sha256(OLD).digest()
    return order


def whole() -> "tuple[Order, bytes]":
    """The new image itself, in a zlib stream."""
    patch = _stored(NEW)
    order = _order(wire.WHOLE, NEW, patch)
    order.packing = ZLIB
    return order, patch


def _stored(data: bytes) -> bytes:
    """Zlib (RFC 1950) without compression: MicroPython's own packer is not everywhere."""
    a, b = 1, 0
    for byte in data:
        a = (a + byte) % 65521
        b = (b + a) % 65521
    return (
        b"\x78\x01\x01" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + data + struct.pack(">HH", b, a)
    )


def slot_delta() -> "tuple[Order, bytes]":
    """The difference, front to back."""
    patch = _patch([(BLOCK, 0, 2 * BLOCK), (0, 2 * BLOCK + 700, 2 * BLOCK)], NEW)
    return _order(wire.SLOT_DELTA, NEW, patch), patch


def in_place_delta() -> "tuple[Order, bytes]":
    """The difference for blocks 3, 4, 0, 1, 2, 5: what is read later is not written before."""
    sequence = [3, 4, 0, 1, 2, 5]
    moved = b"".join([NEW[n * BLOCK : (n + 1) * BLOCK] for n in sequence])
    runs = struct.pack("<HHHHBBHHBBHHBB", 3, 0, 3, 2, 0, 0, 0, 3, 0, 0, 5, 1, 0, 0)
    # blocks 0 and 1 come from the old 1 and 2; when they are read, groups 0 (3, 4) and 1 (0, 1) matter
    patch = runs + _patch([(BLOCK, 2 * BLOCK, 2 * BLOCK)], moved)
    order = _order(wire.IN_PLACE_DELTA, NEW, patch)
    order.block, order.group = BLOCK, GROUP
    return order, patch


def allow(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Stands for the signature check, which has a suite of its own."""
    return bytes(signature) == SIGNATURE


session_module.verify = allow  # type: ignore[attr-defined,assignment]


class Station:
    """The other end of one talk: asks, keeps every answer's (kind, payload), knows what came last."""

    def __init__(self, device: Device) -> None:
        self.answers: list[tuple[int, int, bytes]] = []
        self.session = Session(device, self._take)
        self.sequence = 0
        self.sent_bytes = 0

    def _take(self, data: bytes) -> None:
        deframer = wire.Deframer()
        deframer.feed(data)
        got = deframer.next()
        assert got is not None
        self.answers.append((got.kind, got.sequence, got.payload))

    def ask(self, kind: int, payload: bytes = b"", sequence: int = -1) -> "tuple[int, bytes]":
        """The last answer to a question."""
        self.sequence = (self.sequence + 1) & 0xFFFF if sequence < 0 else sequence
        self.answers = []
        self.session.handle(wire.Frame(kind, self.sequence, payload))
        kind, at, payload = self.answers[-1]
        assert at == self.sequence
        return kind, payload

    def refused(self, kind: int, payload: bytes = b"", sequence: int = -1) -> "tuple[int, int]":
        """(code, detail) of the refusal; (0, 0): it was taken."""
        got, answer = self.ask(kind, payload, sequence)
        return wire.unpack_refused(answer) if got == wire.REFUSED else (0, 0)

    def hello(self) -> wire.Welcome:
        kind, payload = self.ask(wire.HELLO, wire.pack_hello(1, 1, 4096))
        assert kind == wire.WELCOME
        return wire.unpack_welcome(payload)

    def send(self, order: Order, patch: bytes, piece: int = 700) -> int:
        """Order and what is missing of the patch; the code of the first refusal, 0: all of it is there."""
        kind, payload = self.ask(wire.ORDER, order.pack() + SIGNATURE)
        if kind == wire.REFUSED:
            return wire.unpack_refused(payload)[0]
        at = wire.unpack_counts(payload)[1]
        while at < len(patch):
            part = patch[at : at + piece]
            kind, payload = self.ask(wire.DATA, wire.pack_data(at, part))
            if kind == wire.REFUSED:
                return wire.unpack_refused(payload)[0]
            at += len(part)
            self.sent_bytes += len(part)
        return 0


def update(bench: BenchBoard, order: Order, patch: bytes) -> int:
    """Boot and update until the new image is confirmed, as a station does; how many bytes of patch were sent."""
    sent = 0
    for _ in range(4):
        device = Device(bench)
        if boot(device) == RESET:
            continue
        station = Station(device)
        welcome = station.hello()
        if welcome.state == wire.IDLE and welcome.image_sha256 == order.image_sha256:
            return sent
        code = station.send(order, patch)
        assert code == 0, code
        sent += station.sent_bytes
        code = station.refused(wire.COMMIT)[0]
        assert code == 0, code
    raise AssertionError("not updated after four boots")


def running(bench: BenchBoard) -> "tuple[Device, bytes]":
    """Boot, and the bytes of the image that runs."""
    for _ in range(6):
        device = Device(bench)
        if boot(device) != RESET:
            break
    else:
        raise AssertionError("it never stops trying")
    image = bytearray(device.image.size)
    device.image_region(device.running).read(0, image)
    return device, bytes(image)
