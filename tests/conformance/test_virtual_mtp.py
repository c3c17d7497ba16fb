"""The virtual phone's MTP against a host nobody here wrote: the ``usbip`` package's client and driver."""

from __future__ import annotations

import hashlib
import socket
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

pytest.importorskip("usbip")
from usbip import classes, protocol, transport
from usbip.classes.host.mtp import MtpError, MtpHost
from usbip.core import NotFound, Urb, USBError

from hw.virtual import user_data
from hw.virtual.errors import NoAnswer
from tests.conformance.conftest import NewPhone
from tests.conformance.rig import Rig

assert classes

FOLDER = 0x3001


def mtp(rig: Rig) -> MtpHost:
    """The phone imported by the third-party host."""
    host = MtpHost.open(transport=transport.USBIP(*rig.address("usbip")))
    # That host sends a URB's head and data apart; without this each waits 40 ms for an acknowledgement.
    host.handle.conn.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    host.handle = ZlpSkipper(host.handle)
    return host


class ZlpSkipper:
    """That driver takes a zero-length packet for a broken answer; a real host, as libmtp, passes over it."""

    def __init__(self, handle: Any) -> None:
        self.raw = handle

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)

    def bulk_in(self, address: int, length: int) -> bytes:
        return self.raw.bulk_in(address, length) or self.raw.bulk_in(address, length)


@pytest.fixture
def rig(new_phone: NewPhone) -> Rig:
    return new_phone()


@pytest.fixture
def host(rig: Rig) -> Iterator[MtpHost]:
    with mtp(rig) as opened:
        yield opened


def tree(host: MtpHost) -> dict[str, dict[str, Any]]:
    """Every file by its path, from ObjectInfo alone."""
    infos = {handle: host.object_info(handle) for handle in host.object_handles(parent=0)}

    def path(handle: int) -> str:
        info = infos[handle]
        parent = info["parent"]
        return info["name"] if parent == 0 else f"{path(parent)}/{info['name']}"

    return {
        path(handle): {"handle": handle, **info} for handle, info in infos.items() if info["fmt"] != FOLDER
    }


def test_device_info_names_the_model_version_one_and_a_serial_of_its_own(host: MtpHost, rig: Rig) -> None:
    info = host.device_info()
    assert (info["manufacturer"], info["model"], info["device_version"]) == ("Lumen", "Lumen Heron", "1.0")
    assert info["serial"] == rig.ready["mtp_serial"] != rig.ready["serial"]
    assert {0x1001, 0x1009, 0x9805, 0x95C1} <= set(info["operations"])


def test_the_storage_is_empty_until_unlocked_and_again_after_a_reboot(rig: Rig) -> None:
    with mtp(rig) as host:
        host.open_session()
        assert host.storage_ids() == []
        assert host.object_handles(parent=0) == []
        rig.customer.unlock()
        assert host.storage_ids() == [0x00010001]
        assert len(host.object_handles(parent=0)) > 48
    rig.customer.restart()
    rig.customer.wait(10, mode="normal", boots=2)
    with mtp(rig) as host:
        host.open_session()
        assert host.storage_ids() == []


def test_every_file_arrives_byte_for_byte_with_its_name_size_and_date(rig: Rig, host: MtpHost) -> None:
    rig.customer.unlock()
    host.open_session()
    listed = tree(host)
    on_disk = {
        str(path.relative_to(rig.state / "user")): path for path in user_data.files(rig.state / "user")
    }
    assert listed.keys() == on_disk.keys()
    assert any("🎂" in name for name in listed), "a name outside the BMP survives"
    for name, path in on_disk.items():
        assert listed[name]["size"] == path.stat().st_size
        content = host.get_object(listed[name]["handle"])
        assert hashlib.sha256(content).digest() == hashlib.sha256(path.read_bytes()).digest(), name


def test_property_lists_agree_with_object_infos_and_carry_64_bit_sizes(rig: Rig, host: MtpHost) -> None:
    big = rig.state / "user" / "Download" / "5GiB.bin"
    with big.open("wb") as file:
        file.truncate(5 << 30)
    rig.customer.unlock()
    host.open_session()
    props = host.object_prop_list(handle=0xFFFFFFFF)
    listed = tree(host)
    for item in listed.values():
        values = props[item["handle"]]
        assert values[0xDC07] == item["name"]
        assert values[0xDC0B] == item["parent"]
        assert min(values[0xDC04], 0xFFFFFFFF) == item["size"]
    huge = listed["Download/5GiB.bin"]
    assert huge["size"] == 0xFFFFFFFF
    assert props[huge["handle"]][0xDC04] == 5 << 30
    assert host.get_partial_object_64(huge["handle"], (5 << 30) - 10, 100) == bytes(10)


def test_dates_are_those_of_the_files(rig: Rig, host: MtpHost) -> None:
    rig.customer.unlock()
    host.open_session()
    handle = tree(host)["Download/空文件.txt"]["handle"]
    raw = host.object_prop_value(handle, 0xDC09)
    text = raw[1:-2].decode("utf-16-le")
    moment = datetime.strptime(text, "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    assert moment.timestamp() == (rig.state / "user/Download/空文件.txt").stat().st_mtime


def test_a_model_without_property_lists_says_so(new_phone: NewPhone) -> None:
    rig = new_phone(model="wren")
    rig.customer.unlock()
    with mtp(rig) as host:
        assert 0x9805 not in host.device_info()["operations"]
        host.open_session()
        with pytest.raises(MtpError) as refusal:
            host.object_prop_list()
        assert refusal.value.code == 0x2005
        assert len(tree(host)) > 40


def test_writes_are_refused_and_change_nothing(rig: Rig, host: MtpHost) -> None:
    rig.customer.unlock()
    host.open_session()
    before = rig.customer.status()["user_objects"]
    handle = next(iter(tree(host).values()))["handle"]
    for write in (
        lambda: host.delete_object(handle),
        lambda: host.create_file(0, "new.txt", b"x" * 700),
        lambda: host.rename(handle, "other"),
    ):
        with pytest.raises(MtpError) as refusal:
            write()
        assert refusal.value.code == 0x200E
    assert rig.customer.status()["user_objects"] == before
    assert len(tree(host)) == before, "the session is still in step after a refused write"


def test_a_session_is_needed_and_is_one(host: MtpHost) -> None:
    with pytest.raises(MtpError) as refusal:
        host.storage_ids()
    assert refusal.value.code == 0x2003
    host.open_session()
    with pytest.raises(MtpError) as refusal:
        host.open_session(2)
    assert refusal.value.code == 0x201E


def test_an_unplug_ends_the_session_and_its_handles(rig: Rig) -> None:
    rig.customer.unlock()
    with mtp(rig) as host:
        host.open_session()
        first = host.object_handles(parent=0)
        rig.customer.unplug()
        with pytest.raises((OSError, USBError)):
            host.object_handles(parent=0)
    rig.customer.replug()
    with mtp(rig) as host:
        with pytest.raises(MtpError):
            host.object_handles(parent=0)
        host.open_session()
        assert host.object_handles(parent=0) != first


def test_a_second_importer_is_refused_until_the_first_leaves(rig: Rig) -> None:
    with mtp(rig) as host:
        with pytest.raises((NotFound, USBError)):
            mtp(rig)
        assert host.device_info()["model"] == "Lumen Heron"
    second = None
    for _ in range(50):
        try:
            second = mtp(rig)
            break
        except (NotFound, USBError):
            rig.customer.status()
    assert second is not None
    second.close()


def test_battery_and_device_status_are_answered(rig: Rig, host: MtpHost) -> None:
    host.open_session()
    rig.customer.battery(37)
    assert host.device_prop_value(0x5001) == b"\x25"
    status = host.handle.control(0xA1, 0x67, 0, 0, 64)
    assert struct.unpack("<HH", status) == (4, 0x2001)


def test_unlocking_sends_store_added(rig: Rig, host: MtpHost) -> None:
    host.open_session()
    rig.customer.unlock()
    event = host.handle.interrupt_in(host.ep_intr, 64)
    assert struct.unpack("<IHHII", event) == (16, 4, 0x4004, 0, 0x00010001)


def test_an_object_that_fills_its_packets_ends_with_a_zero_length_packet(rig: Rig, host: MtpHost) -> None:
    exact = rig.state / "user" / "Download" / "exact.bin"
    exact.write_bytes(bytes(1024 - 12))
    rig.customer.unlock()
    host.open_session()
    handle = tree(host)["Download/exact.bin"]["handle"]
    command = struct.pack("<IHHII", 16, 1, 0x1009, 9, handle)
    host.handle.bulk_out(host.ep_out, command)
    raw = host.handle.raw
    assert len(raw.bulk_in(host.ep_in, 1024)) == 1024
    assert raw.bulk_in(host.ep_in, 1024) == b""
    assert raw.bulk_in(host.ep_in, 512)[4:8] == struct.pack("<HH", 3, 0x2001)


def test_a_cancelled_object_leaves_the_responder_in_step(rig: Rig, host: MtpHost) -> None:
    with (rig.state / "user" / "big.bin").open("wb") as file:
        file.truncate(64 << 20)
    rig.customer.unlock()
    host.open_session()
    handle = tree(host)["big.bin"]["handle"]
    host.handle.bulk_out(host.ep_out, struct.pack("<IHHII", 16, 1, 0x1009, 500, handle))
    assert len(host.handle.bulk_in(host.ep_in, 65536)) == 65536
    host.handle.control(0x21, 0x64, 0, 0, struct.pack("<HI", 0x4001, 500))
    for _ in range(100):
        if struct.unpack("<HH", host.handle.control(0xA1, 0x67, 0, 0, 64)) == (4, 0x2001):
            break
    assert host.device_info()["model"] == "Lumen Heron"


def test_an_unknown_bus_is_refused_and_an_empty_one_lists_nothing(rig: Rig) -> None:
    carrier = transport.USBIP(*rig.address("usbip"))
    with carrier.connect() as sock, pytest.raises(USBError):
        protocol.client_import(sock, b"1-9")
    with carrier.connect() as sock:
        listed = protocol.client_devlist(sock)
    assert [(item["busid"], item["idVendor"], item["interfaces"]) for item in listed] == [
        ("1-1", 0x1209, [(6, 1, 1)])
    ]
    rig.customer.unplug()
    with carrier.connect() as sock:
        assert protocol.client_devlist(sock) == []


def test_a_transfer_on_no_endpoint_stalls_and_the_rest_goes_on(host: MtpHost) -> None:
    with pytest.raises(USBError):
        host.handle.bulk_in(0x87, 512)
    urb = Urb(direction=1, ep=0, setup=bytes((0x80, 6, 0, 0x77, 0, 0, 4, 0)), length=4)
    assert host.handle.conn._submit(urb).status == -32
    assert host.device_info()["device_version"] == "1.0"


def test_a_locked_screen_cannot_be_unlocked_in_the_bootloader(rig: Rig) -> None:
    rig.customer.hold_keys()
    rig.customer.wait(10, mode="bootloader")
    with pytest.raises(NoAnswer, match="bootloader"):
        rig.customer.unlock()
