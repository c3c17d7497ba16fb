"""The PyUSB backend over USB/IP against a scripted server: what a bus may do, and what it must not."""

from __future__ import annotations

import array
import contextlib
import errno
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import usb.core
import usb.util
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.errors import BayBusy, HwError, LinkLost, PhoneTimeout, RemoteProtocolError, Stalled
from hw.link import pyusb
from hw.link.usbip import UsbipBackend
from hw.link.usbip_device import OUT_URB_BYTES
from hw.link.usbip_session import devlist
from hw.proto import descriptors, usbip

VENDOR, PRODUCT = 0x1209, 0x0002
DEVICE = struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x200, 0, 0, 0, 64, VENDOR, PRODUCT, 0x100, 1, 2, 3, 1)
CONFIGURATION = (
    struct.pack("<BBHBBBBB", 9, 2, 39, 1, 1, 0, 0x80, 250)
    + struct.pack("<BBBBBBBBB", 9, 4, 0, 0, 3, 0xFF, 0x42, 3, 0)
    + struct.pack("<BBBBHB", 7, 5, 0x81, 2, 512, 0)
    + struct.pack("<BBBBHB", 7, 5, 0x02, 2, 512, 0)
    + struct.pack("<BBBBHB", 7, 5, 0x83, 3, 64, 4)
)
FASTBOOT = (0xFF, 0x42, 3)


def take(peer: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        step = peer.recv(count - len(data))
        if not step:
            raise ConnectionError
        data += step
    return data


def record(busid: str = "1-1", product: int = PRODUCT, devnum: int = 5, interfaces: int = 1) -> bytes:
    return struct.pack(
        ">256s32sIIIHHHBBBBBB",
        b"/sys/x", busid.encode(), 1, devnum, 3, VENDOR, product, 0x100, 0, 0, 0, 1, 1, interfaces,
    )  # fmt: skip


class Bus:
    """A USB/IP server with one device. ``pipe`` decides what happens on the bulk and interrupt endpoints."""

    def __init__(self, pipe: Callable[[Bus, tuple[int, ...], bytes], None]) -> None:
        self.pipe = pipe
        self.seen: list[str] = []
        self.import_status = 0
        self.listed = [record()]
        self.imported = record()
        self.device, self.configuration = DEVICE, CONFIGURATION
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self.session: socket.socket | None = None
        self.unlinked = threading.Event()
        self.cleared: list[int] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with peer, contextlib.suppress(OSError):
            _, code, _ = struct.unpack(">HHI", take(peer, 8))
            if code == 0x8005:
                body = b"".join(item + bytes((*FASTBOOT, 0)) for item in self.listed)
                peer.sendall(struct.pack(">HHII", 0x111, 5, 0, len(self.listed)) + body)
                return
            take(peer, 32)
            peer.sendall(struct.pack(">HHI", 0x111, 3, self.import_status))
            if self.import_status:
                return
            peer.sendall(self.imported)
            self.session = peer
            while True:
                self._urb(peer)

    def _urb(self, peer: socket.socket) -> None:
        fields = struct.unpack(">IIIIIIiiIi8s", take(peer, 48))
        command, seqnum, _, direction, endpoint, _, length = fields[:7]
        if command == 2:
            self.seen.append("unlink")
            self.on_unlink(seqnum, fields[5])
            self.unlinked.set()
            return
        data = take(peer, length) if direction == 0 else b""
        if endpoint == 0:
            self._control(seqnum, fields[10], length)
        else:
            self.seen.append("in" if direction else "out")
            self.pipe(self, fields, data)

    def on_unlink(self, seqnum: int, victim: int) -> None:
        self.answer(4, seqnum, -errno.ECONNRESET, 0)

    def _control(self, seqnum: int, setup: bytes, length: int) -> None:
        kind, request, value, index, _ = struct.unpack("<BBHHH", setup)
        if (kind, request) == (0x02, 1):
            self.cleared.append(index)
        answers = {(0x80, 6, 0x100): self.device, (0x80, 6, 0x200): self.configuration, (0x80, 8, 0): b"\1"}
        answers[0x80, 6, 0x300] = b"\4\3\x09\x04"
        answers[0x80, 6, 0x303] = b"\x0c\3" + "HER42".encode("utf-16-le")
        data = answers.get((kind, request, value))
        if data is None:
            self.answer(3, seqnum, 0 if not kind & 0x80 else -errno.EPIPE, 0)
        else:
            self.answer(3, seqnum, 0, len(data[:length]), data[:length])

    def answer(self, command: int, seqnum: int, status: int, actual: int, data: bytes = b"") -> None:
        assert self.session is not None
        self.session.sendall(
            struct.pack(">IIIIIiiiii8x", command, seqnum, 0, 0, 0, status, actual, 0, 0, 0) + data
        )

    def done(self, fields: tuple[int, ...], data: bytes = b"", status: int = 0) -> None:
        self.answer(3, fields[1], status, len(data) if fields[3] else fields[6], data)

    def cut(self) -> None:
        assert self.session is not None
        self.session.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()


@contextlib.contextmanager
def bus(pipe: Callable[[Bus, tuple[int, ...], bytes], None] | None = None) -> Iterator[Bus]:
    server = Bus(pipe or (lambda self, fields, data: self.done(fields)))
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def claimed(server: Bus) -> Iterator[pyusb.PyUsbLink]:
    device, backend = pyusb.find_usbip(*server.address, "1-1", 2.0)
    link = pyusb.PyUsbLink(device, lambda triple: triple == FASTBOOT, backend)
    try:
        yield link
    finally:
        link.close()


def test_pyusb_sees_serial_number_ports_and_endpoints_as_with_libusb() -> None:
    with bus() as server:
        backend = UsbipBackend(*server.address, "1-1")
        device = usb.core.find(backend=backend, idVendor=VENDOR, idProduct=PRODUCT)
        assert (device.serial_number, device.port_numbers, device.bus, device.address) == (
            "HER42",
            (1,),
            1,
            5,
        )
        (interface,) = device.get_active_configuration()
        assert [endpoint.bEndpointAddress for endpoint in interface] == [0x81, 0x02, 0x83]
        backend.close()


def test_a_configured_device_is_not_configured_again() -> None:
    with bus() as server, claimed(server) as link:
        link.write(b"getvar:product", 1.0)
        assert server.seen == ["out"]


def test_writes_larger_than_a_urb_fly_together_and_arrive_in_order() -> None:
    got = bytearray()

    def pipe(self: Bus, fields: tuple[int, ...], data: bytes) -> None:
        got.extend(data)
        self.done(fields)

    data = array.array("B", bytes(range(256)) * 12288)
    with bus(pipe) as server:
        backend = UsbipBackend(*server.address, "1-1")
        device = usb.core.find(backend=backend)
        assert device.write(0x02, data, 2000) == len(data)
        backend.close()
    assert bytes(got) == data.tobytes()
    assert server.seen == ["out"] * (len(data) // OUT_URB_BYTES)
    assert len(server.seen) > 1


def test_a_timeout_is_unlinked_and_the_connection_goes_on() -> None:
    answers = iter([None, b"OKAY"])

    def pipe(self: Bus, fields: tuple[int, ...], data: bytes) -> None:
        answer = next(answers)
        if answer is not None:
            self.done(fields, answer)

    with bus(pipe) as server, claimed(server) as link:
        began = time.monotonic()
        with pytest.raises(PhoneTimeout):
            link.read(256, 0.1)
        assert 0.09 < time.monotonic() - began < 2.0
        assert link.read(256, 1.0) == b"OKAY"
        assert server.seen == ["in", "unlink", "in"]


def test_data_that_came_just_before_the_unlink_is_not_lost_and_does_not_shift_the_stream() -> None:
    waiting: list[tuple[int, ...]] = []

    class Late(Bus):
        def on_unlink(self, seqnum: int, victim: int) -> None:
            late = waiting.pop()
            self.answer(3, late[1], 0, 4, b"LATE")
            self.answer(4, seqnum, 0, 0)

    def pipe(self: Bus, fields: tuple[int, ...], data: bytes) -> None:
        if server.unlinked.is_set():
            self.done(fields, b"NEXT")
        else:
            waiting.append(fields)

    server = Late(pipe)
    with claimed(server) as link:
        assert link.read(256, 0.05) == b"LATE"
        assert link.read(256, 1.0) == b"NEXT"
    server.close()


def test_a_cut_mid_transfer_is_enodev_at_once_and_the_handle_stays_dead() -> None:
    with bus(lambda self, fields, data: self.cut()) as server, claimed(server) as link:
        began = time.monotonic()
        with pytest.raises(LinkLost):
            link.read(256, 30.0)
        assert time.monotonic() - began < 2.0
        server.pipe = lambda self, fields, data: self.done(fields, b"alive")
        for _ in range(2):
            with pytest.raises(LinkLost):
                link.read(256, 1.0)
        assert not link.alive
        assert server.seen == ["in"], "nothing was sent to whatever is on the bus id now"


def test_pyusb_cannot_reopen_a_device_that_went_away_even_if_another_is_there_now() -> None:
    with bus() as server:
        backend = UsbipBackend(*server.address, "1-1")
        device = usb.core.find(backend=backend)
        device.write(0x02, b"x", 1000)
        usb.util.dispose_resources(device)
        server.session = None
        with pytest.raises(usb.core.USBError) as caught:
            device.write(0x02, b"x", 1000)
        assert caught.value.errno == errno.ENODEV
        assert server.session is None, "it was not attached again"
        assert server.seen == ["out"]
        backend.close()


def test_a_stall_is_told_from_a_lost_link_and_cleared_for_whoever_comes_next() -> None:
    answers = iter([-errno.EPIPE, 0])
    with (
        bus(lambda self, fields, data: self.done(fields, status=next(answers))) as server,
        claimed(server) as link,
    ):
        with pytest.raises(Stalled):
            link.write(b"x", 1.0)
        assert server.cleared == [0x81, 0x02]
        link.write(b"x", 1.0)


def test_a_device_held_by_another_client_is_busy() -> None:
    with bus() as server:
        server.import_status = usbip.ST_DEV_BUSY
        with pytest.raises(BayBusy):
            pyusb.find_usbip(*server.address, "1-1", 1.0)


def test_one_interface_is_claimed_once() -> None:
    with bus() as server:
        backend = UsbipBackend(*server.address, "1-1")
        device = usb.core.find(backend=backend)
        usb.util.claim_interface(device, 0)
        with pytest.raises(usb.core.USBError) as caught:
            backend.claim_interface(device._ctx.handle, 0)
        assert caught.value.errno == errno.EBUSY
        with pytest.raises(usb.core.USBError) as caught:
            backend.open_device(device._ctx.dev)
        assert caught.value.errno == errno.EBUSY
        backend.close()


def test_a_pipe_is_not_used_without_a_claim() -> None:
    with bus() as server:
        backend = UsbipBackend(*server.address, "1-1")
        (device,) = backend.enumerate_devices()
        backend.open_device(device)
        with pytest.raises(usb.core.USBError):
            backend.bulk_write(device, 2, 0, array.array("B", b"x"), 100)
        assert server.seen == []
        backend.close()


@pytest.mark.parametrize("change", [{"devnum": 6}, {"product": 0x0001}])
def test_another_device_between_look_and_open_is_not_opened(change: dict[str, int]) -> None:
    with bus() as server:
        server.imported = record(**change)  # type: ignore[arg-type]
        with pytest.raises(LinkLost):
            pyusb.find_usbip(*server.address, "1-1", 1.0)


def test_an_empty_bus_id_is_a_lost_link() -> None:
    with bus() as server:
        server.listed = [record("1-2")]
        with pytest.raises(LinkLost, match="nothing is plugged in"):
            pyusb.find_usbip(*server.address, "1-1", 1.0)


@pytest.mark.parametrize(
    "lie",
    [
        lambda self, fields, data: self.answer(3, fields[1], 0, 600, b"x" * 600),
        lambda self, fields, data: self.answer(3, fields[1], 0, -1),
        lambda self, fields, data: self.answer(3, fields[1], 0, 1 << 30),
        lambda self, fields, data: self.answer(3, 0xDEAD, 0, 0),
        lambda self, fields, data: self.answer(1, fields[1], 0, 0),
        lambda self, fields, data: self.session.sendall(b"HTTP/1.1 200 OK\r\n\r\n" * 4),
    ],
)
def test_a_server_that_lies_is_cut_off_and_never_overruns_a_buffer(lie: Callable[..., None]) -> None:
    with bus(lie) as server, claimed(server) as link:
        with pytest.raises(HwError):
            link.read(512, 2.0)
        assert not link.alive


def test_a_server_that_does_not_answer_an_unlink_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hw.link.usbip_session._UNLINK_ANSWER_S", 0.1)

    class Deaf(Bus):
        def on_unlink(self, seqnum: int, victim: int) -> None:
            """Says nothing."""

    server = Deaf(lambda self, fields, data: None)
    with claimed(server) as link:
        with pytest.raises(HwError):
            link.read(512, 0.05)
        assert not link.alive
    server.close()


def test_two_pipes_are_used_at_once_each_with_its_own_answer() -> None:
    events: list[tuple[int, ...]] = []
    asked = threading.Event()

    def pipe(self: Bus, fields: tuple[int, ...], data: bytes) -> None:
        if fields[4] == 3:
            events.append(fields)
            asked.set()
            return
        self.done(fields, b"bulk" if fields[3] else b"")
        if events:
            self.done(events.pop(), b"event")

    with bus(pipe) as server, claimed(server) as link:
        got: list[bytes | None] = []
        listener = threading.Thread(target=lambda: got.append(link.read_event(5.0)))
        listener.start()
        assert asked.wait(5)
        assert link.read(512, 2.0) == b"bulk"
        listener.join(5)
        assert got == [b"event"]


def read_from(raw: bytes) -> Callable[[int], bytes]:
    view = memoryview(raw)

    def read(size: int) -> bytes:
        nonlocal view
        if size > len(view):
            raise LinkLost("the end")
        piece, view = view[:size], view[size:]
        return bytes(piece)

    return read


@given(st.binary(max_size=700))
@settings(max_examples=150)
def test_no_device_list_and_no_import_answer_fails_in_any_other_way(raw: bytes) -> None:
    for text in (raw, struct.pack(">HHI", 0x111, 5, 0) + raw, struct.pack(">HHI", 0x111, 3, 0) + raw):
        with contextlib.suppress(HwError):
            usbip.read_devlist(read_from(text))
        with contextlib.suppress(HwError):
            usbip.read_import(read_from(text), "1-1")


@given(st.binary(min_size=48, max_size=48))
def test_no_return_header_fails_in_any_other_way(raw: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        usbip.parse_return(raw)


@pytest.mark.parametrize("count", [257, 0xFFFFFFFF])
def test_a_list_of_unbelievable_length_is_refused(count: int) -> None:
    with pytest.raises(RemoteProtocolError):
        usbip.read_devlist(read_from(struct.pack(">HHII", 0x111, 5, 0, count) + bytes(1000)))


@given(st.binary(max_size=120))
@settings(max_examples=150)
def test_no_descriptor_bytes_fail_in_any_other_way(raw: bytes) -> None:
    for decode in (descriptors.parse_device, descriptors.parse_configuration):
        with contextlib.suppress(RemoteProtocolError):
            decode(raw)
    framed = struct.pack("<BBHBBBBB", 9, 2, 9 + len(raw), 1, 1, 0, 0x80, 250) + raw
    with contextlib.suppress(RemoteProtocolError):
        descriptors.parse_configuration(framed)


def test_a_port_where_nobody_listens_is_a_lost_link() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    with pytest.raises(LinkLost):
        devlist(*address, 1.0)


def test_a_server_that_says_nothing_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(PhoneTimeout):
        devlist(*deaf.getsockname(), 0.1)
