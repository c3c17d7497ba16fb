"""Bays: where a phone can be plugged in, what is there now, and waiting for it to change.

Looks at descriptors only; it opens nothing and writes nothing.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hw.errors import BadWhere, HwError
from hw.facts import Mode, Sighting
from hw.link import pyusb
from hw.link.tcp import TcpLink
from hw.link.usbip_session import devlist
from hw.proto import usbip
from hw.quirks import model_by_agent

Triple = tuple[int, int, int]

FASTBOOT: Triple = (0xFF, 0x42, 0x03)
MTP: Triple = (0x06, 0x01, 0x01)  # still image, PIMA 15740
CDC_COMMANDS: frozenset[Triple] = frozenset({(0x02, 0x02, 0x00), (0x02, 0x02, 0x01)})  # CDC PSTN 1.2, ACM
CDC_DATA: Triple = (0x0A, 0x00, 0x00)
_HID, _HUB, _VENDOR, _PER_INTERFACE = 0x03, 0x09, 0xFF, 0x00
_MISCELLANEOUS = 0xEF  # a composite device's own class

USBIP_PORT = 3240
_USBIP_POLL_S = 0.05
_LIBUSB_POLL_S = 0.2  # libusb reads every device's descriptors each time
_TCP_POLL_S = 0.25
_LOOK_TIMEOUT_S = 2.0

_USB_PATH = re.compile(r"(\d{1,3})-(\d{1,3}(?:\.\d{1,3}){0,6})\Z", re.ASCII)
_HOST_PORT = re.compile(r"\[?([A-Za-z0-9_.:-]{1,253}?)\]?(?::(\d{1,5}))?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class UsbPlace:
    """A hub port of this machine: bus number and the ports to it."""

    bay: str
    bus: int
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UsbipPlace:
    """A bus id of a USB/IP server."""

    bay: str
    host: str
    port: int
    busid: str


@dataclass(frozen=True, slots=True)
class TcpPlace:
    """A bootloader that serves fastboot over TCP; it has no other mode."""

    bay: str
    host: str
    port: int


Place = UsbPlace | UsbipPlace | TcpPlace


def parse_where(where: str) -> Place:
    """``usb:1-1.4``, ``usbip://H[:P]/1-1`` or ``tcp:H:P`` as a place. Raises :class:`BadWhere`."""
    kind, _, rest = where.partition(":")
    if kind == "usb" and (match := _USB_PATH.match(rest)):
        return UsbPlace(where, int(match[1]), tuple(int(port) for port in match[2].split(".")))
    if kind == "usbip" and rest.startswith("//"):
        address, _, busid = rest[2:].partition("/")
        host, port = _host_port(where, address, USBIP_PORT)
        usbip.check_busid(busid)
        return UsbipPlace(where, host, port, busid)
    if kind == "tcp":
        host, port = _host_port(where, rest, None)
        return TcpPlace(where, host, port)
    if kind == "udp":
        raise BadWhere("fastboot over UDP is not spoken by this station: use tcp:HOST:PORT or usb:PATH")
    raise BadWhere(f"{where!r} is no place for a phone: usb:1-1.4, usbip://HOST:PORT/1-1 or tcp:HOST:PORT")


def _host_port(where: str, text: str, default: int | None) -> tuple[str, int]:
    match = _HOST_PORT.match(text)
    port = int(match[2]) if match and match[2] else default
    if match is None or port is None or not 0 < port < 65536:
        raise BadWhere(f"{where!r} has no usable HOST:PORT")
    return match[1], port


def classify(triples: Iterable[Triple], known_agent: bool = False) -> Mode:
    """What interfaces (class, subclass, protocol) make of a device.

    HID or a hub anywhere is foreign, whatever else it shows: a phone that types is an attack, not a phone.
    Anything may be a serial port: only ids that are a model's (``known_agent``) make one an update agent.
    """
    shown = {triple for triple in triples if triple[0] not in (_PER_INTERFACE, _MISCELLANEOUS)}
    if any(triple[0] in (_HID, _HUB) for triple in shown):
        return "foreign"
    if FASTBOOT in shown:
        return "foreign" if MTP in shown else "bootloader"
    if MTP in shown:
        return "normal"
    if known_agent and CDC_DATA in shown and shown & CDC_COMMANDS and shown <= {CDC_DATA, *CDC_COMMANDS}:
        return "agent"
    return "charging" if all(triple[0] == _VENDOR for triple in shown) else "foreign"


_WHAT = {
    "normal": "MTP phone",
    "charging": "phone without a data function",
    "bootloader": "phone in its bootloader",
    "recovery": "phone in recovery",
    "agent": "phone with our update agent",
}
_CLASS_NAMES = {
    1: "audio",
    2: "serial",
    3: "HID",
    6: "still image",
    7: "printer",
    8: "storage",
    9: "hub",
    14: "video",
    224: "radio",
}


def sighting(
    bay: str, vendor_id: int, product_id: int, triples: Collection[Triple], serial: str = ""
) -> Sighting:
    """A look at one device as a fact."""
    mode = classify(triples, model_by_agent(vendor_id, product_id) is not None)
    ids = f"{vendor_id:04x}:{product_id:04x}"
    what = _WHAT.get(mode)
    if what is None:
        worst = sorted({triple[0] for triple in triples} - {_PER_INTERFACE, _VENDOR, _MISCELLANEOUS})
        first = next((number for number in (_HID, _HUB) if number in worst), worst[0] if worst else _VENDOR)
        what = f"{_CLASS_NAMES.get(first, 'unknown')} device"
    return Sighting(bay, mode, vendor_id, product_id, serial, f"{what} {ids}")


def look(place: Place) -> Sighting | None:
    """What is in the bay now; None = nothing, or its bus does not answer."""
    try:
        if isinstance(place, UsbipPlace):
            return _look_usbip(place)
        if isinstance(place, UsbPlace):
            return next((seen for seen in real_bays() if seen.bay == place.bay), None)
        return _look_tcp(place)
    except HwError:
        return None


def _look_usbip(place: UsbipPlace) -> Sighting | None:
    for device in devlist(place.host, place.port, _LOOK_TIMEOUT_S):
        if device.busid == place.busid:
            shown = {*device.interfaces, (device.device_class, 0, 0)}
            return sighting(place.bay, device.vendor_id, device.product_id, shown)
    return None


def _look_tcp(place: TcpPlace) -> Sighting:
    TcpLink.connect(place.host, place.port, _LOOK_TIMEOUT_S).close()
    return tcp_sighting(place)


def tcp_sighting(place: TcpPlace) -> Sighting:
    """What a fastboot server over TCP counts as."""
    return Sighting(place.bay, "bootloader", 0, 0, "", "bootloader over TCP")


def usb_bay(device: Any) -> str:
    """The bay of a device libusb listed; "" for a root hub."""
    ports = device.port_numbers
    return f"usb:{device.bus}-{'.'.join(str(port) for port in ports)}" if ports else ""


def real_bays() -> list[Sighting]:
    """Everything on this machine's USB ports, hubs left out. Raises HwError where libusb is missing."""
    found = []
    for device in pyusb.libusb_devices():
        bay = usb_bay(device)
        if bay and device.bDeviceClass != _HUB:
            serial = _serial_from_sysfs(bay.removeprefix("usb:"))
            found.append(sighting(bay, device.idVendor, device.idProduct, pyusb.triples(device), serial))
    return sorted(found, key=lambda seen: seen.bay)


def _serial_from_sysfs(path: str) -> str:
    """The kernel read it when the device appeared; asking the device again would mean opening it."""
    try:
        return Path(f"/sys/bus/usb/devices/{path}/serial").read_text("utf-8", "replace").strip()[:126]
    except OSError:
        return ""


def wait_for(
    place: Place,
    look_now: Callable[[], Sighting | None],
    modes: Iterable[Mode],
    timeout_s: float,
    stop: threading.Event,
) -> Sighting | None:
    """The first sighting in one of ``modes``; None on timeout or ``stop``. No modes: until it is empty."""
    wanted = frozenset(modes)
    poll_s = {UsbipPlace: _USBIP_POLL_S, UsbPlace: _LIBUSB_POLL_S, TcpPlace: _TCP_POLL_S}[type(place)]
    deadline = time.monotonic() + timeout_s
    while not stop.is_set():
        seen = look_now()
        if seen is None and not wanted:
            return None
        if seen is not None and seen.mode in wanted:
            return seen
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        stop.wait(min(poll_s, left))
    return None
