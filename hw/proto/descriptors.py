"""USB descriptors from a device's own bytes, bounded and checked. It asks no device for anything.

Source: USB 2.0, 9.6.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hw.errors import RemoteProtocolError

DEVICE, CONFIGURATION, STRING, INTERFACE, ENDPOINT = 1, 2, 3, 4, 5
DEVICE_BYTES, CONFIGURATION_BYTES, INTERFACE_BYTES, ENDPOINT_BYTES = 18, 9, 9, 7
MAX_TOTAL_BYTES = 4096  # one configuration with everything in it
MAX_CONFIGURATIONS = 8

_DEVICE = struct.Struct("<BBHBBBBHHHBBBB")
_CONFIGURATION = struct.Struct("<BBHBBBBB")
_INTERFACE = struct.Struct("<BBBBBBBBB")
_ENDPOINT = struct.Struct("<BBBBHB")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """USB 2.0, 9.6.6."""

    address: int
    attributes: int
    max_packet_bytes: int
    interval: int
    extra: bytes = b""


@dataclass(frozen=True, slots=True)
class Interface:
    """USB 2.0, 9.6.5, one alternate setting."""

    number: int
    alternate: int
    triple: tuple[int, int, int]  # class, subclass, protocol
    name_index: int
    endpoints: tuple[Endpoint, ...] = ()
    extra: bytes = b""


@dataclass(frozen=True, slots=True)
class Configuration:
    """USB 2.0, 9.6.3."""

    value: int
    name_index: int
    attributes: int
    max_power: int
    total_bytes: int
    interface_count: int
    interfaces: tuple[Interface, ...] = ()
    extra: bytes = b""


@dataclass(frozen=True, slots=True)
class Device:
    """USB 2.0, 9.6.1."""

    usb_version: int
    triple: tuple[int, int, int]
    max_packet_bytes: int
    vendor_id: int
    product_id: int
    release: int
    manufacturer_index: int
    product_index: int
    serial_index: int
    configurations: int


def parse_device(raw: bytes) -> Device:
    """A device descriptor of 18 bytes. Raises RemoteProtocolError."""
    if len(raw) != DEVICE_BYTES or raw[0] != DEVICE_BYTES or raw[1] != DEVICE:
        raise RemoteProtocolError("the device's descriptor is malformed")
    fields = _DEVICE.unpack(raw)
    if not 1 <= fields[13] <= MAX_CONFIGURATIONS:
        raise RemoteProtocolError(f"the device claims {fields[13]} configurations")
    return Device(fields[2], fields[3:6], *fields[6:14])


def total_bytes(raw: bytes) -> int:
    """WTotalLength from a configuration descriptor's first nine bytes."""
    if len(raw) < CONFIGURATION_BYTES or raw[0] < CONFIGURATION_BYTES or raw[1] != CONFIGURATION:
        raise RemoteProtocolError("the device's configuration descriptor is malformed")
    total: int = struct.unpack_from("<H", raw, 2)[0]
    if not CONFIGURATION_BYTES <= total <= MAX_TOTAL_BYTES:
        raise RemoteProtocolError(f"the device's configuration claims {total} bytes")
    return total


def parse_configuration(raw: bytes) -> Configuration:
    """A configuration with its interfaces and endpoints in order. Raises RemoteProtocolError."""
    if len(raw) != total_bytes(raw):
        raise RemoteProtocolError("the device's configuration descriptor is cut short")
    _, _, total, count, value, name, attributes, power = _CONFIGURATION.unpack_from(raw)
    interfaces: list[Interface] = []
    endpoints: list[Endpoint] = []
    at = raw[0]
    while at < total:
        size = raw[at]
        if size < 2 or at + size > total:
            raise RemoteProtocolError("a descriptor of the device runs over its end")
        kind, body = raw[at + 1], raw[at : at + size]
        if kind == INTERFACE and size >= INTERFACE_BYTES:
            _close(interfaces, endpoints)
            _, _, number, alternate, _, *triple, name_index = _INTERFACE.unpack_from(body)
            interfaces.append(Interface(number, alternate, (triple[0], triple[1], triple[2]), name_index))
        elif kind == ENDPOINT and size >= ENDPOINT_BYTES:
            if not interfaces:
                raise RemoteProtocolError("the device has an endpoint outside any interface")
            _, _, address, bits, packet, interval = _ENDPOINT.unpack_from(body)
            endpoints.append(Endpoint(address, bits, packet & 0x7FF, interval))
        at += size
    _close(interfaces, endpoints)
    return Configuration(value, name, attributes, power, total, count, tuple(interfaces))


def _close(interfaces: list[Interface], endpoints: list[Endpoint]) -> None:
    """Give the last interface the endpoints that followed it."""
    if interfaces and endpoints:
        last = interfaces[-1]
        interfaces[-1] = Interface(
            last.number, last.alternate, last.triple, last.name_index, tuple(endpoints)
        )
    endpoints.clear()
