"""The client's half of the USB/IP wire format, without I/O: headers, the device list, the import.

Source: Linux ``Documentation/usb/usbip_protocol.rst`` (version 1.1.1). Isochronous transfers are not spoken.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from hw.errors import BadWhere, BayBusy, LinkLost, RemoteProtocolError

VERSION = 0x0111
REQ_DEVLIST, REP_DEVLIST = 0x8005, 0x0005
REQ_IMPORT, REP_IMPORT = 0x8003, 0x0003
CMD_SUBMIT, CMD_UNLINK, RET_SUBMIT, RET_UNLINK = 1, 2, 3, 4
DIR_OUT, DIR_IN = 0, 1

OP_BYTES = 8
DEVICE_BYTES = 312
HEADER_BYTES = 48
BUSID_BYTES = 32
MAX_DEVICES = 256
MAX_INTERFACES = 32  # USB 2.0 lets a configuration have more; no phone does
MAX_TRANSFER_BYTES = 16 << 20

ST_DEV_BUSY = 2  # tools/usb/usbip/libsrc/usbip_common.h

_OP = struct.Struct(">HHI")
_DEVICE = struct.Struct(">256s32sIIIHHHBBBBBB")
_SUBMIT = struct.Struct(">IIIIIIiiIi8s")
_UNLINK = struct.Struct(">IIIIII24x")
_RETURN = struct.Struct(">IIIIIiiiii8x")

Read = Callable[[int], bytes]
"""Returns exactly that many bytes or raises."""


@dataclass(frozen=True, slots=True)
class Exported:
    """One device as a USB/IP server lists it. ``interfaces``: (class, subclass, protocol) of each."""

    busid: str
    bus: int
    address: int
    speed: int  # enum usb_device_speed: 1 low, 2 full, 3 high, 5 super
    vendor_id: int
    product_id: int
    release: int  # bcdDevice
    device_class: int
    configurations: int
    interface_count: int
    interfaces: tuple[tuple[int, int, int], ...] = ()

    @property
    def devid(self) -> int:
        """How headers name the device."""
        return (self.bus << 16 | self.address) & 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Return:
    """A RET_SUBMIT or RET_UNLINK. ``status`` is 0 or a negative Linux errno."""

    command: int
    seqnum: int
    status: int
    actual_bytes: int


def check_busid(busid: str) -> bytes:
    """``busid`` as the wire wants it. Raises :class:`BadWhere`."""
    raw = busid.encode("ascii", "replace")
    if not raw or len(raw) >= BUSID_BYTES or not all(33 <= byte < 127 for byte in raw):
        raise BadWhere(f"{busid!r} is not a bus id like 1-1")
    return raw.ljust(BUSID_BYTES, b"\0")


def request_devlist() -> bytes:
    """OP_REQ_DEVLIST."""
    return _OP.pack(VERSION, REQ_DEVLIST, 0)


def request_import(busid: str) -> bytes:
    """OP_REQ_IMPORT."""
    return _OP.pack(VERSION, REQ_IMPORT, 0) + check_busid(busid)


def _reply(raw: bytes, wanted: int) -> int:
    version, code, status = _OP.unpack(raw)
    if code != wanted or version >> 8 != VERSION >> 8:
        raise RemoteProtocolError("what answers there does not speak USB/IP")
    return int(status)


def _device(raw: bytes) -> Exported:
    fields = _DEVICE.unpack(raw)
    busid = fields[1].split(b"\0")[0].decode("ascii", "replace")
    bus, address, speed, vendor, product, release, device_class = fields[2:9]
    configurations, interfaces = fields[12], fields[13]
    return Exported(
        busid, bus, address, speed, vendor, product, release, device_class, configurations, interfaces
    )


def read_devlist(read: Read) -> list[Exported]:
    """OP_REP_DEVLIST, bounded. Raises RemoteProtocolError."""
    if _reply(read(OP_BYTES), REP_DEVLIST) != 0:
        raise RemoteProtocolError("the USB/IP server refuses to list its devices")
    count = int.from_bytes(read(4), "big")
    if count > MAX_DEVICES:
        raise RemoteProtocolError(f"the USB/IP server lists {count} devices, {MAX_DEVICES} are believable")
    return [_listed(read) for _ in range(count)]


def _listed(read: Read) -> Exported:
    device = _device(read(DEVICE_BYTES))
    if device.interface_count > MAX_INTERFACES:
        raise RemoteProtocolError(f"a device claims {device.interface_count} interfaces")
    raw = read(4 * device.interface_count)
    triples = tuple((raw[at], raw[at + 1], raw[at + 2]) for at in range(0, len(raw), 4))
    return Exported(
        device.busid,
        device.bus,
        device.address,
        device.speed,
        device.vendor_id,
        device.product_id,
        device.release,
        device.device_class,
        device.configurations,
        device.interface_count,
        triples,
    )


def read_import(read: Read, busid: str) -> Exported:
    """OP_REP_IMPORT. Raises BayBusy if another client holds the device, LinkLost if it is not there."""
    status = _reply(read(OP_BYTES), REP_IMPORT)
    if status == ST_DEV_BUSY:
        raise BayBusy(f"{busid} is held by another program")
    if status != 0:
        raise LinkLost(f"the USB/IP server does not hand out {busid} (status {status})")
    device = _device(read(DEVICE_BYTES))
    if device.busid != busid:
        raise RemoteProtocolError(f"asked for {busid}, the USB/IP server hands out {device.busid!r}")
    return device


def submit(
    seqnum: int, devid: int, direction: int, endpoint: int, size_bytes: int, setup: bytes, interval: int = 0
) -> bytes:
    """CMD_SUBMIT's header; an OUT transfer's data follows. ``number_of_packets`` is the non-ISO value, -1."""
    return _SUBMIT.pack(
        CMD_SUBMIT, seqnum, devid, direction, endpoint, 0, size_bytes, 0, 0xFFFFFFFF, interval, setup
    )


def unlink(seqnum: int, devid: int, victim: int) -> bytes:
    """CMD_UNLINK for the transfer with ``victim``'s sequence number."""
    return _UNLINK.pack(CMD_UNLINK, seqnum, devid, 0, 0, victim)


def parse_return(raw: bytes) -> Return:
    """One 48-byte header of the server. Raises RemoteProtocolError on anything else."""
    command, seqnum, _devid, _direction, _endpoint, status, actual, *_ = _RETURN.unpack(raw)
    if command not in (RET_SUBMIT, RET_UNLINK):
        raise RemoteProtocolError(f"the USB/IP server sent command {command}")
    if command == RET_SUBMIT and not 0 <= actual <= MAX_TRANSFER_BYTES:
        raise RemoteProtocolError(f"the USB/IP server claims {actual} bytes in one transfer")
    return Return(command, seqnum, status, actual)
