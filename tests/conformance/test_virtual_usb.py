"""The virtual phone's USB side: against a third-party USB/IP client, and frame by frame."""

from __future__ import annotations

import random
import socket
import struct
import time
from typing import Any

import pytest

pytest.importorskip("usbip")
from usbip import host, transport
from usbip.core import USBError

from tests.conformance.conftest import NewPhone, Releases
from tests.conformance.rig import Rig

IN, OUT = 0x81, 0x02
IMAGE = random.Random(5).randbytes((9 << 20) + 777)


def opened(rig: Rig) -> Any:
    handle = host.open(busid="1-1", transport=transport.USBIP(*rig.address("usbip")))
    handle.conn.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return handle


def ask(handle: Any, command: bytes) -> bytes:
    handle.bulk_out(OUT, command)
    answer: bytes = handle.bulk_in(IN, 256)
    return answer


def text(handle: Any, index: int) -> str:
    return str(handle.control(0x80, 6, 0x0300 | index, 0x0409, 255)[2:].decode("utf-16-le"))


@pytest.fixture
def rig(new_phone: NewPhone) -> Rig:
    return new_phone(mode="bootloader")


def test_every_mode_is_another_device_on_the_same_bus(new_phone: NewPhone) -> None:
    rig = new_phone()
    with opened(rig) as normal:
        seen = normal.device_descriptor
        assert (seen.idVendor, seen.idProduct) == (0x1209, 0x0001)
        assert (text(normal, 2), text(normal, 3)) == ("Lumen Heron", rig.ready["mtp_serial"])
        rig.customer.hold_keys()
        with pytest.raises((OSError, USBError)):
            normal.control(0x80, 6, 0x0100, 0, 18)
    rig.customer.wait(10, mode="bootloader")
    with opened(rig) as bootloader:
        assert bootloader.device_descriptor.idProduct == 0x0002
        assert text(bootloader, 3) == rig.ready["serial"]
        assert ask(bootloader, b"getvar:serialno") == b"OKAY" + rig.ready["serial"].encode()


@pytest.mark.parametrize("transfer_bytes", [512, 16 << 10, 1 << 20, 1000, 16 << 20])
def test_a_download_arrives_whole_in_transfers_of_any_size(rig: Rig, transfer_bytes: int) -> None:
    image = IMAGE[: 1 << 20] if transfer_bytes < 4096 else IMAGE
    with opened(rig) as handle:
        assert ask(handle, b"download:%08x" % len(image)) == b"DATA%08x" % len(image)
        for start in range(0, len(image), transfer_bytes):
            handle.bulk_out(OUT, image[start : start + transfer_bytes])
        assert handle.bulk_in(IN, 256) == b"OKAY"
        handle.bulk_out(OUT, b"")  # a host may end its data with a zero-length packet
        assert ask(handle, b"flash:boot_b") == b"OKAY"
    assert rig.flash_file("boot_b").read_bytes()[: len(image)] == image


def test_a_cut_ends_the_transfer_and_the_next_host_starts_clean(rig: Rig) -> None:
    rig.customer.fault("drop-after:3000000")
    with opened(rig) as handle:
        ask(handle, b"download:%08x" % len(IMAGE))
        handle.bulk_out(OUT, IMAGE[: 2 << 20])
        with pytest.raises((OSError, USBError)):
            handle.bulk_out(OUT, IMAGE[2 << 20 :])
    rig.customer.wait(5, plugged=False)
    rig.customer.replug()
    with opened(rig) as handle:
        assert ask(handle, b"flash:boot_b") == b"FAILnothing was downloaded"
        assert ask(handle, b"getvar:product") == b"OKAYheron"


def test_a_slow_phone_keeps_a_transfer_until_it_has_taken_it(rig: Rig) -> None:
    rig.customer.fault("slow:2000000")
    with opened(rig) as handle:
        ask(handle, b"download:00100000")
        began_s = time.monotonic()
        assert handle.bulk_out(OUT, IMAGE[: 1 << 20]) == 1 << 20
        assert time.monotonic() - began_s > 0.4
        assert handle.bulk_in(IN, 256) == b"OKAY"


def test_an_answer_too_long_for_the_transfer_is_an_overflow(rig: Rig) -> None:
    with opened(rig) as handle:
        handle.bulk_out(OUT, b"getvar:version-bootloader")
        with pytest.raises(USBError, match="-75"):
            handle.bulk_in(IN, 8)


def test_a_forgotten_read_takes_no_data_with_it(rig: Rig) -> None:
    """CMD_UNLINK of a waiting read is answered -ECONNRESET, and the answer goes to the next read."""
    submit = struct.Struct(">IIIIIIiiii8s")
    with socket.create_connection(rig.address("usbip"), 10) as sock, sock.makefile("rb") as stream:
        sock.sendall(struct.pack(">HHI32s", 0x0111, 0x8003, 0, b"1-1"))
        assert struct.unpack(">HHI", stream.read(8)) == (0x0111, 0x0003, 0)
        stream.read(312)
        sock.sendall(submit.pack(1, 10, 0x10002, 1, 1, 0, 256, 0, 0, 0, b""))
        sock.sendall(submit.pack(2, 11, 0x10002, 0, 0, 10, 0, 0, 0, 0, b""))
        assert struct.unpack(">IIIIIi", stream.read(48)[:24]) == (4, 11, 0, 0, 0, -104)
        command = b"getvar:product"
        sock.sendall(submit.pack(1, 12, 0x10002, 0, 2, 0, len(command), 0, 0, 0, b"") + command)
        assert struct.unpack(">IIIIIii", stream.read(48)[:28]) == (3, 12, 0, 0, 0, 0, len(command))
        sock.sendall(submit.pack(1, 13, 0x10002, 1, 1, 0, 256, 0, 0, 0, b""))
        assert struct.unpack(">IIIIIii", stream.read(48)[:28]) == (3, 13, 0, 0, 0, 0, 9)
        assert stream.read(9) == b"OKAYheron"
        sock.sendall(submit.pack(2, 14, 0x10002, 0, 0, 13, 0, 0, 0, 0, b""))
        assert struct.unpack(">IIIIIi", stream.read(48)[:24]) == (4, 14, 0, 0, 0, 0), "too late to forget"


def test_a_release_flashed_over_usb_boots(rig: Rig, releases: Releases) -> None:
    with opened(rig) as handle:
        for file in sorted((releases["heron", "2.0.0"] / "images").iterdir()):
            content = file.read_bytes()
            ask(handle, b"download:%08x" % len(content))
            handle.bulk_out(OUT, content)
            assert handle.bulk_in(IN, 256) == b"OKAY"
            assert ask(handle, f"flash:{file.stem}_b".encode()) == b"OKAY"
        assert ask(handle, b"set_active:b") == b"OKAY"
        assert ask(handle, b"reboot") == b"OKAY"
        with pytest.raises((OSError, USBError)):
            handle.bulk_in(IN, 256)
    assert rig.customer.wait(10, mode="normal")["version"] == "2.0.0"
